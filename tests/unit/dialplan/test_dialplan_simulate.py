"""The timeline: what the network would see, second by second."""

from __future__ import annotations

import msgspec

from dialplan.plan import Echo, Route, Trunk
from dialplan.pretend import RINGS
from dialplan.simulate import Moment, What, simulate
from tests.support.plans import branch, plan_of, ring, script, seen

GROUP = plan_of(ring(branch("anna"), branch("ben"), branch("carl")))


def test_a_whole_timeline() -> None:
    got = simulate(GROUP, script("anna=rings+unreachable,ben=outage,carl=answers/9s"))
    assert seen(got, *What) == [
        "0 s invite line:anna",
        "0 s invite line:anna #2",
        "0 s nobody line:ben",
        "0 s invite line:carl",
        "0 s ringing line:anna",
        "0 s over line:ben outage",
        "0 s ringing line:carl",
        "4 s refused line:anna #2 no response",
        "9 s answer line:carl",
        "9 s cancel line:anna completed elsewhere",
    ]
    assert got.timeline[-1] == Moment(at_s=9.0, what=What.CANCEL, target="line:anna", elsewhere=True)
    assert got.branch is GROUP.steps[0].stages[0].branches[2]  # type: ignore[union-attr]


def test_lines_that_are_not_named_are_what_they_are_told_to_be() -> None:
    assert seen(simulate(GROUP, {}), What.END) == ["0 s end 480 outage"]
    assert seen(simulate(GROUP, {}, otherwise=(RINGS,)), What.END) == ["20 s end 480 no_answer"]


def test_the_caller_who_gives_up_in_the_very_instant_of_an_answer_is_gone() -> None:
    got = simulate(GROUP, script("anna=answers/5s"), caller_gone_after_s=5.0)
    assert seen(got, What.CANCEL, What.BYE, What.END) == [
        "5 s cancel line:anna",
        "5 s end 487 caller_cancelled",
        "5 s bye line:anna",
    ]


def test_a_full_trunk_and_one_in_trouble_give_way_and_help_makes_room() -> None:
    out = Trunk(id="out", routes=(Route("first", "+331"), Route("second", "+331")))
    phones = script("trunk:first=full,trunk:second=503")
    assert seen(simulate(plan_of(out), phones), What.NOBODY, What.END) == [
        "0 s nobody trunk:first full",
        "0 s end 480 congestion",
    ]
    got = simulate(plan_of(out, emergency=True), phones, caller_gone_after_s=9.0)
    assert got.rang == ["trunk:first", "trunk:second", "trunk:first"], "EMG-6"


def test_a_timeline_is_plain_data() -> None:
    got = simulate(plan_of(Echo(id="echo")), {})
    assert msgspec.json.encode(got.timeline) == b'[{"at_s":0.0,"what":"service","target":"echo"}]'
