"""The decision: `plan(model, request, facts) -> Plan`, one pure function.

The order is the specification's. For a call from a telephone (XRL-2): emergency, line permission, services,
extensions, number normalisation, trunk. For a call from a carrier (XRL-1, IDN-3): the DID that it is for, and nothing
else unless the operator says so. Every rule that was asked leaves (rule id, verdict) in `Plan.because`, so an operator
can see the whole way.
"""

from __future__ import annotations

from dialplan.countries import main_emergency
from dialplan.forms import read
from dialplan.model import Device, Line, Model, Profile, RingList, TrunkRule
from dialplan.numbers import Kind, Number, clean, normalise
from dialplan.plan import (
    Announce,
    Branch,
    CallRequest,
    Echo,
    Facts,
    LineTarget,
    Plan,
    Reject,
    Ring,
    Route,
    Stage,
    Step,
    Trunk,
)
from dialplan.termination import Reason

Because = list[tuple[str, str]]

SOS = "urn:service:sos"
NO_FACTS = Facts()


def plan(model: Model, request: CallRequest, facts: Facts = NO_FACTS) -> Plan:
    """Where the call goes. Never raises for anything that a caller can dial; the refusals are plans too."""
    because: Because = []
    if request.trunk is None:
        # OUT-6: nothing stands before this branch. It reads the emergency table, the device and its line's country.
        emergency = _emergency_number(model, request)
        if emergency:
            because.append(("emergency", f"{emergency} is an emergency number"))
            return _made(model, _emergency_step(model, request, emergency, because), emergency, because, emergency=True)
        step, number = _from_device(model, request, because)
    else:
        step, number = _from_trunk(model, request, model.trunks.get(request.trunk), because)
    return _made(model, step, number, because)


def _made(model: Model, step: Step, number: str, because: Because, *, emergency: bool = False) -> Plan:
    return Plan(
        entry=step.id,
        steps=(step,),
        number=number,
        emergency=emergency,
        because=tuple(because),
        version=model.version,
    )


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


def _emergency_step(model: Model, request: CallRequest, number: str, because: Because) -> Step:
    """Every trunk, in the order of the table (EMG-6). Without any there is 503: a telephone that has another exchange
    to turn to shall do so at once."""
    device = model.devices.get(request.device or "")
    line = _calling_line(model, device, request.line)
    routes = tuple(Route(trunk, number, _caller_id(model, line, trunk)) for trunk in model.emergency.trunks)
    if not routes:
        because.append(("emergency", "no trunk can take it"))
        return Reject(id="emergency", status=503, reason=Reason.NO_ROUTE, text="No Route for Emergency Call")
    because.extend((f"trunk:{route.trunk}", f"route {n + 1} for {number}") for n, route in enumerate(routes))
    return Trunk(id="emergency", routes=routes)


# From a telephone


def _from_device(model: Model, request: CallRequest, because: Because) -> tuple[Step, str]:
    device = model.devices.get(request.device or "")
    line = _calling_line(model, device, request.line)
    if device is None or line is None:
        because.append((f"device:{request.device}", f"may not call on line {request.line}"))
        return Reject(id="line", status=403, reason=Reason.NOT_PERMITTED, text="Line Not Permitted"), request.digits
    because.append((f"device:{device.id}", f"calls on line {line.id}"))
    digits = clean(request.digits)
    inside = _inside(model, digits, because, line.id)
    if inside is not None:
        return inside, digits
    number, outside = _number(model, request.digits, digits, line.profile)
    if number.kind is Kind.FEATURE:
        because.append(("number", f"{number.value}: unknown feature code"))
        return Reject(id="number", status=404, reason=Reason.NOT_FOUND, text="Unknown Feature Code"), number.value
    own = model.dids.get(number.value)
    if own is not None:
        because.append((f"did:{number.value}", "our own number, rung without leaving the house"))
        return _ring(model, f"did:{number.value}", own, because, line.id), number.value
    if number.kind is Kind.INCOMPLETE:
        return _incomplete(model, digits, outside, because), number.value
    because.append(("number", f"{number.value} ({number.kind}), dialled from {_where(line.profile)}"))
    trunk = model.trunks.get(model.default_trunk or "")
    if trunk is None:
        because.append(("default_trunk", "none: only internal numbers can be called"))
        return Reject(id="trunk", status=404, reason=Reason.NOT_FOUND, text="No Such Extension"), number.value
    because.append((f"trunk:{trunk.id}", "default trunk"))
    return Trunk(id="trunk", routes=(Route(trunk.id, number.value, _caller_id(model, line, trunk.id)),)), number.value


def _calling_line(model: Model, device: Device | None, wanted: str | None) -> Line | None:
    """IDN-2: only a line that the device carries; its first one when it names none."""
    if device is None or not device.lines or (wanted is not None and wanted not in device.lines):
        return None
    return model.lines.get(wanted or device.lines[0])


def _inside(model: Model, digits: str, because: Because, calling: str = "") -> Step | None:
    service = model.services.get(digits)
    if service is not None:
        because.append((f"service:{digits}", service.source))
        if service.source == "echo":
            return Echo(id="service")
        return Announce(id="service", source=service.source)
    ring = model.extensions.get(digits)
    if ring is not None:
        return _ring(model, f"extension:{digits}", ring, because, calling)
    return None


def _ring(model: Model, rule: str, ring: RingList, because: Because, calling: str = "") -> Ring:
    """Ring the list. Who calls it from one of its own lines wants the others; a list of that line alone rings it."""
    lines = tuple(name for name in ring.lines if name != calling) or ring.lines
    left_out = f"; {calling} calls, and is left out" if len(lines) < len(ring.lines) else ""
    because.append((rule, "rings " + ", ".join(lines) + left_out))
    branches = tuple(
        Branch(id=f"ring/{n}", target=LineTarget(name), ring_s=ring.ring_s or model.lines[name].ring_s)
        for n, name in enumerate(lines)
    )
    return Ring(id="ring", stages=(Stage(branches),))


def _number(model: Model, dialled: str, digits: str, profile: Profile) -> tuple[Number, bool]:
    """The number for outside, and whether it was dialled with the outside prefix.

    Where a prefix is configured, a number without it is still understood when it is one (`+…` from a contact list).
    """
    prefix = model.outside_prefix
    if prefix and digits.startswith(prefix) and len(digits) > len(prefix):
        number = normalise(digits[len(prefix) :], profile)
        if number.kind is not Kind.INCOMPLETE:
            return number, True
    return normalise(dialled, profile), False


def _incomplete(model: Model, digits: str, outside: bool, because: Because) -> Reject:
    """484 asks for more digits; where more digits could not help, since there is no way out, it is 404."""
    begins = any(n.startswith(digits) for n in (*model.extensions, *model.services)) if digits else True
    if model.default_trunk is None and not begins:
        because.append(("number", f"{digits}: no such extension"))
        return Reject(id="number", status=404, reason=Reason.NOT_FOUND, text="No Such Extension")
    because.append(("number", f"{digits}: neither an extension nor a whole number"))
    return Reject(id="number", status=484, reason=Reason.INCOMPLETE_NUMBER, text="Address Incomplete")


def _where(profile: Profile) -> str:
    return f"{profile.country} {profile.area_code}".rstrip()


def _caller_id(model: Model, line: Line | None, trunk: str) -> str:
    """CID-1: what is shown outside of a call on that line."""
    rule = model.trunks.get(trunk)
    return (line.caller_id if line is not None else "") or (rule.caller_id if rule is not None else "")


# From a carrier


def _from_trunk(model: Model, request: CallRequest, trunk: TrunkRule | None, because: Because) -> tuple[Step, str]:
    """IDN-3: a carrier reaches DIDs only, never another trunk; extensions where the operator allows them."""
    if trunk is None:
        because.append((f"trunk:{request.trunk}", "unknown"))
        return Reject(id="trunk", status=403, reason=Reason.NOT_PERMITTED, text="Unknown Trunk"), request.digits
    because.append((f"trunk:{trunk.id}", "calls in"))
    digits = clean(request.digits)
    value = read(request.digits, trunk.numbers_in, trunk.profile.country)
    # In whatever form it writes, what stands in the table is meant.
    for form in (value, digits, "+" + digits):
        ring = model.dids.get(form)
        if ring is not None:
            return _ring(model, f"did:{form}", ring, because), form
    if trunk.extensions and request.proven:
        step = _inside(model, digits, because)
        if step is not None:
            return step, digits
    because.append(("dids", f"none is {digits or request.digits}"))
    return Reject(id="did", status=404, reason=Reason.NOT_FOUND, text="Not Found"), digits
