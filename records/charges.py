"""What a leg to outside cost: values and their arithmetic, out of what the events said at the time (decision 29).

    Charge    one carrier's leg: who pays, for calling whom, how long, and what that comes to
    Ticket    one stretch of it: who of ours talked, and what his part comes to (CRC-6)

Money is whole micro-units of a currency. `reckon` is the arithmetic of `dialplan.rates.price`, which this room may not
import; a property of the tests holds both equal.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from records.events import LegCharged, Stretch, Tariff

_MILLISECOND = datetime.timedelta(milliseconds=1)


class Charge(msgspec.Struct, frozen=True, gc=False):
    """One carrier's leg of a call. `leg` is its number there, `payer` the line that pays; empty where nobody of ours
    does. `until` is None while it is up; `lasted_ms` and what follows from it are of a leg that is over. `billed_ms` is
    what was charged for, in `units` where it goes by charge units. `cost` is None where no rate was known.
    `estimate`: by our rates; the carrier has not said it."""

    leg: int
    payer: str
    number: str
    since: datetime.datetime
    tariff: Tariff | None = None
    stretches: tuple[Stretch, ...] = ()
    until: datetime.datetime | None = None
    lasted_ms: int = 0
    billed_ms: int = 0
    units: int = 0
    cost: int | None = None
    currency: str = ""
    estimate: bool = True

    @property
    def destination(self) -> str:
        """What the carrier's rates call it."""
        return self.tariff.destination if self.tariff is not None else ""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """What one talk with somebody outside cost: who of ours it was (`to` as `line:paul`, known as `name`; or a service,
    or nobody), from when on, for how long, and his part of the charge for calling `number`."""

    to: str
    name: str
    number: str
    since: datetime.datetime
    lasted_ms: int
    units: int
    cost: int | None
    currency: str
    estimate: bool


def reckon(tariff: Tariff, ms: int) -> tuple[int, int, int]:
    """What a leg of so many milliseconds comes to: milliseconds that are charged, charge units (0 where it goes by
    time), micro-units. One that did not last is free."""
    if ms <= 0:
        return 0, 0, 0
    if tariff.unit_ms:
        units = -(-max(ms, tariff.minimum_s * 1000) // tariff.unit_ms)
        cost = rounded(units * tariff.unit + tariff.fee, 1, tariff.rounding, tariff.decimals)
        return units * tariff.unit_ms, units, cost
    beyond = max(0, -(-ms // 1000) - tariff.minimum_s)
    step = max(1, tariff.increment_s)
    billed_s = tariff.minimum_s + -(-beyond // step) * step
    micro = tariff.per_minute * billed_s + 60 * tariff.fee
    return billed_s * 1000, 0, rounded(micro, 60, tariff.rounding, tariff.decimals)


def rounded(amount: int, parts: int, way: str, decimals: int) -> int:
    """`amount` / `parts` micro-units as a multiple of so many decimals: up, down, or to the nearest (half-even)."""
    quantum: int = 10 ** (6 - decimals)
    whole, rest = divmod(amount, parts * quantum)
    if rest and (way == "up" or (way == "half-even" and (2 * rest, whole % 2) > (parts * quantum, 0))):
        whole += 1
    return whole * quantum


def ended(charge: Charge, at: datetime.datetime) -> Charge:
    """The leg is over."""
    if charge.until is not None:
        return charge
    at = max(at, charge.since)
    ms, tariff = (at - charge.since) // _MILLISECOND, charge.tariff
    stretches = (*charge.stretches[:-1], replace(charge.stretches[-1], until=at)) if charge.stretches else ()
    if tariff is None:
        return replace(charge, until=at, stretches=stretches, lasted_ms=ms)
    billed_ms, units, cost = reckon(tariff, ms)
    return replace(
        charge,
        until=at,
        stretches=stretches,
        lasted_ms=ms,
        billed_ms=billed_ms,
        units=units,
        cost=cost,
        currency=tariff.currency,
    )


def settled(charges: Sequence[Charge], told: Iterable[LegCharged]) -> tuple[Charge, ...]:
    """The charges of one call, with what carriers have said of them: the last word holds."""
    last = {each.leg: each for each in sorted(told, key=lambda each: each.at)}
    if not last:
        return tuple(charges)
    return tuple(_settled(each, last[each.leg]) if each.leg in last else each for each in charges)


def _settled(charge: Charge, told: LegCharged) -> Charge:
    units = told.units or charge.units
    return replace(charge, cost=told.cost, currency=told.currency, units=units, estimate=False)


def sums(charges: Iterable[Charge]) -> dict[str, int]:
    """What they cost together, in micro-units by currency. Amounts of two currencies are never added."""
    found: dict[str, int] = {}
    for each in charges:
        if each.cost is not None and (each.cost or each.currency):
            found[each.currency] = found.get(each.currency, 0) + each.cost
    return found


def tickets(charge: Charge) -> tuple[Ticket, ...]:
    """The parts of a charge, stretch by stretch. They add up to it: each is what the leg had cost by the end of the
    stretch, less what it had cost by its beginning. What a carrier has said is shared out in proportion."""
    found: list[Ticket] = []
    paid = used = lasted_ms = 0
    for each in charge.stretches:
        until = each.until or charge.until or each.since
        last = each is charge.stretches[-1]
        ms = (max(until, charge.since) - charge.since) // _MILLISECOND
        cost, units = _by_then(charge, ms, last=last)
        found.append(
            Ticket(
                each.to,
                each.name,
                charge.number,
                each.since,
                ms - lasted_ms,
                units - used,
                cost - paid if charge.cost is not None else None,
                charge.currency,
                charge.estimate,
            )
        )
        paid, used, lasted_ms = cost, units, ms
    return tuple(found)


def _by_then(charge: Charge, ms: int, *, last: bool) -> tuple[int, int]:
    """Cost and units of the leg's first so many milliseconds."""
    if last or charge.cost is None:
        return charge.cost or 0, charge.units
    if charge.tariff is not None and charge.estimate:
        _, units, cost = reckon(charge.tariff, ms)
        return cost, units
    whole = max(1, charge.lasted_ms)
    return charge.cost * ms // whole, charge.units * ms // whole
