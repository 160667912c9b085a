"""Emergency calls: the first branch of the planner, which reads the emergency table alone (OUT-6, EMG-4 to EMG-7).

All that such a call needs stands in the table beforehand, by device: which numbers call for help there, from which
address, under which number one can be called back, and who is told. So no rule, permission, quota, lock or limit can
stand before it, and no mistake elsewhere in the configuration: a test replaces every other part of the model with one
that raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from dialplan.countries import emergency_numbers, main_emergency
from dialplan.draft import Draft
from dialplan.lines import Line
from dialplan.model import Device, Emergency, EmergencyPlace
from dialplan.numbers import clean
from dialplan.plan import CallRequest, Plan, Reject, Route, Trunk
from dialplan.termination import Reason

SOS = "urn:service:sos"
RULE = "emergency"
TEST = "933"
"""In North America it reads back the address that the carrier has, and calls nobody."""
NORTH_AMERICA = "911"
NINE = "9"
RING_S = 1800.0
"""Those who help may have many calls waiting, and who gives up one that rings begins at the end of their queue: that is
for the caller to do."""


def place_of(table: Emergency, device: str | None) -> EmergencyPlace:
    """What holds where that device stands; for one that nobody knows, what holds at the exchange. None: which one it is
    has not been asked yet, and it is wherever the number calls for help."""
    if device is None:
        return msgspec.structs.replace(table.elsewhere, numbers=table.elsewhere.numbers | table.numbers)
    return table.places.get(device, table.elsewhere)


def prefixes(written: str, main: str) -> frozenset[str]:
    """What may stand before a number (EMG-5): nothing, the outside prefix that is `written`, and where `main` is 911
    the 9. There people learned to dial it for a line, 9911 is tried in need, and no number begins so."""
    return frozenset(("", written, NINE if main == NORTH_AMERICA else ""))


def dialled(table: Emergency, digits: str, device: str | None) -> str:
    """The emergency number that was dialled on a device, or "". By the countries of the device and of its lines
    together (K.4), with and without the outside prefix (EMG-5), and as `urn:service:sos` with any sub-service
    (RFC 5031)."""
    place = place_of(table, device)
    written = digits.strip().lower()
    if written == SOS or written.startswith(SOS + "."):
        return place.main
    number = bare(table, digits)
    if number in place.numbers:
        return number
    rests = (number.removeprefix(prefix) for prefix in prefixes(table.prefix, place.main))
    return next((rest for rest in rests if rest in place.numbers), "")


def called(table: Emergency, request: CallRequest) -> tuple[str, str | None]:
    """The emergency number that is called, or "", and the device where help is needed.

    Help goes to whoever will talk with those who help: their device's place (RFC 6443 section 6, EMG-4), also when
    somebody else sends the call on to the number. Where that is nobody's telephone of the house, or the number calls no
    help where it stands, it is the transferor's, who asks for help: of all places that one is known."""
    if request.transferor is None or request.device is not None:
        number = dialled(table, request.digits, request.device)
        if number or request.transferor is None:
            return number, request.device
    return dialled(table, request.digits, request.transferor_device), request.transferor_device


def bare(table: Emergency, digits: str) -> str:
    """What was dialled without all that may stand around a number: `*201#911` on somebody's line, `*11*4711#911` on an
    account, `*67911` with the caller hidden, `911#`. Who calls for help so is helped; what the code says does not
    count."""
    number = clean(digits).removesuffix("#").rpartition("#")[2]
    if number[:1] == "*":
        number = next((number[len(code) :] for code in table.codes if number.startswith(code)), number)
    # No number of the world is like this: who has a telephone that puts a +, or +1, in front of all wants to be helped.
    return number[2:] if number[:2] == "+1" and len(number) == len(NORTH_AMERICA) + 2 else number.removeprefix("+")


def plan(draft: Draft, number: str, device: str | None) -> Plan:
    """The plan for an emergency call from that device: every trunk, in the order of the table (EMG-6), by what is known
    of the device alone (EMG-4, XRL-5). Without any trunk there is 503: a telephone that has another exchange to turn to
    shall do so at once."""
    table = draft.model.emergency
    place = place_of(table, device)
    draft.say(RULE, f"{number} is an emergency number")
    draft.entity = RULE
    if place.address:
        draft.say(f"address:{place.address}", "where help is to go")
    if place.notify:
        draft.say(RULE, f"told at once: {', '.join(place.notify)}")
    routes = tuple(
        Route(trunk, number, place.caller_id or table.caller_ids.get(trunk, ""), rule=RULE)
        for trunk in place.trunks or table.trunks
    )
    if routes:
        for n, route in enumerate(routes):
            draft.say(f"trunk:{route.trunk}", f"route {n + 1} for {number}")
        entry = draft.add(Trunk(id=RULE, routes=routes, ring_s=RING_S))
    else:
        draft.say(RULE, "no trunk can take it")
        text = "No Route for Emergency Call"
        entry = draft.add(Reject(id=RULE, status=503, reason=Reason.NO_ROUTE, text=text))
    return draft.plan(
        entry,
        number,
        emergency=True,
        line=place.line,
        device=device or "",
        address=place.address,
        notify=place.notify,
    )


def numbers_of(countries: Iterable[str], extra: Iterable[str] = ()) -> frozenset[str]:
    """The emergency numbers of several countries together, and further ones."""
    return frozenset(extra).union(*(emergency_numbers(country) for country in countries))


def places(
    devices: Mapping[str, Device], lines: Mapping[str, Line], extra: Iterable[str] = ()
) -> dict[str, EmergencyPlace]:
    """The table of devices: the numbers of the device's country, of its lines', and of those on whose lines they may
    call (K.4); the number of its first line for calling back, never a delegator's (XRL-5)."""
    extra = frozenset(extra)
    owners: dict[str, set[str]] = {}
    for line in lines.values():
        for delegate in line.delegates:
            owners.setdefault(delegate.line, set()).add(line.profile.country)
    by_countries: dict[frozenset[str], frozenset[str]] = {}
    found = {}
    for device in devices.values():
        carried = [lines[name] for name in device.lines if name in lines]
        countries = frozenset((device.country, *(line.profile.country for line in carried))).union(
            *(owners.get(line.id, ()) for line in carried)
        )
        if countries not in by_countries:
            by_countries[countries] = numbers_of(sorted(countries), extra)
        found[device.id] = EmergencyPlace(
            numbers=by_countries[countries],
            main=main_emergency(device.country),
            caller_id=carried[0].caller_id if carried else "",
            line=carried[0].id if carried else "",
        )
    return found
