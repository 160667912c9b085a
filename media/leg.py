"""A media leg: its two sockets, where the far end is, and how that is learned.

A far end behind NAT sends from elsewhere than its SDP says. So a socket starts open: it takes a packet from the SDP's
address or from the source address of the far end's SIP messages (any port of either), then it is connected to that
source, and the kernel drops what comes from anywhere else. A new description (`point`) opens it again.

The SSRC of the first packet holds as well. Another SSRC from the same source is believed when two of its packets come
in sequence (the probation of RFC 3550 section 6.2.1 and A.1): far ends behind a trunk change it without a word.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from msgspec.structs import replace

from media import routes, rtp
from media.ear import Ear
from media.engine import AS_BEFORE, Keys, Remote
from media.pipe import Pipe
from media.playing import Playing
from media.ports import Pair
from media.recorder import Tap
from media.srtp import Shield
from media.voice import Voice

Send = Callable[[Any], int]
Source = tuple[Any, ...]
"""A socket's address as the kernel gives it: (host, port), and for IPv6 the flow and the scope of a link-local one."""
_libc = ctypes.CDLL(None, use_errno=True)
_UNSPECIFIED = struct.pack("H14x", socket.AF_UNSPEC)


def disconnect(sock: socket.socket) -> None:
    """Take packets from everywhere again. Python's own `connect` knows no AF_UNSPEC. Raises OSError."""
    if _libc.connect(sock.fileno(), _UNSPECIFIED, len(_UNSPECIFIED)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def plain(address: str) -> str:
    """The address as the kernel writes it, without a scope, so that two spellings of one IPv6 address compare equal."""
    address = address.partition("%")[0]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, address))
    except (OSError, ValueError):
        return ""


class Ready(Protocol):
    """What the loop keeps for a file descriptor: `ready` is called when it can be read, unless `fast` is set."""

    fast: bool

    def ready(self, mask: int) -> None:
        """The descriptor has become ready, `mask` as epoll gives it."""


class Idle:
    """Stands for a descriptor that was taken out while its event was already on the way."""

    __slots__ = ()
    fast = False

    def ready(self, mask: int) -> None:
        """Nothing to do."""


class Port:
    """One socket of a leg. While `fast` is set the loop relays by itself and looks at nothing else than these fields.

    `octets` and `packets` count what the loop relayed since they were last taken into the leg's counters.
    """

    __slots__ = (
        "candidate",
        "candidate_sequence",
        "fast",
        "forward",
        "leg",
        "locked",
        "octets",
        "out",
        "packets",
        "receive",
        "recv_into",
        "seal",
        "sock",
        "ssrc",
        "target",
        "words",
    )

    def __init__(self, leg: Leg, sock: socket.socket, receive: Callable[[Port], None]) -> None:
        self.leg = leg
        self.sock = sock
        self.recv_into = sock.recv_into
        self.receive = receive
        self.fast = False
        self.words: frozenset[int] = frozenset()
        self.ssrc = -1
        self.candidate = -1
        self.candidate_sequence = -1
        self.locked: Source | None = None
        self.target: Source | None = None
        self.out: Send | None = None
        self.forward: Send | None = None
        self.seal: Callable[[bytes], bytes | None] | None = None
        """Makes SRTP of what is sent; to be set before `aim` and `lock`."""
        self.packets = 0
        self.octets = 0

    def ready(self, mask: int) -> None:
        """Something has come while the loop may not relay by itself."""
        self.receive(self)

    def lock(self, source: Source) -> bool:
        """Take packets from `source` alone and send there. False if the kernel refuses that address."""
        try:
            self.sock.connect(source)
        except OSError:
            return False
        self.locked = self.target = source
        self.out = self._sealed(self.sock.send)
        return True

    def unlock(self) -> None:
        """Open the socket to other sources. `aim` is to say anew where we send."""
        if self.locked is not None:
            disconnect(self.sock)
            self.locked = None
        self.fast = False
        self.ssrc = self.candidate = -1

    def aim(self, target: Source | None) -> None:
        """Send to `target` from now on, as long as no source has been learned."""
        self.target = target
        self.out = self._sealed(partial(_send_to, self.sock.sendto, target)) if target is not None else None

    def _sealed(self, send: Send) -> Send:
        return send if self.seal is None else partial(_send_sealed, self.seal, send)

    def drain(self) -> None:
        """Throw away what waits in the socket (packets for the leg that had it before)."""
        scrap = bytearray(1)
        for _ in range(1024):
            try:
                self.sock.recv_into(scrap)
            except BlockingIOError:
                return
            except OSError:
                continue

    def believe(self, ssrc: int, sequence: int) -> bool:
        """Whether a packet with this SSRC may pass; keeps the probation of a new one."""
        if ssrc == self.ssrc:
            return True
        remote = self.leg.remote
        known = self.ssrc == -1 or (remote is not None and remote.ours)
        if known or (ssrc == self.candidate and sequence == (self.candidate_sequence + 1) & 0xFFFF):
            self.ssrc, self.candidate = ssrc, -1
            return True
        self.candidate, self.candidate_sequence = ssrc, sequence
        return False


def _send_to(sendto: Callable[[Any, Source], int], target: Source, data: object) -> int:
    return sendto(data, target)


def _send_sealed(seal: Callable[[bytes], bytes | None], send: Send, data: Any) -> int:
    sealed = seal(bytes(data))
    if sealed is None:
        raise OSError(errno.EBADMSG, "this packet cannot be encrypted")
    return send(sealed)


class Leg:
    """A leg and its counters. `peer` is the leg that it is bridged with, itself for an echo.

    `ear` is there while somebody wants its sound as frames, and then each packet takes the relay's slow way; `voice` is
    made when something is first said to it, and stays. `covered`: a tune plays over what it hears otherwise, of which
    nothing is sent to it as long (call `wire` of its peer when it changes).
    """

    __slots__ = (
        "_voice",
        "covered",
        "digits",
        "dropped",
        "ear",
        "events",
        "heard",
        "id",
        "numbers",
        "octets_in",
        "octets_out",
        "packets_in",
        "packets_out",
        "pair",
        "peer",
        "pipe",
        "playing",
        "quiet_since",
        "remote",
        "room",
        "rtcp",
        "rtp",
        "seen",
        "shield",
        "silence_s",
        "sources",
        "tap",
        "told",
        "told_silent",
    )

    def __init__(
        self, id_: int, pair: Pair, rtp_ready: Callable[[Port], None], rtcp_ready: Callable[[Port], None]
    ) -> None:
        self.id = id_
        self.pair = pair
        self.rtp = Port(self, pair.rtp, rtp_ready)
        self.rtcp = Port(self, pair.rtcp, rtcp_ready)
        self.remote: Remote | None = None
        self.sources: frozenset[str] = frozenset()
        self.told: tuple[str, int] = ("", 0)
        self.peer: Leg | None = None
        self.room = ""
        """The room that it is in (`media.rooms`)."""
        self.playing: Playing | None = None
        """What plays, once something has."""
        self.tap: Tap | None = None
        """Where what comes from it is recorded."""
        self.numbers: Mapping[int, int] = {}
        """Where its packets go in its bridge, by payload number (`routes.py`)."""
        self.pipe: Pipe | None = None
        """What transcodes them."""
        self.events: frozenset[int] = frozenset()
        """The payload numbers of its telephone-events."""
        self.shield: Shield | None = None
        """What comes and goes is SRTP."""
        self.ear: Ear | None = None
        self.covered = False
        self._voice: Voice | None = None
        self.digits: rtp.DigitReader | None = None
        self.silence_s = 0.0
        self.quiet_since = 0.0
        self.told_silent = False
        self.seen = 0
        self.heard = 0
        self.packets_in = self.octets_in = 0
        self.packets_out = self.octets_out = 0
        self.dropped = 0

    def point(self, remote: Remote) -> None:
        """Take a new description of the far end: both sockets learn anew. Raises OSError."""
        if remote.keys == AS_BEFORE:
            remote = self._as_before(remote)
        old = self.remote
        moved = old is None or (old.address, old.port, old.rtcp_port) != (remote.address, remote.port, remote.rtcp_port)
        self._arm(remote.keys)
        self.remote = remote
        address = plain(remote.address)
        signalling = address if remote.signalling == remote.address else plain(remote.signalling)
        self.told = (address, remote.port)
        self.sources = frozenset(filter(None, (address, signalling)))
        for port, number in ((self.rtp, remote.port), (self.rtcp, remote.rtcp_port)):
            port.unlock()
            # Unmoved, what was learned stays the target: a phone behind NAT hears on until it is learned again.
            port.aim(self._target(address, number) if moved else port.target)
        self.events = routes.events(remote)
        self.digits = None
        if self.ear is not None:
            self.ear.names = routes.coming(remote)
        if self._voice is not None:
            self._voice.aim()

    def _as_before(self, remote: Remote) -> Remote:
        told = self.remote
        if told is not None and told.keys != AS_BEFORE:
            return replace(remote, keys=told.keys)
        return replace(remote, port=0, payloads=(), send=False, receive=False)

    def _arm(self, keys: Keys | None) -> None:
        """Take the keys, if they are others than before. Raises ValueError for what are no keys."""
        if keys is None or keys == AS_BEFORE:
            self.shield = None
        elif self.shield is None or self.shield.keys != keys:
            self.shield = Shield(keys)
        self.rtp.seal = self.shield.seal if self.shield is not None else None
        self.rtcp.seal = self.shield.seal_report if self.shield is not None else None

    @property
    def voice(self) -> Voice:
        """What we say to the far end ourselves."""
        if self._voice is None:
            self._voice = Voice(self)
        return self._voice

    def listen(self) -> Ear:
        """Have its sound as frames, once a tick and for one listener, until `deafen`."""
        if self.ear is None:
            self.ear = Ear(routes.coming(self.remote) if self.remote is not None else {})
            self.wire()
        return self.ear

    def deafen(self) -> None:
        """Nobody wants its sound as frames any more."""
        if self.ear is not None:
            self.ear = None
            self.wire()

    def _target(self, address: str, port: int) -> Source | None:
        """Where to send before anything was learned; None where that is no place, or not one of our sockets' family."""
        if not address or not 0 < port < 65536 or (":" in address) != self.pair.pool.v6:
            return None
        if self.remote is not None and address.startswith("fe80:"):
            # A link-local address means something on its link alone: the one that the far end's signalling came by.
            address += "".join(self.remote.signalling.partition("%")[1:])
        return address, port

    def learn(self, port: Port, source: Source) -> bool:
        """Lock `port` to `source` if it may send at all (see the top of the file)."""
        if source[0] not in self.sources or not port.lock(source):
            return False
        if port is self.rtp and self.rtcp.locked is None and source[:2] != self.told and source[1] < 65535:
            self.rtcp.aim((source[0], source[1] + 1, *source[2:]))
        return True

    def wire(self) -> None:
        """Point this leg's sockets at its peer's, and decide whether the loop may relay by itself.

        As long as no source has been learned, nothing that comes passes: that leg is wired when one is.
        """
        port, report, peer, remote = self.rtp, self.rtcp, self.peer, self.remote
        port.forward = report.forward = None
        port.fast = False
        if port.locked is None and report.locked is None:
            return
        if peer is None or remote is None or peer.remote is None:
            return
        if peer.remote.receive and not peer.covered:
            port.forward = peer.rtp.out if self.tap is None else self.tap.through(peer.rtp.out)
        if peer is not self:
            report.forward = peer.rtcp.out
        route = routes.between(remote, peer.remote) if peer is not self else routes.back(remote)
        port.words, self.numbers = route.words, route.numbers
        plain = self.ear is None and self.shield is None
        port.fast = plain and port.locked is not None and port.ssrc != -1 and port.forward is not None

    def settle(self) -> None:
        """Take what the loop counted into the counters of this leg and its peer."""
        port = self.rtp
        if port.packets:
            self.packets_in += port.packets
            self.octets_in += port.octets
            if self.peer is not None:
                self.peer.packets_out += port.packets
                self.peer.octets_out += port.octets
            port.packets = port.octets = 0

    def watched(self) -> bool:
        """Whether silence of this leg would be a fault now. Who does not want to hear holds the call: most telephones
        then say sendonly and send nothing at all."""
        remote = self.remote
        if self.silence_s <= 0 or remote is None or not (remote.send and remote.receive):
            return False
        playing = self.playing
        return self.peer is not None or bool(self.room) or (playing is not None and playing.player is not None)
