"""What of the caller the called side gets to see: a short list, and nothing else of the INVITE that came."""

from __future__ import annotations

from switch.calls.state import CallState
from switch.sip.headers import quote
from switch.sip.message import Request
from switch.sip.privacy import withheld
from switch.sip.uri import escape_user

PASSED = ("Subject", "Priority", "Organization", "User-to-User")
"""The headers of the caller's INVITE that reach the called side."""


def from_value(state: CallState, host: str) -> str:
    """The From of called legs: who calls, at our own address. The caller's own URI is never passed on."""
    name = f"{quote(state.started.caller_name)} " if state.started.caller_name else ""
    return f"{name}<sip:{caller_user(state)}@{_literal(host)}>"


def caller_user(state: CallState) -> str:
    """The caller's number as the user part of an address, escaped."""
    return escape_user(state.started.caller_number) or "anonymous"


def hidden_from_carriers(state: CallState, request: Request | None) -> bool:
    """CID-2: whether a carrier is not to learn who calls. In the house everybody is known, and an emergency service
    always learns it."""
    return request is not None and not state.started.emergency and withheld(request)


def max_forwards(request: Request | None) -> int:
    """One less than the caller's: it is what ends a loop through other exchanges (RFC 7332)."""
    given = request.max_forwards if request is not None else None
    return min(given, 70) - 1 if given is not None else 70


def passed_lines(request: Request | None) -> list[str]:
    """Header lines of the caller's INVITE that reach the called side."""
    if request is None:
        return []
    return [f"{name}: {value}" for name in PASSED for value in request.all(name)]


def contact_value(host: str, port: int, transport: str, user: str = "", beside: tuple[str, ...] = ()) -> str:
    """Our Contact on a flow; `user` is escaped already. Where one of the addresses `beside` it is a sips: one, it must
    be one too (RFC 3261 sections 8.1.1.8 and 12.1.1), in which the transport needs no word (RFC 5630)."""
    secure = transport == "tls" and any(each[:5].lower() == "sips:" for each in beside)
    suffix = "" if secure or transport == "udp" else f";transport={transport}"
    return f"<{'sips' if secure else 'sip'}:{f'{user}@' if user else ''}{_literal(host)}:{port}{suffix}>"


def contact_moved(contact: str, host: str, port: int, transport: str) -> str:
    """The same Contact at another address of ours."""
    user, at, _ = contact.removeprefix("<sip:").rpartition("@")
    return contact_value(host, port, transport, user if at else "", (contact[1:],))


def _literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host
