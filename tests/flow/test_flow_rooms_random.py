"""Conferences and calls of three under random histories: whoever hangs up, holds, keys or is added when, over crashes.
After each the folded journal equals the live state, nothing is left over, and who is up is in a bridge or a room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text
from media.engine import Digit, PlayEnded
from tests.support.engine import Book
from tests.support.examples import examples
from tests.support.exchange import house
from tests.support.phone import PhoneCall
from tests.support.scene import Scene

USERS = ("alice", "bob", "carol")
PINS = {"24680": "member", "97531": "chair"}
KEYS = ("*3", "103#", "*3102#", "24680#", "97531#", "*1", "*2", "#", "9")
WHO = st.integers(0, 2)
STEPS = st.one_of(
    st.tuples(st.just("call"), WHO, st.sampled_from(("101", "102", "103", "700", "700"))),
    st.tuples(st.just("answer"), WHO),
    st.tuples(st.just("refuse"), WHO),
    st.tuples(st.just("keys"), WHO, st.sampled_from(KEYS)),
    st.tuples(st.just("hold"), WHO),
    st.tuples(st.just("resume"), WHO),
    st.tuples(st.just("hang up"), WHO),
    st.tuples(st.just("heard out"), WHO),
    st.tuples(st.just("wait"), st.sampled_from((1.0, 6.0))),
    st.tuples(
        st.just("crash"),
    ),
)


class Table:
    """Three telephones, a conference at 700 with PINs, and `*3` to add a party."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.scene.strict = False  # a telephone may be in the midst of something when a history ends
        model = house()
        room = groups.Conference(id="board", pin=True, chair_pin=True, chair_ends=True)
        extensions = {**model.extensions, "700": of_text("conference:board")}
        self.scene.exchange.use_model(
            m.versioned(
                structs.replace(
                    model, extensions=extensions, conferences={"board": room}, call_keys={"*3": "add_party"}
                )
            )
        )
        self.scene.exchange.pins = {("board", pin): role for pin, role in PINS.items()}
        self.phones = [self.scene.phone(user) for user in USERS]

    def calls(self, who: int) -> list[PhoneCall]:
        return [call for call in self.phones[who].calls if not call.over]

    def book(self, call: PhoneCall) -> Book | None:
        lines = [line for line in (call.offers[-1] if call.offers else "").split("\r\n") if line.startswith("m=audio")]
        port = int(lines[0].split(" ")[1]) if lines else 0
        return next((book for book in self.scene.exchange.engine.legs.values() if book.lease.port == port), None)

    def do(self, what: str, *more: object) -> None:
        scene = self.scene
        if what == "wait":
            scene.wait(float(str(more[0])))
            return
        if what == "crash":
            scene.exchange.crash_and_restart()
            scene.wait()
            return
        who = int(str(more[0]))
        calls = self.calls(who)
        up = [call for call in calls if call.up]
        if what == "call" and len(calls) < 2:
            self.phones[who].call(str(more[1]))
        elif what in ("answer", "refuse"):
            ringing = [call for call in calls if call.usage.pending_request is not None and not call.up]
            if ringing:
                (ringing[-1].answer if what == "answer" else ringing[-1].refuse)()
        elif up and what in ("hold", "resume"):
            if up[-1].usage.offer_pending is False:
                (up[-1].hold if what == "hold" else up[-1].resume)()
        elif up and what == "hang up":
            up[-1].hang_up()
        elif up and what in ("keys", "heard out"):
            book = self.book(up[-1])
            if book is not None and what == "keys":
                for digit in str(more[1]):
                    if book.lease.leg in scene.exchange.engine.legs:
                        scene.exchange.tell(Digit(book.lease.leg, digit, 100))
            elif book is not None and (tune := book.tune) is not None and not tune.loop:
                scene.exchange.tell(PlayEnded(book.lease.leg, tune.id))
        scene.wait(0.3)

    def check(self) -> None:
        """Rooms of the engine are those of the calls."""
        engine = self.scene.exchange.engine
        wanted: dict[str, set[int]] = {}
        for call in self.scene.exchange.calls:
            for index, part in call.state.members.items():
                lease = call.legs[index].sound.lease
                assert lease is not None
                wanted.setdefault(f"conference:{part.room}" if part.room else f"call:{call.id}", set()).add(lease.leg)
        assert {room: engine.members(room) for room in wanted} == wanted
        assert {book.room for book in engine.legs.values() if book.room} == set(wanted)

    def finish(self) -> None:
        for who in range(3):
            for call in self.calls(who):
                if call.up:
                    call.hang_up()
                elif call.usage.pending_request is not None:
                    call.refuse()
        self.scene.wait(40)
        for who in range(3):
            for call in self.calls(who):
                if call.up:
                    call.hang_up()
        self.scene.wait(40)
        self.scene.finish()


@examples(40)
@given(st.lists(STEPS, max_size=18))
def test_rooms_stand_whatever_happens_in_whatever_order(steps: list[tuple[object, ...]]) -> None:
    table = Table()
    for what, *more in steps:
        table.do(str(what), *more)
        table.check()
    table.finish()


@examples(30)
@given(st.lists(STEPS, max_size=12))
def test_a_call_of_three_stands_whatever_happens_to_it(steps: list[tuple[object, ...]]) -> None:
    table = Table()
    for step in (("call", 0, "102"), ("answer", 1), ("keys", 0, "*3103#"), ("answer", 2)):
        table.do(*step)  # type: ignore[arg-type]
    assert len(next(iter(table.scene.exchange.calls)).state.members) == 3
    for what, *more in steps:
        table.do(str(what), *more)
        table.check()
    table.finish()
