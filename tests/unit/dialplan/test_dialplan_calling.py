"""Calls from telephones: whose line, what may be called outside, codes and accounts (XRL-2)."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from dialplan.destinations import Destination, To, user
from dialplan.facts import NO_FACTS, Facts, LineFacts
from dialplan.groups import AccountCode, ParkLot, Site
from dialplan.lines import Announce, Delegate, Forwards, Line, Outside, Permission, Policy, Profile, Quotas, Vip
from dialplan.model import Device, Emergency, EmergencyPlace, Model, TrunkRule
from dialplan.plan import CallRequest, Collect, Feature, Park, Plan, Reject, Retrieve, Ring, Trunk
from dialplan.planner import plan

AT = datetime.datetime(2026, 3, 2, 10, tzinfo=datetime.UTC)
US, FR = Profile("US", "669"), Profile("FR")
PEOPLE: dict[str, dict[str, Any]] = {
    "anna": {
        "extension": "201",
        "profile": FR,
        "caller_id": "+33123456789",
        "delegates": (Delegate(line="ben"), Delegate(line="carl", pending=True), Delegate(line="dora", place=False)),
    },
    "ben": {"extension": "202", "caller_id": "+16695550102"},
    "carl": {"extension": "203"},
    "dora": {"extension": "204"},
}
CODES = {"*78": "dnd_on", "*72": "forward_always", "*67": "hide_caller_id", "*11": "account_code", "*5": "unlock"}


def house(**lines: dict[str, Any]) -> Model:
    """Anna, on whose line Ben may call, Carl has not accepted yet, and Dora may answer only."""
    made = {
        name: Line(id=name, **({"profile": US, "site": "hq"} | values | lines.get(name, {})))
        for name, values in PEOPLE.items()
    }
    return Model(
        profile=US,
        lines=made,
        devices={name: Device(id=name, lines=(name,), country="US") for name in made},
        extensions={line.extension: user(line.id) for line in made.values()},
        dids={"+16695550102": user("ben")},
        trunks={"carrier": TrunkRule(id="carrier", profile=US)},
        default_trunk="carrier",
        sites={"hq": Site(id="hq", operator=user("ben"))},
        park_lots={"main": ParkLot(id="main", first="701", last="709")},
        features=CODES,
        accounts={"4711": AccountCode(code="4711", password=True), "12": AccountCode(code="12")},
        emergency=Emergency(elsewhere=EmergencyPlace(numbers=frozenset({"911"})), trunks=("carrier",), codes=("*67",)),
    )


def call(model: Model, who: str, digits: str, facts: Facts = NO_FACTS, **more: Any) -> Plan:
    return plan(model, CallRequest(digits=digits, at=AT, device=who, **more), facts)


def refused(made: Plan) -> str:
    step = made.step(made.entry)
    return f"{step.status} {step.text}" if isinstance(step, Reject) else "no"


def outside(**more: Any) -> dict[str, Any]:
    return {"outside": Outside(**more)}


@pytest.mark.parametrize(
    ("level", "digits", "expected"),
    [
        (Permission.DOMESTIC, "2125550100", "no"),
        (Permission.DOMESTIC, "+33123456789", "403 Domestic Calls Only"),
        (Permission.DOMESTIC, "411", "no"),
        (Permission.DOMESTIC, "+14165550100", "403 Domestic Calls Only"),
        (Permission.INTERNATIONAL, "+33123456789", "no"),
        (Permission.INTERNATIONAL, "9005550100", "403 Number Denied"),
        (Permission.EMERGENCY, "2125550100", "403 Emergency Calls Only"),
        (Permission.EMERGENCY, "411", "403 Emergency Calls Only"),
        (Permission.EMERGENCY, "202", "no"),
        (Permission.EMERGENCY, "6695550102", "no"),
        (Permission.EMERGENCY, "911", "no"),
    ],
)
def test_levels_of_permission(level: Permission, digits: str, expected: str) -> None:
    """OUT-2, OUT-4: internal calls, own numbers too, and emergency calls are always allowed."""
    assert refused(call(house(carl=outside(permission=level)), "carl", digits)) == expected


def test_what_the_operator_names_may_be_called() -> None:
    """K.7, and against toll fraud."""
    model = house(carl=outside(domestic_regions=frozenset({"CA"}), allow=("+1900",)))
    assert refused(call(model, "carl", "+14165550100")) == "no"
    assert refused(call(model, "carl", "9005550100")) == "no"


@pytest.mark.parametrize("whose", ["line", "account"])
@pytest.mark.parametrize(
    ("quotas", "facts", "over"),
    [
        ({"calls": 2}, {"external": 1}, False),
        ({"calls": 2}, {"external": 2}, True),
        ({"minutes_hour": 30}, {"minutes_hour": 29.9}, False),
        ({"minutes_hour": 30}, {"minutes_hour": 30.0}, True),
        ({"minutes_day": 60}, {"minutes_day": 61.0}, True),
        ({"cost_hour": 5_000_000}, {"cost_hour": 4_999_999}, False),
        ({"cost_day": 5_000_000}, {"cost_day": 5_000_000}, True),
    ],
)
def test_quotas_of_a_line_and_of_the_account(
    quotas: dict[str, int], facts: dict[str, Any], over: bool, whose: str
) -> None:
    """Against toll fraud; internal and emergency calls are exempt."""
    used = LineFacts(**facts)
    if whose == "line":
        model, now = house(carl=outside(quotas=Quotas(**quotas))), Facts(lines={"carl": used})
    else:
        model, now = msgspec.structs.replace(house(), quotas=Quotas(**quotas)), Facts(account=used)
    assert refused(call(model, "carl", "2125550100", now)) == ("403 Call Quota Exceeded" if over else "no")
    assert refused(call(model, "carl", "202", now)) == refused(call(model, "carl", "911", now)) == "no"


def test_a_delegate_calls_on_the_delegators_line() -> None:
    """SLN-1, NUM-8, LIM-10, XRL-8: by the delegator's profile and number, by the policy of who speaks."""
    model = house(
        anna={"policy": Policy(owner="anna", limit_s=60, announce=Announce.CALLEE)},
        ben={"policy": Policy(owner="ben", limit_s=300, announce=Announce.CALLER)}
        | outside(permission=Permission.INTERNATIONAL),
    )
    for made in (call(model, "ben", "0123456780", line="anna"), call(model, "ben", "*201#0123456780")):
        step = made.step(made.entry)
        assert isinstance(step, Trunk)
        assert (step.routes[0].number, step.routes[0].caller) == ("+33123456780", "+33123456789")
        assert step.policy == made.policy == Policy(owner="ben", limit_s=300, announce=Announce.ALL)


@pytest.mark.parametrize("who", ["carl", "dora", "stranger"])
def test_who_is_no_delegate_or_may_not_place_calls_is_refused(who: str) -> None:
    """SLN, IDN-2, DEL-9."""
    assert refused(call(house(), who, "2125550100", line="anna")) == "403 Line Not Permitted"
    assert refused(call(house(), who, "*201#2125550100")) == "403 Line Not Permitted"


def test_on_a_shared_line_the_stricter_permission_counts() -> None:
    """XRL-4."""
    free, bound = outside(permission=Permission.INTERNATIONAL), outside(permission=Permission.DOMESTIC)
    for anna, ben, expected in ((free, free, "no"), (free, bound, "403"), (bound, free, "403")):
        made = call(house(anna=anna, ben=ben), "ben", "+442079460000", line="anna")
        assert refused(made).startswith(expected)


@pytest.mark.parametrize(("anna", "ben"), [(True, False), (False, True), (False, False)])
def test_either_block_hides_the_caller(anna: bool, ben: bool) -> None:
    """K.8, CID-2."""
    free = {"permission": Permission.INTERNATIONAL}
    model = house(anna=outside(hide_caller_id=anna), ben=outside(hide_caller_id=ben, **free))
    step = call(model, "ben", "0123456780", line="anna").steps[-1]
    assert isinstance(step, Trunk)
    assert step.routes[0].withheld is (anna or ben)


def test_one_call_can_be_hidden_by_a_code() -> None:
    step = call(house(), "carl", "*672125550100").steps[-1]
    assert isinstance(step, Trunk)
    assert step.routes[0].withheld
    assert step.routes[0].number == "+12125550100"


def test_a_locked_telephone_calls_for_help_and_can_be_unlocked_nothing_else() -> None:
    """PIN-6, K.1."""
    locked = Facts(lines={"device:carl": LineFacts(locked=True)})
    made = call(house(), "carl", "202", locked)
    assert refused(made) == "403 Telephone Locked"
    assert plan(house(), CallRequest(digits="202", at=AT, device="carl"), locked.of(made.consulted)) == made
    assert call(house(), "carl", "911", locked).emergency
    assert isinstance(call(house(), "carl", "*51234", locked).steps[-1], Feature)


def test_incomplete_set_up_allows_internal_and_emergency_calls() -> None:
    """PRO-1, K.8."""
    model = house(carl={"set_up": False})
    assert refused(call(model, "carl", "2125550100")) == "403 Set-Up Incomplete"
    assert refused(call(model, "carl", "202")) == "no"
    assert call(model, "carl", "911").emergency
    away = house(carl={"set_up": False, "forwards": Forwards(always=Destination(To.EXTERNAL, "+12125550100"))})
    made = call(away, "dora", "203")
    assert isinstance(made.step(made.entry), Ring), "a forward to outside is a call of the line that forwards"
    assert (
        refused(call(house(dora={"set_up": False}), "carl", "2125550100", transferor="dora")) == "403 Set-Up Incomplete"
    )


def test_the_transferors_permission_counts() -> None:
    """K.8, OUT-5."""
    model = house(carl=outside(permission=Permission.INTERNATIONAL), dora=outside(permission=Permission.DOMESTIC))
    assert refused(call(model, "carl", "+33123456789", transferor="dora")) == "403 Domestic Calls Only"
    assert refused(call(model, "carl", "+33123456789", transferor="carl")) == "no"


def sent_on(model: Model, digits: str, by: str = "dora", facts: Facts = NO_FACTS, **who: Any) -> Plan:
    who = who or {"trunk": "carrier", "caller_number": "+13105550100"}
    request = CallRequest(digits=digits, at=AT, transferor=by, transferor_device=by, **who)
    return plan(model, request, facts)


def test_a_carriers_caller_is_transferred_with_the_permission_of_who_transfers_him() -> None:
    """K.8: to any number of the house, and outside as far as the transferor may call; never by the DIDs alone."""
    model = house(dora=outside(permission=Permission.DOMESTIC) | {"caller_id": "+16695550104"})
    inside = sent_on(model, "202")
    assert isinstance(inside.step(inside.entry), Ring)
    away = sent_on(model, "2125550100")
    step = away.step(away.entry)
    assert isinstance(step, Trunk)
    assert [(each.number, each.caller) for each in step.routes] == [("+12125550100", "+16695550104")]
    assert refused(sent_on(model, "+33123456789")) == "403 Domestic Calls Only"
    assert refused(sent_on(model, "202", by="nobody")) == "403 Line Not Permitted"
    assert refused(plan(model, CallRequest(digits="202", at=AT, trunk="carrier"), NO_FACTS)) == "404 Not Found"


def test_the_number_of_a_transfer_is_read_as_the_transferors() -> None:
    """NUM-8: Anna is in France, Carl in the United States, and 01 23 45 67 89 is no number there."""
    made = sent_on(house(), "0123456788", by="anna", device="carl")
    assert made.number == "+33123456788"
    assert sent_on(house(), "0123456788", by="dora", device="carl").number != made.number


def test_a_vip_stays_one_when_he_is_transferred() -> None:
    """VIP-1: who goes on talking calls, not who transfers him."""
    model = house(ben={"vip": Vip(contacts=frozenset({"+13105550100"}))})
    assert dict(sent_on(model, "202").because)["user:ben.vip"].startswith("a VIP")
    assert dict(sent_on(model, "202", device="carl").because)["user:ben.vip"].startswith("no VIP")


def test_a_call_is_transferred_into_a_slot_and_not_to_a_code_that_is_for_who_dials_it() -> None:
    """CRD-7."""
    made = sent_on(house(), "703")
    assert made.step(made.entry) == Park(id="park", lot="main", slot="703")
    assert refused(sent_on(house(), "*78")) == "403 Not For Transfers"
    assert refused(sent_on(house(), "*5")) == "403 Not For Transfers"


def test_a_locked_telephone_transfers_no_call() -> None:
    """PIN-6: but for help."""
    facts = Facts(lines={"device:dora": LineFacts(locked=True)})
    assert refused(sent_on(house(), "202", facts=facts)) == "403 Telephone Locked"
    assert sent_on(house(), "911", facts=facts).emergency


def test_a_call_outside_may_need_an_account_code() -> None:
    """CST-5: emergency and internal calls do not."""
    model = house(carl=outside(account_code=True))
    step = call(model, "carl", "2125550100").steps[-1]
    assert isinstance(step, Collect)
    assert (step.what, step.number) == ("account_code", "+12125550100")
    given = call(model, "carl", "2125550100", account="12")
    assert isinstance(given.steps[-1], Trunk)
    assert given.account == "12"
    assert call(model, "carl", "911").emergency
    assert isinstance(call(model, "carl", "202").steps[-1], Ring)


def test_an_account_and_its_password_are_dialled_before_the_number_and_the_password_is_not_shown() -> None:
    """CST-2, CST-4."""
    made = call(house(), "carl", "*11*4711*1234#2125550100")
    step = made.steps[-1]
    assert isinstance(step, Collect)
    assert (step.what, step.account, step.given, step.number) == ("account_password", "4711", "1234", "2125550100")
    assert "1234" not in " ".join((made.number, made.dialled, repr(made.because), repr(made)))
    assert made.dialled == "*11*4711*#2125550100"
    assert call(house(), "carl", made.dialled).because == made.because, "it can be decided again"
    unknown = call(house(), "carl", "*11*99*1#2125550100").steps[-1]
    assert isinstance(unknown, Collect)
    assert (unknown.what, unknown.account, unknown.given) == ("account_password", "99", "1"), "like any other"
    plain = call(house(), "carl", "*11*12#2125550100").steps[-1]
    assert isinstance(plain, Collect)
    assert (plain.what, plain.account, plain.given) == ("account_code", "12", "")
    assert isinstance(call(house(), "carl", "*11").steps[-1], Collect)


@pytest.mark.parametrize(
    ("dialled", "shown"),
    [
        ("*11*4711*12342125550100", "*11*4711*"),
        ("*11*4711*1234#", "*11*4711*"),
        ("*11*4711*12*34#2125550100", "*11*4711*"),
        ("*11*4711*1234#*67*11*4711*1234#1", "*11*4711*"),
        ("*111234", "*11"),
        ("*67*11*4711*1234#2125550100", "*67*11*4711*#2125550100"),
        ("*201#*11*4711*1234#2125550100", "*201#*11*4711*#2125550100"),
    ],
)
def test_a_password_is_not_shown_either_when_it_is_dialled_wrongly(dialled: str, shown: str) -> None:
    """CST-4."""
    made = call(house(), "carl", dialled)
    assert "1234" not in " ".join((made.number, made.dialled, repr(made.because), repr(made)))
    assert made.dialled == shown
    assert call(house(), "carl", shown).because == made.because


def test_the_number_of_a_line_goes_before_a_code_that_it_begins_with() -> None:
    """SLN: `*201#` is Anna's line, though `*20` is a code after which something may be dialled."""
    model = msgspec.structs.replace(house(), features=CODES | {"*20": "forward_always", "*2": "hide_caller_id"})
    made = call(model, "ben", "*201#0123456789")
    assert (made.line, made.number) == ("anna", "+33123456789")
    assert isinstance(call(model, "ben", "*20203").steps[-1], Feature)


@pytest.mark.parametrize("dialled", ["*11*4711*1234#911", "*11*4711#911", "*201#911", "*67911", "*67*11*4711*1#911"])
@pytest.mark.parametrize("locked", [False, True])
def test_an_emergency_number_behind_a_code_is_one(dialled: str, locked: bool) -> None:
    """OUT-6: out of habit."""
    facts = Facts(lines={"device:carl": LineFacts(locked=locked)})
    assert call(house(), "carl", dialled, facts).emergency


def test_who_may_take_parked_calls() -> None:
    """CRD-7: everybody in the house, or the groups that are named; nobody outside, though a carrier may dial numbers of
    the house. To park in a slot by a transfer is another matter."""
    model = house()
    assert refused(call(model, "carl", "705")) == "no"
    peer = replace(model, trunks={"carrier": TrunkRule(id="carrier", profile=US, extensions=True)})
    from_outside = plan(peer, CallRequest(digits="705", at=AT, trunk="carrier"))
    assert refused(from_outside) == "403 Not Permitted"
    lot = replace(model.park_lots["main"], retrieve=("desk",))
    carl = replace(model.lines["carl"], group="desk")
    groups = replace(model, park_lots={"main": lot}, lines={**model.lines, "carl": carl})
    assert refused(call(groups, "carl", "705")) == "no"
    assert refused(call(groups, "ben", "705")) == "403 Not Permitted"
    made = call(groups, "carl", "705", transferor="ben", transferor_device="ben")
    assert made.step(made.entry) == Park(id="park", lot="main", slot="705")


def test_which_lot_and_slot_the_code_means() -> None:
    model = house()
    far = ParkLot(id="far", first="801", last="803", retrieve=("desk",))
    carl = replace(model.lines["carl"], group="desk")
    lots = {"far": far, **model.park_lots}
    two = replace(model, park_lots=lots, lines={**model.lines, "carl": carl}, features={**CODES, "*68": "park"})
    for who, digits, argument in (
        ("carl", "*68", "far"),
        ("ben", "*68", "main"),
        ("ben", "*68802", "far/802"),
        ("carl", "*68709", "main/709"),
    ):
        assert call(two, who, digits).steps[-1] == Feature(id="feature", feature="park", argument=argument)
    assert refused(call(two, "ben", "*68804")) == "404 No Such Slot"
    assert refused(call(replace(two, park_lots={}), "ben", "*68")) == "404 No Such Slot"


def test_codes_the_operator_and_slots() -> None:
    """NUM-4, K.5, K.6."""
    assert call(house(), "carl", "*78").steps[-1] == Feature(id="feature", feature="dnd_on")
    assert call(house(), "carl", "*72202").steps[-1] == Feature(id="feature", feature="forward_always", argument="202")
    assert refused(call(house(), "carl", "*781")) == refused(call(house(), "carl", "*99")) == "404 Unknown Feature Code"
    assert call(house(), "carl", "705").steps[-1] == Retrieve(id="retrieve", lot="main", slot="705")
    assert isinstance(call(house(), "carl", "0").steps[-1], Ring)
    bare = msgspec.structs.replace(house(), sites={})
    assert refused(call(bare, "carl", "0")) == "484 Address Incomplete"


def test_what_was_chosen_in_a_menu_needs_no_digits() -> None:
    made = plan(house(), CallRequest(digits="", at=AT, trunk="carrier", to=Destination(To.USER, "ben")))
    assert isinstance(made.steps[-1], Ring)
