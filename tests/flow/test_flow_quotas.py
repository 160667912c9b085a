"""Quotas of calls outside on live calls, against toll fraud: calls at a time, minutes and cost of an hour and a day."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import Destination, To
from dialplan.facts import LineFacts
from dialplan.lines import Delegate, Forwards, Outside, Permission, Quotas
from dialplan.prefixes import pack
from dialplan.rates import RateDeck, RateTable
from records import events as e
from switch.control import Refused
from tests.support.exchange import changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import RawPhone
from tests.support.scene import Scene

EUROS = 1_000_000
NUMBER = "2125550100"
RATES = RateTable({"": RateDeck("r.csv", "EUR", pack({"+1": [(EUROS, 0, 60, 60, 0, 0, 2)]}, 6), ("World",))})
"""One unit a minute begun."""


def scene(total: Quotas = Quotas(), **lines: Any) -> Scene:
    limited = {name: given if isinstance(given, dict) else {"outside": limits(given)} for name, given in lines.items()}
    model = msgspec.structs.replace(changed(house(), **limited), rates=RATES, quotas=total)
    made = Scene(model=m.versioned(model))
    made.strict = False
    return made


def use(made: Scene, rows: list[tuple[int, ...]]) -> None:
    """A reload with other rates."""
    rates = RateTable({"": RateDeck("r.csv", "EUR", pack({"+1": rows}, 6), ("World",))})
    made.exchange.use_model(m.versioned(msgspec.structs.replace(made.exchange.model, rates=rates)))


def limits(quotas: Quotas) -> Outside:
    return Outside(permission=Permission.INTERNATIONAL, quotas=quotas)


def facts(made: Scene, line: str = "alice") -> LineFacts:
    return made.exchange.core.facts.at(made.clock.at()).line(line)


def talk(made: Scene, carrier: RawPhone, phone: Phone, number: str = NUMBER) -> PhoneCall:
    call = phone.call(number)
    made.wait(0.1)
    made.taken(carrier, f"c{made.clock.now()}")
    assert call.up
    return call


def refused(made: Scene, phone: Phone, number: str = NUMBER) -> bool:
    call = phone.call(number)
    made.wait(0.2)
    if not call.refused:
        call.cancel()
        made.wait(0.2)
        return False
    assert call.refused == 403
    assert made.exchange.records[-1].reason == "blocked"
    return True


def hang_up(made: Scene, carrier: RawPhone, call: PhoneCall) -> None:
    carrier.inbox.clear()
    made.over(call, carrier)


def alarms(made: Scene) -> list[tuple[str, str, int]]:
    return [(each.line, each.what, each.percent) for each in made.exchange.events if isinstance(each, e.QuotaReached)]


@pytest.mark.parametrize("crash", [False, True])
def test_the_sixth_call_at_a_time_is_refused_and_an_emergency_call_is_not(crash: bool) -> None:
    made = scene(alice=Quotas(calls=5))
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    calls = [talk(made, carrier, alice) for _ in range(5)]
    if crash:
        made.exchange.crash_and_restart()
    assert refused(made, alice)
    assert alarms(made) == [("alice", "calls", 80), ("alice", "calls", 100)], "each is told once"
    assert all(call.up for call in calls), "a call that is up is not cut"
    alice.call("911")
    made.wait(0.1)
    assert "911" in carrier.take("INVITE").uri
    assert facts(made).external == 5
    alice.call("102")
    made.wait(0.1)
    assert bob.calls, "calls in the house are not counted"
    hang_up(made, carrier, calls[0])
    assert not refused(made, alice)


@pytest.mark.parametrize("crash", ["no", "journal", "state file"])
@pytest.mark.parametrize(("what", "window_s"), [("minutes_hour", 3600), ("minutes_day", 86400)])
def test_minutes_of_an_hour_and_a_day(what: str, window_s: int, crash: str) -> None:
    """Calls that are up count their minutes so far, and slide out of the window afterwards."""
    made = scene(alice=Quotas(**{what: 10}))
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    first = talk(made, carrier, alice)
    made.wait(6 * 60)
    hang_up(made, carrier, first)
    assert not alarms(made)
    second = talk(made, carrier, alice)
    made.wait(3 * 60)
    made.exchange.look()
    assert alarms(made) == [("alice", what, 80)]
    assert not refused(made, alice)
    if crash == "state file":
        made.exchange.save_facts()
    if crash != "no":
        made.exchange.crash_and_restart()
    made.wait(60 + 5)
    assert refused(made, alice)
    made.exchange.look()
    made.exchange.look()
    assert alarms(made) == [("alice", what, 80), ("alice", what, 100)]
    assert not refused(made, bob)
    assert second.up
    hang_up(made, carrier, second)
    assert refused(made, alice)
    made.exchange.check_facts()
    made.wait(window_s + 60)
    alice.register()
    made.wait()
    assert getattr(facts(made), what) == 0
    assert not refused(made, alice)


@pytest.mark.parametrize(("what", "window_s"), [("cost_hour", 3600), ("cost_day", 86400)])
def test_cost_of_an_hour_and_a_day(what: str, window_s: int) -> None:
    made = scene(alice=Quotas(**{what: 3 * EUROS}))
    carrier, alice = made.carrier(), made.phone("alice")
    call = talk(made, carrier, alice)
    made.wait(90)
    assert getattr(facts(made), what) == 2 * EUROS
    assert not refused(made, alice)
    made.wait(45)
    assert refused(made, alice)
    hang_up(made, carrier, call)
    assert refused(made, alice)
    assert alarms(made) == [("alice", what, 100)]
    made.wait(window_s + 60)
    alice.register()
    made.wait()
    assert not refused(made, alice)


@pytest.mark.parametrize("crash", ["no", "journal", "state file"])
def test_rates_that_come_during_a_call_change_nothing_for_its_quota_nor_for_its_record(crash: str) -> None:
    """Neither those of another day, which the table has already, nor those of a reload."""
    made = scene(alice=Quotas(cost_day=100 * EUROS))
    tomorrow = (made.clock.at() + datetime.timedelta(days=1)).toordinal()
    rows = [(EUROS, 0, 60, 60, 0, 0, 2), (7 * EUROS, 0, 60, 60, 0, tomorrow, 3)]
    use(made, rows)
    carrier, alice = made.carrier(), made.phone("alice")
    to_midnight_s = 86_400 - made.clock.at().timestamp() % 86_400
    made.wait(to_midnight_s - 90)
    alice.register()
    made.wait()
    first = talk(made, carrier, alice)
    made.wait(200)
    assert made.clock.at().toordinal() == tomorrow
    assert facts(made).cost_day == 4 * EUROS
    use(made, [(50 * EUROS, 0, 60, 60, 0, 0, 4)])
    assert facts(made).cost_day == 4 * EUROS
    if crash == "state file":
        made.exchange.save_facts()
    if crash != "no":
        made.exchange.crash_and_restart()
    assert facts(made).cost_day == 4 * EUROS
    hang_up(made, carrier, first)
    (charge,) = made.exchange.record.charges
    assert (charge.cost, facts(made).cost_day) == (4 * EUROS, 4 * EUROS)
    second = talk(made, carrier, alice)
    made.wait(1)
    assert facts(made).cost_day == 54 * EUROS
    hang_up(made, carrier, second)
    made.exchange.check_facts()


def test_all_lines_together() -> None:
    made = scene(Quotas(calls=2))
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    talk(made, carrier, alice)
    call = talk(made, carrier, bob)
    assert refused(made, alice)
    assert refused(made, bob)
    assert alarms(made) == [("", "calls", 100)]
    hang_up(made, carrier, call)
    assert not refused(made, alice)


def test_a_forward_to_outside_counts_on_the_one_who_forwards() -> None:
    """FWD-11, OUT-5: and is absent when the quota is used up (K.8)."""
    forward = Forwards(always=Destination(To.EXTERNAL, "+12125550100"))
    made = scene(alice=Quotas(calls=1), bob={"forwards": forward, "outside": limits(Quotas(calls=1))})
    carrier, alice, carol, bob = made.carrier(), made.phone("alice"), made.phone("carol"), made.phone("bob")
    call = talk(made, carrier, alice, "102")
    assert (facts(made, "bob").external, facts(made, "alice").external) == (1, 0)
    assert not bob.calls
    again = carol.call("102")
    made.wait(0.2)
    assert bob.calls, "without the forward the telephone rings"
    again.cancel()
    made.wait(0.2)
    assert not refused(made, alice)
    hang_up(made, carrier, call)


def test_a_delegate_needs_room_in_both_quotas_and_the_delegator_pays() -> None:
    """XRL-4, XRL-9."""
    shared = {"delegates": (Delegate(line="alice"),), "outside": limits(Quotas(calls=1))}
    made = scene(alice=Quotas(calls=5), bob=shared)
    carrier, alice = made.carrier(), made.phone("alice")
    talk(made, carrier, alice, f"*102%23{NUMBER}")
    assert (facts(made, "bob").external, facts(made, "alice").external) == (1, 0)
    assert refused(made, alice, f"*102%23{NUMBER}")
    assert not refused(made, alice)


@pytest.mark.parametrize("crash", ["no", "journal", "state file"])
def test_an_operator_lets_somebody_call_again(crash: str) -> None:
    """`ringplan quota reset`: audited, and over a crash; a call that is up counts from then on."""
    made = scene(alice=Quotas(minutes_hour=5, calls=3))
    carrier, alice = made.carrier(), made.phone("alice")
    first = talk(made, carrier, alice)
    made.wait(200)
    hang_up(made, carrier, first)
    made.exchange.save_facts()
    second = talk(made, carrier, alice)
    made.wait(200)
    assert refused(made, alice)
    shown = made.exchange.lifting.show({"name": "101"}).quotas
    assert [(each.line, each.what, each.limit) for each in shown] == [
        ("alice", "calls", 3),
        ("alice", "minutes_hour", 5),
    ]
    assert list(made.exchange.lifting.warnings()) == [
        f"quota minutes_hour of alice: {shown[1].used:g} of 5, calls outside are refused (ringplan quota)"
    ]
    made.exchange.lifting.reset({"name": "alice", "by": "operator:eve"})
    if crash == "state file":
        made.exchange.save_facts()
    if crash != "no":
        made.exchange.crash_and_restart()
    made.wait(60)
    assert facts(made).minutes_hour == pytest.approx(1, abs=0.05)
    assert not refused(made, alice)
    hang_up(made, carrier, second)
    assert facts(made).minutes_hour == pytest.approx(1, abs=0.05)
    made.exchange.check_facts()
    resets = [(each.line, each.by) for each in made.exchange.events if isinstance(each, e.QuotaReset)]
    assert resets == [("alice", "operator:eve")]
    assert made.exchange.lifting.show({"name": "all"}).quotas == ()
    with pytest.raises(Refused, match="no user"):
        made.exchange.lifting.reset({"name": "alicia", "by": "operator:eve"})
