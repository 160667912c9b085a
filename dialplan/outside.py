"""The way out: which carriers a call to the outside takes, and which number they see.

Emergency calls do not come here. What a caller may call has been decided before.
"""

from __future__ import annotations

import datetime

import msgspec

from dialplan import hours, permission
from dialplan.draft import Draft, Path
from dialplan.lines import Line, Policy
from dialplan.model import Model
from dialplan.numbers import Kind, Number
from dialplan.plan import Reject, Route, Trunk
from dialplan.routes import MOST_ROUTES, candidates
from dialplan.termination import Reason


def outside(draft: Draft, line: Line, number: str, policy: Policy, hidden: bool) -> str:
    """Add the step that takes a normalised number out, and return its id. Without any route it is a rejection.

    `line` calls, and is shown unless it is `hidden`; `policy` holds during the call."""
    routes = routes_to(draft, line, number, hidden)
    if routes:
        return draft.add(Trunk(id=draft.name("trunk"), routes=routes, policy=policy))
    if leads_outside(draft.model):
        draft.say("routes", f"no route for {number}")
        reject = Reject(id=draft.name("trunk"), status=404, reason=Reason.NO_ROUTE, text="No Route")
    else:
        draft.say("default_trunk", "none: only internal numbers can be called")
        reject = Reject(id=draft.name("trunk"), status=404, reason=Reason.NOT_FOUND, text="No Such Extension")
    return draft.add(reject)


def forward(draft: Draft, number: str, by: Line | None, path: Path) -> str | None:
    """The step that takes a forwarded call out; None where it may not, or cannot (K.8). It is a call of the line that
    forwards: its permission, asked again (OUT-5), its policy and its number (FWD-11). Without a line the operator has
    written the number."""
    asked = Number(Kind.E164 if number[:1] == "+" else Kind.SERVICE, number)
    # What a menu or a group sends out counts among the calls of all lines together, too.
    if permission.refusal(draft, (by,) if by is not None else (), asked) is not None:
        return None
    hidden = by is not None and by.outside.hide_caller_id
    routes = routes_to(draft, by, number, hidden)
    if not routes:
        return None
    policy = by.policy if by is not None else None
    routes = tuple(_original(draft, each) for each in routes)
    return draft.add(Trunk(id=draft.name("trunk"), routes=routes, policy=policy, hops=path.hops))


def _original(draft: Draft, route: Route) -> Route:
    """FWD-11: the one who really calls is shown where the carrier allows it. One who hides stays hidden."""
    request, calling, rule = draft.request, draft.calling, draft.model.trunks.get(route.trunk)
    if rule is None or not rule.foreign_callers:
        return route
    number = (calling.caller_id if calling is not None else request.caller_number) or ""
    if not number.startswith("+"):
        return route
    hidden = request.anonymous or (calling is not None and calling.outside.hide_caller_id)
    return msgspec.structs.replace(route, caller=number, withheld=route.withheld or hidden)


def routes_to(draft: Draft, line: Line | None, number: str, hidden: bool) -> tuple[Route, ...]:
    """The routes of a normalised number in order, the default trunk last, unless it is among them.

    Every rule that was asked is told to the draft."""
    model = draft.model
    made: list[Route] = []
    if model.routes:
        zone = line.time_zone if line is not None else "UTC"

        def is_open(name: str, at: datetime.datetime) -> bool:
            known = model.hours.get(name)
            return known is not None and hours.is_open(known, at, zone).open

        chosen = candidates(
            model.routes, number, draft.request.at, draft.facts.draw, is_open=is_open, rates=model.rates
        )
        for rule, verdict in chosen.because:
            draft.say(rule, verdict)
        for route in chosen.routes:
            if route.trunk in model.trunks:
                caller = route.caller or caller_id(model, line, route.trunk)
                made.append(msgspec.structs.replace(route, caller=caller, withheld=route.withheld or hidden))
            else:
                draft.say(f"trunk:{route.trunk}", "unknown")
    last = model.default_trunk
    tried = len(made) >= MOST_ROUTES or any(route.trunk == last for route in made)
    if last is not None and last in model.trunks and not tried:
        draft.say(f"trunk:{last}", "default trunk")
        made.append(Route(last, number, caller_id(model, line, last), hidden, rule="default_trunk"))
    return tuple(made)


def leads_outside(model: Model) -> bool:
    """Whether there is any way out."""
    return model.default_trunk is not None or bool(model.routes)


def caller_id(model: Model, line: Line | None, trunk: str) -> str:
    """CID-1: what is shown outside of a call on that line."""
    rule = model.trunks.get(trunk)
    return (line.caller_id if line is not None else "") or (rule.caller_id if rule is not None else "")
