"""The seam between the telephone exchange and the sound: one protocol, several engines.

The exchange leases port pairs, writes SDP itself and sends one-way commands; it never waits for an engine. What an
engine has to say comes back as events. Every command is idempotent and names its leg by an id that is never used twice,
so a command that is repeated after a crash does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class Lease(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A port pair that is bound already on `address` and waits for `open`. RTP on `port`, RTCP on `port + 1`.

    `leg` is the media leg's id from now on: unique over all workers and all restarts.
    """

    leg: int
    worker: int
    address: str
    port: int


class Remote(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Where the far end says it receives, and what it may send.

    `address`/`port` and `rtcp_port` come from its SDP; port 0 means that nothing is sent to it. `signalling` is the
    source address of its SIP messages: behind NAT, sound may be learned from there as well. `payloads` is what the far
    end may send (payload type numbers); others are dropped. `send` and `receive` are seen from the far end's media
    direction: `send` False means that we expect nothing from it (recvonly, inactive), `receive` False that nothing is
    sent to it. Silence is a loss only where both are True: one that holds the call mostly sends nothing. `codec`
    (`PCMU/8000`) and `payload` are what a player sends.
    """

    address: str
    port: int
    rtcp_port: int
    signalling: str
    payloads: tuple[int, ...]
    send: bool = True
    receive: bool = True
    telephone_event: int | None = None
    codec: str = "PCMU/8000"
    payload: int = 0


class LegLost(msgspec.Struct, frozen=True, tag="lost"):
    """The worker no longer has the leg (it died, or never opened it)."""

    leg: int


class Silent(msgspec.Struct, frozen=True, tag="silent"):
    """Neither RTP nor RTCP came from a leg that ought to send, for the configured time."""

    leg: int
    silent_s: float


class PlayEnded(msgspec.Struct, frozen=True, tag="play_ended"):
    """A player came to its end."""

    leg: int


class Digit(msgspec.Struct, frozen=True, tag="digit"):
    """A telephone-event (RFC 4733) ended. `duration_ms` as sent."""

    leg: int
    digit: str
    duration_ms: int


class Stats(msgspec.Struct, frozen=True, tag="stats"):
    """Counters of a leg, sent when it closes: RTP packets and octets that came in and went out, and what not."""

    leg: int
    packets_in: int
    packets_out: int
    octets_in: int
    octets_out: int
    dropped: int


MediaEvent = LegLost | Silent | PlayEnded | Digit | Stats

KEPT_BACK = 4


def kept_back(pairs: int) -> int:
    """How many of so many port pairs of one family no ordinary call gets (EMG-6): at most half of a short range, and
    whole calls, as a range of three pairs is better used for one than for none."""
    return min(KEPT_BACK, pairs // 4 * 2)


class MediaEngine(Protocol):
    """What the exchange asks of the sound. One-way: nothing here blocks or answers, but for `lease`."""

    on_event: Callable[[MediaEvent], None]

    def lease(self, near: int | None = None, v6: bool = False, urgent: bool = False) -> Lease | None:
        """A port pair out of the block that the exchange holds, of IPv4 or IPv6; None when there is none left.

        `near`: a leg that this one is likely to be bridged with, so that both come to lie in one worker. `urgent`: for
        an emergency call (EMG-6); it gets one of those, too, that `kept_back` holds from all others.
        """

    def open(self, lease: Lease, silence_s: float) -> None:
        """Start the leg. `Silent` comes after `silence_s` without sound from a far end that ought to send; 0: never."""

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        """A new offer or answer of the far end: takes effect at once and re-opens address learning.

        `again`: it may have been told before, by an exchange that died; then nothing changes.
        """

    def bridge(self, first: int, second: int) -> None:
        """Relay RTP and RTCP between the two, as bytes. Ends any bridge, player or echo that either was in, but for
        the same bridge, which goes on undisturbed."""

    def play(self, leg: int, source: str, again: bool = False) -> None:
        """Play `tone:HZ` (for ever) or `file:PATH` (once, then `PlayEnded`) or `echo` to the leg, in its own codec.

        `again`: it may have been told before; what plays then plays on, and what has ended is not played once more.
        """

    def stop(self, leg: int) -> None:
        """End the bridge or player of the leg; it stays open and silent."""

    def close(self, leg: int) -> None:
        """Close the leg; its ports rest before they are leased again. Closing twice is harmless."""

    def adopt(self, legs: dict[int, Lease]) -> None:
        """After a restart of the exchange: these legs are ours. Others are closed, missing ones reported `LegLost`."""
