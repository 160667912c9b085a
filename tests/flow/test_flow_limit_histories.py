"""LIM-11 on whole exchanges: whatever is done to a call with somebody outside, it ends exactly when the rules say, with
one warning for each period; and park slots are never shared (CRD-7), over crashes too."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.groups import ParkLot
from dialplan.lines import Policy
from records import events as e
from tests.support.examples import examples
from tests.support.exchange import CARRIER, NUMBERS, changed, house
from tests.support.phone import PhoneCall
from tests.support.scene import Scene

LIMITS = {"alice": 60.0, "bob": 90.0, "carol": 0.0}
LOT = ParkLot(id="main", extension="700", first="701", last="703", timeout_s=3600.0)
NEVER = float("inf")


def company() -> m.Model:
    policies = {name: {"policy": Policy(owner=name, limit_s=limit)} for name, limit in LIMITS.items()}
    model = changed(house(), **policies)
    extensions = {**model.extensions, "700": of_text("park:main")}
    return m.versioned(structs.replace(model, extensions=extensions, park_lots={"main": LOT}))


class Story:
    """One call with somebody outside, and what must be true of it: `ends` is when it is to be cut, by the rules."""

    def __init__(self) -> None:
        self.scene = scene = Scene(model=company())
        self.phones = {name: scene.phone(name) for name in LIMITS}
        self.carrier = scene.phone("carrier", CARRIER[0], register=False)
        self.carrier.answers = True
        for phone in self.phones.values():
            phone.answers = True
        self.holder = "alice"
        self.side: PhoneCall = self.phones["alice"].call("6692223333")
        scene.wait(0.0)
        scene.wait(0.1)
        self.ends = self._since() + LIMITS["alice"]
        self.warned = False
        self.warnings = 0
        self.parked = False
        self.over = False

    def _since(self) -> float:
        """When the newest clock began, on the scene's own."""
        (call,) = self.scene.exchange.calls
        since = max(each.since for each in call.state.periods)
        return self.scene.clock.now() - (self.scene.clock.at() - since).total_seconds()

    def wait(self, seconds: float) -> None:
        """Time passes, and is accounted for."""
        self.scene.clock.advance(seconds)
        self._account()

    def _account(self) -> None:
        now = self.scene.clock.now()
        if not self.over and now >= self.ends + 0.1:
            self.over = True
        # Somebody is to be there for the warning, before the end.
        if not self.warned and not self.parked and min(now, self.ends) >= self.ends - 20.0:
            self.warned = True
            self.warnings += 1
        told = [event for event in self.scene.exchange.events if isinstance(event, e.LimitWarned)]
        if abs(now - self.ends) > 0.2 and abs(now - self.ends + 20.0) > 0.2:
            assert self.carrier.last.over is self.over, (now, self.ends)
            assert len(told) == self.warnings, (now, self.ends)

    def near(self) -> bool:
        """Whether something is due while what is done now goes on; then it is not done."""
        now = self.scene.clock.now()
        return self.over or any(-0.3 < due - now < 2.5 for due in (self.ends, self.ends - 20.0))

    def begin(self, name: str) -> None:
        """Somebody else has the call: a period of their own."""
        self.ends = self._since() + LIMITS[name] if LIMITS[name] else NEVER
        self.warned = False
        self.holder = name

    def do(self, what: str, name: str) -> None:
        if self.near():
            self.wait(1.0)
            return
        if what == "hold" and not self.parked:
            self.side.hold()
            self.wait(0.5)
            self.side.resume()
            self.wait(0.5)
        elif what == "park" and not self.parked:
            self.side.refer("700")
            self.parked = True
            self.wait(0.5)
            assert self.side.over
        elif what == "park" and self.parked:
            self.side = self.phones[name].call("701")
            self.scene.clock.advance(0.5)
            self.parked, self.holder = False, name
            self._account()
        elif what == "transfer" and not self.parked and name != self.holder:
            self.side.refer(NUMBERS[name])
            self.scene.clock.advance(0.5)
            assert self.side.over
            self.side = self.phones[name].last
            self.begin(name)
            self._account()
        elif what == "consult" and not self.parked and name != self.holder:
            self.side.hold()
            self.scene.clock.advance(0.3)
            asked = self.phones[self.holder].call(NUMBERS[name])
            self.scene.clock.advance(0.3)
            self.side.transfer_to(asked)
            self.scene.clock.advance(0.5)
            assert self.side.over
            self.side = self.phones[name].last
            self.begin(name)
            self._account()
        elif what == "crash":
            self.scene.exchange.crash_and_restart(0.2)
            self.wait(0.5)

    def finish(self) -> None:
        if abs(self.scene.clock.now() - self.ends) <= 0.2:
            self.wait(0.5)  # it is being cut just now
        slots = [slot for slot, _ in self.scene.exchange.features.parking.slots]
        assert len(slots) == (1 if self.parked and not self.over else 0)
        if self.ends < NEVER:
            self.wait(max(0.0, self.ends - self.scene.clock.now()) + 1.0)
            assert self.over
            assert self.carrier.last.over
            assert self.scene.exchange.records[-1].reason == "duration_limit"
        elif not self.over:
            self.carrier.last.hang_up()
            self.scene.wait()
        self.scene.finish()


STEPS = st.tuples(
    st.sampled_from(("hold", "park", "transfer", "consult", "crash", "wait")),
    st.sampled_from(sorted(LIMITS)),
    st.floats(0.0, 25.0, width=16),
)


@settings(examples(20), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=7))
@example(
    [("park", "alice", 1.5), *(("hold", "alice", each) for each in (1.5, 7.125, 24.5)), ("crash", "alice", 24.125)]
)
def test_whatever_is_done_to_a_call_it_ends_when_the_rules_say(steps: list[tuple[str, str, float]]) -> None:
    story = Story()
    for what, name, seconds in steps:
        story.do(what, name)
        if not story.over:
            story.wait(seconds)
    story.finish()
