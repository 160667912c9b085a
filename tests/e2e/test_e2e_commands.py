"""The commands as an operator types them, beside a call that is up."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from tests.e2e.kit.house import house, secret, wait_for
from tests.e2e.kit.phones import connect, softphones
from tests.e2e.kit.wire import WirePhone

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


def sample(text, name):
    """The value of the first sample of that name."""
    found = re.search(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def test_check_says_what_is_wrong_and_where(exchange, tmp_path):
    good = exchange.run("check")
    assert good.returncode == 0
    assert "is good" in good.stdout
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "country: US\nlines:\n  alice: {extension: 101, rign: 20s}\n  bob: {extension: 102, ring: 20}\nmetrisc: {}\n"
    )
    done = exchange.run("check", str(bad))
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert re.search(r"bad\.yaml:3:\d+: error:.*rign", said)
    assert "did you mean `ring`" in said
    assert re.search(r"bad\.yaml:4:\d+: error:.*unit", said)  # all errors at once
    assert re.search(r"bad\.yaml:5:1: error:.*metrisc", said)


def test_status_calls_trace_and_history_of_a_call(exchange):
    before = exchange.settled()
    with softphones(exchange, "alice", "bob") as (alice, bob):
        here, there = connect(alice, bob, "102")
        status = exchange.json("status")
        assert status["calls"] == 1
        assert status["lines_registered"] == 2
        assert status["troubles"] == []
        shown = exchange.run("status")
        assert shown.returncode == 0
        assert "emergency calls cannot be made" in shown.stdout  # no trouble, but it shall be known

        (call,) = exchange.json("calls")
        assert (call["caller"], call["called"], call["state"]) == ("101", "102", "talking")
        table = exchange.run("calls").stdout
        for text in ("101", "102", "talking", call["call"], "1 call"):
            assert text in table

        metrics = exchange.get("/metrics")
        assert sample(metrics, "ringplan_calls") == 1
        assert sample(metrics, "ringplan_contacts") == 2
        assert exchange.get("/healthz") == "ok\n"
        alice.do("hangup", call=here)
        bob.over(there)

    record = exchange.history(before + 1)[0]
    assert record["call"] == call["call"]
    assert record["line"] == "alice"
    assert record["answered_target"] == "line:bob"
    ladder = exchange.run("trace", call["call"])
    assert ladder.returncode == 0
    for text in ("Ringplan", "INVITE +SDP", "180 Ringing", "200 OK", "ACK", "BYE", "407"):
        assert text in ladder.stdout, ladder.stdout
    # Without the password, with it, and to the other telephone; a machine that is busy repeats some.
    invites = [line for line in ladder.stdout.splitlines() if "INVITE +SDP" in line and "↻" not in line]
    assert len(invites) == 3, ladder.stdout
    assert exchange.run("trace", "no-such-call").returncode == 1
    registrations = exchange.run("trace", "alice-phone").stdout
    for text in ("Registrations of alice-phone", "REGISTER", "401 Unauthorized · REGISTER", "200 OK · REGISTER"):
        assert text in registrations, registrations

    table = exchange.run("history", "-n", "1").stdout
    assert "answered" in table
    assert record["call"] in table
    (row,) = csv.DictReader(io.StringIO(exchange.run("history", "--csv", "-n", "1").stdout))
    assert row["call"] == record["call"]
    assert (row["dialled"], row["result"], row["reason"]) == ("102", "answered", "caller_hung_up")
    assert json.loads(exchange.run("history", "--json", "--result", "busy").stdout) == []

    (own,) = exchange.json("history", "--user", "bob")
    assert (own["call"], own["direction"], own["outcome"], own["by"]) == (call["call"], "inbound", "answered", "bob")
    # Through the control socket, the journal and the feeder; seen when the command is back (DCH-2).
    deleted = exchange.run("history", "--user", "bob", "--delete", call["call"])
    assert "deleted for bob alone\n" in deleted.stdout, deleted
    assert exchange.json("history", "--user", "bob") == []
    assert [each["call"] for each in exchange.json("history", "--user", "alice")] == [call["call"]]


def test_a_trace_can_be_shown_to_strangers(exchange):
    with WirePhone(exchange, "alice") as alice:
        session = alice.invite("600")
        session.answered()
        session.hang_up()
        sent = [text.text for text in alice.seen]
    nonces = {found for text in sent for found in re.findall(r'nonce="([^"]+)"', text)}
    assert nonces
    full = exchange.run("trace", session.call_id, "--full")
    as_json = exchange.run("trace", session.call_id, "--json").stdout
    assert "Proxy-Authorization: Digest" in full.stdout
    assert 'username="alice-phone"' in full.stdout
    for shown in (full.stdout, as_json):
        assert secret("alice") not in shown
        assert not re.search(r"\b(response|c?nonce)=\\?\"?[0-9a-f]{6}", shown), shown
        assert not any(nonce in shown for nonce in nonces)


def test_a_telephone_with_a_wrong_password_is_named_and_one_that_registers_too(exchange, monkeypatch):
    with WirePhone(exchange, "bob") as bob:
        with monkeypatch.context() as wrong:
            wrong.setattr("tests.e2e.kit.wire.secret", lambda line: "wrong")
            assert bob.register().status == 401
        assert "bob-phone from 127.0.0.1 is refused: wrong password, once" in exchange.run("status").stdout
        refused = re.compile(r'"user": "bob-phone".*"wrong password".*"event": "telephone refused"')
        wait_for(lambda: refused.search(exchange.log()), 3, "the line in the log")
        assert sample(exchange.get("/metrics"), "ringplan_registrations_refused_total") == 1
        assert "bob-phone" in exchange.json("phones")["absent"]

        assert bob.register().status == 200
        view = exchange.json("phones")
        assert view["refused"] == []
        known = [each for each in view["phones"] if each["line"] == "bob"]
        assert [(each["device"], each["contact"]) for each in known] == [("bob-phone", bob.contact)]
        wait_for(lambda: '"telephone registered"' in exchange.log(), 3, "the line in the log")
        assert bob.register(0).status == 200
        wait_for(lambda: '"telephone gone"' in exchange.log(), 3, "the line in the log")


def test_a_refused_reload_changes_nothing_and_a_taken_one_does(exchange):
    before = exchange.json("status")["configuration"]
    good = exchange.config.read_text()
    calls = exchange.settled()
    try:
        with softphones(exchange, "alice", "bob") as (alice, bob):
            here, there = connect(alice, bob, "102")
            exchange.config.write_text(good + "nonsense: true\n")
            refused = exchange.run("reload")
            assert refused.returncode == 1
            assert re.search(r"ringplan\.yaml:\d+:1: error: .*nonsense", refused.stderr)
            assert exchange.json("status")["configuration"] == before
            assert len(exchange.json("calls")) == 1

            exchange.config.write_text(good.replace("bob: {extension: 102", "bob: {extension: 155"))
            taken = exchange.run("reload")
            assert taken.returncode == 0, taken.stderr
            now = exchange.json("status")["configuration"]
            assert now != before
            assert now in taken.stdout
            assert now in exchange.run("check").stdout
            assert len(exchange.json("calls")) == 1  # what began under the old one goes on
            alice.do("hangup", call=here)
            bob.over(there)

            here, there = connect(alice, bob, "155")
            alice.do("hangup", call=here)
            bob.over(there)
            gone = alice.call("102")
            assert alice.over(gone)["status"] == 404
    finally:
        exchange.config.write_text(good)
        assert exchange.run("reload").returncode == 0
    assert [record["number"] for record in exchange.history(calls + 3)[:3]] == ["102", "155", "102"]


def test_metrics_count(exchange):
    def counted():
        text = exchange.get("/metrics")
        return [sample(text, f"ringplan_{name}_total") for name in ("calls_started", "calls_answered", "registrations")]

    before = counted()
    with WirePhone(exchange, "alice") as alice:
        alice.register()
        session = alice.invite("600")
        session.answered()
        session.hang_up()
        alice.register(expires=0)
    assert counted() == [before[0] + 1, before[1] + 1, before[2] + 2]


def test_without_an_exchange_the_commands_say_so(exchange, tmp_path):
    for verb in ("status", "calls", "reload"):
        done = exchange.run(verb, "--runtime", str(tmp_path))
        assert done.returncode == 3
        assert done.stderr.startswith("ringplan: ")
        assert "Traceback" not in done.stderr
