"""Who is told what of the other side: the identity and history headers of an INVITE, by trust (RFC 3324, RFC 3325).

There are three kinds of neighbours. Our own telephones are told who others are, and are never believed in what they
say of themselves beyond the choice among their own lines (`switch/identity.py`). Carriers with `trusted: true` are
believed and told, also who hides, as they keep it to themselves. Other carriers are neither.

`POLICY` is the whole of it. A header that is not in the table, or not in the messages that we write anyway, goes to
nobody. The deeds:

    pass  it goes on as it came
    open  it goes on as it came, unless the caller hides
    help  it goes on as it came in an emergency call, and in no other
    make  it is written anew, out of what is known of the call; what came is never repeated
    -     it ends here

A carrier's own keys (`caller_out`) say which of the headers that are made it gets. An emergency service is always told
who calls.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from records.events import Forwarded
from switch.calls.dialect import Dialect
from switch.calls.state import CallState
from switch.sip.headers import header_key
from switch.sip.message import Request


class Side(enum.IntEnum):
    """What a neighbour is to us."""

    TELEPHONE = 0
    TRUSTED = 1
    CARRIER = 2


class Deed(enum.StrEnum):
    """What becomes of a header."""

    PASS = "pass"  # noqa: S105
    OPEN = "open"
    HELP = "help"
    MAKE = "make"
    DROP = "-"


# Who calls, and within that who is called: a telephone, a trusted carrier, another carrier.
_TABLE = {
    #                           a telephone         a trusted carrier   another carrier
    #                           tel. trust. other   tel. trust. other   tel. trust. other
    "P-Asserted-Identity":     "make make make      make make make      -    -    -   ",
    "P-Preferred-Identity":    "-    make make      -    make make      -    make make",
    "Remote-Party-ID":         "-    make make      -    make make      -    make make",
    "Privacy":                 "-    make make      make make make      make make make",
    # Forwards: ours, and what a trusted carrier told of, which other carriers are not told.
    "Diversion":               "make make make      make make make      make make make",
    "History-Info":            "make make make      make make make      make make make",
    # Where a caller in need is.
    "Geolocation":             "help help help      -    -    -         -    -    -   ",
    "Geolocation-Routing":     "help help help      -    -    -         -    -    -   ",
    # What the caller says about the call.
    "Subject":                 "pass open open      open open open      open open open",
    "Organization":            "pass open open      open open open      open open open",
    "User-to-User":            "pass open open      open open open      open open open",
    "Priority":                "pass pass pass      pass pass pass      pass pass pass",
    # These let telephones answer by themselves or fetch what a stranger points at.
    "Alert-Info":              "-    -    -         -    -    -         -    -    -   ",
    "Call-Info":               "-    -    -         -    -    -         -    -    -   ",
    # What concerns one network, or a claim that nobody has verified.
    "Identity":                "-    -    -         -    -    -         -    -    -   ",
    "Reason":                  "-    -    -         -    -    -         -    -    -   ",
    # By whom a call was transferred (RFC 3892): our own telephones are told.
    "Referred-By":             "make -    -         make -    -         make -    -   ",
    "P-Called-Party-ID":       "make -    -         make -    -         make -    -   ",
    "P-Charging-Vector":       "-    -    -         -    -    -         -    -    -   ",
    "P-Access-Network-Info":   "-    -    -         -    -    -         -    -    -   ",
    "P-Early-Media":           "-    -    -         -    -    -         -    -    -   ",
}  # fmt: skip

POLICY: Mapping[str, tuple[tuple[Deed, ...], ...]] = MappingProxyType(
    {
        name: tuple(tuple(Deed(word) for word in row.split()[3 * sender : 3 * sender + 3]) for sender in range(3))
        for name, row in _TABLE.items()
    }
)
"""By header, who calls, who is called."""

_CARRIED: Mapping[str, tuple[tuple[Deed, ...], ...]] = {
    name: rows for name, rows in POLICY.items() if any(deed in "pass open help" for row in rows for deed in row)
}
_CARRIED_KEYS = frozenset(header_key(name) for name in _CARRIED)
MOST_LINES = 8
"""Lines of one header that are passed on."""


def deed(header: str, sender: Side, receiver: Side) -> Deed:
    """What becomes of that header between those two; what the table does not know ends here."""
    rows = POLICY.get(header)
    return rows[sender][receiver] if rows is not None else Deed.DROP


def side_of(dialect: Dialect | None) -> Side:
    """What a leg is rung at: a telephone has no dialect."""
    if dialect is None:
        return Side.TELEPHONE
    return Side.TRUSTED if dialect.settings.trusted else Side.CARRIER


def sender_of(state: CallState) -> Side:
    """What the caller is to us."""
    started = state.started
    if started.trunk is None:
        return Side.TELEPHONE
    return Side.TRUSTED if started.believed else Side.CARRIER


def hidden_from(state: CallState, receiver: Side) -> bool:
    """CID-2: whether the caller is not to be shown there. In the house our own callers are known to each other, and an
    emergency service always learns who calls."""
    started = state.started
    return started.hidden and not started.emergency and not (started.trunk is None and receiver is Side.TELEPHONE)


def asserts(state: CallState, receiver: Side) -> bool:
    """Whether we may vouch for the caller there, by P-Asserted-Identity."""
    return POLICY["P-Asserted-Identity"][sender_of(state)][receiver] is Deed.MAKE


def forwards_told(state: CallState, receiver: Side) -> tuple[Forwarded, ...]:
    """The forwards that came with the call and may be told there: a carrier that is not trusted is not told of what
    another one said."""
    return () if receiver is Side.CARRIER else state.started.forwards


def passed_lines(request: Request | None, state: CallState, receiver: Side, hidden: bool) -> list[str]:
    """Header lines of the caller's INVITE that go on as they came; `hidden`: the caller is not to be shown there."""
    if request is None or not request.has_any(_CARRIED_KEYS):
        return []
    allowed = {Deed.PASS}
    if not hidden:
        allowed.add(Deed.OPEN)
    if state.started.emergency:
        allowed.add(Deed.HELP)
    sender = sender_of(state)
    return [
        f"{name}: {value}"
        for name, rows in _CARRIED.items()
        if rows[sender][receiver] in allowed
        for value in request.all(name)[:MOST_LINES]
        # A location in the body ends here with the body.
        if not (name == "Geolocation" and "cid:" in value.lower())
    ]
