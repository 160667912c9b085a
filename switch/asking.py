"""OPTIONS outside a dialog: how we ask a telephone or a carrier whether it lives (RFC 3261 section 11.1)."""

from __future__ import annotations

from collections.abc import Sequence

from switch.calls.presentation import contact_value
from switch.sip.flow import Address
from switch.sip.methods import AGENT
from switch.sip.uri import literal


def question(
    uri: str, transport: str, ours: Address, ident: str, number: int = 1, path: Sequence[str] = ()
) -> list[str]:
    """The header lines of a question to `uri`, the `number`th under the same `ident`, which nobody can guess.

    `ours` is where the far end reaches us by `transport`; `path` the proxies that lead there (RFC 3327).
    """
    host, port = ours
    us = literal(host)
    return [
        "Max-Forwards: 70",
        *(f"Route: {route}" for route in path),
        f"From: <sip:{us}>;tag={ident}",
        f"To: <{uri}>",
        f"Call-ID: {ident}@{us}",
        f"CSeq: {number} OPTIONS",
        f"Contact: {contact_value(host, port, transport, beside=(uri,))}",
        "Accept: application/sdp",
        AGENT,
    ]
