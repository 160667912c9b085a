"""What is simulated is what happens: the INVITEs and CANCELs of a live call are those of the simulated walk, to the
same telephones, in the same half second, and the call ends alike. Random houses, out of one seed."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialplan import model as m
from dialplan import vocabulary as v
from dialplan.destinations import Destination, To, ring_group, user
from dialplan.facts import NO_FACTS
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards, Others, Vip
from dialplan.plan import Announce, CallRequest, Echo, Service
from dialplan.planner import plan
from dialplan.pretend import Script, phones
from dialplan.simulate import Simulation, What, simulate
from tests.support.company import AT
from tests.support.exchange import HERE, changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.plans import examples
from tests.support.scene import Scene

CALLED = ("bob", "carol")
"""Those who may have a telephone; Dave's line has none, ever."""

ALIKE = ("outage", "rings", "busy", "rejects/0s", "dnd", "600")
BEHAVIOURS = {
    "bob": (*ALIKE, "answers/3s", "answers/12s", "answers/21s"),
    "carol": (*ALIKE, "answers/4.5s", "answers/13.6s", "answers/22.5s"),
}
"""Nobody answers in the same instant as another: who is first then, is the network's to say."""
STATUS = {"busy": 486, "rejects/0s": 603, "dnd": 480, "600": 600}
STEP_S = 0.1

Seen = tuple[str, str, bool]
Timeline = list[tuple[float, Seen]]


def random_house(random: Random) -> m.Model:
    def anywhere() -> Destination | None:
        if random.random() < 0.4:
            return None
        return random.choice((user("bob"), user("carol"), user("dave"), ring_group("110"), Destination(To.VOICEMAIL)))

    def settings(name: str, other: str) -> dict[str, object]:
        screen = Vip(others=random.choice(list(Others)), stage_s=random.choice((10.0, 20.0)))
        return {
            "forwards": Forwards(busy=anywhere(), no_answer=anywhere(), outage=anywhere(), after_s=10.0),
            "delegates": (Delegate(line=other),) if random.random() < 0.3 else (),
            "vip": screen if random.random() < 0.3 else None,
            "mailbox": name if random.random() < 0.5 else "",
        }

    made = changed(
        house(),
        bob=settings("bob", "carol"),
        carol=settings("carol", "dave"),
        dave=settings("dave", "bob"),
    )
    members = tuple(
        Member(line=name, delay_s=random.choice((0.0, 0.0, 5.0)))
        for name in random.sample(("bob", "carol", "dave"), random.randrange(1, 4))
    )
    group = RingGroup(
        id="110",
        members=members,
        strategy=random.choice((Strategy.ALL, Strategy.ORDER)),
        ring_s=random.choice((0.0, 25.0)),
        otherwise=anywhere(),
    )
    return m.versioned(replace(made, ring_groups={"110": group}))


def simulated(model: m.Model, digits: str, script: Script, gone_s: float | None) -> Simulation:
    def served(step: Service) -> v.StepDone | None:
        return None if isinstance(step, Announce | Echo) else v.StepDone(step.id, "unavailable")

    made = plan(model, CallRequest(digits=digits, at=AT, device="alice"), NO_FACTS)
    return simulate(made, script, served=served, caller_gone_after_s=gone_s)


def live(scene: Scene, digits: str, house_of: dict[str, str], gone_s: float | None) -> tuple[Timeline, PhoneCall]:
    """The call on the network."""
    alice = scene.phone("alice")
    there: list[Phone] = []
    for name, what in house_of.items():
        if what != "outage":
            phone = scene.phone(name)
            phone.refuses = STATUS.get(what, 0)
            there.append(phone)
    names = {phone.address: phone.user for phone in there}
    before, began = len(scene.network.log), scene.clock.now()
    call = alice.call(digits)
    since: dict[int, float] = {}
    for tick in range(1, 1200):
        scene.wait(STEP_S)
        now = tick * STEP_S
        if gone_s is not None and now >= gone_s and not call.up and not call.over:
            call.cancel()
        for phone in there:
            what = house_of[phone.user]
            for each in phone.calls:
                since.setdefault(id(each), now)
                after_s = float(what[8:-1]) if what.startswith("answers") else 1e9
                if now - since[id(each)] + STEP_S >= after_s and each.usage.pending_request is not None:
                    each.answer()
        if call.up or call.over:
            scene.wait(1.0)
            break
    timeline = [
        (packet.at - began, (method, f"line:{names[packet.target]}", b"completed elsewhere" in packet.data))
        for packet in scene.network.log[before:]
        if packet.source == HERE and packet.target in names
        for method in ("INVITE", "CANCEL")
        if packet.data.startswith(method.encode())
    ]
    return timeline, call


@examples(40)
@given(st.integers(0, 2**32 - 1))
def test_a_live_call_is_the_simulated_one(seed: int) -> None:
    random = Random(seed)
    model = random_house(random)
    house_of = {name: random.choice(BEHAVIOURS[name]) for name in CALLED}
    digits = random.choice(("102", "103", "104", "110", "110"))
    gone_s = random.choice((None, None, 7.3))
    script = phones(",".join(f"{name}={what}" for name, what in house_of.items()))
    expected = simulated(model, digits, script, gone_s)
    scene = Scene(model=model)
    got, call = live(scene, digits, house_of, gone_s)
    wanted = [
        (each.at_s, (each.what.value.upper(), each.target, each.elsewhere))
        for each in expected.sent(What.INVITE, What.CANCEL)
    ]
    for target in ("line:bob", "line:carol"):
        theirs = [each for each in got if each[1][1] == target]
        ours = [each for each in wanted if each[1][1] == target]
        assert [seen for _, seen in theirs] == [seen for _, seen in ours], (got, wanted)
        assert all(abs(here - there) < 0.5 for (here, _), (there, _) in zip(theirs, ours, strict=True)), (got, wanted)
    if expected.termination is None:
        assert call.up
        call.hang_up()
    elif expected.termination.sip_status != 487:
        assert call.refused == expected.termination.sip_status
    scene.finish()
