"""The guard's buckets, and memories that stay bounded."""

from __future__ import annotations

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


def test_the_trusted_are_never_refused() -> None:
    guard = Guard(Limits(rate_per_s=1, burst=1), frozenset({"192.0.2.1"}))
    assert all(guard.admit("192.0.2.1", 0.0) for _ in range(10))
    assert guard.refused == 0


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
