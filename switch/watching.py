"""Who watches what: the answer to `ringplan subscriptions`."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from switch.control import Handler
from switch.presence.subscriptions import Held, Subscriptions
from switch.reception import printable
from switch.sip.uri import hostport
from switch.views import SubscriptionsView, SubscriptionView


class Watching:
    """The handler behind the control socket."""

    def __init__(
        self, subscriptions: Subscriptions, now: Callable[[], float], at: Callable[[], datetime.datetime]
    ) -> None:
        self._subscriptions = subscriptions
        self._now = now
        self._at = at

    def handlers(self) -> dict[str, Handler]:
        """By the name that the command asks for."""
        return {"subscriptions": self.subscriptions}

    def subscriptions(self, _: dict[str, Any]) -> SubscriptionsView:
        """Every subscription, by telephone and by what it is to."""
        now, at = self._now(), self._at()
        found = sorted(self._subscriptions.all(), key=lambda held: (held.watcher.device, held.resource))
        return SubscriptionsView(subscriptions=tuple(_view(held, now, at) for held in found))


def _view(held: Held, now: float, at: datetime.datetime) -> SubscriptionView:
    sub = held.sub
    return SubscriptionView(
        device=held.watcher.device,
        line=held.watcher.line,
        package=sub.package,
        resource=held.resource,
        address=f"{sub.flow.transport} {hostport(*sub.flow.remote)}",
        expires_at=at + datetime.timedelta(seconds=sub.deadline - now),
        notified=sub.sent,
        waits=sub.waits,
        user_agent=printable(held.user_agent),
    )
