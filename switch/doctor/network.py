"""The network: are our ports free, which address do others see, are the carriers' names known?"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from config.compiled import Compiled, ListenerSettings, MediaSettings
from switch.doctor.finding import Finding, bad, good, warning
from switch.net import stun
from switch.net.flows import LocalAddresses, family_of, is_wildcard
from switch.sip.uri import literal

#: An address that is routed to nobody (RFC 5737, RFC 3849): asking for the way there shows our own address.
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_STUN_TRIES = 3
_STUN_WAIT_S = 1.0

Open = Callable[[ListenerSettings], OSError | None]


def examine(compiled: Compiled, running: bool, stun_server: str = "") -> Iterator[Finding]:
    """Look at all of it. `running`: an exchange holds the ports already. `stun_server` is `host` or `host:port`."""
    yield from judge_ports(compiled.listeners, running, try_port)
    yield judge_media_ports(compiled.media, _ephemeral(), _reserved())
    own = _own_addresses(compiled.listeners)
    yield judge_nat(compiled, own)
    if stun_server:
        yield judge_mapping(ask_stun(stun_server), stun_server, _advertised(compiled), own)


def judge_ports(listeners: Sequence[ListenerSettings], running: bool, free: Open) -> Iterator[Finding]:
    """Whether each listener's port can be had, or is had by the exchange that runs."""
    for each in listeners:
        name = f"{each.transport} {literal(each.address)} port {each.port}"
        error = free(each)
        if error is not None and each.optional and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            continue  # it is there by default, for machines that have IPv6
        if running:
            # Whoever holds it: status says on what the exchange listens, so only an absent address is news.
            if error is not None and error.errno == errno.EADDRNOTAVAIL:
                yield bad("ports", f"{name}: this machine no longer has that address", "write another under `listen:`")
            else:
                yield good("ports", f"{name}: the exchange that runs has it" if error else f"{name}: free")
        elif error is None:
            yield good("ports", f"{name}: free")
        elif error.errno == errno.EADDRINUSE:
            yield bad("ports", f"{name}: another program has it", f"ss -lnp 'sport = :{each.port}' names it")
        elif error.errno in (errno.EACCES, errno.EPERM):
            yield bad(
                "ports",
                f"{name}: not allowed to this user",
                "ports below 1024 need CAP_NET_BIND_SERVICE; use a higher one",
            )
        elif error.errno == errno.EADDRNOTAVAIL:
            yield bad("ports", f"{name}: this machine has no such address", "write one of its own, or 0.0.0.0 for all")
        else:
            yield bad("ports", f"{name}: {error.strerror}")


def judge_media_ports(
    media: MediaSettings, ephemeral: tuple[int, int] | None, reserved: Sequence[tuple[int, int]] = ()
) -> Finding:
    """Whether other programs may be given ports of the sound's range by the kernel, which hands out `ephemeral` but for
    `reserved`."""
    first, last = media.first_port, media.last_port
    shown = f"{first}-{last}: room for {(last + 1 - first) // 4} calls"
    kept = any(low <= first and last <= high for low, high in reserved)
    if ephemeral is None or kept or last < ephemeral[0] or ephemeral[1] < first:
        return good("sound ports", shown)
    said = f"{shown}, but the kernel hands out {ephemeral[0]}-{ephemeral[1]} to any program"
    advice = f"sysctl net.ipv4.ip_local_reserved_ports={first}-{last}, or another `media: ports`"
    return warning("sound ports", said, advice)


def judge_nat(compiled: Compiled, own: Sequence[str]) -> Finding:
    """Whether those outside can reach the addresses that we tell. `own` are this machine's addresses towards others."""
    told = _advertised(compiled)
    if told:
        return good("address", f"others are told {', '.join(told)}; this machine has {', '.join(own) or 'none'}")
    if not own:
        return warning(
            "address", "this machine has no address but the loopback", "telephones elsewhere cannot reach it"
        )
    # A public address of IPv6 is of no use to carriers and telephones that speak IPv4, which most do.
    seen = [each for each in own if ":" not in each] or list(own)
    inside = [each for each in seen if ipaddress.ip_address(each).is_private]
    if len(inside) < len(seen) or not compiled.trunks:
        return good("address", ", ".join(own))
    said = f"{', '.join(inside)} is an address of a private network, and nothing else is told to the carriers"
    return warning(
        "address", said, "where a router forwards the ports, write its address as `advertise` (docs/network.md)"
    )


def judge_mapping(found: tuple[str, int] | str, server: str, told: Sequence[str], own: Sequence[str]) -> Finding:
    """Whether what a STUN server saw is what we tell. `found` is that, or words about why there is none."""
    if isinstance(found, str):
        return warning("outside", f"{server}: {found}", "UDP to the outside may be blocked")
    seen = found[0]
    if seen in told:
        return good("outside", f"{server} sees {seen}, which is what others are told")
    if seen in own:
        return good("outside", f"{server} sees {seen}: no NAT before this machine")
    said = f"{server} sees {seen}, others are told {', '.join(told) if told else ', '.join(own) or 'nothing'}"
    return bad("outside", said, f"write `advertise: {seen}` under `listen` and `media`, and forward the ports")


def judge_names(found: Sequence[tuple[str, str, float]]) -> Iterator[Finding]:
    """The carriers' host names: each with the addresses found, in words, or "" when there are none, and the seconds
    that it took."""
    for host, addresses, took_s in found:
        if not addresses:
            yield bad("DNS", f"{host} is not known to the name servers", "calls through that trunk cannot be made")
        elif took_s > 1.0:
            yield warning(
                "DNS", f"{host}: {addresses}, after {took_s:.1f} s", "the name servers in /etc/resolv.conf are slow"
            )
        else:
            yield good("DNS", f"{host}: {addresses}")


def try_port(listener: ListenerSettings) -> OSError | None:
    """Take the port for an instant; the error when it cannot be had."""
    kind = socket.SOCK_DGRAM if listener.transport == "udp" else socket.SOCK_STREAM
    try:
        with socket.socket(family_of(listener.address), kind) as probe:
            if probe.family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((listener.address, listener.port))
    except OSError as error:
        return error
    return None


def ask_stun(server: str, tries: int = _STUN_TRIES, wait_s: float = _STUN_WAIT_S) -> tuple[str, int] | str:
    """Our address as a STUN server sees it, or why it could not be learned."""
    host, colon, port = server.rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.startswith("[")):
        host, port = server, "3478"
    try:
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        return f"not found ({error.strerror or error})"
    transaction = os.urandom(12)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        for _ in range(tries):
            try:
                probe.connect(address)
                probe.send(stun.request(transaction))
                until = time.monotonic() + wait_s
                while (left := until - time.monotonic()) > 0:
                    probe.settimeout(left)
                    if (found := stun.mapped(probe.recv(2048), transaction)) is not None:
                        return found
            except TimeoutError:
                continue
            except OSError as error:
                return error.strerror or str(error)
    return "no answer"


def _own_addresses(listeners: Sequence[ListenerSettings]) -> list[str]:
    """What telephones elsewhere would see of this machine; the loopback left out."""
    local = LocalAddresses()
    found = []
    for each in listeners:
        seen = local.towards(_ELSEWHERE[family_of(each.address)]) if is_wildcard(each.address) else each.address
        if not ipaddress.ip_address(seen).is_loopback:
            found.append(seen)
    return list(dict.fromkeys(found))


def _advertised(compiled: Compiled) -> list[str]:
    told = [each.advertise for each in compiled.listeners if each.advertise]
    return list(dict.fromkeys([*told, *compiled.media.advertise]))


def _ephemeral() -> tuple[int, int] | None:
    """The range that the kernel takes ports from for programs that name none."""
    try:
        first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return first, last


def _reserved() -> list[tuple[int, int]]:
    """What the kernel leaves out of that range."""
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_reserved_ports").read_text(encoding="ascii").strip()
        parts = [part.partition("-") for part in text.split(",") if part]
        return [(int(low), int(high or low)) for low, _, high in parts]
    except (OSError, ValueError):
        return []
