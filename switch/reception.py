"""Which telephones came, went or were turned away: told in the log within bounds, and kept a while for the commands.

After a restart thousands of telephones may come at once, and one with an old password tries for ever; so each kind of
line is rationed, and what was not told singly is told as a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from records.events import Bound, Unbound
from switch.sip.uri import hostport

LINES = 5
"""Lines of one kind that a turn may have."""
TURN_S = 10.0
MAX_REFUSED = 500
MAX_ADDRESSES = 10
MAX_NAME = 64
FORGET_S = 900.0

IN_WORDS = {
    "telephone registered": "{device} is registered for line {line}, from {address}",
    "telephone gone": "{device} at {address} is no longer registered for line {line} ({cause})",
    "telephone unreachable": "{device} at {address} does not answer any more ({why})",
    "telephone reachable again": "{device} at {address} can be reached again",
    "telephone refused": "{user} from {address} is refused: {why}",
}
"""The same lines for a person at a terminal, with the fields that they name."""

Log = Callable[..., object]
"""structlog's `info` or `warning`: an event and its fields."""


class Ration:
    """So many lines of one kind a turn. Of those that were too many the number is told, in one line: the event `more`,
    the number under the name `counted`."""

    __slots__ = ("_counted", "_left", "_log", "_more", "_over")

    def __init__(self, log: Log, more: str, counted: str = "telephones") -> None:
        self._log = log
        self._more = more
        self._counted = counted
        self._left = LINES
        self._over = 0

    def tell(self, event: str, **fields: object) -> None:
        """One line, if there is any left."""
        if self._left:
            self._left -= 1
            self._log(event, **fields)
        else:
            self._over += 1

    def turn(self) -> None:
        """To be called every `TURN_S`."""
        over, self._over, self._left = self._over, 0, LINES
        if over:
            self._log(self._more, **{self._counted: over})


class Roll:
    """Which devices are there: fed each `Bound` and `Unbound` as it is journalled; `settle` after each input's.

    A telephone that only refreshes, or changes its contact, neither comes nor goes.
    """

    def __init__(self, log: Log) -> None:
        self._lines: dict[str, tuple[Bound, ...]] = {}
        """The contacts of each line; the very values that the registrar holds, so they cost little here."""
        self._contacts: dict[str, int] = {}
        """How many contacts a device has."""
        self._touched: dict[str, tuple[bool, Bound | None, str]] = {}
        self._came = Ration(log, "more telephones registered")
        self._went = Ration(log, "more telephones gone")

    def know(self, bindings: Iterable[Bound]) -> None:
        """Those that were there before the exchange was started."""
        for bound in bindings:
            self._bind(bound)
        self._touched.clear()

    def note(self, event: Bound | Unbound) -> None:
        """One change of the registrar's table."""
        if isinstance(event, Bound):
            self._bind(event)
            return
        for known in self._lines.get(event.line, ()):
            if known.uri == event.uri and known.reg_id == event.reg_id:
                self._unbind(known, event.cause)

    def _bind(self, bound: Bound) -> None:
        known = self._lines.get(bound.line, ())
        for index, before in enumerate(known):
            if before.uri == bound.uri and before.reg_id == bound.reg_id:
                if before.device == bound.device:
                    self._lines[bound.line] = (*known[:index], bound, *known[index + 1 :])
                    return
                self._unbind(before, "replaced")
        contacts = self._contacts.get(bound.device, 0)
        was_there, _, _ = self._touched.get(bound.device, (contacts > 0, None, ""))
        self._contacts[bound.device] = contacts + 1
        self._lines[bound.line] = (*self._lines.get(bound.line, ()), bound)
        self._touched[bound.device] = (was_there, bound, "")

    def _unbind(self, gone: Bound, cause: str) -> None:
        left = tuple([each for each in self._lines[gone.line] if each is not gone])
        if left:
            self._lines[gone.line] = left
        else:
            del self._lines[gone.line]
        was_there, _, _ = self._touched.get(gone.device, (True, None, ""))
        self._contacts[gone.device] -= 1
        if not self._contacts[gone.device]:
            del self._contacts[gone.device]
        self._touched[gone.device] = (was_there, gone, cause)

    def settle(self) -> None:
        """Tell what the input amounted to."""
        if not self._touched:
            return
        touched, self._touched = self._touched, {}
        for device, (was_there, bound, cause) in touched.items():
            is_there = device in self._contacts
            if is_there == was_there or bound is None:
                continue
            if is_there:
                self._came.tell("telephone registered", **_about(bound))
            else:
                self._went.tell("telephone gone", **_about(bound), cause=cause)

    def turn(self) -> None:
        """To be called every `TURN_S`."""
        self._came.turn()
        self._went.turn()


class Sight:
    """Which telephones are out of reach, though they are registered: told as they are lost and found again."""

    def __init__(self, log: Log) -> None:
        self._lost = Ration(log, "more telephones unreachable")
        self._found = Ration(log, "more telephones reachable again")

    def changed(self, bound: Bound, up: bool, why: str) -> None:
        """See `switch.qualify.Qualifier.on_change`."""
        if up:
            self._found.tell("telephone reachable again", **_about(bound), why=why)
        else:
            self._lost.tell("telephone unreachable", **_about(bound), why=why)

    def turn(self) -> None:
        """To be called every `TURN_S`."""
        self._lost.turn()
        self._found.turn()


def _about(bound: Bound) -> dict[str, str]:
    return {
        "device": bound.device,
        "line": bound.line,
        "address": hostport(bound.flow.remote_host, bound.flow.remote_port),
        "user_agent": printable(bound.user_agent),
    }


def printable(text: str) -> str:
    """Without what would move the cursor of a terminal: telephones and strangers wrote it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


class Refusal(msgspec.Struct):
    """One telephone that cannot sign in, or call. `user` is the name that it gave, which may be anybody's; `last_at` in
    Unix seconds."""

    user: str
    host: str
    why: str
    count: int
    last_at: float


class Refusals:
    """The telephones that were turned away lately, by name and address; the ones longest ago are forgotten first."""

    def __init__(self, log: Log = lambda *_, **__: None) -> None:
        self._known: dict[str, list[Refusal]] = {}
        self._ration = Ration(log, "more telephones refused", "times")

    def add(self, user: str, host: str, why: str, at: float) -> None:
        """One more. A telephone that goes on trying has a line at its 1st, 10th, 100th … time."""
        user = printable(user[:MAX_NAME])
        # It goes to the end, where the latest are.
        his = [each for each in self._known.pop(user, ()) if at - each.last_at <= FORGET_S][-MAX_ADDRESSES + 1 :]
        self._known[user] = his
        if len(self._known) > MAX_REFUSED:
            del self._known[next(iter(self._known))]
        refusal = next((each for each in his if each.host == host and each.why == why), None)
        if refusal is None:
            his.append(refusal := Refusal(user, host, why, 0, at))
        refusal.count += 1
        refusal.last_at = at
        if str(refusal.count).strip("0") == "1":
            self._ration.tell("telephone refused", user=user, address=host, why=why, times=refusal.count)

    def forgive(self, user: str) -> None:
        """That telephone has signed in now."""
        self._known.pop(user, None)

    def lately(self, at: float) -> list[Refusal]:
        """Those of the last quarter of an hour, the latest first."""
        found = [each for his in self._known.values() for each in his if at - each.last_at <= FORGET_S]
        return sorted(found, key=lambda each: each.last_at, reverse=True)

    def turn(self) -> None:
        """To be called every `TURN_S`."""
        self._ration.turn()
