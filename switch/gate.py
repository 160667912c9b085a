"""What the core tells whoever lets messages in, and asks of it: who has signed in, who has failed to."""

from __future__ import annotations

from typing import Protocol

from switch.sip.flow import Address


class Gate(Protocol):
    """By where a request came from. `switch.net.guard.Guard` is one."""

    def challenged(self, remote: Address, method: str, now: float) -> None:
        """A request without a password was answered with a challenge."""

    def failed(self, remote: Address, user: str, now: float, *, exists: bool = True) -> None:
        """Somebody there has shown a wrong password for that name, or the name of nobody."""

    def malformed(self, remote: Address, now: float) -> None:
        """What came from there is no valid SIP."""

    def welcome(self, remote: Address, user: str, now: float) -> None:
        """Somebody there has signed in by that name."""

    def knows(self, host: str, now: float) -> bool:
        """Whether somebody there has signed in lately, or is a carrier."""

    def hides(self, host: str, now: float) -> bool:
        """Whether nobody there need know that we are here: only calls and registrations are answered."""

    def refuses(self, remote: Address, user: str) -> bool:
        """Whether requests from there by that name get no answer at all."""

    def hears(self, host: str, now: float) -> bool:
        """Whether an emergency call that is refused so is taken all the same (EMG-6), as there were not too many."""


class OpenGate:
    """Lets everybody in."""

    def challenged(self, remote: Address, method: str, now: float) -> None:
        """See Gate."""

    def failed(self, remote: Address, user: str, now: float, *, exists: bool = True) -> None:
        """See Gate."""

    def malformed(self, remote: Address, now: float) -> None:
        """See Gate."""

    def welcome(self, remote: Address, user: str, now: float) -> None:
        """See Gate."""

    def knows(self, host: str, now: float) -> bool:
        """See Gate."""
        return True

    def hides(self, host: str, now: float) -> bool:
        """See Gate."""
        return False

    def refuses(self, remote: Address, user: str) -> bool:
        """See Gate."""
        return False

    def hears(self, host: str, now: float) -> bool:
        """See Gate."""
        return True
