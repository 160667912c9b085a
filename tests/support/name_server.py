"""A small name server on the loopback, by UDP and TCP, that a test can make slow, wrong or silent.

Zones are written as in a master file. What it was asked is kept in `asked`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class NameServer:
    """`zone` holds lines such as `sip.example.com. 60 A 192.0.2.1`; a name without any record is NXDOMAIN."""

    def __init__(self, *zone: str) -> None:
        self.zone: list[str] = list(zone)
        self.port = 0
        self.asked: list[tuple[str, str, str]] = []
        """(name, type, "udp" or "tcp")."""
        self.silent: set[str] = set()
        """Types, or `*`, whose questions vanish."""
        self.broken: set[str] = set()
        """Types, or `*`, whose questions are answered SERVFAIL."""
        self.cut = False
        """Answers by UDP come truncated and empty."""
        self.denial_ttl = 60

    def answer(self, data: bytes, way: str) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((question.name.to_text(), kind, way))
        if self.silent & {"*", kind}:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if self.broken & {"*", kind}:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif self.cut and way == "udp":
            reply.flags |= dns.flags.TC
        else:
            self._fill(reply, question.name, question.rdtype)
        return reply.to_wire()

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        exists = False
        for line in self.zone:
            owner, ttl, record, text = line.split(None, 3)
            if dns.name.from_text(owner) != name:
                continue
            exists = True
            if dns.rdatatype.from_text(record) == kind:
                rrset = reply.find_rrset(reply.answer, name, dns.rdataclass.IN, kind, create=True)
                made = dns.rrset.from_text(name, int(ttl), "IN", record, text)
                rrset.update(made)
                rrset.ttl = int(ttl)
        if not reply.answer:
            soa = f"ns.example.com. root.example.com. 1 3600 600 86400 {self.denial_ttl}"
            reply.authority.append(dns.rrset.from_text("example.com.", self.denial_ttl, "IN", "SOA", soa))
            if not exists:
                reply.set_rcode(dns.rcode.NXDOMAIN)

    async def tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                answer = self.answer(await reader.readexactly(size), "tcp")
                if answer is not None:
                    writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str | int, ...]) -> None:
        answer = self._server.answer(data, "udp")
        if answer is not None:
            self._transport.sendto(answer, address)


@contextlib.asynccontextmanager
async def serving(server: NameServer) -> AsyncIterator[NameServer]:
    """The server on 127.0.0.1, on one port that is free for UDP and TCP."""
    loop = asyncio.get_running_loop()
    for _ in range(20):
        stream = socket.socket()
        stream.bind(("127.0.0.1", 0))
        datagram = socket.socket(type=socket.SOCK_DGRAM)
        try:
            datagram.bind(stream.getsockname())
        except OSError:
            stream.close()
            datagram.close()
            continue
        break
    server.port = stream.getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(server), sock=datagram)
    listener = await asyncio.start_server(server.tcp, sock=stream)
    try:
        yield server
    finally:
        transport.close()
        listener.close()
