"""How callers fared in queues (RTQ-1 to 11, HQR-1): out of their stays, for a past time or as of this moment.

A stay begins when a caller enters a queue and leaves it in one of three ways: a member answered, the caller gave up
(abandoned), or a rule of the queue sent the call elsewhere (overflowed). So at every instant

    offered = completed + abandoned + overflowed + in progress        (RTQ-11)

where a call in progress waits, or is answered and not over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from records.cdr import Instant
from records.reports.parts import percent
from records.viewer import Viewer, may_see_reports

ANSWERED, ABANDONED, OVERFLOWED = "answered", "abandoned", "overflowed"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A member's telephone rang, from `at` to `until` (None: still), and was `answered` or not."""

    user: str
    at: Instant
    until: Instant | None = None
    answered: bool = False


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """One caller in one queue. `how` the queue was left at `left_at`: answered, abandoned or overflowed; both are empty
    while the caller waits. Of a call that was answered, `over_at` is its end, and its seconds are those of the member:
    talking, holding the caller, and wrapping up afterwards. `target_s` and `short_s` are what the queue aimed at then,
    as in `Target`; 0: that was not said."""

    call: str
    queue: str
    entered_at: Instant
    left_at: Instant | None = None
    how: str = ""
    over_at: Instant | None = None
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_s: float = 0.0
    offers: tuple[Offer, ...] = ()
    target_s: float = 0.0
    short_s: float = 0.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue aims at: so many percent answered within `answer_s` seconds. Who gives up within `short_s` does not
    count. The two times are of stays that do not say it."""

    queue: str
    name: str = ""
    percent: float = 80.0
    answer_s: float = 20.0
    short_s: float = 5.0


class QueueReport(msgspec.Struct, frozen=True, kw_only=True):
    """One queue's; None where there is nothing to divide by. RTQ-1 `service_percent` (against `target_percent`), 2
    `handling_s` and `talk_s` (means), 3 `offered`, 4 `wait_s` (mean), 5 `longest_wait_s` and `waiting_s` (the longest
    now), 6 `completed`, 7 `abandoned`, 8 `overflowed`, 9 `missed` (offers to members who did not answer), 10 `out`
    (members who are out now, by reason), 11 `in_progress`."""

    queue: str
    name: str
    service_percent: float | None
    target_percent: float
    handling_s: float | None
    talk_s: float | None
    offered: int
    wait_s: float | None
    longest_wait_s: float | None
    waiting_s: float | None
    completed: int
    abandoned: int
    overflowed: int
    missed: int
    out: dict[str, int]
    in_progress: int


COLUMNS = QueueReport.__struct_fields__


def queues(
    stays: Iterable[Stay],
    targets: Iterable[Target],
    viewer: Viewer,
    now: Instant,
    out: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[QueueReport]:
    """One report for each queue that there is or was, as of `now`: what comes later has not happened yet. `out` has the
    reasons of the members who are out, by queue. Raises NotPermitted."""
    may_see_reports(viewer)
    found: dict[str, list[Stay]] = {}
    for stay in stays:
        if stay.entered_at <= now:
            found.setdefault(stay.queue, []).append(stay)
    known = {each.queue: each for each in targets}
    return [
        _report(known.get(queue) or Target(queue=queue), found.get(queue, ()), now, out.get(queue, ()))
        for queue in sorted({*known, *found})
    ]


def by_time(
    stays: Iterable[Stay],
    targets: Sequence[Target],
    viewer: Viewer,
    now: Instant,
    begin: Callable[[Instant], Instant],
) -> list[tuple[Instant, QueueReport]]:
    """The same for each hour, day or the like in which callers came (HQR-1): `begin` is told an instant and says when
    its piece of time begins. Queues without a call in a piece are left out of it."""
    found: dict[Instant, list[Stay]] = {}
    for stay in stays:
        found.setdefault(begin(stay.entered_at), []).append(stay)
    return [
        (since, report)
        for since in sorted(found)
        for report in queues(found[since], targets, viewer, now)
        if report.offered
    ]


def _report(target: Target, stays: Sequence[Stay], now: Instant, out: Sequence[str]) -> QueueReport:
    left = [each for each in stays if each.left_at is not None and each.left_at <= now]
    waits = [_wait_s(each, now) for each in left]
    waiting = [_wait_s(each, now) for each in stays if each.left_at is None or each.left_at > now]
    answered = [each for each in left if each.how == ANSWERED]
    over = [each for each in answered if each.over_at is not None and each.over_at <= now]
    abandoned = [each for each in left if each.how == ABANDONED]
    overflowed = sum(each.how == OVERFLOWED for each in left)
    short = sum(_wait_s(each, now) <= (each.short_s or target.short_s) for each in abandoned)
    in_time = sum(_wait_s(each, now) <= (each.target_s or target.answer_s) for each in answered)
    return QueueReport(
        queue=target.queue,
        name=target.name,
        service_percent=percent(in_time, len(stays) - short),
        target_percent=target.percent,
        handling_s=_mean([each.talk_s + each.hold_s + each.wrap_s for each in over]),
        talk_s=_mean([each.talk_s for each in over]),
        offered=len(stays),
        wait_s=_mean(waits),
        longest_wait_s=max([*waits, *waiting], default=None),
        waiting_s=max(waiting, default=None),
        completed=len(over),
        abandoned=len(abandoned),
        overflowed=overflowed,
        missed=sum(_is_missed(offer, now) for each in stays for offer in each.offers),
        out=dict(Counter(out)),
        in_progress=len(waiting) + len(answered) - len(over),
    )


def _is_missed(offer: Offer, now: Instant) -> bool:
    return not offer.answered and offer.until is not None and offer.until <= now


def _wait_s(stay: Stay, now: Instant) -> float:
    until = stay.left_at if stay.left_at is not None and stay.left_at <= now else now
    return (until - stay.entered_at).total_seconds()


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None
