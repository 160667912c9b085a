"""What somebody expects of a call, and how what came of it differs: the heart of `ringplan test`.

Only what is said is compared. Names are written as operators write them: `anna` for a line, `trunk:carrier`,
`voicemail:anna`.
"""

from __future__ import annotations

import msgspec

from dialplan.plan import TrunkTarget
from dialplan.question import Answer, Fate, forwarders, named
from dialplan.simulate import What
from dialplan.vocabulary import StartBranch


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as expected."""

    what: str
    wanted: str
    came: str

    def __str__(self) -> str:
        return f"{self.what}: wanted {self.wanted}, came {self.came}"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a test says; None where it says nothing.

    `rings` are all who are rung, in the order in which they begin; not those without a telephone. `never` must not
    ring. `connected` is who answers, `then` the service that the call comes to at last. `after_s`: when it is answered
    or ends. `reason` and `status` are those of the ending; `hears` what is announced before. `forwards` are those who
    forward the call. `sent` is the number that the carrier gets which has the call at last, and `caller_id` what it is
    shown. `limit_s` 0 is no limit. Of a call for help, `address` is where help is to go, and `notified` are those who
    are told.
    """

    rings: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()
    connected: str | None = None
    then: str | None = None
    number: str | None = None
    after_s: float | None = None
    reason: str | None = None
    status: int | None = None
    hears: str | None = None
    forwards: tuple[str, ...] | None = None
    trunk: str | None = None
    sent: str | None = None
    caller_id: str | None = None
    limit_s: float | None = None
    recorded: bool | None = None
    told: str | None = None
    emergency: bool | None = None
    account: str | None = None
    address: str | None = None
    notified: tuple[str, ...] | None = None


NOBODY = "nobody"
NOTHING = "nothing"
WITHHELD = "withheld"


def differences(expected: Expected, asked: Answer) -> list[Difference]:
    """What is not as expected, in the order of `Expected`."""
    found: list[Difference] = []
    came = _Came(asked)

    def compare(what: str, wanted: str | None, came: str) -> None:
        if wanted is not None and wanted != came:
            found.append(Difference(what, wanted, came))

    compare("rings", None if expected.rings is None else _list(expected.rings), _list(came.rings))
    found += [
        Difference("never", f"{each} not to ring", _list(came.rings)) for each in expected.never if each in came.rings
    ]
    compare("connected", _or(expected.connected, NOBODY), came.connected)
    compare("then", _or(expected.then, NOTHING), came.then)
    compare("number", expected.number, asked.plans[-1].number)
    compare("after", _seconds(expected.after_s), _seconds(round(asked.simulation.at_s, 3)) or "")
    compare("ends", _ending(expected), came.ending(expected))
    compare("hears", _or(expected.hears, NOTHING), came.hears)
    compare("forwards", None if expected.forwards is None else _list(expected.forwards), _list(forwarders(asked)))
    compare("trunk", _or(expected.trunk, NOTHING), came.trunk)
    compare("sent", _or(expected.sent, NOTHING), came.sent)
    compare("caller_id", _or(expected.caller_id, NOTHING), came.caller_id)
    compare("limit", _limit(expected.limit_s), _limit(came.fate.limit_s) or "")
    compare("recorded", _truth(expected.recorded), _truth(bool(came.fate.recorded_by)) or "")
    compare("told", expected.told, came.fate.announce if came.fate.recorded_by else "none")
    compare("emergency", _truth(expected.emergency), _truth(asked.plan.emergency) or "")
    compare("account", _or(expected.account, NOTHING), asked.plans[-1].account or NOTHING)
    compare("address", _or(expected.address, NOTHING), asked.plan.address or NOTHING)
    compare("notified", None if expected.notified is None else _list(expected.notified), _list(asked.plan.notify))
    return found


class _Came:
    """What came of a call, in the words of a test."""

    def __init__(self, asked: Answer) -> None:
        got = asked.simulation
        self.fate: Fate = asked.fate()
        self._asked = asked
        self.rings = [each.target.removeprefix("line:") for each in got.sent(What.INVITE) if each.contact == 0]
        by = self.fate.by.removeprefix("line:") if got.branch is not None else ""
        self.connected = by or NOBODY
        self.then = named(asked.services[-1]) if asked.services and got.branch is None else NOTHING
        heard = got.sent(What.ANNOUNCE)
        self.hears = heard[-1].detail if heard else NOTHING
        self.trunk, self.sent, self.caller_id = self._outside()

    def _outside(self) -> tuple[str, str, str]:
        """The carrier that has the call at last, or had it, and what it is shown."""
        for _, command in reversed(self._asked.simulation.commands):
            if isinstance(command, StartBranch):
                target = command.branch.target
                if isinstance(target, TrunkTarget):
                    return target.trunk, target.number, WITHHELD if target.withheld else target.caller or NOTHING
        return NOTHING, NOTHING, NOTHING

    def ending(self, expected: Expected) -> str:
        ended = self._asked.simulation.termination
        if ended is None:
            return "it goes on"
        return _said(ended.reason.value if expected.reason is not None else None, ended.sip_status, expected.status)


def _ending(expected: Expected) -> str | None:
    if expected.reason is None and expected.status is None:
        return None
    return _said(expected.reason, expected.status or 0, expected.status)


def _said(reason: str | None, status: int, wanted: int | None) -> str:
    return " ".join(filter(None, (reason, str(status) if wanted is not None else "")))


def _or(value: str | None, empty: str) -> str | None:
    return value if value is None else value or empty


def _list(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or NOBODY


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:g}s"


def _limit(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:g}s" if seconds else "none"


def _truth(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"
