"""What the core tells whoever lets messages in, and asks of it: who has logged in, who has failed to."""

from __future__ import annotations

from typing import Protocol


class Gate(Protocol):
    """By source host. `switch.net.guard.Guard` is one."""

    def failed(self, host: str, now: float) -> None:
        """Somebody there has shown a wrong password, or the name of nobody."""

    def welcome(self, host: str, now: float) -> None:
        """Somebody there has logged in."""

    def knows(self, host: str, now: float) -> bool:
        """Whether somebody there has logged in lately, or is a carrier."""


class OpenGate:
    """Lets everybody in."""

    def failed(self, host: str, now: float) -> None:
        """See Gate."""

    def welcome(self, host: str, now: float) -> None:
        """See Gate."""

    def knows(self, host: str, now: float) -> bool:
        """See Gate."""
        return True
