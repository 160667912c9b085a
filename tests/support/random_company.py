"""Random companies out of one seed, and calls in them: fast, for a hundred thousand histories."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from msgspec.structs import replace

from dialplan.destinations import NOWHERE, Destination, To, ring_group, user
from dialplan.facts import Condition, Facts, LineFacts
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards, Line, Others, Vip
from dialplan.model import Model
from dialplan.plan import CallRequest
from dialplan.pretend import Phone
from tests.support.company import ABROAD, AT, ATTENDANT, CALLER, OUTSIDE, VOICEMAIL, company, line
from tests.support.plans import random_phone

PEOPLE = ("anna", "ben", "carl", "dora", "eve")
HELPERS = ("fred", "gina")
"""They are delegates and nothing else."""
GROUPS = ("desk", "sales")


class Scene:
    """One company with its facts, one call in it, and the telephones."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.model = self._company()
        self.facts = self._facts()

    def call(self) -> CallRequest:
        """A call to somebody, or to a group, from inside or outside."""
        pick = self._random
        to = user(pick.choice(PEOPLE)) if pick.random() < 0.6 else ring_group(pick.choice(GROUPS))
        inside = pick.random() < 0.4
        return CallRequest(
            digits="1",
            at=AT,
            to=to,
            device=pick.choice(("stranger", "ben", "fred")) if inside else None,
            trunk=None if inside else "carrier",
            caller_number=pick.choice((CALLER, "+16695550143")),
            hops=pick.choice((0, 0, 0, 3)),
        )

    def script(self) -> dict[str, Sequence[Phone]]:
        """What all telephones do this time."""
        names = [f"line:{name}" for name in (*PEOPLE, *HELPERS)] + ["trunk:carrier"]
        many = (0, 1, 1, 1, 1, 2, 3)
        return {name: [random_phone(self._random) for _ in range(self._random.choice(many))] for name in names}

    def gone_s(self) -> float | None:
        """When the caller gives up."""
        return float(self._random.randrange(90)) if self._random.random() < 0.3 else None

    def _company(self) -> Model:
        pick = self._random
        lines = [self._line(name) for name in PEOPLE]
        groups = tuple(
            RingGroup(
                id=name,
                strategy=pick.choice(list(Strategy)),
                members=tuple(self._member(each) for each in pick.sample(PEOPLE, pick.randrange(5))),
                ring_s=pick.choice((0.0, 20.0, 40.0)),
                skip_busy=pick.random() < 0.3,
                external=pick.random() < 0.3,
                otherwise=self._destination(),
            )
            for name in GROUPS
        )
        return company(*lines, line("fred"), line("gina"), groups=groups)

    def _member(self, name: str) -> Member:
        pick = self._random
        return Member(
            line=name,
            delay_s=pick.choice((0.0, 0.0, 5.0)),
            ring_s=pick.choice((0.0, 0.0, 9.0)),
            weight=pick.randrange(3),
        )

    def _line(self, name: str) -> Line:
        pick = self._random
        helpers = tuple(Delegate(line=each) for each in HELPERS if pick.random() < 0.5)
        screen = Vip(
            contacts=frozenset({CALLER}),
            then_delegates=pick.random() < 0.5,
            others=pick.choice(list(Others)),
            stage_s=float(pick.choice((10, 20, 60))),
        )
        return line(
            name,
            pick.random() < 0.6,
            forwards=Forwards(
                busy=self._destination(),
                no_answer=self._destination(),
                outage=self._destination(),
                always=self._destination() if pick.random() < 0.2 else None,
                after_s=float(pick.choice((10, 15, 60))),
            ),
            delegates=helpers,
            vip=screen if pick.random() < 0.4 else None,
            call_waiting=pick.random() < 0.7,
        )

    def _destination(self) -> Destination | None:
        pick = self._random
        kind = pick.randrange(10)
        if kind < 3:
            return None
        if kind < 7:
            return user(pick.choice(PEOPLE))
        return pick.choice(
            (VOICEMAIL, ATTENDANT, OUTSIDE, ABROAD, ring_group("desk"), Destination(To.QUEUE, "support"))
        )

    def _facts(self) -> Facts:
        pick = self._random
        lines = {
            name: LineFacts(
                dnd=pick.random() < 0.3,
                active=pick.choice((0, 0, 1)),
                forwards={Condition.BUSY: pick.choice((user("eve"), NOWHERE))} if pick.random() < 0.2 else {},
                out_of=frozenset(pick.sample((*PEOPLE, *GROUPS), 1)) if pick.random() < 0.2 else frozenset(),
            )
            for name in (*PEOPLE, *HELPERS)
            if pick.random() < 0.3
        }
        return Facts(lines=lines, cursors={"desk": pick.randrange(5)}, draw=pick.random())


def screening(model: Model, others: Others) -> Model:
    """Anna lets nobody through but the VIP caller, and is called for herself alone: no member and no delegate."""
    screen = Vip(contacts=frozenset({CALLER}), others=others)
    anna = replace(model.lines["anna"], vip=screen, delegates=tuple(Delegate(line=each) for each in HELPERS))
    lines = {name: replace(each, delegates=()) for name, each in model.lines.items()} | {"anna": anna}
    groups = {
        name: replace(each, members=tuple(member for member in each.members if member.line != "anna"))
        for name, each in model.ring_groups.items()
    }
    return replace(model, lines=lines, ring_groups=groups)
