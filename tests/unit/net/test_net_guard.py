"""The guard's buckets, and memories that stay bounded."""

from __future__ import annotations

import pytest

from switch.net.bans import BanSettings
from switch.net.guard import Guard, Limits, Recent


def test_a_source_may_burst_and_is_then_held_to_its_rate() -> None:
    guard = Guard(Limits(rate_per_s=10, burst=5))
    assert [guard.admit("192.0.2.1", 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert guard.refused == 2
    assert [guard.admit("192.0.2.1", 0.1) for _ in range(2)] == [True, False]
    assert [guard.admit("192.0.2.1", 100.0) for _ in range(6)] == [True] * 5 + [False]


def test_sources_do_not_share_a_bucket() -> None:
    guard = Guard(Limits(rate_per_s=1, burst=1))
    assert guard.admit("192.0.2.1", 0.0)
    assert not guard.admit("192.0.2.1", 0.0)
    assert guard.admit("192.0.2.2", 0.0)


def test_the_trusted_may_send_ten_times_as_much_but_not_without_end() -> None:
    guard = Guard(Limits(rate_per_s=1, burst=2), frozenset({"192.0.2.1"}))
    assert [guard.admit("192.0.2.1", 0.0) for _ in range(21)] == [True] * 20 + [False]
    assert [guard.admit("192.0.2.1", 1.0) for _ in range(11)] == [True] * 10 + [False]


def guesses(guard: Guard, host: str, seconds: int) -> int:
    """How many passwords somebody tries who sends a hundred a second."""
    tried = 0
    for n in range(seconds * 100):
        if guard.admit(host, n / 100):
            tried += 1
            guard.failed((host, 5060), "101", n / 100)
    return tried


def test_who_guesses_passwords_is_slowed() -> None:
    patient = BanSettings(failures=1_000_000)
    assert guesses(Guard(Limits(), bans=patient), "192.0.2.1", 10) == pytest.approx(120, abs=2)


def test_failures_do_not_lock_out_those_behind_the_same_address() -> None:
    guard = Guard(Limits(), frozenset({"192.0.2.9"}))
    guard.welcome(("192.0.2.1", 5060), "101", 0.0)
    for host in ("192.0.2.1", "192.0.2.9"):
        guesses(guard, host, 10)
        assert all(guard.admit(host, 10.0) for _ in range(1000))


def test_a_log_in_is_remembered_for_a_while() -> None:
    guard = Guard(Limits(known_s=10.0), frozenset({"192.0.2.9"}))
    guard.welcome(("192.0.2.1", 5060), "101", 0.0)
    assert guard.knows("192.0.2.1", 10.0)
    assert guard.knows("192.0.2.9", 99.0)
    assert not guard.knows("192.0.2.1", 11.0)
    assert not guard.knows("192.0.2.2", 0.0)


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    guard = Guard(Limits(rate_per_s=1, burst=2, sources=100))
    for n in range(10000):
        guard.admit("busy", 0.0)
        guard.admit(f"host {n}", 0.0)
    assert guard.sources <= 100
    assert guard.refused == 9998


def test_recent_forgets_the_oldest_only() -> None:
    recent: Recent[int, str] = Recent(10)
    for n in range(100):
        recent.put(n, str(n))
    assert len(recent) <= 10
    assert recent.get(99) == "99"
    assert recent.get(0) is None
    recent.clear()
    assert len(recent) == 0
