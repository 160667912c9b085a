"""A short seeded run of the fuzzer, and the proof that it would notice."""

from __future__ import annotations

import pytest

from tests.fuzz import fuzzer


def test_short_run_finds_nothing() -> None:
    assert fuzzer.run(count=3000, seed=20260101) == []


def test_a_foreign_exception_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes, rng: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(fuzzer, "TARGETS", [broken])
    assert len(fuzzer.run(count=20, seed=1)) == 10
