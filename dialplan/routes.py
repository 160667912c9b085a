"""Routes: which carriers a number outside is offered to, one after the other.

    1. The longest prefix that has a rule which is open at this hour. Shorter ones come behind it with `fall_back` only.
    2. Its rules by priority, the lowest first.
    3. With `least_cost` by what a minute costs: what the rule says, else the trunk's own rate for the number. A trunk
       whose cost nobody knows comes after those that are known.
    4. Equals by lot, in proportion to their weights (as RFC 2782 has it for servers; weight 0 comes after the others).
       The whole order follows from one number drawn beforehand, so a decision can be repeated.

A rule with several trunks is one ticket in that lot, and keeps them in the order in which they are written. No trunk is
offered the same number twice.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from dialplan.plan import Route
from dialplan.prefixes import NO_PREFIXES, Prefixes, pack
from dialplan.rates import NO_RATES, RateTable, shown

MOST_ROUTES = 16
"""Routes of one plan."""
MOST_VERDICTS = 24
UNKNOWN = -1
"""The cost of a row that names none."""
ROUTE_WIDTH = 3
_DEAR = 1 << 62

IsOpen = Callable[[str, datetime.datetime], bool]
"""(name of hours, instant) -> whether they are open."""


class RouteRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the rows of a route have in common. `id` is `route:NAME`, or the name of the CSV file it stands in.

    `trunks` in the order they are tried. `hours` empty: always. Of an E.164 number `strip` digits are taken from the
    front, the `+` not counted, and `prepend` is put there; what comes of that is sent as it stands, else the trunk has
    its own form. `caller_id` is the number shown (empty: the line's, or the trunk's); `withheld`: none is.
    `failover`: answers after which the next route is tried; empty: those of the trunk.
    """

    id: str
    trunks: tuple[str, ...]
    priority: int = 0
    weight: int = 1
    hours: str = ""
    strip: int = 0
    prepend: str = ""
    caller_id: str = ""
    withheld: bool = False
    failover: tuple[int, ...] = ()


class RouteTable(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All routes. A row: the number of its rule, the cost of a minute in micro-units (or UNKNOWN), the day since which
    it holds."""

    rules: tuple[RouteRule, ...] = ()
    rows: Prefixes = NO_PREFIXES
    least_cost: bool = False
    fall_back: bool = False

    def __bool__(self) -> bool:
        return bool(self.rules)

    def placeless(self) -> RouteTable:
        """The same without lines."""
        return msgspec.structs.replace(self, rows=self.rows.placeless()) if self.rows.lines else self


NO_ROUTES = RouteTable()


class Row(NamedTuple):
    """One row as `table` takes it. `line` is 0 where the rule's own place says enough; days as in `rates`."""

    prefix: str
    rule: RouteRule
    cost: int = UNKNOWN
    since: int = 0
    line: int = 0


class Chosen(NamedTuple):
    """The routes in order, and what became of each rule that was asked: (rule id, verdict)."""

    routes: tuple[Route, ...]
    because: tuple[tuple[str, str], ...]


def table(rows: Iterable[Row], *, least_cost: bool = False, fall_back: bool = False) -> RouteTable:
    """The table of these rows. Raises ValueError when one prefix has more than `prefixes.MOST_ROWS`."""
    rules: dict[RouteRule, int] = {}
    found: dict[str, list[tuple[int, ...]]] = {}
    for prefix, rule, cost, since, line in rows:
        packed = (rules.setdefault(rule, len(rules)), cost, since, line)
        there = found.get(prefix)
        if there is None:
            found[prefix] = [packed]
        else:
            there.append(packed)
    return packed_table(tuple(rules), found, least_cost=least_cost, fall_back=fall_back)


def packed_table(
    rules: tuple[RouteRule, ...], found: Mapping[str, Sequence[tuple[int, ...]]], *, least_cost: bool, fall_back: bool
) -> RouteTable:
    """The same of rows (number of the rule, cost, day, line) by prefix."""
    return RouteTable(rules=rules, rows=pack(found, ROUTE_WIDTH), least_cost=least_cost, fall_back=fall_back)


def always(hours: str, at: datetime.datetime) -> bool:
    """Hours that never close."""
    return True


def candidates(
    routes: RouteTable,
    number: str,
    at: datetime.datetime,
    draw: float = 0.0,
    *,
    is_open: IsOpen = always,
    rates: RateTable = NO_RATES,
) -> Chosen:
    """The routes of a number (`+` and digits, or a service number) at that instant, at most MOST_ROUTES.

    `draw` is from 0 up to 1, without 1. Never raises."""
    made: list[Route] = []
    because: list[tuple[str, str]] = []
    day = at.date()
    for prefix, numbers in routes.rows.matches(number):
        tickets = _open(routes, prefix, numbers, at, is_open, because)
        if routes.least_cost:
            tickets = _priced(tickets, rates, number, day)
        before = len(made)
        for ticket in _in_order(tickets, draw, routes.least_cost):
            _offer(ticket, number, prefix, made, because, routes.least_cost)
        if len(made) > before and (not routes.fall_back or len(made) >= MOST_ROUTES):
            break
    if len(made) > MOST_ROUTES:
        because.append(("routes", f"{len(made) - MOST_ROUTES} more are not tried"))
    elif not because:
        because.append(("routes", f"none has a prefix of {number}"))
    if len(because) > MOST_VERDICTS:
        because[MOST_VERDICTS:] = [("routes", f"{len(because) - MOST_VERDICTS} more rules were asked")]
    return Chosen(tuple(made[:MOST_ROUTES]), tuple(because))


class _Ticket(NamedTuple):
    """A rule in the lot, with those of its trunks that cost the same."""

    priority: int
    cost: int
    rule: RouteRule
    id: str
    trunks: tuple[str, ...]


def _open(
    routes: RouteTable,
    prefix: str,
    numbers: range,
    at: datetime.datetime,
    is_open: IsOpen,
    because: list[tuple[str, str]],
) -> list[_Ticket]:
    """The rules of that prefix that may be used now. Of several rows of one rule the newest that is in force."""
    today = at.date().toordinal()
    rows = routes.rows
    newest: dict[int, tuple[int, int, int]] = {}
    for at_row in numbers:
        rule_number, cost, since = rows.row(at_row)
        if since <= today and (rule_number not in newest or newest[rule_number][0] <= since):
            newest[rule_number] = (since, cost, at_row)
    tickets = []
    for rule_number, (_, cost, at_row) in newest.items():
        rule = routes.rules[rule_number]
        line = rows.line(at_row)
        rule_id = f"{rule.id}:{line}" if line else rule.id
        if rule.hours and not is_open(rule.hours, at):
            because.append((rule_id, f"prefix {prefix or 'any'}: closed now (hours {rule.hours})"))
        else:
            tickets.append(_Ticket(rule.priority, cost, rule, rule_id, rule.trunks))
    return tickets


def _priced(tickets: list[_Ticket], rates: RateTable, number: str, day: datetime.date) -> list[_Ticket]:
    """With what each trunk asks, where the rule does not say it; trunks that ask the same stay together."""
    priced = []
    for ticket in tickets:
        if ticket.cost != UNKNOWN:
            priced.append(ticket)
            continue
        by_cost: dict[int, list[str]] = {}
        for trunk in ticket.trunks:
            rate = rates.rate(trunk, number, day)
            by_cost.setdefault(rate.per_minute if rate is not None else _DEAR, []).append(trunk)
        priced += [ticket._replace(cost=cost, trunks=tuple(trunks)) for cost, trunks in by_cost.items()]
    return priced


def _in_order(tickets: list[_Ticket], draw: float, by_cost: bool) -> Iterator[_Ticket]:
    """By priority, by cost if it counts, then by lot."""
    if len(tickets) == 1:
        yield tickets[0]
        return
    classes: dict[tuple[int, int], list[_Ticket]] = {}
    for ticket in tickets:
        classes.setdefault((ticket.priority, ticket.cost if by_cost else 0), []).append(ticket)
    for key in sorted(classes):
        equals = classes[key]
        order, draw = lot([ticket.rule.weight for ticket in equals], draw)
        yield from (equals[n] for n in order)


def lot(weights: Sequence[int], draw: float) -> tuple[list[int], float]:
    """All indices in an order drawn by weight, and the draw for the next lot.

    Each pick falls into its weight's part of the line from 0 to 1; where in that part it fell is as good as a new draw,
    so one number is enough for the whole order."""
    left = list(range(len(weights)))
    order = []
    draw = draw if 0.0 <= draw < 1.0 else 0.0
    total = sum(weights)
    while left:
        if not total:
            order += left
            break
        point, passed = draw * total, 0
        chosen = next(n for n in reversed(left) if weights[n])  # where rounding leads past the end
        for n in left:
            if passed + weights[n] > point:
                chosen = n
                break
            passed += weights[n]
        draw = min(max((point - passed) / weights[chosen], 0.0), 1.0 - 2**-53)
        order.append(chosen)
        left.remove(chosen)
        total -= weights[chosen]
    return order, draw


def _offer(
    ticket: _Ticket, number: str, prefix: str, made: list[Route], because: list[tuple[str, str]], priced: bool
) -> None:
    rule = ticket.rule
    sent = manipulated(rule, number, prefix)
    if not sent:
        because.append((ticket.id, f"prefix {prefix or 'any'}: `strip` leaves nothing of {number}"))
        return
    for trunk in ticket.trunks:
        if any(route.trunk == trunk and route.number == sent for route in made):
            because.append((ticket.id, f"prefix {prefix or 'any'}: {trunk} has been tried by then"))
            continue
        made.append(Route(trunk, sent, rule.caller_id, rule.withheld, rule.failover, ticket.id))
        if len(made) <= MOST_ROUTES:
            cost = ""
            if priced or ticket.cost != UNKNOWN:
                known = ticket.cost not in (UNKNOWN, _DEAR)
                cost = f", {shown(ticket.cost)} a minute" if known else ", cost unknown"
            because.append((ticket.id, f"route {len(made)}: {trunk} gets {sent}, prefix {prefix or 'any'}{cost}"))


def manipulated(rule: RouteRule, number: str, prefix: str) -> str:
    """The number as that rule sends it; empty when nothing is left. A service number that any-prefix finds stays as it
    is: it is no number of the world (SPEC K.5)."""
    if not (rule.strip or rule.prepend) or (number[:1] != "+" and not prefix):
        return number
    rest = number.removeprefix("+")[rule.strip :]
    return rule.prepend + rest if rest else ""
