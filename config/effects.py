"""When a change of each key takes effect: at once, for the calls that begin afterwards, or at the next start.

One line a key or section; what is not named is as its section. A test compares this with what a reload says of each
(`switch.configuration.needs_restart`), and the guide's tables show it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class Effect(enum.StrEnum):
    """From when on. `CALLS`: calls that are up keep what they began with."""

    LIVE = "at once"
    CALLS = "new calls"
    RESTART = "restart"


_LIVE = (
    "domains",
    "devices",
    "licences",
    "mail",
    "tests",
    "registrar",
    "listen.certificate",
    "listen.key",
    "listen.certificates",
    "listen.client_ca",
    "listen.client_required",
    "calls.limit_warning",
    "calls.announcements",
    "prompts",
    "recordings",
    "records.mask",
    "guard.allow",
    "guard.ban",
    "guard.hidden",
    *(
        f"{level}.{key}"
        for level in ("settings", "account", "sites", "groups", "users", "lines")
        for key in ("busy_lamp", "billable")
    ),
    *(f"trunks.{key}" for key in ("host", "port", "transport", "hosts", "outbound_proxy", "domain", "from")),
    *(f"trunks.{key}" for key in ("certificates", "ca", "certificate", "key", "username", "auth_username", "secret")),
    *(f"trunks.{key}" for key in ("realm", "register", "registrar", "expires", "ping")),
)
_RESTART = ("listen", "media", "guard", "metrics", "log", "records", "registrar.nonce_lifetime")

EFFECTS: Mapping[str, Effect] = MappingProxyType(
    dict.fromkeys(_LIVE, Effect.LIVE) | dict.fromkeys(_RESTART, Effect.RESTART)
)


def effect(path: str) -> Effect:
    """Of a key, as `section.key`; everything that is not named above decides about calls."""
    while path:
        found = EFFECTS.get(path)
        if found is not None:
            return found
        path = path.rpartition(".")[0]
    return Effect.CALLS
