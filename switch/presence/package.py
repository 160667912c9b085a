"""What an event package is to the subscriptions: it finds what somebody asks for, and writes how that is now.

A **resource** is a name such as `line:anna`, `slot:main/701` or `mailbox:anna`. Whoever keeps its state says
`Subscriptions.changed(resource)` when there is something to tell.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Watcher(msgspec.Struct, frozen=True):
    """Who has subscribed: a telephone, all of whose `lines` count, and the `line` that it speaks for. `user` is its
    authentication name, known while it asks."""

    device: str
    line: str
    lines: tuple[str, ...]
    user: str = ""

    def is_called(self, name: str) -> bool:
        """Whether that is the telephone's own name, which stands for its line (`switch/identity.py`)."""
        return name in (self.device, self.user)


class Refusal(msgspec.Struct, frozen=True):
    """Answer this status."""

    status: int
    reason: str = ""


class Package(Protocol):
    """One event package."""

    name: str
    """As it stands in Event."""
    content_type: str
    of_calls: bool
    """Whether it shows calls, which are followed only while somebody watches."""

    def find(self, user: str, watcher: Watcher) -> str | Refusal:
        """The resource that an address of ours names by its `user` part, if the watcher may see it."""

    def may(self, resource: str, watcher: Watcher) -> bool:
        """Whether that still holds, after the configuration has changed."""

    def write(self, resource: str, watcher: Watcher, entity: str, version: int) -> bytes:
        """How the resource is now, as the watcher may see it. `entity` is the address that was subscribed to."""
