"""VIP-13 and FWD-9 over random companies: plan, walk and telephones together, second by second.

A history comes out of one seed, which Hypothesis prints when it fails. `script/properties` walks 100,000 of them.
"""

from __future__ import annotations

from random import Random

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialplan import vocabulary as v
from dialplan.destinations import user
from dialplan.facts import Facts
from dialplan.lines import Others
from dialplan.model import Model
from dialplan.plan import MOST_FORWARDS, CallRequest
from dialplan.planner import plan
from dialplan.simulate import Simulation, What, name_of, simulate
from tests.support.examples import examples
from tests.support.histories import check
from tests.support.random_company import Scene, screening

CALLS, TIMES = 4, 5
"""Of each company, and of each call with telephones that do something else."""

seeds = st.integers(0, 2**48 - 1)


def walked(scene: Scene, model: Model, facts: Facts, request: CallRequest) -> Simulation:
    made = plan(model, request, facts)
    return simulate(
        made,
        scene.script(),
        caller_gone_after_s=scene.gone_s(),
        replan=lambda again: plan(model, again, facts),
    )


@examples(60)
@given(seeds)
@example(283549)  # whose own turn in a group comes while a forward of another member rings them
def test_every_call_ends_once_in_time_and_is_forwarded_five_times_at_the_most(seed: int) -> None:
    """VIP-13, FWD-9, K.10."""
    scene = Scene(Random(seed))
    for _ in range(CALLS):
        request = scene.call()
        for _ in range(TIMES):
            got = walked(scene, scene.model, scene.facts, request)
            check(got)
            ringing: dict[str, str] = {}
            for _, command in got.commands:
                if isinstance(command, v.StartBranch):
                    hops, target = command.hops, name_of(command.branch)
                    assert len(set(hops)) == len(hops) <= MOST_FORWARDS - request.hops
                    assert target.startswith("trunk:") or target not in ringing.values(), "it rings twice at a time"
                    ringing[command.branch.id] = target
                elif isinstance(command, v.StopBranch | v.Connect):
                    del ringing[command.branch]


@examples(30)
@given(seeds, st.sampled_from([Others.DELEGATES_ONLY, Others.VOICEMAIL, Others.ME_ONLY]))
def test_who_is_screened_receives_no_invite_of_somebody_who_is_no_vip(seed: int, others: Others) -> None:
    """VIP-4d and VIP-4f: none to the user; VIP-4e: none to the delegates (VIP-13)."""
    scene = Scene(Random(seed))
    model = screening(scene.model, others)
    kept = {"line:fred", "line:gina"} if others is Others.ME_ONLY else {"line:anna"}
    for _ in range(CALLS):
        request = replace(scene.call(), to=user("anna"), caller_number="+16695550143")
        got = walked(scene, model, scene.facts, request)
        check(got)
        assert not kept & {moment.target for moment in got.sent(What.INVITE)}
