"""A short seeded run of the fuzzer, and the proof that it would notice."""

from __future__ import annotations

import pytest

from tests.fuzz import fuzzer, live, pump


def test_short_run_finds_nothing() -> None:
    assert fuzzer.run(count=3000, seed=20260101) == []


def test_a_foreign_exception_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes, rng: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(fuzzer, "TARGETS", [broken])
    assert len(fuzzer.run(count=20, seed=1)) == 10


def test_long_runs_of_one_thing_take_no_long_time() -> None:
    assert pump.slow() == []


def test_a_short_live_run_leaves_nothing_and_finds_nothing() -> None:
    readings, failures = live.fuzz_core(count=6000, seed=20261122)
    assert failures == []
    assert len(readings) == live.CHECKPOINTS
    assert live.fuzz_relay(count=4000, seed=20261122)[1] == []


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
