"""What the exchange and a media worker say to each other over their local SOCK_SEQPACKET socket.

One packet holds a list of values, MessagePack. Downwards commands (arrays, integer tags), upwards the worker's own news
and the media events. Nothing is answered; every command may be repeated.

On a connection the worker says `Hello`, all its legs in one or more `Legs`, then `Synced`, then a `Leases`, and more of
them as leases are used. The first is empty if there are no ports left. Among the legs are the oldest leases that the
last connection left unopened: the command to open them may have died with that exchange.
"""

from __future__ import annotations

import msgspec

from media.engine import (
    Digit,
    DigitsSent,
    Lease,
    LegLost,
    Part,
    PlayEnded,
    RecordEnded,
    Remote,
    Silent,
    Spool,
    Stats,
    Tune,
)

VERSION = 4
# The kernel's limit for one packet is the send buffer, some 200 KB; the longest value is a play command.
VALUES_A_PACKET = 128
MAX_PACKET_BYTES = 512 * 1024
MAX_SOURCE_CHARS = 20_000


class Open(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """See `MediaEngine.open`."""

    leg: int
    silence_s: float


class Update(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """See `MediaEngine.update`."""

    leg: int
    remote: Remote
    again: bool = False


class Bridge(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """See `MediaEngine.bridge`; both legs are the worker's."""

    first: int
    second: int


class Play(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """See `MediaEngine.play`."""

    leg: int
    tune: Tune
    again: bool = False


class Stop(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """See `MediaEngine.stop`."""

    leg: int
    over: bool = False


class Close(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """See `MediaEngine.close`."""

    leg: int


class Mix(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    """See `MediaEngine.mix`; all members of a room are one worker's."""

    leg: int
    room: str
    part: Part


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    """See `MediaEngine.record`."""

    leg: int
    spool: Spool


class Pause(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=9):
    """See `MediaEngine.pause`."""

    leg: int
    path: str


class EndRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """See `MediaEngine.end_record`."""

    leg: int
    path: str


class SendDigits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=11):
    """See `MediaEngine.send_digits`."""

    leg: int
    digits: str


class Reopen(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=12):
    """A leg of the worker that was here before and died: `Open` at the same ports, whoever has been granted them."""

    lease: Lease
    silence_s: float


Command = Open | Update | Bridge | Play | Stop | Close | Mix | Record | Pause | EndRecord | SendDigits | Reopen


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first value on a connection. `address` is where the worker's ports are bound."""

    version: int
    index: int
    pid: int
    address: str


class Legs(msgspec.Struct, frozen=True, tag="legs"):
    """Legs that the worker has, and unopened leases of the last connection."""

    leases: tuple[Lease, ...]


class Synced(msgspec.Struct, frozen=True, tag="synced"):
    """All legs have been listed."""


class Leases(msgspec.Struct, frozen=True, tag="leases"):
    """Fresh port pairs of one family for the exchange to use. `kept` is how many of those that it holds are to be for
    emergency calls alone."""

    leases: tuple[Lease, ...]
    kept: int = 0


News = Hello | Legs | Synced | Leases | LegLost | Silent | PlayEnded | Digit | Stats | RecordEnded | DigitsSent

encode = msgspec.msgpack.Encoder().encode
decode_commands = msgspec.msgpack.Decoder(list[Command]).decode
decode_news = msgspec.msgpack.Decoder(list[News]).decode
