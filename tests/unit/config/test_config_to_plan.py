"""From the written settings of a user to what the plan carries: recording, music, limits, what is domestic."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from config import loader, validate
from config.compile import compile_loaded
from dialplan.lines import Announce, BusyLamp, Policy
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan, Reject, Ring, Trunk
from dialplan.planner import plan

AT = datetime.datetime(2026, 3, 2, 9, 30, tzinfo=datetime.UTC)
COMPANY = """\
country: US
area_code: "669"
default_trunk: carrier
trunks: {carrier: {host: sip.example.com, caller_id: "+16695550100"}}
devices:
  anna: {secret: "a-long-secret-of-anna", lines: [anna]}
  ben: {secret: "a-long-secret-of-ben", lines: [ben]}
"""


def company(settings: str) -> Model:
    return compile_loaded(validate.validate(loader.read(COMPANY + settings, "a.yaml"), Path()), "a").model


def people(anna: str = "", ben: str = "", above: str = "") -> Model:
    more = f", {anna}" if anna else "", f", {ben}" if ben else ""
    return company(f"{above}users:\n  anna: {{extension: 201{more[0]}}}\n  ben: {{extension: 202{more[1]}}}\n")


def call(model: Model, digits: str, device: str = "anna") -> Plan:
    return plan(model, CallRequest(digits=digits, at=AT, device=device))


def carried(model: Model, digits: str) -> Policy | None:
    """What the step out says of the call."""
    made = call(model, digits)
    step = made.step(made.entry)
    assert isinstance(step, Trunk)
    return step.policy


def allowed(model: Model, digits: str, device: str) -> bool:
    made = call(model, digits, device)
    return not isinstance(made.step(made.entry), Reject)


def test_rec3_rec5_by_default_nobody_is_told_nothing_is_recorded_and_nobody_may_record_on_demand() -> None:
    policy = carried(people(), "2125550100")
    assert policy is not None
    assert (policy.announce, policy.record, policy.on_demand) == (Announce.NONE, frozenset(), False)
    permitted = carried(people("record: {on_demand: true}"), "2125550100")
    assert permitted is not None and permitted.on_demand


@pytest.mark.parametrize("who", ["none", "caller", "callee", "all"])
def test_rec4_who_is_told_goes_along_with_the_call(who: str) -> None:
    policy = carried(people(f"record: {{automatic: [outbound], announce: {who}}}"), "2125550100")
    assert policy is not None and policy.announce is Announce(who) and policy.record == {"outbound"}


def test_moh1_each_side_of_a_call_has_the_music_that_it_plays_as_holder() -> None:
    made = call(people("hold_music: anna.wav", "hold_music: ben.wav"), "202")
    ring = made.step(made.entry)
    assert isinstance(ring, Ring) and made.policy is not None
    callee = ring.stages[0].branches[0].policy
    assert callee is not None and (made.policy.hold_music, callee.hold_music) == ("anna.wav", "ben.wav")


@pytest.mark.parametrize(("written", "limit_s"), [("", 0), ("call_limit: none", 0), ("call_limit: 1m", 60)])
def test_lim9_a_call_outside_has_a_limit_where_one_is_written(written: str, limit_s: int) -> None:
    policy = carried(people(written), "2125550100")
    assert policy is not None and policy.limit_s == limit_s


def test_lim9_a_call_for_help_has_no_limit() -> None:
    model = people("call_limit: 1m")
    made = call(model, "911")
    assert made.emergency and carried(model, "911") is made.policy is None


def test_out1_the_calling_country_decides_what_is_domestic() -> None:
    sites = "sites: {london: {country: GB}}\n"
    model = people(ben="site: london", above=sites)
    assert allowed(model, "2125550100", "anna") and not allowed(model, "011442079460123", "anna")
    assert allowed(model, "02079460123", "ben") and not allowed(model, "0012125550100", "ben")


@pytest.mark.parametrize(
    ("above", "own", "abroad"),
    [
        ("account: {permission: international}\n", "", True),
        ("account: {permission: international}\n", "permission: domestic", False),
        ("account: {permission: international}\nsites: {hq: {permission: domestic}}\n", "site: hq", False),
        ("sites: {hq: {permission: international}}\n", "site: hq", True),
        ("account: {locked: [permission]}\n", "permission: international", False),
        ("sites: {hq: {permission: emergency, locked: [permission]}}\n", "site: hq, permission: international", False),
    ],
)
def test_out3_account_and_site_override_what_a_user_may_call(above: str, own: str, abroad: bool) -> None:
    """OUT-3, PRO-3."""
    assert allowed(people(own, above=above), "011442079460123", "anna") is abroad


def test_idn2_who_may_see_that_a_line_is_busy_is_a_setting_of_every_level() -> None:
    model = people(above="account: {busy_lamp: delegates}\n", ben="busy_lamp: nobody")
    assert (model.lines["anna"].busy_lamp, model.lines["ben"].busy_lamp) == (BusyLamp.DELEGATES, BusyLamp.NOBODY)
    assert people().lines["anna"].busy_lamp is BusyLamp.EVERYBODY


def test_bil8_who_may_bill_time_is_a_setting_of_every_level_with_locks() -> None:
    model = people(above="account: {billable: false}\n", ben="billable: true")
    assert (model.lines["anna"].billable, model.lines["ben"].billable) == (False, True)
    locked = people(above="account: {billable: false, locked: [billable]}\n", ben="billable: true")
    assert not locked.lines["ben"].billable
    assert people().lines["anna"].billable


def test_dir1_who_is_not_listed_is_called_by_extension_all_the_same() -> None:
    model = people(ben="listed: false")
    assert (model.lines["anna"].listed, model.lines["ben"].listed) == (True, False)
    assert allowed(model, "202", "anna")
