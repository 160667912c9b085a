"""REFER in a dialog, its subscription and NOTIFYs (RFC 3515, 4488, 7614); keys by INFO (RFC 6086).

A call of our own usage with a telephone of text, both on the in-memory network.
"""

from __future__ import annotations

import pytest

from switch.clock import VirtualClock
from switch.sip import effects as fx
from switch.sip import refer
from switch.sip.errors import RemoteProtocolError
from switch.sip.invite import InviteUsage
from switch.sip.leg_events import Keyed, LegEvent, NotifyFailed, Referred, Resent
from switch.sip.message import Request, parse
from switch.sip.replaces import Replaces, replaces_of
from tests.support.network import Network, Station
from tests.support.raw_phone import EXCHANGE, RawDialog, RawPhone, Text, describe

BOB = "sip:102@pbx.example.com"


class Desk:
    """The usage under test, which has answered a call of Alice's telephone of text."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.network = Network(self.clock)
        self.station = Station(self.network, EXCHANGE, self.core)
        self.alice = RawPhone(self.network, "alice", ("192.0.2.21", 5060))
        self.events: list[LegEvent] = []
        self.refused: list[int] = []
        self.usage: InviteUsage | None = None
        self.dialog = RawDialog.call(self.alice, "102", describe(self.alice.address[0]))
        self.wait()
        self.dialog.take_answer(self.alice.take(200))
        self.dialog.ack()
        self.wait()
        self.events.clear()

    @property
    def up(self) -> InviteUsage:
        assert self.usage is not None
        return self.usage

    def wait(self, seconds: float = 0.1) -> None:
        self.clock.advance(seconds)

    def core(self, effect: fx.Effect, now: float) -> None:
        match effect:
            case fx.Incoming() if effect.request.to_tag is None:
                self.usage = InviteUsage.incoming(self.station.endpoint, effect.txn, "we", "<sip:192.0.2.10>", self)
                self.usage.accept(describe("192.0.2.10").encode(), now)
            case fx.Incoming():
                try:
                    self.heard(self.up.on_request(effect.txn, now), now)
                except RemoteProtocolError as error:
                    self.refused.append(error.status)
                    self.station.endpoint.respond(effect.txn, error.status, now)
            case fx.AckReceived():
                self.up.on_ack(effect.request)
            case fx.Answered():
                self.heard(self.up.on_response(effect.txn, effect.response, now), now)
            case fx.TimedOut():
                self.heard(self.up.on_timeout(effect.txn, now), now)
            case _:
                pass

    def heard(self, event: LegEvent | None, now: float) -> None:
        if event is not None:
            self.events.append(event)

    def on_timer(self, what: object, now: float) -> None:
        self.heard(self.up.on_timer(what, now), now)

    def refer(self, to: str = f"<{BOB}>", *headers: str) -> int:
        """Alice sends REFER; its CSeq."""
        self.dialog.request("REFER", headers=(f"Refer-To: {to}", *headers))
        self.wait()
        return self.dialog.cseq

    def accept(self, number: int) -> None:
        refer.accept(self.up, number, self.clock.now())
        self.station.drain(self.clock.now())
        self.wait()

    def notify(self, number: int, status: int) -> bool:
        sent = refer.notify(self.up, number, status, self.clock.now())
        self.station.drain(self.clock.now())
        self.wait()
        return sent

    def told(self, status: int = 200, *headers: str) -> Text:
        """The NOTIFY that came, answered so."""
        notify = self.alice.take("NOTIFY")
        self.alice.reply(notify, status, headers=headers)
        self.wait()
        return notify


@pytest.fixture
def desk() -> Desk:
    return Desk()


def shown(notify: Text) -> tuple[str, str, str]:
    return notify.body, notify.get("Event"), notify.get("Subscription-State")


def test_a_transfer_is_told_step_by_step(desk: Desk) -> None:
    number = desk.refer(f"Bob <{BOB};user=phone>", "Referred-By: <sip:alice@example.com>")
    assert desk.events == [Referred(number, f"{BOB};user=phone", None, "sip:alice@example.com")]
    desk.accept(number)
    assert desk.alice.take(202).get("Contact")
    first = desk.told()
    assert shown(first) == ("SIP/2.0 100 Trying\r\n", "refer", "active;expires=600")
    assert first.get("Content-Type") == "message/sipfrag;version=2.0"
    assert desk.notify(number, 180)
    assert not desk.notify(number, 180)
    assert shown(desk.told())[0] == "SIP/2.0 180 Ringing\r\n"
    assert desk.notify(number, 200)
    assert shown(desk.told()) == ("SIP/2.0 200 OK\r\n", "refer", "terminated;reason=noresource")
    assert not desk.notify(number, 486)
    assert not desk.alice.has("NOTIFY")
    assert not desk.up.referrals


def test_a_status_waits_for_the_answer_to_the_notify_before_it_and_the_latest_wins(desk: Desk) -> None:
    number = desk.refer()
    desk.accept(number)
    trying = desk.alice.take("NOTIFY")
    assert not desk.notify(number, 182)
    assert not desk.notify(number, 180)
    desk.alice.inbox = [each for each in desk.alice.inbox if each.get("CSeq") != trying.get("CSeq")]
    assert not desk.alice.has("NOTIFY")
    desk.alice.reply(trying, 200)
    desk.wait()
    assert desk.events[-1] == Resent(), "its number has to outlive a crash"
    assert shown(desk.told())[0] == "SIP/2.0 180 Ringing\r\n"
    assert not desk.alice.has("NOTIFY")


def test_the_last_status_waits_for_nothing(desk: Desk) -> None:
    """A BYE may follow it at once, after which many telephones hear no NOTIFY any more."""
    number = desk.refer()
    desk.accept(number)
    trying = desk.alice.take("NOTIFY")
    desk.alice.inbox.clear()
    assert desk.notify(number, 200)
    assert shown(desk.told())[0] == "SIP/2.0 200 OK\r\n"
    desk.alice.reply(trying, 200)
    desk.wait(40.0)
    assert not desk.up.referrals
    assert desk.up.confirmed


def test_two_refers_of_one_dialog_are_told_apart_by_their_ids(desk: Desk) -> None:
    one, two = desk.refer(), desk.refer("<sip:103@pbx.example.com>")
    desk.accept(one)
    desk.accept(two)
    assert [shown(desk.told())[1] for _ in range(2)] == ["refer", f"refer;id={two}"]
    desk.notify(two, 486)
    assert shown(desk.told()) == ("SIP/2.0 486 Busy Here\r\n", f"refer;id={two}", "terminated;reason=noresource")
    desk.notify(one, 200)
    assert shown(desk.told())[1] == "refer"


def test_more_refers_than_anybody_needs_are_491(desk: Desk) -> None:
    for _ in range(refer.MOST):
        desk.refer()
    desk.refer()
    desk.alice.take(491)
    assert len(desk.events) == refer.MOST


@pytest.mark.parametrize("header", ["Refer-Sub: false", "Require: nosub"])
def test_nobody_is_told_who_does_not_want_to_be(desk: Desk, header: str) -> None:
    number = desk.refer(f"<{BOB}>", header)
    desk.accept(number)
    assert desk.alice.take(202).get("Refer-Sub") == "false"
    assert not desk.notify(number, 200)
    assert not desk.alice.has("NOTIFY")


def test_a_refused_refer_makes_no_subscription(desk: Desk) -> None:
    number = desk.refer()
    refer.refuse(desk.up, number, 403, desk.clock.now())
    desk.station.drain(desk.clock.now())
    desk.wait()
    desk.alice.take(403)
    assert not desk.notify(number, 200)
    assert not desk.up.referrals


REPLACES = "c%40h%3Bto-tag%3Dt%3Bfrom-tag%3Df"


@pytest.mark.parametrize(
    ("to", "replaces"),
    [
        (f"<{BOB}?Replaces={REPLACES}>", Replaces("c@h", "t", "f")),
        (f"<{BOB}?Require=replaces&replaces={REPLACES}%3Bearly-only>", Replaces("c@h", "t", "f", early_only=True)),
        (f"<{BOB};method=INVITE?Subject=x>", None),
    ],
)
def test_the_dialog_that_is_to_be_replaced(desk: Desk, to: str, replaces: Replaces | None) -> None:
    desk.refer(to)
    (event,) = desk.events
    assert isinstance(event, Referred)
    assert event.replaces == replaces
    assert "?" not in event.uri


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 400),
        ((f"Refer-To: <{BOB}>", "Refer-To: <sip:103@x>"), 400),
        (("Refer-To: nobody",), 400),
        ((f"Refer-To: <{BOB}?Replaces=c>",), 400),
        ((f"Refer-To: <{BOB}?Replaces=c%3Bto-tag%3Dt>",), 400),
        ((f"Refer-To: <{BOB}?Replaces={REPLACES}&Replaces={REPLACES}>",), 400),
        (("Refer-To: <http://example.com/>",), 416),
        (("Refer-To: <cid:a@example.com>",), 416),
        ((f"Refer-To: <{BOB};method=BYE>",), 501),
    ],
)
def test_what_leads_nowhere_is_refused_at_once(desk: Desk, headers: tuple[str, ...], status: int) -> None:
    desk.dialog.request("REFER", headers=headers)
    desk.wait()
    desk.alice.take(status)
    assert not desk.events
    assert not desk.up.referrals


@pytest.mark.parametrize("status", [481, 404, 489, 405])
def test_who_refuses_a_notify_is_told_no_more(desk: Desk, status: int) -> None:
    """RFC 6665 section 4.2.2; the call goes on (RFC 5057)."""
    number = desk.refer()
    desk.accept(number)
    desk.told(status)
    assert desk.events[-1] == NotifyFailed(number, status)
    assert not desk.notify(number, 200)
    assert not desk.alice.has("NOTIFY")
    assert desk.up.confirmed


@pytest.mark.parametrize(("status", "headers"), [(503, ()), (491, ()), (480, ("Retry-After: 2",))])
def test_a_notify_that_may_be_tried_again_is(desk: Desk, status: int, headers: tuple[str, ...]) -> None:
    number = desk.refer()
    desk.accept(number)
    for _ in range(refer.TRIES - 1):
        desk.told(status, *headers)
        desk.notify(number, 180)
        assert not desk.alice.has("NOTIFY"), "not before its time"
        desk.wait(2.0)
    assert shown(desk.told(status, *headers))[0] == "SIP/2.0 180 Ringing\r\n"
    desk.wait(30.0)
    assert desk.events[-1] == NotifyFailed(number, status)
    assert not desk.alice.has("NOTIFY")


def test_silence_ends_the_subscription(desk: Desk) -> None:
    number = desk.refer()
    desk.accept(number)
    desk.wait(33.0)
    assert desk.events[-1] == NotifyFailed(number, 408)


def test_who_has_hung_up_after_his_refer_is_told_the_end_of_it(desk: Desk) -> None:
    number = desk.refer()
    desk.accept(number)
    desk.told()
    desk.dialog.request("BYE")
    desk.wait()
    desk.alice.take(200)
    assert desk.notify(number, 200)
    assert shown(desk.told())[0] == "SIP/2.0 200 OK\r\n"


@pytest.mark.parametrize(("expires", "state"), [(0, "terminated;reason=timeout"), (30, "active;expires=30")])
def test_the_referrer_may_ask_again_or_take_leave(desk: Desk, expires: int, state: str) -> None:
    """RFC 3515 section 2.4.4."""
    number = desk.refer()
    desk.accept(number)
    desk.told()
    desk.dialog.request("SUBSCRIBE", headers=(f"Event: refer;id={number}", f"Expires: {expires}"))
    desk.wait()
    desk.alice.take(202)
    assert desk.alice.take(200).get("Expires") == str(expires)
    assert shown(desk.told()) == ("SIP/2.0 100 Trying\r\n", "refer", state)
    assert bool(desk.up.referrals) == bool(expires)


@pytest.mark.parametrize(("event", "status"), [("refer;id=7", 481), ("presence", 489), ("", 489)])
def test_other_subscriptions_in_the_dialog_are_refused(desk: Desk, event: str, status: int) -> None:
    desk.accept(desk.refer())
    desk.told()
    desk.dialog.request("SUBSCRIBE", headers=(f"Event: {event}",) if event else ())
    desk.wait()
    desk.alice.take(status)


def test_the_referrer_of_a_former_process_hears_how_it_ended(desk: Desk) -> None:
    refer.resume(desk.up, 7, 503, desk.clock.now(), named=True)
    desk.station.drain(desk.clock.now())
    desk.wait()
    told = shown(desk.told())
    assert told == ("SIP/2.0 503 Service Unavailable\r\n", "refer;id=7", "terminated;reason=noresource")


# -- Replaces ----------------------------------------------------------------------------------------------------------


def invite(*headers: str) -> Request:
    head = ["INVITE sip:a@192.0.2.10 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKr", "Call-ID: n", *headers]
    made = parse("\r\n".join([*head, "", ""]).encode())
    assert isinstance(made, Request)
    return made


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ((), None),
        (("Replaces: a@b;from-tag=f;to-tag=t",), Replaces("a@b", "t", "f")),
        (('Replaces: a@b ; to-tag = "t" ;x=y;early-only;from-tag=0',), Replaces("a@b", "t", "0", early_only=True)),
    ],
)
def test_replaces(headers: tuple[str, ...], found: Replaces | None) -> None:
    assert replaces_of(invite(*headers)) == found


@pytest.mark.parametrize(
    "headers",
    [
        ("Replaces: a@b",),
        ("Replaces: a@b;to-tag=t",),
        ("Replaces: ;to-tag=t;from-tag=f",),
        ("Replaces: a b;to-tag=t;from-tag=f",),
        ("Replaces: a@b;to-tag=t;from-tag=f", "Join: a@b;to-tag=t;from-tag=f"),
        (f"Replaces: {'a' * 2000};to-tag=t;from-tag=f",),
    ],
)
def test_replaces_that_cannot_be_read(headers: tuple[str, ...]) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        replaces_of(invite(*headers))
    assert raised.value.status == 400


def test_which_dialog_may_be_replaced(desk: Desk) -> None:
    """RFC 3891 section 3."""
    dialog = desk.up.dialog
    here = Replaces(dialog.call_id, "we", dialog.remote_tag)
    assert here.verdict(desk.up) == 0
    assert Replaces(dialog.call_id, dialog.remote_tag, "we").verdict(desk.up) == 481
    assert Replaces("else", "we", dialog.remote_tag).verdict(desk.up) == 481
    assert Replaces(dialog.call_id, "we", "0").verdict(desk.up) == 481
    assert Replaces(dialog.call_id, "we", dialog.remote_tag, early_only=True).verdict(desk.up) == 486
    desk.dialog.request("BYE")
    desk.wait()
    assert here.verdict(desk.up) == 603


# -- INFO --------------------------------------------------------------------------------------------------------------

RELAY, ALONE = "Content-Type: application/dtmf-relay", "Content-Type: Application/DTMF"


@pytest.mark.parametrize(
    ("kind", "body", "heard"),
    [
        (RELAY, "Signal=5\r\nDuration=160\r\n", Keyed("5", 160)),
        (RELAY, "Signal= # \r\nDuration= 999999\r\n", Keyed("#", 250)),
        (RELAY, "signal=10\r\nduration=99998", Keyed("*", 10000)),
        (RELAY, "Signal=*\nDuration=-1", Keyed("*", 250)),
        (ALONE, "7", Keyed("7", 250)),
        (ALONE, "11\r\n", Keyed("#", 250)),
        (ALONE, "d", Keyed("D", 250)),
    ],
)
def test_keys_by_info(desk: Desk, kind: str, body: str, heard: Keyed) -> None:
    desk.dialog.request("INFO", body, (kind,))
    desk.wait()
    desk.alice.take(200)
    assert desk.events == [heard]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ((), "", 200),
        ((RELAY,), "Signal=16\r\n", 200),
        ((RELAY,), "Signal=55\r\n", 400),
        ((RELAY,), "\xff\xfe", 400),
        ((ALONE,), "x" * 5000, 400),
        (("Content-Type: application/media_control+xml",), "<x/>", 415),
        (("Info-Package: trickle-ice", RELAY), "Signal=5\r\n", 469),
    ],
)
def test_other_infos_press_no_key(desk: Desk, headers: tuple[str, ...], body: str, status: int) -> None:
    desk.dialog.request("INFO", body, headers)
    desk.wait()
    answer = desk.alice.take(status)
    assert not desk.events
    if status == 415:
        assert answer.get("Accept") == "application/dtmf-relay, application/dtmf"
    if status == 469:
        assert answer.all("Recv-Info") == [""]
