"""INFO in the dialog of a call: a key that was pressed, where a telephone says that by SIP, which RFC 6086 calls a
legacy usage. Two bodies are met: `application/dtmf-relay`, lines of `Signal=` and `Duration=`, and `application/dtmf`,
the key alone. A carrier may tell what the call costs (`advice.py`). Info packages there are none (RFC 6086): 469."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.sip import advice
from switch.sip.leg_events import Keyed, LegEvent, Priced
from switch.sip.parts import bodies
from switch.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

RELAY = "application/dtmf-relay"
ALONE = "application/dtmf"
ACCEPT = f"Accept: {RELAY}, {ALONE}"
KEYS = frozenset("0123456789*#ABCD")
NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""Keys as the events of RFC 4733 are numbered, which some telephones write instead."""
FLASH = frozenset(("16", "!", "FLASH"))
DURATION_MS = 250
MAX_DURATION_MS = 10_000
MAX_BODY = 256


def received(usage: InviteUsage, txn: ServerTransaction, now: float) -> LegEvent | None:
    """An INFO came in the dialog."""
    request = txn.request
    if request.header("Info-Package") is not None:
        usage.reply(txn, 469, now, ["Recv-Info:"])
        return None
    if not request.body:
        usage.reply(txn, 200, now)  # what some telephones ask to hear whether we are still there
        return None
    kind = request.content_type
    if usage.advice is not None and usage.advice.aoc and bodies(request, advice.KIND):
        usage.look_for_price(request)
        usage.reply(txn, 200, now)
        return Priced()
    if kind not in (RELAY, ALONE):
        usage.reply(txn, 415, now, [ACCEPT])
        return None
    key, duration_ms = read(request.body)
    if key in FLASH:
        usage.reply(txn, 200, now)
        return None
    if key not in KEYS:
        usage.reply(txn, 400, now)
        return None
    usage.reply(txn, 200, now)
    return Keyed(key, duration_ms)


def read(body: bytes) -> tuple[str, int]:
    """The key in a body of either kind, and for how many milliseconds it was held; an empty key when there is none."""
    key, duration_ms = "", DURATION_MS
    for line in body[:MAX_BODY].decode("ascii", "replace").splitlines():
        name, equals, value = line.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not equals:
            key = key or name.upper()
        elif name == "signal":
            key = value.upper()
        elif name == "duration" and value.isascii() and value.isdigit() and len(value) < 6:
            duration_ms = min(max(int(value), 1), MAX_DURATION_MS)
    return NUMBERED.get(key, key), duration_ms
