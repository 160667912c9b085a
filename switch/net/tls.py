"""SIP over TLS: the connections of `tcp.py` with a handshake before them, and who has proven what by it.

TLS 1.2 and 1.3 with forward secrecy, no renegotiation, no compression. A server shows the certificate that fits the
name that the client asked for (SNI), or its first. A listener's context may be changed at any time: it counts for the
next handshake, and connections that stand go on.

Who the far end is (RFC 5922): the domains in its certificate, which must be vouched for by a CA of ours. We connect
under a name and end the connection when the certificate is not for it. A client's certificate is asked for where the
listener has a CA for clients; its names are then `peer_names`. With RFC 5923 requests of ours to a peer may take the
connection that the peer has made to us, when it says so (`alias` in Via) and has proven the name that we want.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from switch.net.flows import Key
from switch.net.reachability import OWN, Reach
from switch.net.targets import numeric
from switch.net.tcp import Connection, TcpListener
from switch.net.wire import Wire
from switch.sip.flow import Address, Flow
from switch.sip.framing import KeepAlive

PORT = 5061
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AESGCM:!aNULL:!SHA1"
"""For TLS 1.2; those of 1.3 are all good. Telephones of the last ten years have the first."""
#: Who greets so speaks no TLS; it counts as rubbish does on other sockets.
_RUBBISH = frozenset(("http request", "wrong version number", "https proxy request"))
#: The first Via of a message, in either spelling, and what RFC 5923 needs of it.
_VIA = re.compile(rb"^(?:via|v)[ \t]*:[ \t]*SIP/2\.0/TLS[ \t]+([^\s;,]+)([^,\r\n]*)", re.IGNORECASE | re.MULTILINE)
_ALIAS = re.compile(rb";\s*alias\s*(?:;|$)", re.IGNORECASE)
_PORT = re.compile(rb":(\d{1,5})$")


class ServerCertificate(msgspec.Struct, frozen=True):
    """Files in PEM form, the chain with the server's own certificate first; `names` are the DNS names it is for."""

    chain: str
    key: str
    names: tuple[str, ...]


class Peer(msgspec.Struct, frozen=True):
    """Whom we connect to: the name that the certificate must prove, and the profile (a trunk's id, or empty) that says
    whose CA to believe and which certificate to show."""

    name: str
    profile: str = ""

    def key(self, remote: Address) -> Key:
        """By what a connection of ours to it is found."""
        return ("tls", remote, self.name, self.profile)

    def alias(self, remote: Address) -> Key:
        """By what a connection from it is found that may be used the other way round."""
        return ("alias", remote, self.name)


def server_context(
    certificates: Sequence[ServerCertificate], client_ca: str = "", required: bool = False
) -> ssl.SSLContext:
    """What a listener shows and asks for. Raises OSError (ssl.SSLError is one) where the files do not serve."""
    contexts = [_context(ssl.PROTOCOL_TLS_SERVER, each.chain, each.key) for each in certificates]
    for context in contexts:
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    by_name: dict[str, ssl.SSLContext] = {}
    for each, context in zip(certificates, contexts, strict=True):
        for name in each.names:
            by_name.setdefault(name.lower(), context)

    def choose(sock: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        wanted = (name or "").lower().rstrip(".")
        found = by_name.get(wanted) or by_name.get(f"*.{wanted.partition('.')[2]}")
        if found is not None:
            sock.context = found

    if len(contexts) > 1:
        contexts[0].sni_callback = choose
    return contexts[0]


def client_context(ca: str = "", chain: str = "", key: str = "") -> ssl.SSLContext:
    """What we show, and whom we believe: the authorities in the file `ca`, or without it those of the system.

    Raises OSError where the files do not serve.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, chain, key)
    context.check_hostname = False  # OpenSSL knows nothing of the names of RFC 5922; see `proves`
    context.verify_mode = ssl.CERT_REQUIRED
    if ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def _context(protocol: int, chain: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_CIPHERS)
    if chain:
        # Without the third argument OpenSSL would ask the terminal for the passphrase of a key that has one.
        context.load_cert_chain(chain, key, _no_passphrase)
    return context


def _no_passphrase() -> str:
    return ""


def names_of(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The SIP domains of a verified certificate, as `getpeercert` gives it (RFC 5922 section 7.1): its sip: addresses
    without a user, else its DNS names, else, without any subjectAltName, its common name. IP addresses come as well."""
    if not certificate:
        return ()
    others: Sequence[tuple[str, str]] = certificate.get("subjectAltName", ())
    uris = [value for kind, value in others if kind == "URI"]
    domains = [uri[4:].partition(";")[0].lower() for uri in uris if uri[:4].lower() == "sip:" and "@" not in uri]
    if not domains:
        domains = [value.lower() for kind, value in others if kind == "DNS"]
    if not others:
        subject = certificate.get("subject", ())
        domains = [value.lower() for part in subject for kind, value in part if kind == "commonName"]
    addresses = [value.strip() for kind, value in others if kind == "IP Address"]
    domains += [numeric(each) or each for each in addresses]
    return tuple(dict.fromkeys(domains))


def proves(names: Sequence[str], wanted: str) -> bool:
    """Whether a certificate with these names is for that domain; a wildcard is for none (RFC 5922 section 7.2)."""
    wanted = wanted.strip("[]").rstrip(".").lower()
    return (numeric(wanted) or wanted) in names


class TlsConnection(Connection):
    """One stream. It counts as connecting until the handshake is over; what is sent meanwhile waits.

    `peer_names` are the domains that the far end has proven; empty for a client without a certificate.
    """

    __slots__ = ("_context", "peer", "peer_names")

    def __init__(
        self, wire: Wire, sock: socket.socket, flow: Flow, context: ssl.SSLContext, peer: Peer | None = None
    ) -> None:
        self._context = context
        self.peer = peer
        self.peer_names: tuple[str, ...] = ()
        super().__init__(wire, sock, flow, outbound=peer is not None)
        if peer is None:
            self._connecting = True
            shaking = wire.table.shaking
            if len(shaking) >= wire.limits.handshakes:
                # Who has dawdled longest gives way: whoever means it is done within a second or two.
                next(iter(shaking.values())).lose()
            shaking[flow.connection] = self
            self._opened()
        else:
            wire.table.alias(self, peer.key(flow.remote))

    def _opened(self) -> None:
        """TCP stands; now the handshake. The descriptor stays the same, so the loop's readers hold."""
        name = None if self.peer is None else self.peer.name
        loop, number = self._wire.loop, self._sock.fileno()
        try:
            self._sock = self._context.wrap_socket(
                self._sock, server_side=not self.outbound, do_handshake_on_connect=False, server_hostname=name
            )
        except (OSError, ValueError) as error:
            loop.remove_reader(number)  # the descriptor is gone with the failure
            loop.remove_writer(number)
            self._fail(_reason(error))
            return
        self._shake()

    def _shake(self) -> None:
        loop, sock = self._wire.loop, self._sock
        assert isinstance(sock, ssl.SSLSocket)
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            loop.remove_writer(sock.fileno())
            return
        except ssl.SSLWantWriteError:
            loop.add_writer(sock.fileno(), self._shake)
            return
        except (OSError, ValueError) as error:
            self._fail(_reason(error))
            return
        loop.remove_writer(sock.fileno())
        self.peer_names = names_of(sock.getpeercert())
        if self.peer is not None and not proves(self.peer_names, self.peer.name):
            shown = ", ".join(self.peer_names) or "nobody"
            self._fail(f"the certificate is for {shown}, not for {self.peer.name}")
            return
        self._wire.table.shaking.pop(self.flow.connection, None)
        super()._opened()

    def _fail(self, why: str) -> None:
        self._wire.counters.tls_failed += 1
        self._wire.counters.connect_errors += self.outbound
        if why in _RUBBISH and not self.outbound:
            self._wire.guard.malformed(self.flow.remote, self._wire.now())
        self._wire.on_tls_failure(self.flow, why, self.outbound)
        self.lose()

    def _on_readable(self) -> None:
        if self._connecting:
            self._shake()
        else:
            super()._on_readable()

    def _deliver(self, items: list[bytes | KeepAlive], now: float) -> None:
        if self.peer_names and not self.outbound:
            for item in items:
                if isinstance(item, bytes):
                    self._alias(item)
        super()._deliver(items, now)

    def _alias(self, message: bytes) -> None:
        """RFC 5923 section 5: a client that says `alias` takes requests on this connection, for the address in Via."""
        if message.startswith(b"SIP/2.0"):
            return
        via = _VIA.search(message)
        if via is None or _ALIAS.search(via[2]) is None:
            return
        port = _PORT.search(via[1])
        remote = (self.flow.remote[0], int(port[1]) if port else PORT)
        for name in self.peer_names:
            self._wire.table.alias(self, Peer(name).alias(remote))

    def _end(self) -> bool:
        if not self.closed and not self._connecting and isinstance(self._sock, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self._sock.unwrap()  # tells the far end that nothing was cut off; its own goodbye is not waited for
        return super()._end()


class TlsListener(TcpListener):
    """A listening socket. While it has no `context`, as its certificate cannot be used, who comes is turned away."""

    __slots__ = ("context",)
    transport = "tls"
    most = 8  # each wants most of a millisecond, and after a restart all telephones come at once

    def __init__(
        self, sock: socket.socket, wire: Wire, reach: Reach = OWN, context: ssl.SSLContext | None = None
    ) -> None:
        self.context = context
        super().__init__(sock, wire, reach)

    def accepted(self, sock: socket.socket, flow: Flow) -> None:
        """Somebody has connected. A handshake counts against its source's rate, a stranger's as many messages."""
        guard, host = self._wire.guard, flow.remote[0]
        if self.context is None or not (guard.bars(host) or guard.admit(host, self._wire.now())):
            self._wire.counters.connections_refused += 1
            sock.close()
        else:
            guard.spend(host, self._wire.limits.handshake)
            TlsConnection(self._wire, sock, flow, self.context)


def _reason(error: Exception) -> str:
    """What went wrong, in OpenSSL's words without their clutter."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not believed: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error.args[-1] if error.args else error)
