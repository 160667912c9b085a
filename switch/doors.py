"""The supervisor's sockets: where telephones and carriers come in. Standard library only."""

from __future__ import annotations

import errno
import resource
import socket
from collections.abc import Callable

from switch.arguments import Blueprint, ListenSocket, literal
from switch.estate import Estate

DSCP_SIGNALLING = 24  # CS3 (RFC 4594 section 4.1 has CS5 for signalling; switches expect CS3)
UDP_BUFFER = 8 * 1024 * 1024


def raise_file_limit() -> int:
    """Let this process and its children have as many files open as the system allows them; returns how many.

    The soft limit is often 1024, which is for programs that use select() on small sets; ours and uvloop's loops use
    epoll, and this process only watches two descriptors that it opened at its very start.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard


def has_family(address: str) -> bool:
    """Whether this machine speaks the family of an address at all: IPv6 may be switched off in its kernel."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
    return True


def open_socket(transport: str, address: str, port: int, dscp: int = DSCP_SIGNALLING) -> socket.socket:
    """A bound UDP socket, or a listening TCP one, whose packets carry `dscp`. Port 0 lets the kernel choose. An IPv6
    socket takes IPv6 alone, whatever the system's bindv6only says: a second one serves IPv4. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    opened = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        if transport == "udp":
            # Room for the datagrams of a restart. SO_RCVBUFFORCE (33) goes past the system's limit where we may.
            for option in (33, socket.SO_RCVBUF):
                try:
                    opened.setsockopt(socket.SOL_SOCKET, option, UDP_BUFFER)
                    break
                except OSError:
                    continue
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
        if transport != "udp":
            opened.listen(1024)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def here(found: Blueprint, log: Callable[[str], None]) -> Blueprint:
    """The same without what is there by default only and whose family this machine does not have."""
    listen = tuple(each for each in found.listen if not each[4] or has_family(each[1]))
    media = tuple(each for each in found.media_addresses if each not in found.media_optional or has_family(each))
    if len(listen) < len(found.listen) or len(media) < len(found.media_addresses):
        log("this machine has no IPv6: IPv4 alone is served")
    return found._replace(listen=listen, media_addresses=media)


def listen(found: Blueprint, estate: Estate | None = None) -> tuple[ListenSocket, ...]:
    """The sockets for a blueprint: those that the estate has, and others, newly opened. Raises OSError that says which
    cannot be."""
    there: dict[tuple[str, str, int, int], ListenSocket] = {}
    if estate is not None:
        there = dict(zip((each[:4] for each in estate.blueprint.listen), estate.sockets, strict=False))
    made: list[socket.socket] = []
    sockets = []
    for transport, address, port, dscp, _ in found.listen:
        known = there.get((transport, address, port, dscp))
        if known is None:
            try:
                made.append(opened := open_socket(transport, address, port, dscp))
            except OSError as error:
                for each in made:
                    each.close()
                place = f"{transport} {literal(address)} port {port}"
                raise OSError(f"cannot listen on {place}: {error.strerror}") from error
            known = ListenSocket(transport, address, opened.getsockname()[1], opened.fileno())
        sockets.append(known)
    for each in made:
        each.detach()
    return tuple(sockets)
