"""The stage of a flow test: a network, an exchange on it, telephones; and what is looked at in the end."""

from __future__ import annotations

from typing import Any

from media.engine import Digit
from switch.clock import VirtualClock
from switch.sip.flow import Flow
from tests.support.engine import Book
from tests.support.exchange import CARRIER, SECRETS, Exchange
from tests.support.network import Network
from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe

PLACES = {"alice": "192.0.2.21", "bob": "192.0.2.22", "carol": "192.0.2.23", "dave": "192.0.2.24"}


class Scene:
    """The network with one exchange; telephones are put on it as a test needs them."""

    def __init__(self, exchange: type[Exchange] = Exchange, **knobs: Any) -> None:
        self.clock = VirtualClock()
        self.network = Network(self.clock)
        self.exchange = exchange(self.network, **knobs)
        self.phones: list[Phone] = []
        self.strict = True
        """Whether the phones, too, must have nothing left in the end."""

    def wait(self, seconds: float = 0.5) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def phone(self, user: str, address: str = "", port: int = 5060, *, register: bool = True, **more: Any) -> Phone:
        """A telephone on our own stack, registered."""
        phone = Phone(self.network, user, (address or PLACES[user], port), secret=SECRETS.get(user, ""), **more)
        self.phones.append(phone)
        if register:
            phone.register()
            self.wait()
            assert phone.registrations[-1].status == 200
        return phone

    def raw(self, user: str, address: str = "", port: int = 5060, *, register: bool = True, **more: Any) -> RawPhone:
        """A telephone of text, registered."""
        phone = RawPhone(self.network, user, (address or PLACES[user], port), secret=SECRETS.get(user, ""), **more)
        if register:
            self.register(phone)
        return phone

    def register(self, phone: RawPhone, contact: str = "", headers: tuple[str, ...] = ()) -> None:
        """REGISTER with a challenge, by hand."""
        uri, call_id = "sip:pbx.example.com", phone.token()

        def lines(cseq: int) -> list[str]:
            aor = f"<sip:{phone.user}@pbx.example.com>"
            return [
                f"Via: {phone.via()}", "Max-Forwards: 70", f"From: {aor};tag=reg", f"To: {aor}",
                f"Call-ID: {call_id}", f"CSeq: {cseq} REGISTER",
                f"Contact: {contact or phone.contact()}", "Expires: 600", *headers,
            ]  # fmt: skip

        phone.request("REGISTER", uri, lines(1))
        self.wait()
        challenge = phone.challenge_in(phone.take(401))
        phone.request("REGISTER", uri, [*lines(2), f"Authorization: {phone.digest(challenge, 'REGISTER', uri)}"])
        self.wait()
        phone.take(200)

    def carrier(self) -> RawPhone:
        """The carrier's switch, of text. It needs no password."""
        return RawPhone(self.network, "carrier", CARRIER)

    def talking(self, caller: Phone, callee: Phone, number: str = "102") -> tuple[PhoneCall, PhoneCall]:
        """A call that stands."""
        call = caller.call(number)
        self.wait()
        callee.last.answer()
        self.wait()
        assert call.up
        assert callee.last.up
        return call, callee.last

    def talking_by_hand(self, caller: RawPhone, callee: Phone, number: str = "102") -> RawDialog:
        """A call of a telephone of text that stands."""
        dialog = RawDialog.authenticated(caller, number, self.wait)
        self.wait(0.1)
        callee.last.answer()
        self.wait(0.1)
        dialog.take_answer(caller.take(200))
        dialog.ack()
        self.wait(0.1)
        return dialog

    def taken(self, callee: RawPhone, tag: str, headers: tuple[str, ...] = ()) -> Text:
        """A telephone of text takes the call: INVITE, 200, ACK. The INVITE."""
        invite = callee.take("INVITE")
        callee.reply(invite, 200, describe(callee.address[0]), tag=tag, headers=headers)
        self.wait(0.1)
        callee.take("ACK")
        return invite

    def book(self, call: PhoneCall) -> Book:
        """What the engine knows of the leg of a telephone that talks with us."""
        line = next(line for line in call.offers[-1].split("\r\n") if line.startswith("m=audio"))
        return self.exchange.engine.at(int(line.split(" ")[1]))

    def press(self, call: PhoneCall, digits: str) -> None:
        """That telephone presses keys, as telephone-events."""
        for digit in digits:
            self.exchange.tell(Digit(self.book(call).lease.leg, digit, 100))

    def over(self, call: PhoneCall, other: RawPhone) -> None:
        """One side hangs up, the other, of text, hears it."""
        call.hang_up()
        self.wait(0.1)
        other.reply(other.take("BYE"), 200)
        self.wait(0.1)

    def lose(self, flow: Flow, crash: bool) -> None:
        """That connection breaks; with `crash` all do, as the exchange dies and comes back."""
        if crash:
            self.exchange.crash_and_restart(1.0)
        else:
            self.network.cut(flow)

    def finish(self) -> None:
        """Run the clock out and look at everything."""
        self.clock.advance(300.0)
        self.exchange.check_over()
        if self.strict:
            for phone in self.phones:
                left = {name: count for name, count in phone.station.left().items() if name != "timers"}
                assert not left, (phone.user, left)
