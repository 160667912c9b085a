"""The decision: `plan(model, request, facts) -> Plan`, one pure function.

The order is the specification's. For a call from a telephone (XRL-2): emergency, line permission, services,
extensions, number normalisation, trunk. For a call from a carrier (XRL-1, IDN-3): the DID that it is for, and nothing
else unless the operator says so. Every rule that was asked leaves (rule id, verdict) in `Plan.because`, so an operator
can see the whole way.
"""

from __future__ import annotations

from dialplan.countries import main_emergency
from dialplan.destinations import Destination, To
from dialplan.draft import START, Draft, Path
from dialplan.facts import NO_FACTS, Facts
from dialplan.follow import follow
from dialplan.forms import read
from dialplan.forwarding import looped
from dialplan.lines import Line, Profile
from dialplan.model import Device, Model, TrunkRule
from dialplan.numbers import Kind, Number, clean, normalise
from dialplan.outside import caller_id, leads_outside, outside
from dialplan.plan import CallRequest, Plan, Reject, Route, Trunk
from dialplan.termination import Reason

SOS = "urn:service:sos"


def plan(model: Model, request: CallRequest, facts: Facts = NO_FACTS) -> Plan:
    """Where the call goes. Never raises for anything that a caller can dial; the refusals are plans too."""
    draft = Draft(model, request, facts, follow)
    if request.trunk is not None:
        if request.to is not None and request.trunk in model.trunks:
            return draft.plan(_again(draft, request.to), request.digits)
        entry, number = _from_trunk(draft, model.trunks.get(request.trunk))
        return draft.plan(entry, number)
    # OUT-6: nothing stands before this branch. It reads the emergency table, the device and its line's country.
    emergency = _emergency_number(model, request)
    if emergency:
        draft.say("emergency", f"{emergency} is an emergency number")
        return draft.plan(_emergency_step(draft, emergency), emergency, emergency=True)
    device = model.devices.get(request.device or "")
    draft.calling = line = _calling_line(model, device, request.line)
    if request.to is not None and line is not None:
        return draft.plan(_again(draft, request.to), request.digits)
    entry, number = _from_device(draft, device, line)
    return draft.plan(entry, number)


def _again(draft: Draft, to: Destination) -> str:
    """A call that is under way already, and of which it is known where it is to go: a plan that was too large, the
    choice in a menu. What has forwarded it before still counts (FWD-9)."""
    visited = draft.request.visited
    first = next((each.removeprefix("user:") for each in visited if each.startswith("user:")), "")
    path = Path(visited=visited, first=first)
    if str(to) in visited:
        step = looped(draft, path, (), f"{to} has had this call already")
    else:
        step = follow(draft, to, path)
    return step or _reject(draft, "target", 404, Reason.NOT_FOUND, "Not Found")


def _reject(draft: Draft, step: str, status: int, reason: Reason, text: str) -> str:
    return draft.add(Reject(id=draft.name(step), status=status, reason=reason, text=text))


# Emergency


def _emergency_number(model: Model, request: CallRequest) -> str:
    """The emergency number that was dialled, or "". By the countries of the device and of the line together (K.4), with
    and without the outside prefix (EMG-5), and as `urn:service:sos` with any sub-service (RFC 5031)."""
    device = model.devices.get(request.device or "")
    country = device.country if device is not None else model.profile.country
    dialled = request.digits.strip().lower()
    if dialled == SOS or dialled.startswith(SOS + "."):
        return main_emergency(country)
    # No number of the world begins like this: who has a telephone that puts a + in front of all wants to be helped.
    digits = clean(request.digits).removeprefix("+")
    line = model.lines.get(request.line or (device.lines[0] if device is not None and device.lines else ""))
    numbers = model.emergency.numbers
    here = numbers.get(country, frozenset())
    there = numbers.get(line.profile.country, frozenset()) if line is not None else here
    if digits in here or digits in there:
        return digits
    prefix = model.outside_prefix
    if prefix and digits.startswith(prefix):
        rest = digits[len(prefix) :]
        if rest in here or rest in there:
            return rest
    return ""


def _emergency_step(draft: Draft, number: str) -> str:
    """Every trunk, in the order of the table (EMG-6). Without any there is 503: a telephone that has another exchange
    to turn to shall do so at once."""
    model, request = draft.model, draft.request
    device = model.devices.get(request.device or "")
    line = _calling_line(model, device, request.line)
    routes = tuple(Route(trunk, number, caller_id(model, line, trunk)) for trunk in model.emergency.trunks)
    if not routes:
        draft.say("emergency", "no trunk can take it")
        return _reject(draft, "emergency", 503, Reason.NO_ROUTE, "No Route for Emergency Call")
    for n, route in enumerate(routes):
        draft.say(f"trunk:{route.trunk}", f"route {n + 1} for {number}")
    return draft.add(Trunk(id="emergency", routes=routes))


# From a telephone


def _from_device(draft: Draft, device: Device | None, line: Line | None) -> tuple[str, str]:
    model, request = draft.model, draft.request
    if device is None or line is None:
        draft.say(f"device:{request.device}", f"may not call on line {request.line}")
        return _reject(draft, "line", 403, Reason.NOT_PERMITTED, "Line Not Permitted"), request.digits
    draft.say(f"device:{device.id}", f"calls on line {line.id}")
    digits = clean(request.digits)
    inside = _inside(draft, digits)
    if inside is not None:
        return inside, digits
    number, prefixed = _number(model, request.digits, digits, line.profile)
    if number.kind is Kind.FEATURE:
        draft.say("number", f"{number.value}: unknown feature code")
        return _reject(draft, "number", 404, Reason.NOT_FOUND, "Unknown Feature Code"), number.value
    own = model.dids.get(number.value)
    if own is not None:
        draft.say(f"did:{number.value}", f"our own number, reached without leaving the house: {own}")
        return _follow(draft, own), number.value
    if number.kind in (Kind.INCOMPLETE, Kind.OPERATOR):
        return _incomplete(draft, digits, prefixed), number.value
    draft.say("number", f"{number.value} ({number.kind}), dialled from {_where(line.profile)}")
    return outside(draft, line, number.value), number.value


def _calling_line(model: Model, device: Device | None, wanted: str | None) -> Line | None:
    """IDN-2: only a line that the device carries; its first one when it names none."""
    if device is None or not device.lines or (wanted is not None and wanted not in device.lines):
        return None
    return model.lines.get(wanted or device.lines[0])


def _inside(draft: Draft, digits: str) -> str | None:
    service = draft.model.services.get(digits)
    if service is not None:
        draft.say(f"service:{digits}", service.source)
        echo = service.source == "echo"
        return follow(draft, Destination(To.ECHO) if echo else Destination(To.ANNOUNCE, service.source), START)
    to = draft.model.extensions.get(digits)
    if to is not None:
        draft.say(f"extension:{digits}", str(to))
        return _follow(draft, to)
    return None


def _follow(draft: Draft, to: Destination) -> str:
    step = follow(draft, to, START)
    return step or _reject(draft, "target", 404, Reason.NOT_FOUND, "Not Found")


def _number(model: Model, dialled: str, digits: str, profile: Profile) -> tuple[Number, bool]:
    """The number for outside, and whether it was dialled with the outside prefix.

    Where a prefix is configured, a number without it is still understood when it is one (`+…` from a contact list).
    """
    prefix = model.outside_prefix
    # A number that says where it is dialled (`;phone-context=`) is none that was typed here.
    if prefix and digits.startswith(prefix) and len(digits) > len(prefix) and ";" not in dialled:
        number = normalise(digits[len(prefix) :], profile)
        if number.kind in (Kind.E164, Kind.SERVICE):
            return number, True
    return normalise(dialled, profile), False


def _incomplete(draft: Draft, digits: str, prefixed: bool) -> str:
    """484 asks for more digits; where more digits could not help, since there is no way out, it is 404."""
    model = draft.model
    begins = any(n.startswith(digits) for n in (*model.extensions, *model.services)) if digits else True
    if not leads_outside(model) and not begins:
        draft.say("number", f"{digits}: no such extension")
        return _reject(draft, "number", 404, Reason.NOT_FOUND, "No Such Extension")
    draft.say("number", f"{digits}: neither an extension nor a whole number")
    return _reject(draft, "number", 484, Reason.INCOMPLETE_NUMBER, "Address Incomplete")


def _where(profile: Profile) -> str:
    return f"{profile.country} {profile.area_code}".rstrip()


# From a carrier


def _from_trunk(draft: Draft, trunk: TrunkRule | None) -> tuple[str, str]:
    """IDN-3: a carrier reaches DIDs only, never another trunk; extensions where the operator allows them."""
    request = draft.request
    if trunk is None:
        draft.say(f"trunk:{request.trunk}", "unknown")
        return _reject(draft, "trunk", 403, Reason.NOT_PERMITTED, "Unknown Trunk"), request.digits
    draft.say(f"trunk:{trunk.id}", "calls in")
    digits = clean(request.digits)
    value = read(request.digits, trunk.numbers_in, trunk.profile.country)
    # In whatever form it writes, what stands in the table is meant.
    for form in (value, digits, "+" + digits):
        to = draft.model.dids.get(form)
        if to is not None:
            draft.say(f"did:{form}", str(to))
            return _follow(draft, to), form
    if trunk.extensions and request.proven:
        step = _inside(draft, digits)
        if step is not None:
            return step, digits
    draft.say("dids", f"none is {digits or request.digits}")
    return _reject(draft, "did", 404, Reason.NOT_FOUND, "Not Found"), digits
