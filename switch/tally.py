"""The exchange's own fold over its events: figures for Prometheus, which SIP Call-IDs belong to a call, and which
telephones come and go."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence

from dialplan.termination import Reason
from records import events as e
from switch.metrics import Counters
from switch.notices import Notices
from switch.operations import Recent
from switch.reception import Roll


class Tally:
    """Fed each input's events when they have been journalled; costs a dictionary look-up an event."""

    def __init__(
        self,
        counters: Counters,
        recent: Recent,
        roll: Roll,
        keep: Callable[[e.Bound | e.Unbound], None],
        notices: Notices,
        keep_subscription: Callable[[e.Subscribed | e.Unsubscribed], None] = lambda event: None,
    ) -> None:
        self._counters = counters
        self._recent = recent
        self._roll = roll
        self._keep = keep
        self._notices = notices
        self._answered: dict[str, datetime.datetime] = {}
        self._by_type: dict[type, Callable[..., None]] = {
            e.CallStarted: self._started,
            e.LegStarted: self._leg,
            e.LegAnswered: self._leg_answered,
            e.CallEnded: self._ended,
            e.CallReplanned: self._replanned,
            e.CallForwarded: self._forwarded,
            e.LineSet: self._notices.set_for_line,
            e.HelpTold: self._help_told,
            e.QuotaReached: self._notices.quota_reached,
            e.QuotaReset: self._notices.quota_reset,
            e.RecordingEnded: self._notices.recording_ended,
            e.RecordingRendered: self._notices.recording_made,
            e.MessageLeft: self._message_left,
            e.MailboxSet: self._notices.set_for_mailbox,
            e.Bound: self._registered,
            e.Unbound: self._registered,
            e.Subscribed: keep_subscription,
            e.Unsubscribed: keep_subscription,
        }

    def add(self, events: Sequence[e.AnyEvent]) -> None:
        """Count one input's events."""
        by_type = self._by_type
        for event in events:
            handler = by_type.get(event.__class__)
            if handler is not None:
                handler(event)
        self._roll.settle()

    def recall(self, events: Iterable[e.CallEvent]) -> None:
        """A call that a former process began: its legs are known again, and since when it is answered."""
        for event in events:
            if isinstance(event, e.CallStarted):
                self._recent.started(event)
            elif isinstance(event, e.LegStarted):
                self._leg(event)
            elif isinstance(event, e.LegAnswered) and event.leg == 0:
                self._answered[event.call] = event.at

    def _registered(self, event: e.Bound | e.Unbound) -> None:
        self._keep(event)
        self._roll.note(event)

    def _started(self, event: e.CallStarted) -> None:
        self._counters.calls_started += 1
        self._counters.emergency_calls += event.emergency
        self._recent.started(event)
        if event.emergency:
            self._notices.emergency(event)

    def _replanned(self, event: e.CallReplanned) -> None:
        if event.help is not None:
            self._counters.emergency_calls += 1
            self._notices.sent_for_help(event.call, event.help)

    def _help_told(self, event: e.HelpTold) -> None:
        self._counters.emergency_told[event.to.partition(":")[0], event.outcome] += 1
        self._notices.help_told(event)

    def _message_left(self, event: e.MessageLeft) -> None:
        self._counters.messages_left += not event.open

    def _leg(self, event: e.LegStarted) -> None:
        self._recent.leg(event)

    def _leg_answered(self, event: e.LegAnswered) -> None:
        if event.leg == 0:
            self._counters.calls_answered += 1
            self._answered[event.call] = event.at

    def _ended(self, event: e.CallEnded) -> None:
        self._recent.ended(event)
        self._counters.calls_ended[event.result, event.reason] += 1
        answered = self._answered.pop(event.call, None)
        talk_s = (event.at - answered).total_seconds() if answered is not None else 0.0
        self._counters.talk_seconds += talk_s
        self._notices.call_ended(event, talk_s)
        self._counters.forward_loops += event.reason == Reason.LOOP

    def _forwarded(self, event: e.CallForwarded) -> None:
        self._counters.forwards += 1
        if event.loop:
            self._counters.forward_loops += 1
            self._notices.looped(event)
