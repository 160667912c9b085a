"""Who a leg is, and telling telephones who they talk with now (RFC 4916, RFC 3325 section 5).

At the answer the INVITE and its 2xx have said it. When it changes later (a transfer, a parked call that is taken), each
side is told by UPDATE, or by a re-INVITE that changes nothing where it takes no UPDATE: P-Asserted-Identity, which most
telephones show, and another From to those that bear that (`from-change`). A caller from outside who hides stays hidden.
A carrier is told only if it is trusted and wants P-Asserted-Identity (`caller_out`), and only of our own numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from records import events as e
from switch.calls.hearing import answered
from switch.calls.leg import CALLER, Leg, is_trunk, line_of, trunk_of
from switch.calls.presentation import uri_of
from switch.sip.headers import quote
from switch.sip.privacy import ANONYMOUS, PRIVACY

if TYPE_CHECKING:
    from switch.calls.call import Call


def party(call: Call, leg: Leg) -> e.Party:
    """Who that leg is. A leg that came out of another call has taken that along."""
    state, started = call.state.legs[leg.index], call.state.started
    if state.party is not None:
        return state.party
    if leg.index == CALLER:
        return e.Party(started.caller_number, started.caller_name, started.hidden and started.trunk is not None)
    line = line_of(leg.target)
    if line:
        return e.Party(*call.context.directory.shown(line))
    dialect = call.context.directory.dialect(trunk_of(leg.target))
    if leg.asserted and not leg.hides and dialect is not None:
        heard = answered(dialect, leg.asserted)
        if heard is not None:
            return e.Party(*heard)
    return e.Party(started.number, "", leg.hides)


def joined(call: Call, now: float) -> None:
    """Who talks with whom has changed (`Context.joined`): those are told who do not know it from their INVITE."""
    state = call.state
    if state.peer is None or state.peer not in call.legs or state.front not in call.legs:
        return
    front, peer = call.legs[state.front], call.legs[state.peer]
    for leg, other in ((front, peer), (peer, front)):
        if leg.shown == other.tag:
            continue
        unknown = not leg.shown and state.recovered > 0 and not state.transfers
        leg.shown = other.tag
        if not unknown:
            _tell(call, leg, other, now)


def _tell(call: Call, leg: Leg, other: Leg, now: float) -> None:
    who = party(call, other)
    host = call.context.directory.domains.own or call.context.advertised(leg.usage.flow)[0]
    if is_trunk(leg.target):
        lines = _to_carrier(call, leg, other, who, host)
    else:
        address = address_of(who, host)
        lines = [f"P-Asserted-Identity: {address}", *([PRIVACY] if who.hidden else [])]
        if leg.usage.from_change:
            leg.usage.dialog.local = address
    if lines:
        call.offers.tell(call, leg, lines, now)


def caption(call: Call, leg: Leg, other: Leg, words: str, now: float) -> bool:
    """Show a few words on a telephone in place of the other side's name, until it is told who that is again. By UPDATE
    alone: nothing is negotiated anew for a few words. Whether that could be done."""
    if is_trunk(leg.target) or not leg.usage.allows_update or leg.usage.offer_pending:
        return False
    who = party(call, other)
    host = call.context.directory.domains.own or call.context.advertised(leg.usage.flow)[0]
    address = "<sip:anonymous@anonymous.invalid>" if who.hidden else f"<{uri_of(who.number, host)}>"
    leg.shown = ""
    call.offers.tell(call, leg, [f"P-Asserted-Identity: {quote(words)} {address}"], now)
    return True


def _to_carrier(call: Call, leg: Leg, other: Leg, who: e.Party, host: str) -> list[str]:
    dialect = call.context.directory.dialect(trunk_of(leg.target))
    if dialect is None or not dialect.settings.trusted or "pai" not in dialect.settings.caller_out:
        return []
    # The number by which the carrier knows us in this call; a line's own extension says nothing to it.
    number = call.state.started.number if leg.index == CALLER else call.state.started.caller_number
    number = who.number if who.number.startswith("+") and not who.hidden else number
    if is_trunk(other.target) or not number.startswith("+"):
        return []
    return [f"P-Asserted-Identity: {dialect.own(number, who.name, host)}"]


def address_of(who: e.Party, host: str) -> str:
    """A party as one of our telephones is shown it: at our own address, or as nobody."""
    if who.hidden:
        return ANONYMOUS
    address = f"<{uri_of(who.number, host)}>"
    return f"{quote(who.name)} {address}" if who.name else address
