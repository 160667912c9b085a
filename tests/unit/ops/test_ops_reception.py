"""Who came, went or was turned away: one line each, but never a flood, and nothing about those who only refresh."""

from __future__ import annotations

import datetime

import msgspec

from records.events import Bound, FlowAddress, Unbound
from switch.reception import FORGET_S, LINES, MAX_REFUSED, Refusals, Roll, Sight

AT = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict]] = []

    def __call__(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return [f"{event} {fields.get('device') or fields.get('telephones') or ''}".strip() for event, fields in lines]


def bound(device: str, line: str = "alice", port: int = 5060) -> Bound:
    flow = FlowAddress("udp", "192.0.2.1", 5060, "192.0.2.7", port)
    uri = f"sip:{line}@192.0.2.7:{port}"
    return Bound(line, device, uri, f"<{uri}>", "c", 1, 1.0, 1e10, flow, "", 0, (), "Desk 1.0", AT)


def gone(event: Bound, cause: str = "expired") -> Unbound:
    return Unbound(event.line, event.uri, cause, AT)


def feed(roll: Roll, *events: Bound | Unbound) -> None:
    for event in events:
        roll.note(event)
    roll.settle()


def test_the_first_contact_and_the_last_are_told_and_nothing_between():
    log = Log()
    roll = Roll(log)
    desk = bound("desk")
    feed(roll, desk)
    ((event, fields),) = log.lines
    assert event == "telephone registered"
    assert fields == {"device": "desk", "line": "alice", "address": "192.0.2.7:5060", "user_agent": "Desk 1.0"}
    log.take()
    feed(roll, desk)
    feed(roll, bound("desk", "bob"))
    feed(roll, gone(desk))
    assert log.take() == []
    feed(roll, gone(bound("desk", "bob")))
    assert log.take() == ["telephone gone desk"]
    feed(roll, gone(desk))
    assert log.take() == []


def test_a_new_port_is_no_coming_and_going():
    log = Log()
    roll = Roll(log)
    feed(roll, bound("desk"))
    log.take()
    feed(roll, gone(bound("desk"), "replaced"), bound("desk", port=5070))
    assert log.take() == []
    feed(roll, gone(bound("desk", port=5070), "deregistered"))
    assert log.take() == ["telephone gone desk"]


def test_a_contact_that_another_device_takes_over():
    log = Log()
    roll = Roll(log)
    feed(roll, bound("desk"))
    feed(roll, bound("soft"))
    assert log.take() == ["telephone registered desk", "telephone gone desk", "telephone registered soft"]


def test_who_was_there_before_a_restart_is_not_told_again():
    log = Log()
    roll = Roll(log)
    roll.know([bound("desk")])
    feed(roll, bound("desk"))
    assert log.take() == []
    feed(roll, gone(bound("desk")))
    assert log.take() == ["telephone gone desk"]


def test_five_thousand_telephones_are_a_few_lines_and_a_number():
    log = Log()
    roll = Roll(log)
    for number in range(5000):
        feed(roll, bound(f"desk-{number}", f"line-{number}"))
    assert len(log.take()) == LINES
    roll.turn()
    assert log.take() == [f"more telephones registered {5000 - LINES}"]
    roll.turn()
    assert log.take() == []
    feed(roll, bound("one more", "more"))
    assert log.take() == ["telephone registered one more"]


def test_a_telephone_that_tries_for_ever_is_told_ever_more_rarely():
    log = Log()
    refusals = Refusals(log)
    for number in range(1000):
        if number % 10 == 0:
            refusals.turn()
        refusals.add("desk", "192.0.2.7", "wrong password", 100.0 + number / 1000)
    assert [fields["times"] for _, fields in log.lines] == [1, 10, 100, 1000]
    (refusal,) = refusals.lately(101.0)
    assert (refusal.user, refusal.host, refusal.why, refusal.count) == ("desk", "192.0.2.7", "wrong password", 1000)
    assert refusals.lately(101.0 + FORGET_S) == []


def test_many_names_are_a_few_lines_and_bounded_memory():
    log = Log()
    refusals = Refusals(log)
    for number in range(3 * MAX_REFUSED):
        refusals.add(f"name-{number}", f"192.0.2.{number % 250}", "no device has this authentication name", 100.0)
        refusals.add("desk", f"192.0.2.{number}", "wrong password", 100.0)
    refusals.turn()
    assert [event for event, _ in log.lines] == ["telephone refused"] * LINES + ["more telephones refused"]
    assert len(refusals.lately(100.0)) < MAX_REFUSED + 20


def test_who_signs_in_is_forgiven_and_a_name_cannot_draw_on_the_terminal():
    refusals = Refusals()
    refusals.add("desk", "192.0.2.7", "wrong password", 1.0)
    refusals.add("\x1b[2Jdesk\n", "192.0.2.7", "wrong password", 2.0)
    refusals.forgive("desk")
    assert [each.user for each in refusals.lately(3.0)] == ["?[2Jdesk?"]


def test_telephones_out_of_reach_are_told_within_bounds():
    """FWD-4: a cable that is pulled may take hundreds along."""
    log = Log()
    sight = Sight(log)
    for number in range(8):
        sight.changed(bound(f"desk-{number}"), False, "no answer to OPTIONS")
    assert log.lines[0][1]["why"] == "no answer to OPTIONS"
    assert log.take() == [f"telephone unreachable desk-{number}" for number in range(5)]
    sight.changed(bound("desk-0"), True, "it registers")
    assert log.take() == ["telephone reachable again desk-0"]
    sight.turn()
    assert log.take() == ["more telephones unreachable 3"]
    sight.turn()
    assert log.take() == []


def test_one_flow_of_two_is_no_coming_and_going():
    """RFC 5626: two flows may have one URI."""
    log = Log()
    roll = Roll(log)
    one, two = (msgspec.structs.replace(bound("desk"), reg_id=number) for number in (1, 2))
    feed(roll, one, two)
    feed(roll, msgspec.structs.replace(gone(one), reg_id=1))
    assert log.take() == ["telephone registered desk"]
    feed(roll, msgspec.structs.replace(gone(two), reg_id=2))
    assert log.take() == ["telephone gone desk"]
