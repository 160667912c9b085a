"""Reports of queues: each figure by its definition (RTQ-1 to 10). `test_records_queues` has what stays come out of."""

from __future__ import annotations

import pytest

from records.reports.queues import ABANDONED, ANSWERED, OVERFLOWED, Offer, QueueReport, Stay, Target, by_time, queues
from records.viewer import NotPermitted, Role, Viewer
from tests.support.call_events import at

BOSS = Viewer("", Role.MANAGER)
TARGET = Target(queue="help", name="Help desk", percent=80, answer_s=20, short_s=5)


def stay(entered: float, left: float | None = None, how: str = "", over: float | None = None, **more: object) -> Stay:
    return Stay(
        call=f"c{entered}",
        queue="help",
        entered_at=at(entered),
        left_at=None if left is None else at(left),
        how=how,
        over_at=None if over is None else at(over),
        **more,  # type: ignore[arg-type]
    )


def report(*stays: Stay, now: float = 1000.0, out: tuple[str, ...] = ()) -> QueueReport:
    (found,) = queues(stays, [TARGET], BOSS, at(now), {"help": out})
    return found


def test_each_figure_by_its_definition() -> None:
    found = report(
        stay(0, 10, ANSWERED, 130, talk_s=100, hold_s=20, wrap_s=30),
        stay(100, 130, ANSWERED, 190, talk_s=60),
        stay(200, 203, ABANDONED),  # too short to count against the target
        stay(300, 360, ABANDONED),
        stay(400, 500, OVERFLOWED),
        stay(900, 980, ANSWERED),  # talks yet
        stay(940),
        out=("meal", "break", "meal"),
    )
    assert found.service_percent == pytest.approx(100 / 6, abs=0.06)  # RTQ-1: one of seven, less one short
    assert found.target_percent == 80
    assert (found.handling_s, found.talk_s) == (105, 80)  # RTQ-2
    assert found.offered == 7  # RTQ-3
    assert found.wait_s == pytest.approx((10 + 30 + 3 + 60 + 100 + 80) / 6, abs=0.06)  # RTQ-4
    assert (found.longest_wait_s, found.waiting_s) == (100, 60)  # RTQ-5
    assert (found.completed, found.abandoned, found.overflowed, found.in_progress) == (2, 2, 1, 2)  # RTQ-6 to 8
    assert found.out == {"meal": 2, "break": 1}  # RTQ-10


def test_a_stay_is_judged_by_what_the_queue_aimed_at_then() -> None:
    """RTQ-1: as the event said (decision 26), and not as it is configured today."""
    late = stay(0, 50, ANSWERED, 60, target_s=60.0)
    assert (report(late).service_percent, report(stay(0, 50, ANSWERED, 60)).service_percent) == (100.0, 0.0)
    given_up = stay(0, 8, ABANDONED, short_s=10.0)
    assert (report(given_up).service_percent, report(stay(0, 8, ABANDONED)).service_percent) == (None, 0.0)


def test_what_comes_later_has_not_happened_yet() -> None:
    """RTQ-5, RTQ-11: the same stay while it waits, talks, and is over."""
    one = stay(0, 10, ANSWERED, 20)
    found = [report(one, now=now) for now in (5, 15, 25)]
    assert [(each.waiting_s, each.longest_wait_s) for each in found] == [(5, 5), (None, 10), (None, 10)]
    assert [(each.in_progress, each.completed) for each in found] == [(1, 0), (1, 0), (0, 1)]


def test_an_offer_that_a_member_lets_ring_is_missed_each_time() -> None:
    """RTQ-9."""
    offers = (
        Offer(user="anna", at=at(1), until=at(11)),
        Offer(user="ben", at=at(1), until=at(9), answered=True),
        Offer(user="anna", at=at(12), until=at(20)),
        Offer(user="carl", at=at(12)),  # rings yet
    )
    assert report(stay(0, 30, ANSWERED, 60, offers=offers)).missed == 2
    assert report(stay(0, 30, ANSWERED, 60, offers=offers), now=15).missed == 1


def test_a_queue_without_calls_divides_by_nothing() -> None:
    found = report()
    assert (found.offered, found.service_percent, found.wait_s, found.longest_wait_s, found.handling_s) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert found.name == "Help desk"


def test_each_hour_apart() -> None:
    """HQR-1."""
    stays = [stay(0, 10, ANSWERED, 20), stay(7000, 7010, ABANDONED), stay(3700, 3710, ABANDONED)]
    hours = by_time(
        stays, [TARGET, Target(queue="idle")], BOSS, at(9000), lambda each: each.replace(minute=0, second=0)
    )
    assert [(since, found.queue, found.offered) for since, found in hours] == [
        (at(0), "help", 1),
        (at(3600), "help", 2),
    ]


def test_not_for_users() -> None:
    with pytest.raises(NotPermitted):
        queues([], [TARGET], Viewer("anna"), at(0))
