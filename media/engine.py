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


class Keys(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """SRTP of one leg (RFC 3711, RFC 4568): `suite` as in a=crypto, and master key and salt of what we send and of what
    we receive. Told to the worker, and kept nowhere else: not in the journal, and never shown."""

    suite: str
    send: bytes
    receive: bytes

    def __repr__(self) -> str:
        return f"Keys(suite={self.suite!r})"


AS_BEFORE = Keys("", b"", b"")
"""Those that the worker has, or none where it was told of none: an exchange before us knew that, and we do not. A
worker that was told nothing sends nothing to that far end, and takes nothing: what may be meant to be secret is not
said in the clear."""


class Tune(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a leg is to hear: the `sources` one after the other, with `loop` again and again. `over`: on top of what it
    hears otherwise, which comes back afterwards; else in its place, for good. `id` comes back in `PlayEnded`.

    A source is one of

        tone:HZ            for ever             tone:HZ+HZ:MS      two frequencies, for so long (one will do)
        silence:MS                              file:PATH          once, a WAV or whatever PyAV reads, at any rate
        echo               (alone) the leg's own sound
    """

    sources: tuple[str, ...]
    loop: bool = False
    over: bool = False
    id: int = 0


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a leg takes part in a room. Without `speaks` it is muted, without `hears` it hears none of the others. `to`:
    what it says reaches that leg alone (a whisper), and it hears everybody; -1: all."""

    speaks: bool = True
    hears: bool = True
    to: int = -1


class Spool(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A recording of what comes from one leg: its packets as received, appended to the file at `path` (whose folder is
    made if need be), so that it outlives the death of any process. `media.render` makes WAV files of spools.

    It ends by itself after `most_s` seconds, or when nothing was said for `silence_s`; 0: never. What is received while
    it is paused is not kept, and is silence in the WAV.
    """

    path: str
    most_s: float = 0.0
    silence_s: float = 0.0


class Remote(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Where the far end says it receives, and what it may send.

    `address`/`port` and `rtcp_port` come from its SDP; port 0 means that nothing is sent to it. `signalling` is the
    source address of its SIP messages: behind NAT, sound may be learned from there as well. `payloads` is what the far
    end may send (payload type numbers); others are dropped. `send` and `receive` are seen from the far end's media
    direction: `send` False means that we expect nothing from it (recvonly, inactive), `receive` False that nothing is
    sent to it. Silence is a loss only where both are True: one that holds the call mostly sends nothing. `codec`
    (`PCMU/8000`) and `payload` are what we send when we make the sound ourselves (players, rooms, transcoding).

    `codecs` says what each number of `payloads` stands for, as in a=rtpmap (`opus/48000/2`), telephone-events left out.
    Between two legs, packets of a number that means the same to both are relayed as bytes; others are transcoded where
    we know both codecs, else dropped. Empty: nobody has said, and all is relayed. `keys` make it SRTP.

    These are numbers by which the far end receives. `sends` has those by which it may send besides, because we told it
    so (RFC 3264 section 5.1): telephone-events included, and what `codecs` says of the same number does not hold for
    what comes.

    `ours`: it is a leg of another worker's, which has looked at every packet already.
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
    codecs: tuple[tuple[int, str], ...] = ()
    keys: Keys | None = None
    sends: tuple[tuple[int, str], ...] = ()
    ours: bool = False


def known_already(told: Remote | None, remote: Remote) -> bool:
    """Whether it is what was `told` before, with keys that may be meant by `AS_BEFORE`."""
    if told is not None and remote.keys == AS_BEFORE:
        remote = msgspec.structs.replace(remote, keys=told.keys)
    return told == remote


class LegLost(msgspec.Struct, frozen=True, tag="lost"):
    """The worker no longer has the leg (it died, or never opened it)."""

    leg: int


class Silent(msgspec.Struct, frozen=True, tag="silent"):
    """Neither RTP nor RTCP came from a leg that ought to send, for the configured time."""

    leg: int
    silent_s: float


class PlayEnded(msgspec.Struct, frozen=True, tag="play_ended"):
    """The tune `id` came to its end. Not told of one that was stopped or replaced. `failed` are those of its sources
    that could not be played."""

    leg: int
    id: int = 0
    failed: tuple[str, ...] = ()


class RecordEnded(msgspec.Struct, frozen=True, tag="record_ended"):
    """The recording at `path` has ended: `why` is stopped, limit, silence, closed (the leg was) or failed (the disk is
    full, or refuses; `detail` says more). `packets` and `octets` stand in the file; `heard_s` is how long something was
    said (looked at only with a `silence_s`), `lasted_s` how long it was on, pauses left out."""

    leg: int
    path: str
    why: str
    packets: int
    octets: int
    lasted_s: float = 0.0
    heard_s: float = 0.0
    detail: str = ""


class DigitsSent(msgspec.Struct, frozen=True, tag="digits_sent"):
    """All digits of the last `send_digits` have gone out."""

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


MediaEvent = LegLost | Silent | PlayEnded | Digit | Stats | RecordEnded | DigitsSent

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
        """Let the two hear each other: RTP and RTCP as bytes where their codecs agree, else transcoded. Ends any
        bridge, room, tune (but one that plays over) or echo that either was in, but for the same bridge, which goes on
        undisturbed."""

    def mix(self, leg: int, room: str, part: Part = Part()) -> None:
        """Let the leg into a room, or change its part there. A room is there while it has members; in it everybody
        hears all others but himself. Ends the bridge, tune or other room that the leg was in."""

    def play(self, leg: int, tune: Tune, again: bool = False) -> None:
        """Play to the leg, in its own codec. In place of what it hears, which also parts it from its bridge or room;
        or over that. A new tune takes the place of the one before.

        `again`: it may have been told before; what plays then plays on, and what has ended is not played once more.
        Raises ValueError for sources that are too long together.
        """

    def stop(self, leg: int, over: bool = False) -> None:
        """End the bridge, room or tune of the leg; it stays open and silent. `over`: end only what plays over."""

    def record(self, leg: int, spool: Spool) -> None:
        """Keep what comes from the leg, whatever it is bridged with; or go on after a pause. A leg may be recorded to
        several files."""

    def pause(self, leg: int, path: str) -> None:
        """Keep nothing until `record` is told again."""

    def end_record(self, leg: int, path: str) -> None:
        """End the recording; `RecordEnded` follows. Harmless for one that has ended."""

    def send_digits(self, leg: int, digits: str) -> None:
        """Send digits (0-9, *, #, A-D) as telephone-events (RFC 4733) of 100 ms with pauses of 100 ms; as tones in the
        sound where the far end takes no events."""

    def close(self, leg: int) -> None:
        """Close the leg; its ports rest before they are leased again. Closing twice is harmless."""

    def adopt(self, legs: dict[int, Lease]) -> None:
        """After a restart of the exchange: these legs are ours. Others are closed, missing ones reported `LegLost`."""
