"""Asking name servers: answers are kept while they hold, and while the servers are away (RFC 3263, 2308, 8767).

What to ask and what the answers come to is `targets.py`; this is its I/O. The system's name servers are asked, without
its search domains: a carrier's name is a whole name. A name that stands in /etc/hosts has that address and nothing else
is asked about it. Every wait is bounded, every table too; the same question is never on its way twice.

An answer that has run out is asked for again; while no server answers, the old one serves on for a day. That a record
is not there is an answer, too, and believed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.rdatatype
import dns.resolver
import msgspec

from switch.net.targets import (
    Families,
    Group,
    Naptr,
    Question,
    Record,
    Srv,
    Target,
    UnresolvedError,
    Wish,
    numeric,
    order,
    search,
)

SHORTEST_TTL_S = 5.0
LONGEST_TTL_S = 3600.0
LONGEST_DENIAL_S = 300.0
"""That something is not there is believed for so long at the most: operators add records and wait."""
STALE_S = 86400.0
AGAIN_S = 30.0
"""RFC 8767 section 5: a server that failed over an answer which we have is left alone for so long."""
PATIENCE_S = 1.8
"""RFC 8767 section 5: an answer that ran out serves when a new one takes longer."""
TRY_S = 1.5
ANSWER_S = 4.0
"""One server is waited for, and all of them together."""
WAIT_S = 6.0
"""The whole of a search."""
ENTRIES = 4096
RECORDS = 64
AT_ONCE = 64

HOSTS = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")


class Entry(msgspec.Struct):
    """What is known of one question. `until` and `stale_until` are monotonic seconds."""

    records: tuple[Record, ...]
    until: float
    stale_until: float


class Resolver:
    """Finds the targets of SIP hosts. `families(transport)` are the address types that we can reach, best first;
    `transports` ours, best first; `draw` gives 0 <= x < 1. Without `servers` those of the system are asked."""

    def __init__(
        self,
        now: Callable[[], float],
        draw: Callable[[], float],
        families: Families = lambda transport: ("A", "AAAA"),
        transports: Sequence[str] = ("udp", "tcp"),
        servers: Sequence[str] = (),
        port: int = 53,
        hosts: Path = HOSTS,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        self.families = families
        self.transports = tuple(transports)
        self._now = now
        self._draw = draw
        self._servers = tuple(servers)
        self._port = port
        self._known: dict[Question, Entry] = {}
        self._asking: dict[Question, asyncio.Task[tuple[Record, ...] | None]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._hosts = Followed(hosts, _read_hosts)
        self._system = Followed(resolv_conf, self._made)
        self.asked = 0
        self.failed = 0
        """Questions sent, and those that no server answered."""

    # -- what others want ---------------------------------------------------------------------------------------

    async def resolve(self, host: str, port: int = 0, transport: str = "", secure: bool = False) -> tuple[Target, ...]:
        """One sequence of targets to try (RFC 3263 section 4). Raises UnresolvedError."""
        return order(await self.find(Wish(host, port, transport, secure)), self._draw)

    async def find(self, wish: Wish) -> tuple[Group, ...]:
        """The targets before the lottery, for who draws at each use. Raises UnresolvedError."""
        try:
            async with asyncio.timeout(WAIT_S):
                return await self._find(wish)
        except TimeoutError:
            raise UnresolvedError(wish, "the name server does not answer") from None

    def known(self, wish: Wish) -> tuple[Group, ...] | None:
        """What the answers so far come to, without asking; None when one is missing. Raises UnresolvedError."""
        talk = search(wish, self.transports, self.families)
        try:
            questions = next(talk)
            while True:
                answers: dict[Question, Sequence[Record] | None] = {}
                for question in questions:
                    records = self._remembered(question, stale=True)
                    if records is None:
                        return None
                    answers[question] = records
                questions = talk.send(answers)
        except StopIteration as stop:
            found: tuple[Group, ...] = stop.value
            return found

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- the inside ---------------------------------------------------------------------------------------------

    async def _find(self, wish: Wish) -> tuple[Group, ...]:
        talk = search(wish, self.transports, self.families)
        try:
            questions = next(talk)
            while True:
                found = await asyncio.gather(*(self._ask(question) for question in questions))
                questions = talk.send(dict(zip(questions, found, strict=True)))
        except StopIteration as stop:
            groups: tuple[Group, ...] = stop.value
            return groups

    def _remembered(self, question: Question, stale: bool = False) -> tuple[Record, ...] | None:
        local = self._of_this_machine(question)
        if local is not None:
            return local
        entry = self._known.get(question)
        if entry is None or self._now() >= (entry.stale_until if stale else entry.until):
            return None
        return entry.records

    def _of_this_machine(self, question: Question) -> tuple[Record, ...] | None:
        addresses = self._hosts.value().get(question.name)
        if addresses is None:
            # A service of a name that is told here: there is none.
            addresses = self._hosts.value().get(
                question.name.partition("._tcp.")[2] or question.name.partition("._udp.")[2]
            )
            return () if addresses is not None else None
        wanted = {"A": 4, "AAAA": 6}.get(question.type)
        return tuple(each for each in addresses if wanted == (6 if ":" in each else 4))

    async def _ask(self, question: Question) -> tuple[Record, ...] | None:
        known = self._remembered(question)
        if known is not None:
            return known
        task = self._asking.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(question), name=f"dns {question.name}")
            self._asking[question] = task
            task.add_done_callback(lambda done: self._asking.pop(question, None))
        old = self._remembered(question, stale=True)
        if old is not None:
            done, _ = await asyncio.wait((task,), timeout=PATIENCE_S)
            return task.result() if done else old
        return await asyncio.shield(task)

    async def _fetch(self, question: Question) -> tuple[Record, ...] | None:
        """Ask, and remember. None when nobody answers and nothing is remembered."""
        async with self._room:
            self.asked += 1
            answer = await self._answer(question)
        now = self._now()
        entry = self._known.pop(question, None)
        if answer is None:
            self.failed += 1
            if entry is None or now >= entry.stale_until:
                return None
            entry = Entry(entry.records, now + AGAIN_S, entry.stale_until)
        else:
            records, ttl_s = answer
            life_s = min(max(ttl_s, SHORTEST_TTL_S), LONGEST_TTL_S if records else LONGEST_DENIAL_S)
            entry = Entry(records, now + life_s, now + life_s + STALE_S)
        while len(self._known) >= ENTRIES:
            self._known.pop(next(iter(self._known)))
        self._known[question] = entry
        return entry.records

    async def _answer(self, question: Question) -> tuple[tuple[Record, ...], float] | None:
        """The records and for how long they hold; none of them is an answer, None is no answer."""
        try:
            resolver = self._system.value()
            reply = await resolver.resolve(question.name + ".", question.type, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as denial:
            responses = denial.responses().values()  # type: ignore[no-untyped-call]
            ttl_s = min((response.resolve_chaining().minimum_ttl for response in responses), default=0)
            return (), float(ttl_s)
        except (dns.exception.DNSException, OSError, EOFError, UnicodeError):
            return None
        try:
            records = [_record(each) for each in list(reply)[:RECORDS]] if reply.rrset is not None else []
            return tuple(sorted(records, key=str)) if question.type not in ("A", "AAAA") else tuple(records), float(
                reply.response.resolve_chaining().minimum_ttl
            )
        except (dns.exception.DNSException, ValueError):
            return None

    def _made(self, path: Path) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        if not self._servers:
            try:
                resolver.read_resolv_conf(str(path))
            except (dns.exception.DNSException, OSError):
                resolver.nameservers = ["127.0.0.1"]
        else:
            resolver.nameservers = list(self._servers)
            resolver.port = self._port
        resolver.search = []
        resolver.timeout = TRY_S
        resolver.lifetime = ANSWER_S
        resolver.use_edns(0, 0, 1232)
        return resolver


class Followed:
    """What is read from a file, and read again when the file has changed."""

    __slots__ = ("_as_of", "_path", "_read", "_value")

    def __init__(self, path: Path, read: Callable[[Path], Any]) -> None:
        self._path = path
        self._read = read
        self._as_of: tuple[int, int] | None = None
        self._value: Any = None

    def value(self) -> Any:
        """The value as of now."""
        try:
            status = self._path.stat()
            as_of = (status.st_mtime_ns, status.st_ino)
        except OSError:
            as_of = (0, 0)
        if as_of != self._as_of:
            self._as_of = as_of
            self._value = self._read(self._path)
        return self._value


def _read_hosts(path: Path) -> dict[str, tuple[str, ...]]:
    """Names and their addresses by hosts(5)."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return found
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        known = numeric(address)
        if known is not None and "%" not in known:
            for name in names:
                found[name.rstrip(".").lower()] = (*found.get(name.rstrip(".").lower(), ()), known)
    return found


def _record(data: Any) -> Record:
    kind = dns.rdatatype.to_text(data.rdtype)
    if kind == "SRV":
        return Srv(data.priority, data.weight, data.port, data.target.to_text())
    if kind == "NAPTR":
        flags, service = data.flags.decode("ascii", "replace"), data.service.decode("ascii", "replace")
        return Naptr(data.order, data.preference, flags, service, data.replacement.to_text())
    return str(data.address)
