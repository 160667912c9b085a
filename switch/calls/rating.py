"""What a carrier's leg costs is said when it is answered, and who talks with it whenever that changes (decision 29).

    joined   who talks with whom has changed: a leg that is new is rated, one with another partner told of again
    taken    a leg has come out of another call: a carrier's with its charge and its account code (CST-6), one of ours
             with its billable time
    told     the carrier has said what it cost

Calls without a carrier's leg that somebody pays for are left at the first look. Nothing is kept here: it stands in the
call's state.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING

from config.compiled import TrunkSettings
from dialplan.rates import Rate
from records import events as e
from switch.calls.identity import party
from switch.calls.leg import Leg, is_trunk
from switch.sip.advice import Advice

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.context import Context
    from switch.calls.state import LegState


def joined(call: Call, now: float) -> None:
    """Who talks with whom has changed (`Context.joined`). A bug in what it costs must end no call."""
    payers = call.context.facts.payers(call.id)
    if payers:
        try:
            _look(call, payers)
        except Exception as error:  # noqa: BLE001  see above
            call.context.on_error(error, f"costs of call {call.id}")


def _look(call: Call, payers: Mapping[int, str]) -> None:
    state = call.state
    for index in list(payers):
        leg = state.legs.get(index)
        if (
            leg is None
            or not leg.answered
            or leg.ended is not None
            or index not in call.legs
            or state.helped is not None
        ):
            continue
        if leg.rated is None:
            _rate(call, index, payers[index])
        else:
            to, name = _partner(call, index, leg.rated.to)
            if (to, name) != (leg.rated.to, leg.rated.name):
                _tell(call, index, leg.rated, to, name)


def _rate(call: Call, index: int, payer: str) -> None:
    """It was answered just now; or before a start, by an exchange that did not say what it costs."""
    context, at = call.context, call.context.at()
    number, since, rate = context.facts.rate(call.id, index, at)
    if rate is None and not (context.facts.rates or _tells(context, call.state.legs[index].target)):
        return
    to, name = _partner(call, index, "")
    tariff = tariff_of(rate) if rate is not None else None
    call.record(e.LegRated(call.id, call.state.n, at, index, since, payer, number, tariff, to, name))


def _tell(call: Call, index: int, rated: e.LegRated, to: str, name: str, earlier: tuple[e.Stretch, ...] = ()) -> None:
    at = call.context.at()
    since, payer, number, tariff = rated.since, rated.payer, rated.number, rated.tariff
    call.record(e.LegRated(call.id, call.state.n, at, index, since, payer, number, tariff, to, name, earlier))


def _partner(call: Call, index: int, before: str) -> tuple[str, str]:
    """With whom that leg talks, and as whom he is known; one of several who are in a room with it: the one who was with
    it `before`, if he is there."""
    state = call.state
    if index in state.members:
        there = [each for each in state.members if each in call.legs and not is_trunk(call.legs[each].target)]
        found = [_who(call, call.legs[each]) for each in there]
        return next((each for each in found if each[0] == before), found[0] if found else (state.service, ""))
    if state.service:
        return (state.service, "") if index == state.front else ("", "")
    other = call.other(call.legs[index]) if index in (state.front, state.peer) else None
    return _who(call, other) if other is not None else ("", "")


def _who(call: Call, leg: Leg) -> tuple[str, str]:
    """Who speaks there: on a delegator's line it is the delegate."""
    user = call.state.legs[leg.index].user
    if user and leg.target != f"line:{user}":
        return f"line:{user}", call.context.directory.shown(user)[1]
    return leg.target, party(call, leg).name


def tariff_of(rate: Rate) -> e.Tariff:
    """A rate as the journal keeps it."""
    return e.Tariff(
        rate.per_minute,
        rate.fee,
        rate.minimum_s,
        rate.increment_s,
        rate.currency,
        rate.unit,
        rate.unit_ms,
        rate.rounding,
        rate.decimals,
        rate.destination,
        rate.place,
    )


def taken(before: Call, leg: LegState, to: Call, index: int) -> None:
    """A leg of the call `before`, which was `leg` there, is leg `index` of `to` now."""
    at, by = to.context.at(), f"call:{before.id}"
    if leg.rated is not None:
        _tell(to, index, leg.rated, "", "", (*leg.talked, *_stretch(leg, leg.rated, at)))
    if is_trunk(leg.target):
        if before.state.account and not to.state.account:
            to.record(e.AccountChanged(to.id, to.state.n, at, before.state.account, by))
        return
    user = leg.user or leg.target.partition(":")[2]
    if user in before.state.billable and user not in to.state.billable:
        to.record(e.BillableSet(to.id, to.state.n, at, user, True, by))


def _stretch(leg: LegState, rated: e.LegRated, at: datetime.datetime) -> tuple[e.Stretch, ...]:
    since = leg.since or rated.since
    return (e.Stretch(since, rated.to, rated.name, at),) if at > since else ()


def _tells(context: Context, target: str) -> bool:
    dialect = context.directory.dialect(target.partition(":")[2])
    return dialect is not None and dialect.settings.tells_costs


def told(call: Call, leg: Leg) -> None:
    """The carrier has said what that leg cost, mostly when it is over. What cannot be read, or is of no known currency,
    is counted and passed by: the estimate stands."""
    price, leg.usage.price = leg.usage.price, None
    context, trunk = call.context, leg.target.partition(":")[2]
    dialect = context.directory.dialect(trunk)
    if price is None or dialect is None:
        return
    currency = price.currency or dialect.settings.cost_currency or context.facts.currency(trunk)
    if price.micro < 0 or not (currency or price.micro == 0):
        context.misread(trunk)
        return
    at = context.at()
    context.facts.record(e.LegCharged(call.id, leg.index, price.micro, currency, price.units, price.by, at))


def advice(settings: TrunkSettings) -> Advice | None:
    """How a carrier tells what a call to it cost; None when it does not."""
    return Advice(settings.cost_header, settings.aoc) if settings.tells_costs else None
