"""Pairs of UDP sockets, bound beforehand: RTP on an even port, RTCP on the next one.

A pool is of one address and so of one family. A leg gets a pair of the family that its telephone speaks, and what comes
on it can leave by a pair of the other: packets are relayed between sockets, whatever these are bound to.
"""

from __future__ import annotations

import collections
import errno
import socket

# Room for about a second of 20 ms packets as the kernel counts them: what is older is of no use to a listener.
_RECEIVE_BYTES = 24 * 1024
EXPEDITED_FORWARDING = 46
_LEAST_REST = 0.2


class Pair:
    """The two sockets of one leg. They outlive the leg: after a rest the next leg gets them, out of the same `pool`."""

    __slots__ = ("pool", "port", "rtcp", "rtp")

    def __init__(self, pool: PortPool, port: int, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.pool = pool
        self.port = port
        self.rtp = rtp
        self.rtcp = rtcp

    def close(self) -> None:
        """Close both sockets."""
        self.rtp.close()
        self.rtcp.close()


class PortPool:
    """The ports `first` to `last` of one address. A pair that was given back rests for `rest_s` before its next use.

    The rest keeps late packets of one call out of the next (and the far end's ICMP errors out of it, too). Where ports
    are short a fifth of it has to do: that a telephone cannot call is worse. Not more than `most` pairs are ever bound,
    so that a process keeps descriptors for other things.
    Packets are marked with `dscp`. `fresh` are the pairs that were leased and are not open yet, by the id of their leg.
    """

    def __init__(
        self,
        address: str,
        first: int,
        last: int,
        rest_s: float = 5.0,
        most: int = 1 << 15,
        dscp: int = EXPEDITED_FORWARDING,
    ) -> None:
        self.address = address
        self.rest_s = rest_s
        self.fresh: dict[int, Pair] = {}
        self.v6 = ":" in address
        self._dscp = dscp
        self._family = socket.AF_INET6 if self.v6 else socket.AF_INET
        self._unbound = collections.deque(range(first + first % 2, last, 2))
        self._resting: collections.deque[tuple[float, Pair]] = collections.deque()
        self._unused: collections.deque[Pair] = collections.deque()
        self._all: list[Pair] = []
        self._most = most
        self._taken_by_others = 0

    @property
    def size(self) -> int:
        """How many pairs there may be at most, as far as is known."""
        return min(len(self._all) + len(self._unbound), self._most)

    def standing(self) -> str:
        """For people, when ports run short."""
        return (
            f"{len(self._resting)} rest; the range gives {self.size} pairs, others have {self._taken_by_others} of it: "
            "give more ports or a shorter rest"
        )

    def take(self, now: float, hurry: bool = False) -> Pair | None:
        """A pair that has rested, else a newly bound one; None when the range (or the process's files) is used up.

        In a `hurry` one that has rested for a fifth of the time will do.
        """
        if self._resting and self._resting[0][0] <= now:
            return self._resting.popleft()[1]
        if self._unused:
            return self._unused.popleft()
        while self._unbound and len(self._all) < self._most:
            try:
                pair = self._bind(self._unbound[0])
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    break
                raise
            self._unbound.popleft()
            if pair is not None:
                self._all.append(pair)
                return pair
            self._taken_by_others += 1
        if hurry and self._resting and self._resting[0][0] - self.rest_s * (1 - _LEAST_REST) <= now:
            return self._resting.popleft()[1]
        return None

    def claim(self, port: int) -> Pair | None:
        """The pair of that very port, if nobody has it: for a leg of the process that was here before. Raises OSError
        if the address cannot be bound."""
        for pair in self._unused:
            if pair.port == port:
                self._unused.remove(pair)
                return pair
        if port not in self._unbound or len(self._all) >= self._most:
            return None
        bound = self._bind(port)
        self._unbound.remove(port)
        if bound is not None:
            self._all.append(bound)
        return bound

    def give_back(self, pair: Pair, now: float) -> None:
        """The leg of `pair` is closed; its ports rest from now on."""
        self._resting.append((now + self.rest_s, pair))

    def give_back_unused(self, pair: Pair) -> None:
        """There was no leg on `pair`: it need not rest. Else a new exchange would find all ports at rest."""
        self._unused.append(pair)

    def close(self) -> None:
        """Close every socket, leased or not."""
        for pair in self._all:
            pair.close()
        self._all.clear()
        self._resting.clear()
        self._unused.clear()

    def _bind(self, port: int) -> Pair | None:
        """Both sockets, or None if another program has one of the ports. Raises OSError if the address is not ours."""
        made: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                made.append(sock := socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
                if self._family == socket.AF_INET6:
                    # Whatever the system's bindv6only says: the pool of the other family has the same ports.
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((self.address, number))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
                if self._family == socket.AF_INET:
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._dscp << 2)
                else:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, self._dscp << 2)
        except OSError as error:
            for sock in made:
                sock.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return None
            raise
        return Pair(self, port, made[0], made[1])
