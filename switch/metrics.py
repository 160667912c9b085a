"""Figures for Prometheus. Counting is adding to a plain integer; everything else happens when somebody scrapes
(`switch/watch_server.py`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class Reading(NamedTuple):
    """A figure that somebody else keeps: what it says, how to read it now, and whether it only ever grows."""

    says: str
    read: Callable[[], float]
    grows: bool = False


class Labelled(NamedTuple):
    """A figure that there are several of: each with the values of `labels`."""

    says: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    grows: bool = False


Readings = Mapping[str, Reading | Labelled]
"""By name, without the `ringplan_` in front."""


class Counters:
    """What the exchange counts as it goes. One object, made at the composition root, handed to who counts; what others
    count or hold already is read from them (`switch/figures.py`)."""

    __slots__ = (
        "account_codes_refused",
        "calls_answered",
        "calls_ended",
        "calls_started",
        "costs_misread",
        "emergency_calls",
        "emergency_told",
        "forward_loops",
        "forwards",
        "logins_failed",
        "mailbox_lockouts",
        "messages_in",
        "messages_left",
        "messages_out",
        "quota_alarms",
        "recordings",
        "registrations",
        "registrations_refused",
        "reloads",
        "reloads_refused",
        "slow_callbacks",
        "talk_seconds",
    )

    def __init__(self) -> None:
        self.messages_in = 0
        self.messages_out = 0
        self.calls_started = 0
        self.calls_answered = 0
        self.calls_ended: Counter[tuple[str, str]] = Counter()
        """By (result, reason) of dialplan.termination."""
        self.talk_seconds = 0.0
        self.emergency_calls = 0
        self.emergency_told: Counter[tuple[str, str]] = Counter()
        """By (line or mail, outcome)."""
        self.forwards = 0
        self.forward_loops = 0
        self.registrations = 0
        self.registrations_refused = 0
        self.logins_failed = 0
        self.reloads = 0
        self.reloads_refused = 0
        self.slow_callbacks = 0
        self.account_codes_refused = 0
        self.costs_misread = 0
        self.mailbox_lockouts = 0
        self.messages_left = 0
        self.quota_alarms = 0
        self.recordings: Counter[tuple[str]] = Counter()
        """By outcome: made, not_made, and why they ended before the call or did not begin."""


HELP = {
    "messages_in": "SIP messages received",
    "messages_out": "SIP messages sent",
    "calls_started": "Calls accepted for routing",
    "calls_answered": "Calls answered",
    "calls_ended": "Calls ended, by result and reason",
    "talk_seconds": "Seconds of talk in calls that have ended",
    "emergency_calls": "Emergency calls",
    "emergency_told": "People told of emergency calls, by line or mail, and what came of it",
    "forwards": "Forwards of calls",
    "forward_loops": "Calls whose forwards led in a circle or too far",
    "registrations": "REGISTER requests answered 200",
    "registrations_refused": "REGISTER requests refused: a wrong password, or an error; first challenges aside",
    "logins_failed": "Requests of any kind with a wrong password, or the name of nobody",
    "reloads": "Configurations taken",
    "reloads_refused": "Configurations refused",
    "quota_alarms": "Times that a quota of calls outside was used to 80 or 100 per cent",
    "recordings": "Recordings whose file was made or could not be, and that ended before the call or did not begin",
    "messages_left": "Messages left or forwarded to mailboxes",
    "mailbox_lockouts": "Mailboxes locked after wrong PINs",
    "account_codes_refused": "Calls refused for a wrong account code or password",
    "costs_misread": "Costs told by carriers that could not be read",
    "slow_callbacks": "Turns of the event loop that took more than 50 ms",
}


_LABELS = {"calls_ended": ["result", "reason"], "emergency_told": ["way", "outcome"], "recordings": ["outcome"]}


class Collector:
    """Reads everything at scrape time, in the shape of prometheus_client."""

    def __init__(self, counters: Counters, readings: Readings) -> None:
        self._counters = counters
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        """Every figure as it is now."""
        for name, says in HELP.items():
            value = getattr(self._counters, name)
            if isinstance(value, Counter):
                labelled = CounterMetricFamily(f"ringplan_{name}", says, labels=_LABELS[name])
                for labels, count in value.items():
                    labelled.add_metric(list(labels), count)
                yield labelled
            else:
                yield CounterMetricFamily(f"ringplan_{name}", says, value=value)
        for name, reading in self._readings.items():
            if isinstance(reading, Labelled):
                several = CounterMetricFamily if reading.grows else GaugeMetricFamily
                each = several(f"ringplan_{name}", reading.says, labels=reading.labels)
                for values, figure in reading.read():
                    each.add_metric(list(values), figure)
                yield each
                continue
            family = CounterMetricFamily if reading.grows else GaugeMetricFamily
            yield family(f"ringplan_{name}", reading.says, value=reading.read())
