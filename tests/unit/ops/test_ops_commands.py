"""The commands as a person types them, against a small exchange of values and a store of records."""

from __future__ import annotations

import asyncio
import csv
import datetime
import io
import json
import re
import stat
import threading
import tomllib
from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from typer.testing import CliRunner

from config import compile as compiling
from config.compiled import MailboxSettings
from dialplan.lines import Outside, Quotas
from records.cdr import CallRecord, LegRecord, Passed, Recorded, Transfer
from records.events import Forwarded, LegStarted
from records.segments import Position
from records.store import Store
from switch import configuration
from switch.commands import app
from switch.commands.common import short_path
from switch.commands.history import ending_of
from switch.commands.moments import moment
from switch.commands.phones import reachable
from switch.control import ControlServer, Refused
from switch.facts import LiveFacts
from switch.lifting import Lifting
from switch.mailbox_asking import MailboxAsking
from switch.mailbox_desk import Desk, Tried
from switch.mailboxes import Mailboxes
from switch.views import (
    CallView,
    MessageView,
    ParkedView,
    PhonesView,
    PhoneView,
    RefusedView,
    ReloadView,
    StatusView,
    SubscriptionsView,
    SubscriptionView,
    TraceView,
    TransferView,
    TrunkHostView,
    TrunksView,
    TrunkView,
    WorkerView,
)
from switch.wishing import Wishing
from tests.support.call_events import DIALOG, FLOW, started
from tests.support.exchange import changed, house
from tests.support.sounds import Sounds

ROOT = Path(__file__).parents[3]
NOW = datetime.datetime.now(datetime.UTC)
AGO = NOW - datetime.timedelta(seconds=192)

BOXES = (
    MailboxSettings(id="anna", name="Anna", extension="201", owner="anna", lines=("anna", "ben"), pin_tries=2),
    MailboxSettings(id="sales", extension="290"),
)
STATUS = StatusView(
    version="0.1.0",
    process=4711,
    started_at=AGO,
    configuration="3f2a91c0",
    config="/etc/ringplan",
    listeners=("udp 192.0.2.1 port 5060", "tcp 192.0.2.1 port 5060"),
    workers=(WorkerView(0, True, 4), WorkerView(1, False, 0)),
    lines=5,
    lines_registered=3,
    calls=2,
)
CALLS = (
    CallView(
        call="c0a81f3e77aa0001",
        started_at=AGO,
        answered_at=AGO,
        caller="206",
        called="207",
        state="talking",
        answered_by="reception",
    ),
    CallView(call="c0a81f3e77aa0002", started_at=NOW, caller="207", called="112", state="ringing", emergency=True),
    CallView(
        call="c0a81f3e77aa0003", started_at=NOW, caller="208", called="500", state="talking", service="attendant:main"
    ),
)


REFUSED = (
    RefusedView(
        user="alice-phone",
        address="192.0.2.7",
        why="wrong password",
        count=4,
        last_at=NOW - datetime.timedelta(seconds=12),
    ),
)
TOLD = "alice-phone from 192.0.2.7 is refused: wrong password, 4 times, the last"
TRUNKS = TrunksView(
    trunks=(
        TrunkView(
            trunk="itsp",
            registration="failed",
            why="403 Forbidden",
            next_s=130.0,
            calls=2,
            hosts=(
                TrunkHostView(host="udp 192.0.2.1:5060 (sip.example.com)", state="well", rtt_s=0.021),
                TrunkHostView(host="udp 192.0.2.2:5060", state="avoided", why="503"),
            ),
        ),
        TrunkView(trunk="other", registration="registered", expires_s=3500.0, next_s=2640.0),
    )
)
WATCHED = SubscriptionsView(
    subscriptions=(
        SubscriptionView(
            device="bob-phone",
            line="bob",
            package="dialog",
            resource="line:alice",
            address="udp 192.0.2.9:5062",
            expires_at=NOW + datetime.timedelta(seconds=3599),
            notified=7,
            waits=True,
            user_agent="Desk 1.0",
        ),
    )
)
PHONES = PhonesView(
    phones=(
        PhoneView(
            device="bob-phone",
            line="bob",
            address="udp 192.0.2.9:5062",
            contact="sip:bob@192.0.2.9:5062",
            user_agent="Desk 1.0",
            at=NOW,
            expires_at=NOW + datetime.timedelta(seconds=3599),
        ),
    ),
    absent=("alice-phone",),
    refused=REFUSED,
)


PARKED = (
    ParkedView(
        lot="main",
        slot="701",
        call="c1",
        name="Ada Löfgren",
        by="bob",
        at=NOW - datetime.timedelta(seconds=65),
        left_s=55.0,
    ),
    ParkedView(lot="main", slot="702", call="c2", name="Ben", by="", at=NOW, left_s=0.0, rings=True),
)


HERE = Path.cwd()


class Exchange:
    """Answers on a real control socket, from a loop in a thread."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime
        self.status = STATUS
        self.facts = facts = LiveFacts()
        facts.use(changed(house(), bob={"outside": Outside(quotas=Quotas(calls=1, minutes_day=10))}))
        self.lifting = Lifting(house, facts, lambda: NOW, lambda events: [facts.record(each) for each in events])
        self.wishing = Wishing(house, facts, lambda: NOW, lambda events: [facts.record(each) for each in events])
        self.loop = asyncio.new_event_loop()
        self.desk = Desk(Mailboxes(), Sounds(), lambda work, then: then(work(), 0.0), lambda: NOW, lambda: "m1")
        self.desk.use(BOXES)
        self.mailboxes = MailboxAsking(self.desk, lambda act: act(0.0))
        self.server = ControlServer(
            {
                "status": lambda _: self.status,
                "calls": lambda _: CALLS,
                "phones": lambda _: PHONES,
                "trunks": lambda _: TRUNKS,
                "subscriptions": lambda _: WATCHED,
                "parked": lambda _: PARKED,
                "reload": self.reload,
                "trace": self.trace,
                "hangup": self.hang_up,
                "transfer": self.transfer,
                **self.wishing.handlers(),
                **self.lifting.handlers(),
                **self.mailboxes.handlers(),
            },
            lambda *_: None,
        )
        self.loop.run_until_complete(self.server.start(runtime / "control.sock"))
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.good = True

    def reload(self, _):
        if not self.good:
            raise Refused(
                "the configuration was refused; nothing has changed", (f"{HERE}/x.yaml:3:5: unknown key “liness”",)
            )
        return ReloadView(version="77aa", changed=True, warnings=(f"{HERE}/x.yaml:9:1: warning: nobody rings",))

    def transfer(self, args):
        if args["to"] == "9":
            raise Refused("the call is not transferred to 9: there is no such number")
        return TransferView(call=args["call"], to=args["to"], by="line:bob")

    def hang_up(self, args):
        if args["call"] != CALLS[0].call:
            raise Refused(f"no call {args['call']} is up")
        return CALLS[0]

    def trace(self, args):
        texts = (
            "INVITE sip:207@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\nv=0",
            "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n",
        )
        messages = [
            MessageView(
                at=NOW, incoming=i == 0, transport="udp", local="192.0.2.1:5060", remote="192.0.2.9:5060", text=text
            )
            for i, text in enumerate(texts)
        ]
        return TraceView(
            call=args["call"],
            messages=tuple(messages) if args["call"] == "c1" else (),
            caller="206",
            called="207",
            result="busy",
        )

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def exchange(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGPLAN_RUNTIME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    made = Exchange(tmp_path)
    yield made
    made.close()


def run(*args: str, status: int = 0) -> str:
    """What the command wrote to standard output."""
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == status, result.output
    return result.stdout


def errors(*args: str, status: int) -> str:
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == status, result.output
    return result.stderr


def test_status_says_how_it_is_and_ends_with_one_when_something_is_wrong(exchange):
    shown = run("status")
    assert "all is well" in shown
    assert "3 of 5 lines registered" in shown
    assert "worker 1: down" in shown
    assert max(map(len, shown.splitlines())) <= 80
    exchange.status = StatusView(
        version="1", process=1, started_at=NOW, configuration="m", config="c", troubles=("disk full",)
    )
    assert "disk full" in run("status", status=1)
    exchange.status = msgspec.structs.replace(STATUS, warnings=("emergency calls cannot be made",), refused=REFUSED)
    shown = run("status")
    assert "emergency calls cannot be made" in shown
    assert TOLD in " ".join(shown.split())
    assert "all is well" not in shown
    exchange.status = StatusView(
        version="1", process=1, started_at=NOW, configuration="m", config="c", troubles=("disk full",)
    )
    assert json.loads(run("status", "--json", status=1))["troubles"] == ["disk full"]


def test_trunks_tells_registrations_and_hosts(exchange, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    shown = " ".join(run("trunks").split())
    assert "itsp failed: 403 Forbidden, again in 2 min" in shown
    assert "udp 192.0.2.1:5060 (sip.example.com), 21 ms" in shown
    assert "udp 192.0.2.2:5060, avoided: 503" in shown
    assert "other registered, renewed in 44 min not found 0" in shown
    assert json.loads(run("trunks", "--json"))["trunks"][0]["why"] == "403 Forbidden"


def test_phones_names_who_is_there_who_is_not_and_who_was_refused(exchange, monkeypatch):
    monkeypatch.setattr("switch.commands.phones.utc_now", lambda: NOW)
    shown = run("phones")
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("bob", "bob-phone", "udp 192.0.2.9:5062", "59 min", "Desk 1.0", "not registered: alice-phone"):
        assert part in shown
    assert TOLD in " ".join(shown.split())
    assert json.loads(run("phones", "--json"))["phones"][0]["contact"] == "sip:bob@192.0.2.9:5062"


def test_parked_tells_who_waits_where(exchange, monkeypatch):
    monkeypatch.setattr("switch.commands.parked.utc_now", lambda: NOW)
    shown = run("parked")
    assert "Ada Löfgren" in shown
    for part in ("701", "bob", "1:05", "0:55", "702", "rings"):
        assert part in shown, part
    assert json.loads(run("parked", "--json"))[0]["slot"] == "701"


def test_subscriptions_tell_which_lamp_is_whose(exchange, monkeypatch):
    monkeypatch.setattr("switch.commands.subscriptions.utc_now", lambda: NOW)
    shown = run("subscriptions")
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("bob-phone", "line:alice", "dialog", "59 min", "7, waits"):
        assert part in shown
    assert json.loads(run("subscriptions", "--json"))["subscriptions"][0]["resource"] == "line:alice"


def test_calls_fit_eighty_columns_with_their_whole_names(exchange, monkeypatch):
    monkeypatch.setattr("switch.commands.calls.utc_now", lambda: NOW)
    shown = run("calls")
    assert "500 · attendant:main" in shown
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("206", "207 → reception", "talking", "3:12", "c0a81f3e77aa0001", "emergency"):
        assert part in shown
    assert json.loads(run("calls", "--json"))[1]["emergency"] is True


def test_reload_prints_what_is_wrong_and_fails(exchange):
    assert "taken: version 77aa" in run("reload")
    exchange.good = False
    said = errors("reload", status=1)
    assert said.startswith("x.yaml:3:5")  # as it was typed here, not the whole path that the exchange knows
    assert "nothing has changed" in said


def test_hangup_says_whose_call_it_ended_or_that_there_is_none(exchange):
    assert run("hangup", "c0a81f3e77aa0001") == "ended: 206 with 207, call c0a81f3e77aa0001\n"
    assert "no call c1 is up" in errors("hangup", "c1", status=1)


def test_transfer_says_who_is_rung_in_whose_place_or_why_not(exchange):
    said = run("transfer", "c0a81f3e77aa0001", "208")
    assert said.startswith("208 is rung in place of bob, who stays in the call until somebody answers")
    assert "there is no such number" in errors("transfer", "c0a81f3e77aa0001", "9", status=1)


def test_set_shows_how_it_stands_and_says_what_was_meant(exchange):
    shown = run("set", "bob", "forward", "busy", "carol")
    for part in ("bob, Bob", "forward busy", "user:carol", "user", "forward delay", "15 s", "group 110"):
        assert part in shown
    assert json.loads(run("set", "102", "dnd", "on", "--json"))["dnd"] is True
    assert exchange.facts.settings("bob") == {"forward.busy": "user:carol", "dnd": "on"}
    said = errors("set", "bob", "forward", "busy", "user:carl", status=1)
    assert "there is no user “carl”" in said
    assert "did you mean `carol`?" in said
    assert "dnd on|off" in errors("set", "bob", "dnd", status=1)
    assert "do not disturb" in run("set", "bob", "reset")
    assert exchange.facts.settings("bob") == {}


def test_a_delay_that_the_configuration_has_locked_since_is_the_configured_one(exchange):
    """FWD-3, PRO-3: what the user had set does not count any more, and `set` shows that."""
    before = run("set", "bob", "forward", "delay", "40s")
    assert [*before.split("forward delay")[1].split()[:5]] == ["40", "s", "user", "15", "s"]
    forwards = msgspec.structs.replace(house().lines["bob"].forwards, after_locked=True)
    exchange.wishing._model = lambda: changed(house(), bob={"forwards": forwards})
    after = run("set", "bob")
    assert [*after.split("forward delay")[1].split()[:5]] == ["15", "s", "locked", "15", "s"]


def test_a_telephone_is_locked_and_unlocked(exchange):
    assert "locked: it rings, and calls for help alone" in run("set", "device:bob", "lock", "on")
    assert json.loads(run("set", "device:bob", "--json"))["locked"] is True
    assert "not locked" in run("set", "device:bob", "reset")
    assert "did you mean `bob`?" in errors("set", "device:bobb", status=1)


def test_quota_shows_who_has_called_how_much_and_lets_somebody_call_again(exchange):
    assert "Nothing of a quota is used." in run("quota", "show")
    began = msgspec.structs.replace(started("c1"), line="bob", at=NOW)
    exchange.facts.record(began)
    exchange.facts.record(LegStarted("c1", 1, NOW, 1, "trunk:carrier", "sip:1@192.0.2.9", FLOW, DIALOG, "z9hG4bK1"))
    shown = run("quota", "show")
    for part in ("bob", "calls", "1", "refused", "minutes_day"):
        assert part in shown
    found = json.loads(run("quota", "show", "102", "--json"))["quotas"]
    limits = [(each["line"], each["what"], each["limit"]) for each in found]
    assert limits == [("bob", "calls", 1), ("bob", "minutes_day", 10)]
    assert "calls" in run("quota", "reset", "bob"), "a call that is up is one still"
    assert "there is no user and no line “bobb”" in errors("quota", "reset", "bobb", status=1)


def test_mailbox_shows_messages_and_sets_pins_pin_5(exchange):
    desk = exchange.desk
    message = desk.begin("anna", "c1", "+16695550100", "Ada")
    desk.complete("anna", message, urgent=True)
    shown = run("mailbox", "list")
    assert re.search(r"anna +Anna +201 +1 +1 +none +ben", shown)
    assert re.search(r"sales +290 +none", shown)
    shown = run("mailbox", "show", "201")
    for part in ("1 new, 0 old, room for 99 more", "No PIN is set", "+16695550100", "Ada", "0:05", "urgent, new"):
        assert part in shown
    found = json.loads(run("mailbox", "show", "anna", "--json"))
    assert found["messages"][0]["call"] == "c1"
    given = re.search(r"the PIN of anna is ([0-9]{6})", run("mailbox", "pin", "anna", "--random"))
    tried = []
    desk.try_pin("anna", given[1], "x", lambda outcome, now: tried.append(outcome))
    assert tried == [Tried.GOOD]
    result = CliRunner().invoke(app, ["mailbox", "pin", "anna"], input="371942\n")
    assert result.stdout == "the PIN of anna is set\n"
    simple = CliRunner().invoke(app, ["mailbox", "pin", "anna"], input="123456\n")
    assert "too easy to guess" in simple.stderr
    short = CliRunner().invoke(app, ["mailbox", "pin", "anna"], input="3719\n")
    assert "at least 6 digits" in short.stderr
    for _ in range(2):
        desk.try_pin("anna", "000000", "x", lambda outcome, now: tried.append(outcome))
    assert "locked 15:00" in run("mailbox", "list")
    assert [re.sub("1[56] min", "15 min", each) for each in exchange.mailboxes.warnings()] == [
        "mailbox anna is locked for 15 min after wrong PINs (ringplan mailbox unlock anna)"
    ]
    assert run("mailbox", "unlock", "anna") == "anna is not locked\n"
    desk.try_pin("anna", "371942", "x", lambda outcome, now: tried.append(outcome))
    assert tried[-1] is Tried.GOOD
    assert "did you mean `anna`" in errors("mailbox", "pin", "ana", "--random", status=1)


def test_trace_draws_the_ladder(exchange):
    shown = run("trace", "c1", "--full")
    assert "206 calls 207: busy" in shown
    assert "INVITE +SDP" in shown
    assert "486 Busy Here" in shown
    assert "INVITE sip:207@example.com SIP/2.0" in shown
    run("trace", "unknown", status=1)


def test_without_an_exchange_it_is_said_and_the_status_is_three(tmp_path):
    for verb in (["status"], ["calls"], ["reload"], ["trace", "x"], ["hangup", "x"]):
        assert "ringplan serve" in errors(*verb, "--runtime", str(tmp_path), status=3)


def test_an_answered_call_stands_in_the_history(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    url = f"sqlite:///{tmp_path}/records.db"
    monkeypatch.setenv("RINGPLAN_CONFIG", str(tmp_path / "none.yaml"))
    monkeypatch.setenv("RINGPLAN_DATA", str(tmp_path))
    assert "No calls" in run("history")
    store = Store(url)
    store.migrate()
    base = CallRecord(
        call="c0a81f3e77aa0001",
        n=9,
        last_at=NOW,
        started_at=AGO,
        answered_at=AGO,
        ended_at=NOW,
        caller_number="+14155550100",
        number="+14155550199",
        answered_target="line:reception",
        result="answered",
        reason="caller_hung_up",
        sip_status=200,
        recovered=True,
    )
    store.apply([base], Position(0, 1))
    store.close()
    shown = run("history")
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("+14155550100", "+14155550199", "answered", "3:12", "c0a81f3e77aa0001"):
        assert part in shown
    monkeypatch.setenv("COLUMNS", "110")
    assert "reception" in run("history")
    assert json.loads(run("history", "--json"))[0]["talk_s"] == 192.0
    assert next(csv.DictReader(io.StringIO(run("history", "--csv"))))["answered_target"] == "line:reception"
    assert "No calls" in run("history", "--number", "+1999")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A store with two calls: one answered, one to a number that does not exist."""
    monkeypatch.setenv("COLUMNS", "100")
    config = tmp_path / "config.yaml"
    config.write_text(
        "country: US\nlines:\n  alice: {extension: 101}\n  bob: {extension: 102}\n"
        "devices:\n  alice-phone: {secret: quite-long-secret, lines: alice}\n"
    )
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("RINGPLAN_CONFIG", str(config))
    monkeypatch.setenv("RINGPLAN_DATA", str(data))
    compiled = compiling.compile(config)
    configuration.keep(data, compiled)
    config.write_text("country: US\n")  # what was decided by is remembered, whatever stands there now
    answered = CallRecord(
        call="c0a81f3e77aa0001",
        n=9,
        last_at=NOW,
        started_at=AGO,
        answered_at=AGO,
        ended_at=NOW,
        device="alice-phone",
        line="alice",
        caller_number="101",
        caller_name="Alice",
        dialled="102",
        number="102",
        answered_target="line:bob",
        result="answered",
        reason="caller_hung_up",
        sip_status=200,
        sip_call_id="x@y",
        model=compiled.model.version,
        because=(("device:alice-phone", "calls on line alice"), ("extension:102", "rings bob")),
        legs=(LegRecord(leg=0, target="device:alice-phone", contact="", started_at=AGO, ended_at=NOW),),
    )
    lost = msgspec.structs.replace(
        answered,
        call="c0a81f3e77aa0002",
        answered_at=None,
        number="999",
        answered_target="",
        result="refused",
        reason="not_found",
        sip_status=404,
        sip_call_id="z@y",
        model="an-older-one",
        legs=(),
    )
    store = Store(f"sqlite:///{data}/records.db")
    store.migrate()
    forwarded = msgspec.structs.replace(
        lost,
        call="c0a81f3e77aa0003",
        result="failed",
        reason="loop",
        hidden=True,
        forwards=(Forwarded("+13105550100", reason="user-busy"),),
        answered_target="line:anna",
        recordings=(
            Recorded(AGO, "2026-01-02/x-1.wav", "device:bob-phone", (0, 1), (1,), 2, "failed", "disk full"),
            Recorded(AGO, "", "policy", why="announcement"),
        ),
        transfers=(
            Transfer(answered.started_at, "line:bob", "105", "blind", "refer", "", "failed", 486),
            Transfer(answered.started_at, "line:bob", "103", "attended", "code", "c2", "done", 200, "line:carol"),
        ),
        passed=(
            Passed(AGO, "bob", 486, "102", "Bob Stone", "line:carol"),
            Passed(AGO, "carol", 408, to="voicemail:carol", branch="ring/1"),
        ),
        legs=(
            LegRecord(
                leg=1,
                target="trunk:itsp",
                contact="",
                started_at=AGO,
                ended_at=NOW,
                reason="no_answer",
                sip_status=404,
                cause="Q.850;cause=1",
            ),
        ),
    )
    store.apply([answered, lost, forwarded], Position(0, 1))
    store.close()
    return config


def test_one_call_of_the_history_says_why_with_file_and_line(kept):
    shown = run("history", "c0a81f3e77aa0001")
    assert f"device:alice-phone ({short_path(str(kept))}:6) -> calls on line alice" in shown
    assert f"extension:102 ({short_path(str(kept))}:4): line bob -> rings bob" in shown
    for part in ("101, Alice, telephone alice-phone", "answered, caller hung up (SIP 200)", "talked 3:12", "bob"):
        assert part in shown
    assert "Why" in run("history", "x@y")
    assert "c0a81f3e77aa0002" in run("history", "c0a8")
    assert "no call c9 has ended" in errors("history", "c9", status=1)


def test_one_call_of_the_history_says_who_forwarded_it_and_what_the_carrier_gave_as_cause(kept):
    """RFC 5806, RFC 3326."""
    shown = run("history", "c0a81f3e77aa0003")
    ours = ("by bob, Bob Stone: busy, to line:carol", "by carol: no answer, to voicemail:carol (in its group)")
    for part in ("asks not to be shown", "by +13105550100 (user busy)", "(SIP 404, Q.850;cause=1)", *ours):
        assert part in " ".join(shown.split())
    (plain,) = json.loads(run("history", "c0a81f3e77aa0003", "--json"))
    assert plain["forwards"][0]["number"] == "+13105550100"
    assert [each["cause"] for each in plain["passed"]] == [486, 408]
    assert plain["legs"][0]["cause"] == "Q.850;cause=1"
    sent_on = ("by bob, blind, to 105, which failed with 486", "by bob, attended (by keys), to carol, from call c2")
    for part in sent_on:
        assert part in " ".join(shown.split())
    assert [each["outcome"] for each in plain["transfers"]] == ["failed", "done"]


def test_one_call_of_the_history_says_who_talked_and_where_its_recordings_are(kept):
    """REC-7: whom it was sent on to comes after who answered; a recording that could not be made says why."""
    shown = " ".join(run("history", "c0a81f3e77aa0003").split())
    assert "answered by anna, then carol" in shown
    made = "2026-01-02/x-1.wav, asked for by bob-phone, 1 told, 2 pauses, it failed (disk full)"
    assert f"recorded {made}" in shown
    assert "recorded no, automatic, those to be told could not be" in shown


def test_a_decision_of_a_forgotten_configuration_is_shown_without_places(kept):
    shown = run("history", "c0a81f3e77aa0002")
    assert "extension:102 -> rings bob" in shown
    assert "not known any more" in shown


@pytest.mark.parametrize(
    ("result", "reason", "shown"),
    [
        ("answered", "callee_hung_up", "answered"),
        ("answered", "media_lost", "answered, media lost"),
        ("answered", "duration_limit", "answered, duration limit"),
        ("no_answer", "no_answer", "no answer"),
    ],
)
def test_the_list_says_how_a_call_ended_that_nobody_hung_up(result, reason, shown):
    at = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    record = CallRecord("c", 1, at, at, ended_at=at, result=result, reason=reason)
    assert ending_of(record) == shown


@pytest.mark.parametrize("typed", ["not_found", "not found", "Not-Found", "refused"])
def test_history_filters_what_its_result_column_shows(kept, typed):
    assert [each["number"] for each in json.loads(run("history", "--json", "--result", typed))] == ["999"]


def test_history_refuses_a_result_that_there_is_not(kept):
    assert "did you mean not_found" in errors("history", "--result", "not-fund", status=2)
    said = errors("history", "--since", "last tuesday", status=2)
    assert "yesterday" in said
    assert "%Y" not in said


def test_all_instants_of_the_json_are_written_alike(kept):
    found = run("history", "--json", "--since", "today", "--since", "2h")
    assert found.count("_at") > 8
    assert "+00:00" not in found
    assert "+00:00" not in run("history", "--csv")


def test_records_are_exported_to_a_file_for_its_owner_alone(kept, tmp_path):
    out = tmp_path / "calls.csv"
    assert run("records", "export", "--out", str(out)) == ""
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [each["call"][-1] for each in csv.DictReader(io.StringIO(out.read_text()))] == ["1", "2", "3"]
    assert "is there already" in errors("records", "export", "--out", str(out), status=1)
    assert run("records", "export", "--format", "jsonl", "--number", "999", "--line", "nobody") == ""
    lines = run("records", "export", "--format", "jsonl", "--number", "999", "--since", "1d").splitlines()
    assert {json.loads(each)["number"] for each in lines} == {"999"}
    assert "no-such-folder" in errors("records", "export", "--out", str(tmp_path / "no-such-folder/x"), status=1)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("today", "2026-03-02T00:00"),
        ("Yesterday", "2026-03-01T00:00"),
        ("2h", "2026-03-02T08:30"),
        ("30 min", "2026-03-02T10:00"),
        ("7d", "2026-02-23T10:30"),
        ("2026-01-31", "2026-01-31T00:00"),
        ("2026-01-31 08:30", "2026-01-31T08:30"),
        ("2026-01-31T08:30", "2026-01-31T08:30"),
    ],
)
def test_a_moment_is_typed_as_people_say_it(typed, expected):
    now = datetime.datetime(2026, 3, 2, 10, 30).astimezone()
    assert moment(typed, now) == datetime.datetime.fromisoformat(expected).astimezone()


@pytest.mark.parametrize("typed", ["", "2", "tomorrow", "-2h", "20:15", "2026", "2026-13-01", "20260101"])
def test_what_is_no_moment_is_refused(typed):
    with pytest.raises(ValueError):
        moment(typed, NOW)


def test_help_names_every_verb():
    shown = run("--help")
    for verb in ("serve", "check", "reload", "hangup", "status", "phones", "calls", "trace", "history", "schema"):
        assert verb in shown
        run(verb, "--help")


def test_the_version_is_that_of_the_distribution():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").split() == ["ringplan", wanted]


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, "–"),
        ({"reachable": True, "rtt_s": 0.0123}, "12 ms"),
        ({"reachable": False, "since": NOW - datetime.timedelta(seconds=180)}, "no, for 3 min"),
    ],
)
def test_whether_a_telephone_can_be_reached_is_shown(known, shown):
    view = structs.replace(PHONES.phones[0], **known)
    assert reachable(view, NOW).plain == shown
