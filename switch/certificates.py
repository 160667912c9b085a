"""The certificates that TLS shows and believes: read from their files, read again when they change, watched for their
end.

certbot and its like put new files in the place of the old ones while calls go on. So once a minute, and at each reload,
the files are looked at; where one differs, a new context is made for the handshakes to come. Files that do not serve
leave the old context in place, and are told as a trouble until they do.
"""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from config.certificates import Certificate, check_authorities, read_pair
from config.compiled import CertificateSettings, Compiled
from config.fitting_tls import ended
from config.problems import Wrong
from switch.net.guard import Recent
from switch.net.tls import ServerCertificate, client_context, server_context
from switch.sip.flow import Address, Flow
from switch.sip.uri import hostport, literal
from switch.views import CertificateView

LOOK_S = 60.0
"""`Certificates.look` is to be called so often."""
STEPS = tuple(datetime.timedelta(days=days) for days in (30, 7, 1, 0))
"""The end of a certificate is told when so much time is left, each once."""
AGAIN_S = 600.0
"""The same failure with the same peer is logged once in so long."""
_CLIENT_SAYS = ("certificate", "unknown ca", "no shared cipher", "protocol", "version")
"""What, in the reason of a failed handshake, tells of a telephone that is set up wrongly rather than of a scanner."""

Log = Callable[..., object]


class Source(msgspec.Struct, frozen=True):
    """One context as the configuration wants it, of a listener (`local` is what it is bound to) or of a trunk."""

    where: str
    pairs: tuple[CertificateSettings, ...]
    ca: str = ""
    required: bool = False
    local: Address | None = None
    profile: str = ""


class Held(msgspec.Struct):
    """What is in force for a source: made from files with this signature; `wrong` when newer ones do not serve."""

    source: Source
    signature: Any = None
    context: ssl.SSLContext | None = None
    certificates: tuple[Certificate, ...] = ()
    wrong: str = ""


def sources_of(compiled: Compiled) -> tuple[Source, ...]:
    """Everything that TLS needs files for. Connections of no trunk in particular believe the system's authorities."""
    found = [
        Source(
            f"tls {literal(each.address)} port {each.port}",
            each.certificates,
            each.client_ca,
            each.client_required,
            (each.address, each.port),
        )
        for each in compiled.listeners
        if each.transport == "tls"
    ]
    for trunk in compiled.trunks:
        if trunk.ca or trunk.certificate or any(each.transport in ("tls", "") for each in trunk.places):
            pairs = (trunk.certificate,) if trunk.certificate is not None else ()
            found.append(Source(f"trunk {trunk.id}", pairs, trunk.ca, profile=trunk.id))
    return tuple(found)


class Certificates:
    """Holds a context for each source. `publish` is told when any of them is another one."""

    def __init__(
        self,
        folder: Path,
        publish: Callable[[], object],
        info: Log,
        warn: Log,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._folder = folder
        self._publish = publish
        self._info = info
        self._warn = warn
        self._now = now
        self._held: dict[str, Held] = {}
        self._told: dict[tuple[str, datetime.datetime], int] = {}
        self._looking = asyncio.Lock()

    async def use(self, compiled: Compiled) -> None:
        """Take another version of the configuration; all files are read anew."""
        async with self._looking:
            wanted = sources_of(compiled)
            self._held = {
                each.where: Held(each, None, old.context, old.certificates) if old is not None else Held(each)
                for each, old in ((each, self._held.get(each.where)) for each in wanted)
            }
            await self._look()

    async def look(self) -> None:
        """Read the files that have changed, and see whose end is near."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        if not self._held:
            return
        found = await asyncio.to_thread(lambda: [_read(self._folder, held) for held in self._held.values()])
        for held in found:
            before = self._held[held.source.where]
            if held.wrong and held.wrong != before.wrong:
                kept = "the old one is kept" if held.context is not None else "nobody can connect"
                self._warn("certificate cannot be used", where=held.source.where, wrong=held.wrong, so=kept)
            elif before.signature is not None and held.signature != before.signature and not held.wrong:
                self._info("new certificate", where=held.source.where, names=_names(held), ends=_ends(held))
            self._held[held.source.where] = held
        self._publish()
        self._tell_ends()

    def _tell_ends(self) -> None:
        now = self._now()
        told = {}
        for held in self._held.values():
            for each in held.certificates:
                key = held.source.where, each.ends_at
                step = sum(each.ends_at - now <= left for left in STEPS)
                if step > self._told.get(key, 0):
                    words = ended(each.ends_at, now)
                    self._warn("certificate ends", where=held.source.where, name=each.name, wrong=words)
                told[key] = max(step, self._told.get(key, 0))
        self._told = told

    # -- what others ask ------------------------------------------------------------------------------------------

    def servers(self) -> Iterator[tuple[Address, ssl.SSLContext]]:
        """The context of each listener that has one."""
        for held in self._held.values():
            if held.source.local is not None and held.context is not None:
                yield held.source.local, held.context

    def clients(self) -> dict[str, ssl.SSLContext]:
        """The contexts for connections of ours, by trunk."""
        return {
            held.source.profile: held.context
            for held in self._held.values()
            if held.source.local is None and held.context is not None
        }

    def shown(self) -> frozenset[str]:
        """The trunks to which we show a certificate."""
        return frozenset(
            held.source.profile for held in self._held.values() if held.source.local is None and held.certificates
        )

    def views(self) -> tuple[CertificateView, ...]:
        """Every certificate that is shown, for people."""
        return tuple(
            CertificateView(where=held.source.where, name=each.name, ends_at=each.ends_at)
            for held in self._held.values()
            for each in held.certificates
        )

    def ends(self) -> Iterable[tuple[tuple[str, str], float]]:
        """When each ends, in seconds of Unix time, by (where, name)."""
        return {(view.where, view.name): view.ends_at.timestamp() for view in self.views()}.items()

    def troubles(self) -> Iterator[str]:
        """One sentence for each file that does not serve, and for each certificate that has ended."""
        for held in self._held.values():
            if held.wrong:
                kept = "; the old certificate is shown" if held.certificates else ""
                yield f"{held.source.where}: {held.wrong}{kept}"
        yield from self._near(over=True)

    def warnings(self) -> Iterator[str]:
        """One sentence for each certificate that ends soon."""
        yield from self._near(over=False)

    def _near(self, *, over: bool) -> Iterator[str]:
        now = self._now()
        for view in self.views():
            words = ended(view.ends_at, now)
            if words and (view.ends_at <= now) is over:
                yield f"{view.where}: the certificate of {view.name} {words}"


class Handshakes:
    """Tells of handshakes that failed: those of ours as lines of the log, those of telephones as refusals."""

    def __init__(self, warn: Log, refuse: Callable[[str, str, str], object], now: Callable[[], float]) -> None:
        self._warn = warn
        self._refuse = refuse
        self._now = now
        self._told: Recent[tuple[str, str], float] = Recent(1024)

    def failed(self, flow: Flow, why: str, ours: bool) -> None:
        """See `Transports`."""
        if not ours:
            if any(word in why for word in _CLIENT_SAYS) and "http" not in why:
                self._refuse("a TLS client", flow.remote[0], f"TLS: {why}")
            return
        key, now = (hostport(*flow.remote), why), self._now()
        told = self._told.get(key)
        if told is None or now - told >= AGAIN_S:
            self._told.put(key, now)
            self._warn("TLS connection failed", to=key[0], why=why)


def _read(folder: Path, held: Held) -> Held:
    """`held` itself when its files are as they were, else what they are now."""
    source = held.source
    files = [name for pair in source.pairs for name in (pair.certificate, pair.key)] + [source.ca] * bool(source.ca)
    signature = tuple(_signature(folder / name) for name in files)
    if signature == held.signature:
        return held
    try:
        certificates = tuple(read_pair(folder, pair.certificate, pair.key) for pair in source.pairs)
        if source.ca:
            check_authorities(folder, source.ca)
        context = _context(folder, source, certificates)
    except (Wrong, OSError, ValueError) as error:
        return Held(source, signature, held.context, held.certificates, str(error))
    return Held(source, signature, context, certificates)


def _context(folder: Path, source: Source, certificates: tuple[Certificate, ...]) -> ssl.SSLContext:
    ca = str(folder / source.ca) if source.ca else ""
    pairs = [(str(folder / pair.certificate), str(folder / pair.key)) for pair in source.pairs]
    if source.local is None:
        return client_context(ca, *(pairs[0] if pairs else ()))
    own = [ServerCertificate(*pair, each.names) for pair, each in zip(pairs, certificates, strict=True)]
    return server_context(own, ca, source.required)


def _signature(file: Path) -> tuple[int, ...]:
    """What changes when a file, or what a link leads to, does; empty while it is not there."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _names(held: Held) -> str:
    return ", ".join(each.name for each in held.certificates)


def _ends(held: Held) -> str:
    return min((f"{each.ends_at:%Y-%m-%d}" for each in held.certificates), default="")
