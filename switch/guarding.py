"""What `ringplan guard` asks of a running exchange: who is shut out and why, and how that is undone."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

from switch.control import Handler, Refused
from switch.net.bans import Ban, place_of
from switch.net.guard import Guard
from switch.reception import printable
from switch.views import BanView, GuardExplainView, GuardView, UnbanView

MANY = 20
MOST = 1000
"""Bans that are shown."""


class Guarding:
    """The handlers, over the one guard of the exchange."""

    def __init__(self, guard: Guard, now: Callable[[], float]) -> None:
        self._guard = guard
        self._now = now

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {
            "guard": self.show,
            "guard_explain": self.explain,
            "guard_unban": self.unban,
            "guard_allow": self.allow,
        }

    def show(self, _: dict[str, Any]) -> GuardView:
        """Everything that stands, the latest first."""
        guard = self._guard
        return GuardView(
            bans=tuple(_views(guard.bans.standing.values())[:MOST]),
            standing=len(guard.bans.standing),
            allowed=tuple(guard.allowed),
            configured=guard.configured,
            dry_run=guard.bans.settings.dry_run,
            dropped=guard.dropped,
            refused=guard.refused,
            sources=guard.sources,
        )

    def explain(self, args: dict[str, Any]) -> GuardExplainView:
        """How one address stands, and why."""
        host = _address(args)
        guard, place, now = self._guard, place_of(host), self._now()
        bans = guard.bans.of(place)
        said: list[str] = []
        exempt = guard.exemption(host)
        if exempt:
            said.append(f"never banned: {exempt}")
        users = guard.users_at(place)
        if users:
            more = f" and {len(users) - MANY} more" if len(users) > MANY else ""
            said.append(
                f"signed in from there: {printable(', '.join(users[:MANY]))}{more}; failures are laid to single names "
                "and ports, and emergency calls pass in any case"
            )
        elif not exempt:
            said.append("nobody has signed in from there: failures are laid to the whole address")
        said += [f"against {key}: {words}" for key, words in guard.charges_at(place)]
        left = guard.left_of(host, now)
        if left is not None and left < 1.0:
            said.append("it has sent more than guard.rate and guard.burst allow: what is over is not read")
        blocked = any(not ban.dry for ban in bans)
        if not bans:
            said.append("no ban stands")
        return GuardExplainView(address=host, blocked=blocked, sentences=tuple(said), bans=tuple(_views(bans)))

    def unban(self, args: dict[str, Any]) -> UnbanView:
        """Lift what stands against an address, and forget what would lead to the next ban."""
        text = str(args.get("address", ""))
        if text not in self._guard.bans.standing:
            text = _address(args)
        lifted = self._guard.unban(text)
        if not lifted:
            raise Refused(f"nothing stands against {text} (ringplan guard shows what does)")
        return UnbanView(lifted=tuple(_views(lifted)))

    def allow(self, args: dict[str, Any]) -> GuardView:
        """Never ban an address or network; with `undo` ban it again if need be."""
        text = str(args.get("address", ""))
        try:
            if not args.get("undo"):
                self._guard.allow(text)
            elif not self._guard.disallow(text):
                raise Refused(f"{text} was not allowed by `ringplan guard allow`")
        except ValueError:
            raise Refused(f"{text} is no address and no network (such as 192.0.2.0/24)") from None
        return self.show({})


def _address(args: dict[str, Any]) -> str:
    text = str(args.get("address", "")).strip().strip("[]")
    try:
        return str(ipaddress.ip_address(text.partition("/")[0]))
    except ValueError:
        raise Refused(f"{text} is no address (such as 192.0.2.7)") from None


def _views(bans: Iterable[Ban]) -> list[BanView]:
    return [
        BanView(
            source=printable(ban.key),
            why=ban.why,
            since=_utc(ban.since),
            until=_utc(ban.until),
            times=ban.times,
            dropped=ban.dropped,
            dry_run=ban.dry,
        )
        for ban in sorted(bans, key=lambda each: each.since, reverse=True)
    ]


def _utc(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)
