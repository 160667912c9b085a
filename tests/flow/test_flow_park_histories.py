"""Call park (CRD-7), whatever people do: two calls never share a slot, nobody who waits is dropped, and the book of the
slots is what the records say, over crashes too."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from dialplan import model as m
from dialplan.destinations import of_text, user
from dialplan.groups import ParkLot
from tests.support.examples import examples
from tests.support.exchange import house
from tests.support.phone import PhoneCall
from tests.support.scene import Scene

LOT = ParkLot(id="main", extension="700", first="701", last="702", timeout_s=40.0, fallback=user("carol"))
NAMES = ("alice", "bob", "carol")


def company() -> m.Model:
    model = house()
    extensions = {**model.extensions, "700": of_text("park:main")}
    return m.versioned(structs.replace(model, extensions=extensions, park_lots={"main": LOT}))


class Story:
    """Three telephones, each of which calls the lot, takes calls out of it, hangs up, or lets it ring."""

    def __init__(self) -> None:
        self.scene = Scene(model=company())
        self.phones = {name: self.scene.phone(name) for name in NAMES}
        self.waiting: dict[str, PhoneCall] = {}
        """Who was let in, and has not hung up: nobody else may end that."""

    def do(self, name: str, what: str, slot: str) -> None:
        phone, scene = self.phones[name], self.scene
        if what == "park" and name not in self.waiting:
            room = len(self.slots()) < 2
            call = phone.call("700")
            scene.wait()
            assert call.up
            if room:
                self.waiting[name] = call
            else:
                services = [each.state.service for each in scene.exchange.calls]
                assert "park-said:park_lot_full" in services
                call.hang_up()
                scene.wait()
        elif what == "take":
            call = phone.call(slot)
            scene.wait()
            if call.up:
                call.hang_up()
                scene.wait()
                self._forget()
        elif what == "hang up" and name in self.waiting:
            self.waiting.pop(name).hang_up()
            scene.wait()
            self._forget()
        elif what == "crash":
            scene.exchange.crash_and_restart(0.5)
            scene.wait()
        elif what == "time":
            scene.wait(45.0)
            for each in self.phones.values():
                if each.calls and each.last.usage.pending_request is not None:
                    each.last.refuse(486)
                    scene.wait(0.2)
        self.check()

    def _forget(self) -> None:
        """Whoever's other side has hung up waits no more."""
        self.waiting = {name: call for name, call in self.waiting.items() if call.up}

    def slots(self) -> dict[str, str]:
        """Which call is in which slot, by the book."""
        return {slot: call.id for (_, slot), call in self.scene.exchange.features.parking.slots}

    def check(self) -> None:
        said = {}
        for call in self.scene.exchange.calls:
            if call.state.parked is not None:
                assert call.state.parked.slot not in said, "two share a slot"
                said[call.state.parked.slot] = call.id
        assert self.slots() == said
        for name, call in self.waiting.items():
            assert call.up, f"{name} was dropped"

    def finish(self) -> None:
        for phone in self.phones.values():
            for call in phone.calls:
                if call.up:
                    call.hang_up()
                    self.scene.wait(0.2)
        self.scene.wait(1.0)
        assert self.slots() == {}
        self.scene.finish()


STEPS = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(("park", "park", "take", "hang up", "crash", "time")),
    st.sampled_from(("701", "702")),
)


@settings(examples(20), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=10))
def test_slots_are_never_shared_and_nobody_who_waits_is_dropped(steps: list[tuple[str, str, str]]) -> None:
    story = Story()
    for name, what, slot in steps:
        story.do(name, what, slot)
    story.finish()
