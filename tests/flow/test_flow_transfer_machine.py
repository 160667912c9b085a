"""Random telephones that transfer: REFER to numbers and to other calls, codes, INVITE with Replaces, the operator; amid
all that people, networks and crashes do besides (`test_flow_machine.py`)."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from msgspec import structs

from dialplan import model as m
from media.engine import Digit
from switch.sip.usage_state import State
from tests.flow.test_flow_machine import MOMENTS, PHONES, Town
from tests.support.examples import examples
from tests.support.exchange import house

NUMBERS = st.sampled_from(["101", "102", "103", "110", "600", "601", "999", "6695550100", ""])


class Exchange(Town):
    """The same town, in which everybody transfers."""

    def __init__(self) -> None:
        super().__init__()
        keys = {"##": "blind_transfer", "*2": "transfer"}
        self.scene.exchange.use_model(m.versioned(structs.replace(house(), call_keys=keys)))

    @rule(phone=PHONES, number=NUMBERS, quiet=st.booleans(), moment_s=MOMENTS)
    def refer(self, phone: int, number: str, moment_s: float, *, quiet: bool) -> None:
        for call in self.calls(phone, State.CONFIRMED)[:1]:
            call.refer(number, *(("Refer-Sub: false",) if quiet else ()))
            self.scene.wait(moment_s)

    @rule(phone=PHONES, moment_s=MOMENTS, hangs_up=st.booleans())
    def transfer_to(self, phone: int, moment_s: float, *, hangs_up: bool) -> None:
        """Attended, or semi-attended where the second call rings yet."""
        up = self.calls(phone, State.CONFIRMED)
        ringing = [call for call in self.calls(phone, State.EARLY) if call.usage.inviting]
        others = up[1:] + ringing
        if up and others:
            ids = [call.id for call in self.scene.exchange.calls]
            up[0].transfer_to(others[0], "" if others[0].up else (ids or [""])[-1])
            if hangs_up:
                up[0].hang_up()
            self.scene.wait(moment_s)

    @rule(phone=PHONES, code=st.sampled_from(["##", "*2"]), number=NUMBERS, moment_s=MOMENTS)
    def keys(self, phone: int, code: str, number: str, moment_s: float) -> None:
        if code == "*2" and not number:
            number = "#"
        user = self.phones[phone].user
        for call in self.scene.exchange.calls:
            for leg in list(call.legs.values()):
                if leg.target == f"line:{user}" and leg.sound.lease is not None and leg.usage.confirmed:
                    for digit in f"{code}{number}#":
                        if leg.sound.lease is not None and leg.index in call.legs:
                            self.scene.exchange.tell(Digit(leg.sound.lease.leg, digit, 100))
                    self.scene.wait(moment_s)
                    return

    @rule(phone=PHONES, other=PHONES, moment_s=MOMENTS)
    def take(self, phone: int, other: int, moment_s: float) -> None:
        """INVITE with Replaces; of another line it is refused."""
        caller = self.phones[phone]
        if caller.transport == "tcp" or len(caller.calls) >= 6:
            return
        for call in self.calls(other, State.CONFIRMED, State.EARLY)[:1]:
            d = call.usage.dialog
            caller.call("101", headers=(f"Replaces: {d.call_id};to-tag={d.remote_tag or 'x'};from-tag={d.local_tag}",))
            self.scene.wait(moment_s)

    @rule(number=st.sampled_from(["101", "102", "103", "110"]))
    def operator_transfers(self, number: str) -> None:
        for call in self.scene.exchange.calls[:1]:
            self.scene.exchange.transfer(call, number)

    @rule(phone=PHONES, status=st.sampled_from([200, 200, 481, 503]))
    def notifies(self, phone: int, status: int) -> None:
        self.phones[phone].notify_status = status


TestExchange: Any = Exchange.TestCase
TestExchange.settings = settings(
    examples(40),
    stateful_step_count=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
