"""Settings at several levels (PRO-3): the nearest counts, a lock wins over everything below it, and each value is told
with its level, file and line."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from config import loader, shown, validate
from config.compile import compile_loaded
from config.inherit import Layer, Levels, defaults, effective
from config.lint import warnings
from config.schema_people import setting_keys
from config.validate import Loaded
from dialplan.destinations import Destination, To
from dialplan.lines import Announce, Permission
from dialplan.outside import caller_id
from dialplan.routes import NO_ROUTES

LEVELS = ("account", "site", "group", "user")
KEYS = ("permission", "forward.busy", "ring")


def loaded(text: str) -> Loaded:
    return validate.validate(loader.read(text, "a.yaml"), Path())


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from(KEYS), st.integers()), st.sets(st.sampled_from(KEYS))), max_size=4
    )
)
def test_pro3_the_nearest_unlocked_definition_counts_and_a_lock_wins_over_all_below(
    levels: list[tuple[dict[str, int], set[str]]],
) -> None:
    layers = [
        Layer(LEVELS[n], "x", (LEVELS[n],), dict(values), dict.fromkeys(locked, (LEVELS[n], "locked")))
        for n, (values, locked) in enumerate(levels)
    ]
    found = effective(layers)
    for key in KEYS:
        # Told from the rule itself: cut off what is below the topmost lock, take the lowest that is left.
        lock = next((n for n, (_, locked) in enumerate(levels) if key in locked), None)
        heard = levels if lock is None else levels[: lock + 1]
        level = next((n for n in reversed(range(len(heard))) if key in heard[n][0]), None)
        setting = found.setting(key)
        assert setting.value == (defaults()[key] if level is None else heard[level][0][key])
        assert setting.level == ("default" if level is None else LEVELS[level])
        assert (key in found.locks) == (lock is not None)
        if lock is not None:
            assert found.locks[key].level == LEVELS[lock]
        unheard = {(LEVELS[n], *key.split(".")) for n in range(len(heard), len(levels)) if key in levels[n][0]}
        assert {each.path for each in found.ignored if each.key == key} == unheard


COMPANY = """\
country: US
area_code: "669"
time_zone: America/Los_Angeles
account:
  permission: international
  forward: {no_answer: voicemail, after: 20s}
  voicemail: true
sites:
  paris:
    country: FR
    time_zone: Europe/Paris
    permission: domestic
    record: {announce: all}
    locked: [record.announce, permission]
groups:
  sales: {site: paris, forward: {busy: ben}}
users:
  anna:
    extension: 201
    group: sales
    permission: international
    record: {automatic: inbound, announce: none}
    forward: {no_answer: none}
  ben: {extension: 202}
lines:
  lobby: {extension: 290, site: paris}
"""


def test_what_the_planner_sees_is_effective_of_users_and_of_lines() -> None:
    lines = compile_loaded(loaded(COMPANY), "a").model.lines
    anna, ben, lobby = lines["anna"], lines["ben"], lines["lobby"]
    assert (anna.site, anna.profile.country, anna.time_zone) == ("paris", "FR", "Europe/Paris")
    assert anna.profile.area_code == "" and ben.profile.area_code == "669"
    assert anna.outside.permission is lobby.outside.permission is Permission.DOMESTIC
    assert ben.outside.permission is Permission.INTERNATIONAL
    assert anna.forwards.busy == Destination(To.USER, "ben") and anna.forwards.no_answer is None
    assert anna.forwards.after_s == 20 and ben.forwards.no_answer == Destination(To.VOICEMAIL)
    assert anna.mailbox == "anna" and lobby.mailbox == "lobby" and lobby.common and not anna.common


def test_rec6_the_announcement_of_a_site_locks_that_of_its_users_and_the_operator_is_told() -> None:
    found = loaded(COMPANY)
    policy = compile_loaded(found, "a").model.lines["anna"].policy
    assert policy.announce is Announce.ALL and policy.record == {"inbound"}
    told = [str(each) for each in warnings(found, Levels(found), NO_ROUTES) if "does not count" in each.message]
    lock = "does not count here: site `paris` has locked it (at a.yaml:14; take one of both away)"
    assert told == [f"a.yaml:21:5: `permission` {lock}", f"a.yaml:22:34: `record.announce` {lock}"]


def test_show_tells_each_value_with_its_level_file_and_line_and_who_locked_it() -> None:
    rows = {row.key: row for row in shown.shown(loaded(COMPANY), "user", "anna") or ()}
    assert set(defaults()) <= set(rows)
    permission = rows["permission"]
    assert (permission.value, permission.level, permission.locked_by) == ("domestic", "site paris", "site paris")
    assert permission.mark is not None and (permission.mark.line, permission.mark.column) == (12, 5)
    assert permission.locked_at is not None and permission.locked_at.line == 14
    seen = {key: (rows[key].value, rows[key].level) for key in rows}
    assert seen["forward.after"] == ("20s", "account") and seen["forward.no_answer"] == ("none", "user anna")
    assert seen["forward.busy"] == ("user:ben", "group sales") and seen["site"] == ("paris", "group sales")
    assert seen["quotas.cost_day"] == ("50", "default") and seen["call_limit"] == ("none", "default")
    assert seen["area_code"] == ("", "default")
    assert shown.shown(loaded(COMPANY), "user", "nobody") is None
    group = {row.key: row.value for row in shown.shown(loaded(COMPANY), "group", "sales") or ()}
    assert group["permission"] == "domestic" and group["time_zone"] == "Europe/Paris"
    site = {row.key: row.locked_by for row in shown.shown(loaded(COMPANY), "site", "paris") or ()}
    assert site["record.announce"] == "site paris" and site["record.automatic"] == ""


OWN_NUMBERS = """\
country: US
sites: {paris: {caller_id: "+16695550100"}, lyon: {locked: [caller_id]}}
users:
  one: {extension: 201}
  own: {extension: 202, caller_id: "+16695550100"}
  two: {extension: 203}
  shared: {extension: 204}
  there: {extension: 205, site: paris}
  no: {extension: 206, caller_id: none}
  held: {extension: 207, site: lyon}
lines: {lobby: {extension: 290}}
trunks: {carrier: {host: sip.example.com, caller_id: "+16695550100"}}
default_trunk: carrier
dids:
  "+16695550100": []
  "+16695550101": one
  "+16695550102": own
  "+16695550103": two
  "+16695550104": two
  "+16695550105": [one, shared]
  "+16695550106": there
  "+16695550107": no
  "+16695550108": lobby
  "+16695550109": held
  "+16695550110": ring_group:desk
ring_groups: {desk: {members: [shared]}}
"""


def test_cid1_the_one_number_of_ones_own_is_shown_outside_unless_a_level_says_otherwise() -> None:
    """CID-1, SLN-1, DMK-2."""
    model = compile_loaded(loaded(OWN_NUMBERS), "a").model
    trunk = "+16695550100"
    expected = {"one": "+16695550101", "own": trunk, "two": trunk, "shared": trunk, "there": trunk, "no": trunk}
    expected |= {"lobby": "+16695550108", "held": trunk}
    assert {name: caller_id(model, line, "carrier") for name, line in model.lines.items()} == expected
    assert model.lines["two"].caller_id == model.lines["no"].caller_id == ""


def test_cid1_show_tells_the_line_of_the_did_that_is_shown() -> None:
    found = loaded(OWN_NUMBERS)
    row = next(row for row in shown.shown(found, "user", "one") or () if row.key == "caller_id")
    assert (row.value, row.level) == ("+16695550101", "did +16695550101")
    assert row.mark is not None and row.mark.line == 1 + OWN_NUMBERS.splitlines().index('  "+16695550101": one')
    origin = compile_loaded(found, "a").model.origins["user:one.caller_id"]
    assert (origin.line, origin.text) == (row.mark.line, "did +16695550101")


def test_sln2_show_tells_who_has_access_to_ones_line() -> None:
    text = (
        "country: US\nusers:\n  a: {extension: 201, delegates: [b, c]}\n  b: {extension: 202}\n  c: {extension: 203}\n"
    )
    row = next(row for row in shown.shown(loaded(text), "user", "a") or () if row.key == "delegates")
    assert row.value == "b, c" and row.mark is not None and row.mark.line == 3


def test_a_section_can_be_locked_as_a_whole_and_every_key_by_its_name() -> None:
    text = "country: US\naccount: {locked: [record, quotas.calls]}\nusers:\n  a: {extension: 201, quotas: {calls: 9}}\n"
    found = loaded(text + "  b: {extension: 202, record: {on_demand: true}}\n")
    lines = compile_loaded(found, "a").model.lines
    assert lines["a"].outside.quotas.calls == 5 and not lines["b"].policy.on_demand
    assert set(defaults()) <= set(setting_keys())


def test_out2_the_defaults_keep_toll_fraud_small() -> None:
    model = compile_loaded(loaded("country: US\nusers: {a: {extension: 201}}\n"), "a").model
    outside = model.lines["a"].outside
    assert outside.permission is Permission.DOMESTIC and outside.allow == ()
    assert all(getattr(outside.quotas, key) > 0 for key in outside.quotas.__struct_fields__)
    assert all(getattr(model.quotas, key) > 0 for key in model.quotas.__struct_fields__)
    many = "".join(f"  u{n}: {{extension: {1000 + n}}}\n" for n in range(201))
    text = f"country: US\naccount: {{total_quotas: {{calls: 7, cost_day: none}}}}\nusers:\n{many}"
    quotas = compile_loaded(loaded(text), "a").model.quotas
    assert (quotas.calls, quotas.cost_day, quotas.minutes_hour) == (7, 0, 3 * 1500)


@given(
    st.lists(st.tuples(st.none() | st.integers(10, 60), st.booleans()), min_size=3, max_size=3),
    st.none() | st.integers(10, 60),
)
def test_pro3_from_yaml_to_the_line_that_is_rung(above: list[tuple[int | None, bool]], own: int | None) -> None:
    def keys(ring: int | None, locked: bool = False) -> str:
        return (f"ring: {ring}s, " if ring is not None else "") + ("locked: [ring], " if locked else "")

    account, site, group = (keys(*each) for each in above)
    found = loaded(
        f"country: US\naccount: {{{account}voicemail: true}}\nsites: {{s: {{{site}name: S}}}}\n"
        f"groups: {{g: {{{group}site: s}}}}\nusers: {{a: {{{keys(own)}extension: 201, group: g}}}}\n"
    )
    lock = next((n for n, (_, locked) in enumerate(above) if locked), 3)
    heard = [*(ring for ring, _ in above), own][: lock + 1]
    level = next((n for n in reversed(range(len(heard))) if heard[n] is not None), None)
    line = compile_loaded(found, "a").model.lines["a"]
    assert line.ring_s == (30 if level is None else heard[level])
    row = next(row for row in shown.shown(found, "user", "a") or () if row.key == "ring")
    named = ("account", "site s", "group g", "user a")
    assert row.level == ("default" if level is None else named[level])
    assert row.locked_by == (named[lock] if lock < 3 else "")
