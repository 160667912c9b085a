"""How the two sides are shown to each other: the caller to a telephone that rings, and who answers to the caller.

Who may be told what is decided in `trust.py`; how a carrier wants it written stands in `dialect.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from records.events import Forwarded
from switch.calls.hearing import answered
from switch.calls.leg import Leg, is_trunk
from switch.calls.state import CallState
from switch.calls.trust import Side, asserts, hidden_from
from switch.sip import diversion
from switch.sip.diversion import Forward
from switch.sip.headers import NameAddr, quote
from switch.sip.message import Request
from switch.sip.privacy import ANONYMOUS, PRIVACY
from switch.sip.uri import escape_user, hostport, literal

if TYPE_CHECKING:
    from switch.calls.call import Call

_REMEMBERED = 512
"""Addresses of ours: a line is shown in every call, and so is our own Contact."""


def to_telephone(
    state: CallState,
    host: str,
    forwards: Sequence[Forwarded] = (),
    target: str = "",
    for_: tuple[str, str] | None = None,
) -> tuple[str, list[str]]:
    """The From, without its tag, of a telephone's leg, and the header lines that say who calls and who forwarded the
    call to `target`, its Request-URI. All is at our own address: the caller's own URI is never passed on.

    `for_` is the number and the name of a delegator, whose delegate is rung: the name stands behind the caller's, and
    the delegator's line is the called one (DRC-3)."""
    started = state.started
    lines = _forwarded(forwards, host, target) if forwards else []
    name = started.caller_name
    if for_ is not None:
        lines.append(f"P-Called-Party-ID: {_address(*for_, host)}")
    if started.hidden and hidden_from(state, Side.TELEPHONE):
        return (ANONYMOUS if for_ is None else _for(ANONYMOUS, for_)), [PRIVACY, *lines]
    number = started.caller_number
    local = _address(number or "anonymous", name, host)
    if number and asserts(state, Side.TELEPHONE):
        # Many telephones show P-Asserted-Identity rather than From.
        lines.insert(0, f"P-Asserted-Identity: {local if for_ is None else _for(local, for_)}")
    return (local if for_ is None else _for(local, for_)), lines


def _for(address: str, for_: tuple[str, str]) -> str:
    """`"Zoe" <sip:…>` as `"Zoe (for Anna Berg)" <sip:…>`; a caller without a name is shown by number."""
    parsed = NameAddr.parse(address)
    shown = parsed.display or parsed.uri.partition(":")[2].partition("@")[0]
    return f"{quote(f'{shown} (for {for_[1] or for_[0]})')} <{parsed.uri}>"


def _forwarded(forwards: Sequence[Forwarded], host: str, target: str) -> list[str]:
    shown = [
        Forward(uri_of(each.number, host), each.name, each.reason, each.count) for each in forwards if not each.hidden
    ]
    if not shown:
        return []
    return [*diversion.diversion(shown), *diversion.history_info(shown, target)]


def to_caller(call: Call, leg: Leg) -> Sequence[str]:
    """The header lines of our 18x and 2xx that say who rings or has answered on that leg (RFC 3325 section 5).

    Our own telephones are told, of a carrier's side what a trusted one says; a trusted carrier that wants
    P-Asserted-Identity is told in the 2xx, and keeps it to itself where who has answered hides.
    """
    state = call.state
    caller = state.started.trunk
    if caller is not None and not (state.started.believed and leg.usage.confirmed):
        return ()
    directory, context = call.context.directory, call.context
    host = directory.domains.own or context.advertised(call.front.usage.flow)[0]
    _, _, called = leg.target.partition(":")
    if is_trunk(leg.target):
        dialect = directory.dialect(called)
        heard = answered(dialect, leg.asserted) if leg.asserted and not leg.hides and dialect is not None else None
        return [f"P-Asserted-Identity: {_address(*heard, host)}"] if heard is not None and caller is None else ()
    number, name = directory.shown(called)
    if caller is None:
        return [f"P-Asserted-Identity: {_address(number, name, host)}"]
    dialect = directory.dialect(caller)
    if dialect is None or "pai" not in dialect.settings.caller_out:
        return ()
    own = f"P-Asserted-Identity: {dialect.own(state.started.number, name, host)}"
    return [own, PRIVACY] if leg.hides else [own]


@lru_cache(_REMEMBERED)
def _address(number: str, name: str, host: str) -> str:
    return f"{quote(name)} <{uri_of(number, host)}>" if name else f"<{uri_of(number, host)}>"


def uri_of(number: str, host: str) -> str:
    """A number as an address of ours."""
    return f"sip:{escape_user(number) or 'anonymous'}@{literal(host)}"


def max_forwards(request: Request | None) -> int:
    """One less than the caller's: it is what ends a loop through other exchanges (RFC 7332)."""
    given = request.max_forwards if request is not None else None
    return min(given, 70) - 1 if given is not None else 70


def contact_value(host: str, port: int, transport: str, user: str = "", beside: tuple[str, ...] = ()) -> str:
    """Our Contact on a flow; `user` is escaped already. Where one of the addresses `beside` it is a sips: one, it must
    be one too (RFC 3261 sections 8.1.1.8 and 12.1.1), in which the transport needs no word (RFC 5630)."""
    secure = transport == "tls" and any(each[:5].lower() == "sips:" for each in beside)
    return _contact(host, port, transport, user, secure)


@lru_cache(_REMEMBERED)
def _contact(host: str, port: int, transport: str, user: str, secure: bool) -> str:
    """Remembered without the far end's addresses: they are others in each call, and what was dialled is among them."""
    suffix = "" if secure or transport == "udp" else f";transport={transport}"
    return f"<{'sips' if secure else 'sip'}:{f'{user}@' if user else ''}{hostport(host, port)}{suffix}>"


def contact_moved(contact: str, host: str, port: int, transport: str) -> str:
    """The same Contact at another address of ours."""
    user, at, _ = contact.partition(":")[2].rpartition("@")
    return contact_value(host, port, transport, user if at else "", (contact[1:],))
