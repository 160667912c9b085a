"""A short seeded run of the fuzzer, and the proof that it would notice."""

from __future__ import annotations

import pytest

from dialplan.facts import NO_FACTS
from dialplan.plan import CallRequest
from dialplan.planner import plan
from tests.fuzz import decisions, fuzzer, live, pump
from tests.support.companies import company


def test_short_run_finds_nothing() -> None:
    assert fuzzer.run(count=3000, seed=20260101) == []


def test_a_foreign_exception_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes, rng: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(fuzzer, "TARGETS", [broken])
    assert len(fuzzer.run(count=20, seed=1)) == 10


def test_long_runs_of_one_thing_take_no_long_time() -> None:
    """One of seven, which comes by every run and every header; `script/fuzz` tries them all."""
    assert pump.slow(every=7) == []


def test_what_takes_long_each_time_is_noticed_and_what_does_once_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[int] = []

    def once(data: bytes, rng: object) -> None:
        work.append(sum(range(3_000_000 if not work else 1)))

    def always(data: bytes, rng: object) -> None:
        sum(range(3_000_000))

    monkeypatch.setattr(fuzzer, "SLOW_S", 0.005)
    monkeypatch.setattr(fuzzer, "TARGETS", [once])
    assert fuzzer.run(count=5, seed=1) == []
    monkeypatch.setattr(fuzzer, "TARGETS", [always])
    assert "took" in fuzzer.run(count=1, seed=1)[0]
    assert len(pump.slow(limit_s=0.0)) >= 3


def test_a_short_live_run_leaves_nothing_and_finds_nothing() -> None:
    readings, failures = live.fuzz_core(count=6000, seed=20261122)
    assert failures == []
    assert len(readings) == live.CHECKPOINTS
    assert live.fuzz_relay(count=4000, seed=20261122)[1] == []


def test_no_digits_facts_or_company_make_the_planner_raise_loop_or_take_long() -> None:
    assert decisions.run_planner(count=1000, seed=20261122) == []


def test_no_configuration_makes_the_compiler_or_the_planner_raise_loop_or_take_long() -> None:
    assert decisions.run_yaml(count=200, seed=20261122) == []


@pytest.mark.parametrize("digits", ["*" * 60_000, "*78" + "8" * 60_000, "*201#" * 12_000, "+" + "1" * 60_000])
def test_sixty_thousand_digits_are_decided_as_soon_as_ten(digits: str) -> None:
    model = decisions.configuration(company(users=12, seed=1)).model
    request = CallRequest(digits=digits, at=decisions.AT, device="p-u00000")
    assert decisions.bounded(lambda: plan(model, request, NO_FACTS), most=2000).steps


def test_a_planner_that_loops_raises_or_is_slow_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def looping(*_: object) -> None:
        while True:
            len("")

    def broken(*_: object) -> None:
        raise RecursionError("deep")

    for planner, said in ((looping, "more than 60000 calls"), (broken, "RecursionError")):
        monkeypatch.setattr(decisions, "plan", planner)
        assert said in decisions.run_planner(count=1, seed=1)[0]
    with pytest.raises(fuzzer.Escape, match="took"):
        decisions.bounded(lambda: sum(range(3_000_000)), slow_s=0.001)


def test_an_internal_error_of_the_exchange_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("switch.admission.Admission.register", broken)
    _, failures = live.fuzz_core(count=500, seed=1)
    assert "KeyError" in failures[0]


def test_growing_memory_is_noticed() -> None:
    memory = live.Memory()
    memory.readings = [50.0, 60.0, 61.0, 62.0, 61.0 + live.GROWTH_MIB + 1]
    with pytest.raises(fuzzer.Escape):
        memory.check()
