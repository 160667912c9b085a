"""A small company for real telephones: people with forwards, a VIP with a delegate, a rotating group, hours, a quota,
feature codes, and a carrier."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.kit.house import House, house, secret
from tests.e2e.kit.sipp import Sipp, answering

USERS = ("anna", "ben", "marta", "victoria", "olga", "paul", "quentin")

TEXT = """\
area_code: "669"
time_zone: UTC
account: {caller_id: "+16695550100"}
hours: {never: {week: {mon-sun: 03:00-03:01}, holidays: [closed]}}
holidays: {closed: {01-01..12-31: closed}}
users:
  anna:
    name: Anna Berg
    extension: 201
    caller_id: "+16695550101"
    forward: {busy: ben, no_answer: marta, outage: ben, after: 10s}
  ben: {name: Ben Ahl, extension: 202}
  marta: {name: Marta Quiroga, extension: 203}
  victoria:
    name: Victoria Hale
    extension: 204
    delegates: [marta]
    vip: {contacts: [anna], others: delegates_first, stage: 10s}
  olga: {name: Olga Lind, extension: 205, hours: never, closed: ben}
  paul: {name: Paul Weir, extension: 207, caller_id: "+16695550102", forward: {always: "+12125550175"}}
  quentin: {name: Quentin Roy, extension: 206, quotas: {calls: 1}}
ring_groups:
  sales: {name: Sales, extension: 300, strategy: rotating, members: [anna, ben, marta], turn: 10s, ring: 40s}
features: {"*78": dnd_on, "*79": dnd_off, "*11": account_code}
dids: {"+16695550100": [], "+16695550101": anna, "+16695550102": paul}
trunks:
  pacific:
    {host: 127.0.0.1, port: CARRIER-PORT, from: "127.0.0.1:CARRIER-PORT", foreign_callers: true, cost_header: X-Cost}
default_trunk: pacific
"""


@contextlib.contextmanager
def company(folder: Path, more: str = "", **options: Any) -> Iterator[House]:
    """Its exchange, serving."""
    devices = "".join(f"  {name}-phone: {{secret: {secret(name)}, lines: {name}}}\n" for name in USERS)
    with house(folder, TEXT + more, devices=devices, **options) as made:
        yield made


@contextlib.contextmanager
def carrier(exchange: House, calls: int = 1, last: str = "") -> Iterator[Sipp]:
    """The carrier, who answers so many calls and says what it hears. `last`: a header line in its last word."""
    text = answering().replace("[auto_media_port]", "[media_port]")
    if last:
        before, length, after = text.rpartition("Content-Length")
        text = f"{before}{last}\n{length}{after}"
    made = Sipp(exchange, text, "carrier", port=exchange.carrier, calls=calls, echo=True)
    try:
        yield made
    finally:
        made.stop()
