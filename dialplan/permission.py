"""Who may call outside: whose set-up is complete, the level of permission, numbers that are denied until they are
named, and quotas (OUT-1 to OUT-5, K.8). Asked for a call, again for each forward and transfer to outside; never for an
emergency call.

Several lines may have a say: on a shared line the delegator's and the delegate's own (XRL-4), in a transfer the
transferor's (K.8). Each of them must allow it.
"""

from __future__ import annotations

from collections.abc import Iterable

from dialplan import regions, rules
from dialplan.draft import Draft
from dialplan.facts import LineFacts
from dialplan.lines import Line, Permission, Quotas
from dialplan.numbers import Number
from dialplan.plan import Reject
from dialplan.rates import MICRO
from dialplan.regions import Reach
from dialplan.termination import Reason


def refusal(draft: Draft, lines: Iterable[Line], number: Number) -> Reject | None:
    """Why these lines may not call that number outside, as the step that says so; None when they may. It is not added
    to the draft: a forward that is refused counts as absent (K.8)."""
    asked = []
    for line in lines:
        if line in asked:
            continue
        asked.append(line)
        if not line.set_up:
            draft.say(rules.of_line(line.id, "set_up"), "is not complete: internal and emergency calls only")
            return _refused(draft, "set_up", "Set-Up Incomplete", "set_up")
        why = _level(draft, line, number)
        if why:
            return _refused(draft, "permission", why, "not_permitted")
    for line in asked:
        rule = rules.of_line(line.id, "quotas")
        if _exceeded(draft, rule, line.outside.quotas, draft.ask(line.id)):
            return _refused(draft, "quota", "Call Quota Exceeded", "quota")
    if _exceeded(draft, rules.ACCOUNT_QUOTAS, draft.model.quotas, draft.facts.account):
        return _refused(draft, "quota", "Call Quota Exceeded", "quota")
    return None


def _refused(draft: Draft, step: str, text: str, announce: str) -> Reject:
    reason = Reason.BLOCKED if step == "quota" else Reason.NOT_PERMITTED
    return Reject(id=draft.name(step), status=403, reason=reason, text=text, announce=announce)


def _level(draft: Draft, line: Line, number: Number) -> str:
    """What the caller is told when the line's level or a rule against toll fraud forbids the number; else ""."""
    outside = line.outside
    rule = rules.of_line(line.id, "permission")
    country = line.profile.country
    found = regions.classify(number, country, outside.domestic_regions)
    if outside.permission is Permission.EMERGENCY:
        draft.say(rule, f"emergency calls only: {number.value} is refused")
        return "Emergency Calls Only"
    if outside.permission is Permission.DOMESTIC and found.reach in _ABROAD:
        where = f" in {found.region}" if found.region else ""
        draft.say(rule, f"domestic only: {number.value}{where} is abroad from {country}")
        return "Domestic Calls Only"
    draft.say(rule, f"{outside.permission.value}: {number.value} is {found.reach.value} from {country}")
    why = regions.denied(number, found, outside.allow)
    if not why and found.reach is Reach.SERVICE:
        why = _premium(draft, line, number.value)
    if why:
        draft.say(rules.of_line(line.id, "allow"), f"{number.value} is denied until it is named: {why}")
        return "Number Denied"
    return ""


def _premium(draft: Draft, line: Line, number: str) -> str:
    """K.5: a service number is domestic unless the rates say that it is premium; then `allow` has to name it behind the
    country's code, whole or its beginning: `+33118`."""
    rates = draft.model.rates
    rate = rates.premium(number, draft.request.at.date()) if rates.decks else None
    code = f"+{regions.country_code(line.profile.country)}"
    named = (prefix for prefix in line.outside.allow if len(prefix) > len(code))
    if rate is None or any((code + number).startswith(prefix) for prefix in named):
        return ""
    return f"{rate.prefix} {rate.destination}"


_ABROAD = (Reach.INTERNATIONAL, Reach.NOWHERE)


def _exceeded(draft: Draft, rule: str, quotas: Quotas, facts: LineFacts) -> bool:
    for limit, used, what in (
        (quotas.calls, facts.external, "external calls are up"),
        (quotas.minutes_hour, facts.minutes_hour, "minutes were called outside in the last hour"),
        (quotas.minutes_day, facts.minutes_day, "minutes were called outside in the last day"),
        (quotas.cost_hour / MICRO, facts.cost_hour / MICRO, "were spent in the last hour"),
        (quotas.cost_day / MICRO, facts.cost_day / MICRO, "were spent in the last day"),
    ):
        if limit and used >= limit:
            draft.say(rule, f"{used:g} {what}, and {limit:g} is the limit")
            return True
    return False
