"""SIP over UDP: a non-blocking socket that is drained by the datagram, without asyncio's transports.

Asyncio's datagram path costs more than the parser. Here a turn (`turns.py` says when) reads up to a batch of datagrams
into one buffer and hands each on at once; sending is one system call, as UDP never makes us wait for a peer.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Sequence

from switch.net import stun
from switch.net.flows import source
from switch.net.guard import Recent
from switch.net.overload import STALE_S
from switch.net.reachability import OWN, Reach
from switch.net.turns import Turns
from switch.net.wire import Wire
from switch.sip.flow import Address, Flow

#: The shortest thing that could be SIP has a request line and some headers.
_SHORTEST = 20
#: The first octet of STUN is less (RFC 8489 section 5), that of SIP is a letter or a line break.
_STUN = 4
_PING = b"\r\n\r\n"
_PONG = b"\r\n"
#: SO_TIMESTAMPNS of Linux, which Python does not name: the kernel notes when each datagram came (a timespec).
_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)


class UdpSocket:
    """One bound socket, taken over from whoever opened it."""

    __slots__ = ("_buffer", "_flows", "_turns", "_view", "_wide", "_wire", "local", "reach", "sock")

    def __init__(self, sock: socket.socket, wire: Wire, reach: Reach = OWN) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        self.sock = sock
        self.local: Address = source(sock.getsockname())
        self.reach = reach
        self._wide = sock.family == socket.AF_INET6
        self._wire = wire
        self._flows: Recent[Address, Flow] = Recent(wire.limits.flows)
        self._buffer = bytearray(65536)
        self._view = memoryview(self._buffer)
        self._turns = Turns(wire.loop, sock.fileno(), self._turn, wire.limits.batch)

    def flow(self, remote: Address) -> Flow:
        """The flow to an address; the same object while it is remembered."""
        flow = self._flows.get(remote)
        if flow is None:
            flow = Flow("udp", self.local, remote)
            self._flows.put(remote, flow)
        return flow

    def send(self, flow: Flow, data: bytes) -> None:
        """Put a datagram on the wire. A refusal by the system is told later, as a lost flow."""
        try:
            self.sock.sendto(data, flow.remote)
            self._wire.counters.datagrams_out += 1
        except BlockingIOError:
            self._wire.counters.send_blocked += 1
        except (OSError, OverflowError):
            self._wire.counters.send_errors += 1
            self._wire.loop.call_soon(self._wire.on_lost, flow)

    def pause(self) -> None:
        """Read no more: what comes waits in the kernel for the next process. Sending goes on."""
        self._turns.close()

    def close(self) -> None:
        """Stop reading and close."""
        if self.sock.fileno() >= 0:
            self._turns.close()
            self.sock.close()

    def _turn(self) -> int:
        """Read what is there, up to a batch; returns how many datagrams that was."""
        wire = self._wire
        wire.begins()
        try:
            return self._drain_watched() if wire.load.watching else self._drain()
        finally:
            wire.ends()

    def _drain(self) -> int:
        """The usual way: nobody waits for long."""
        wire = self._wire
        receive, buffer, view, counters = self.sock.recvfrom_into, self._buffer, self._view, wire.counters
        passes, young, longest = wire.guard.passes, self._flows.young, wire.limits.datagram
        now, wide = wire.now(), self._wide
        batch = wire.limits.batch
        for done in range(batch):
            try:
                size, address = receive(buffer)
            except (BlockingIOError, InterruptedError):
                return done
            except OSError:
                # An ICMP error for something that we sent; the socket itself is well.
                counters.recv_errors += 1
                return done
            counters.datagrams_in += 1
            if wide:
                address = source(address)
            if not passes(address[0], now) and not wire.guard.examine(address[0], address[1], view[:size], now):
                continue
            if size < _SHORTEST or buffer[0] < _STUN:
                self._on_other(bytes(view[:size]), address, now)
                continue
            if size > longest:
                counters.oversize += 1
                continue
            flow = young.get(address)
            if flow is None:
                flow = self.flow(address)
                young = self._flows.young
            wire.on_packet(bytes(view[:size]), flow, now)
            if self.sock.fileno() < 0:
                return done
        wire.load.full()
        return batch

    def _drain_watched(self) -> int:
        """The same, while there may be more than we can do: looks how long each datagram has waited."""
        wire, buffer, view = self._wire, self._buffer, self._view
        counters, load, batch = wire.counters, wire.load, wire.limits.batch
        now = wire.now()
        for done in range(batch):
            try:
                size, extra, _, address = self.sock.recvmsg_into([buffer], _ANCILLARY)
            except (BlockingIOError, InterruptedError):
                load.drained(self, now)
                return done
            except OSError:
                counters.recv_errors += 1
                return done
            counters.datagrams_in += 1
            if self._wide:
                address = source(address)
            waited_s = _waited_s(extra)
            load.waits(self, waited_s, now)
            if not wire.guard.passes(address[0], now) and not wire.guard.examine(
                address[0], address[1], view[:size], now
            ):
                continue
            if size < _SHORTEST or buffer[0] < _STUN:
                self._on_other(bytes(view[:size]), address, now)
                continue
            if size > wire.limits.datagram:
                counters.oversize += 1
                continue
            flow, data = self.flow(address), bytes(view[:size])
            if load.refusing or waited_s > STALE_S:
                verdict = load.verdict(data, flow, now, waited_s)
                if verdict is not None:
                    answer, back = verdict
                    if back is not None:
                        self.send(back, answer)
                    continue
            wire.on_packet(data, flow, now)
            if self.sock.fileno() < 0:
                return done
        load.full()
        return batch

    def _on_other(self, data: bytes, remote: Address, now: float) -> None:
        """Keep-alives (RFC 5626 section 3.5): a ping is answered, other line breaks and NULs are not; a STUN question
        is, but not to those from whom we hide."""
        answer = stun.answer(data, remote)
        if answer:
            self._wire.counters.keepalives += 1
            if not self._wire.guard.hides(remote[0], now):
                self.send(self.flow(remote), answer)
        elif len(data) >= _SHORTEST:
            self._wire.on_packet(data, self.flow(remote), now)
        elif data == _PING:
            self._wire.counters.keepalives += 1
            self.send(self.flow(remote), _PONG)
        elif not data.strip(b"\r\n\0"):
            self._wire.counters.keepalives += 1
        else:
            self._wire.counters.unread += 1


def _waited_s(extra: Sequence[tuple[int, int, bytes]]) -> float:
    """How long ago a datagram came, by what the kernel has noted; 0 where it has not."""
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            age_s: float = time.time() - seconds - nanoseconds * 1e-9
            return max(0.0, age_s)
    return 0.0
