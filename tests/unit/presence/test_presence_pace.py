"""How fast changes are told: coalesced, at most so often, one after the other, and always within a second."""

from __future__ import annotations

from typing import Any

import pytest

from switch.presence import subscriptions
from switch.sip import subscription
from switch.sip.dialog import Dialog
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.flow import Flow
from switch.sip.message import parse
from switch.sip.subscription import Subscription, event_of, state_line
from switch.sip.timer import Timers

HERE = Flow("udp", ("192.0.2.10", 5060), ("192.0.2.21", 5060))


class Keeper:
    """A notifier whose document is a number."""

    def __init__(self) -> None:
        self.state = 0
        self.gone: list[str] = []

    def document(self, sub: Subscription) -> tuple[str, bytes]:
        return "text/plain", str(self.state).encode()

    def way(self, sub: Subscription, now: float) -> Flow:
        return sub.flow

    def over(self, sub: Subscription, now: float) -> None:
        self.gone.append(sub.final or "lost")


class Desk:
    """One subscription, and a far end that answers as it is told."""

    def __init__(self) -> None:
        self.timers, self.keeper = Timers(), Keeper()
        ids = iter(range(10**6))
        self.endpoint = Endpoint(self.timers, Timings(), lambda: f"i{next(ids)}", lambda flow: "192.0.2.10:5060")
        dialog = Dialog("c", "l", "r", "<sip:102@x>", "<sip:101@x>", "sip:a@192.0.2.21:5060")
        self.sub = Subscription(self.endpoint, self.keeper, dialog, HERE, "<sip:192.0.2.10>", "dialog")
        self.sub.lasts(600.0, 0.0)
        self.told: list[tuple[float, str]] = []

    def run(self, until: float, status: int = 200, changes: Any = ()) -> None:
        """Time passes in steps of 10 ms; each NOTIFY is answered at once. `changes` are instants."""
        pending = sorted(changes)
        step = round(self.now * 100) if self.told or hasattr(self, "at") else 0
        while step <= until * 100:
            now = self.at = step / 100
            while pending and pending[0] <= now:
                pending.pop(0)
                self.keeper.state += 1
                self.sub.changed(now)
            self.timers.run(now)
            self.drain(now, status)
            step += 1

    @property
    def now(self) -> float:
        return getattr(self, "at", 0.0)

    def drain(self, now: float, status: int) -> None:
        while self.endpoint.out:
            for effect in self.endpoint.take():
                data = getattr(effect, "data", b"")
                if data.startswith(b"NOTIFY"):
                    self.told.append((now, parse(data).body.decode()))
                    if status:
                        head = data.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
                        kept = [line for line in head if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]
                        reply = "\r\n".join([f"SIP/2.0 {status} X", *kept, "Content-Length: 0", "", ""])
                        self.endpoint.receive(reply.encode(), HERE, now)
                elif hasattr(effect, "response"):
                    self.sub.on_response(effect.txn, effect.response, now)
                elif hasattr(effect, "txn"):
                    self.sub.on_timeout(effect.txn, now)


def test_a_burst_is_one_notify_and_the_last_state() -> None:
    desk = Desk()
    desk.run(3.0, changes=[1.0, 1.01, 1.03, 1.05, 1.09])
    assert desk.told == [(pytest.approx(1.1, abs=0.02), "5")]


def test_whatever_the_pace_all_is_told_within_a_second_and_never_more_than_twice_in_one() -> None:
    desk = Desk()
    changes = [0.5 + 0.07 * n for n in range(100)]
    desk.run(9.0, changes=changes)
    assert desk.told[-1][1] == "100"
    for made, state in zip(changes, range(1, 101), strict=True):
        assert min(at for at, told in desk.told if int(told) >= state) - made < 1.0
    gaps = [later[0] - sooner[0] for sooner, later in zip(desk.told, desk.told[1:], strict=False)]
    assert min(gaps) >= subscription.GAP_S - 0.02


def test_of_thousands_the_last_is_told_within_a_second_too() -> None:
    behind = (subscriptions.AT_MOST - 1) * subscriptions.APART_S
    assert behind + subscription.SETTLE_S < 1.0
    desk = Desk()
    desk.sub.changed(0.0, behind)
    desk.run(1.0)
    assert [at for at, _ in desk.told] == [pytest.approx(behind + subscription.SETTLE_S, abs=0.02)]


def test_it_gives_up_after_three_errors_in_a_row_and_not_after_two() -> None:
    desk = Desk()
    desk.run(7.0, 500, changes=[0.1])
    assert len(desk.told) == 2
    desk.run(40.0, 200)
    assert not desk.keeper.gone
    desk.run(120.0, 500, changes=[41.0])
    assert desk.keeper.gone == ["lost"]
    assert len(desk.timers) == 0 or desk.sub.over


def test_the_time_that_is_left_is_told_and_at_its_end_that_it_ends() -> None:
    desk = Desk()
    desk.run(601.0)
    assert desk.keeper.gone == ["timeout"]
    assert len(desk.told) == 1


@pytest.mark.parametrize(
    ("line", "package", "ident"),
    [
        ("dialog", "dialog", ""),
        ("Dialog;ID=9", "dialog", "9"),
        ("dialog ; id = 9", "dialog", "9"),
        ("dialog;sla;id=x;y", "dialog", "x"),
    ],
)
def test_an_event_header(line: str, package: str, ident: str) -> None:
    text = (
        "SUBSCRIBE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
        f"Call-ID: c\r\nCSeq: 1 SUBSCRIBE\r\nEvent: {line}\r\nContent-Length: 0\r\n\r\n"
    )
    assert event_of(parse(text.encode())) == (package, ident)  # type: ignore[arg-type]


def test_states_are_written_as_the_rfc_has_them() -> None:
    assert state_line(59.6) == "Subscription-State: active;expires=60"
    assert state_line(-3.0) == "Subscription-State: active;expires=0"
    assert state_line(10.0, "deactivated", 5) == "Subscription-State: terminated;reason=deactivated;retry-after=5"
