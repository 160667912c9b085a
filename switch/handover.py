"""One exchange hands over to the next one (decision 27): what they say to each other over `handover.sock`.

The next one connects when it is prepared, and says `Hello`. The other refuses, or stops reading, writes all down, and
gives the `Will`, the connections with their descriptors, and its place. A packet begins with a letter:

    >  H Hello          <  R why not         <  W, and a descriptor: the Will, in memory, as it may be long
                        <  S, and the descriptors of its streams, plain TCP connections, in as many packets as it takes
                        <  . that was all; the end of the connection says so, too

Both run on one machine, as one user. Nobody else may connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from records.segments import Frame
from switch.auth import KeptNonces
from switch.calls.letter import Letter
from switch.net.handing import Stream

PATIENCE_S = 10.0
"""How long either end waits for the other at one step."""
BATCH = 100
"""Descriptors in one packet; the kernel takes 253."""
_PACKET = 4096
_CREDENTIALS = struct.Struct("3i")


class Refused(Exception):  # noqa: N818  (it is an answer)
    """The exchange that runs does not hand over."""


class Hello(msgspec.Struct, frozen=True):
    """Who wants to take over: its version and process, and which version of the media workers' protocol it speaks."""

    version: str
    process: int
    wire: int


class Will(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is left behind besides journal, state file and media workers. `stopped_s`: when reading stopped, by the
    machine's monotonic clock."""

    version: str
    process: int
    stopped_s: float
    letter: Letter = Letter()
    nonces: KeptNonces | None = None
    streams: tuple[Stream, ...] = ()


class Taken(msgspec.Struct):
    """What was given, with the connections as sockets; and what of the journal was read before."""

    will: Will
    streams: list[tuple[Stream, socket.socket]]
    frames: list[Frame] = []


class Door:
    """Where the next exchange knocks. `asked(hello, socket)` is called for each that may, and owns the socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, asked: Callable[[Hello, socket.socket], None]) -> None:
        self._loop = loop
        self._asked = asked
        self._listening: socket.socket | None = None

    def open(self, path: Path) -> None:
        """Listen at `path`, in place of whoever did. Raises OSError."""
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.setblocking(False)
        before = os.umask(0o177)
        try:
            listening.bind(str(new))
        finally:
            os.umask(before)
        listening.listen(4)
        new.rename(path)
        self._listening = listening
        self._loop.add_reader(listening.fileno(), self._ready)

    def close(self) -> None:
        """Answer nobody any more."""
        if self._listening is not None:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None

    def _ready(self) -> None:
        assert self._listening is not None
        with contextlib.suppress(OSError):
            knocking, _ = self._listening.accept()
            _, user, _ = _CREDENTIALS.unpack(
                knocking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            )
            if user not in (os.geteuid(), 0):
                knocking.close()
                return
            knocking.setblocking(False)
            self._loop.add_reader(knocking.fileno(), self._heard, knocking)

    def _heard(self, knocking: socket.socket) -> None:
        self._loop.remove_reader(knocking.fileno())
        try:
            packet = knocking.recv(_PACKET)
            hello = msgspec.msgpack.decode(packet[1:], type=Hello)
        except (OSError, msgspec.MsgspecError):
            knocking.close()
        else:
            knocking.settimeout(PATIENCE_S)
            self._asked(hello, knocking)


def refuse(to: socket.socket, why: str) -> None:
    """Say no."""
    with contextlib.suppress(OSError), to:
        to.send(b"R" + why.encode())


def give(to: socket.socket, will: Will, sockets: Sequence[socket.socket]) -> None:
    """Give all away; `sockets` are those of the will's streams. Raises OSError when the other one is gone."""
    with to:
        kept = os.memfd_create("will", os.MFD_CLOEXEC)
        try:
            with open(kept, "wb", closefd=False) as file:
                file.write(msgspec.msgpack.encode(will))
            socket.send_fds(to, [b"W"], [kept])
        finally:
            os.close(kept)
        for start in range(0, len(sockets), BATCH):
            socket.send_fds(to, [b"S"], [sock.fileno() for sock in sockets[start : start + BATCH]])
        to.send(b".")


def take(path: Path, hello: Hello) -> Taken | None:
    """Ask the exchange at `path` for its place; blocks until it has given it. None where none is there, or one that
    died meanwhile: the journal has what it has. Raises Refused."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with door:
        try:
            door.connect(str(path))
        except OSError:
            return None
        door.settimeout(None)  # the supervisor looks after both
        try:
            door.send(b"H" + msgspec.msgpack.encode(hello))
            return _taken(door)
        except ConnectionError:
            return None


def _taken(door: socket.socket) -> Taken | None:
    will: Will | None = None
    sockets: list[socket.socket] = []
    while True:
        try:
            packet, descriptors, _, _ = socket.recv_fds(door, _PACKET, BATCH, socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            packet, descriptors = b"", []
        kind = packet[:1]
        if kind == b"R":
            raise Refused(packet[1:].decode())
        if kind == b"W":
            with open(descriptors[0], "rb") as file:
                file.seek(0)
                will = msgspec.msgpack.decode(file.read(), type=Will)
        elif kind == b"S":
            sockets += [socket.socket(fileno=descriptor) for descriptor in descriptors]
        elif will is None:
            return None
        else:
            return Taken(will, list(zip(will.streams, sockets, strict=False)))


def gap_ms(will: Will) -> float:
    """How long nobody has read by now."""
    return (time.monotonic() - will.stopped_s) * 1000
