"""What the operator's tools say of calls, and what real telephones then do: the two have to agree."""

from __future__ import annotations

import shlex
import time

import pytest

from tests.e2e.kit.company import company
from tests.e2e.kit.phones import softphones

pytestmark = pytest.mark.e2e

TESTS = """tests:
  - name: Ben takes what Anna is too busy for
    from: alice
    dial: 201
    phones: {anna: busy, ben: answers/2s}
    expect: {connected: ben, after: 2s}
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with company(tmp_path_factory.mktemp("house")) as exchange, softphones(exchange, "alice", "anna", "ben") as phones:
        (exchange.folder / "config" / "tests.yaml").write_text(TESTS)
        yield exchange, *phones


def test_explain_before_and_after_a_call_says_what_the_telephones_did(office):
    exchange, alice, anna, ben = office
    before = exchange.run("explain", "--from", "alice", "--to", "201", "--phones", "anna=busy,ben=answers/2s")
    assert before.returncode == 0, before.stderr
    assert "answered by ben after 2 s" in before.stdout
    anna.do("answers", statuses=[486])
    since = ben.mark()
    here = alice.call("201")
    there = ben.incoming(since)
    alice.talking(here)
    ben.talking(there)
    time.sleep(0.2)
    alice.do("hangup", call=here)
    ben.over(there)
    call = exchange.record()["call"]
    after = exchange.run("explain", "--call", call)
    assert after.returncode == 0, after.stderr
    assert f"Call {call} was decided so: the record says the same." in after.stdout
    assert "forwarded by Anna Berg: busy (486)" in after.stdout
    rules = [line.split()[1:] for line in before.stdout.splitlines() if line.startswith("ringplan.yaml:")]
    assert rules == [line.split()[1:] for line in after.stdout.splitlines() if line.startswith("ringplan.yaml:")]
    assert "If Anna Berg is busy, Ben Ahl's telephone rings" in exchange.run("tell", "anna").stdout

    # What she has set is known to who asks the running exchange, and so it is.
    assert exchange.run("set", "anna", "dnd", "on").returncode == 0
    live = exchange.run("explain", "--from", "alice", "--to", "201", "--live").stdout
    assert "does not want to be disturbed" in live
    assert "Ends  out of reach (480) after 0 s" in live, "Marta has no telephone now"
    since = anna.mark()
    here = alice.call("201")
    assert alice.over(here)["status"] == 480
    assert not [event for event in anna.events[since:] if event["event"] == "incoming"]
    assert exchange.run("set", "anna", "reset").returncode == 0


def test_a_reload_with_a_red_test_is_refused_and_calls_go_as_before(office):
    exchange, alice, anna, ben = office
    good = exchange.config.read_text()
    try:
        exchange.config.write_text(good.replace("busy: ben", "busy: marta"))
        asked = exchange.run("diff", "live", str(exchange.config.parent))
        assert "other forward (on busy): rings ben → rings marta" in asked.stdout, asked.stdout + asked.stderr
        red = exchange.run("test")
        assert red.returncode == 1
        again = next(line for line in red.stdout.splitlines() if line.startswith("    ringplan explain"))
        why = exchange.run(*shlex.split(again)[1:]).stdout
        assert "forwarded by Anna Berg: busy (486)" in why, why
        assert "Ends  nobody answers (480) after 30 s" in why, why
        refused = exchange.run("reload")
        assert refused.returncode == 1
        assert "test `Ben takes what Anna is too busy for` is red: connected: wanted ben, came nobody" in refused.stderr
        assert "nothing was changed" in refused.stderr
        status = exchange.run("status").stdout
        assert "the configuration on disk was refused at" in " ".join(status.split()), status
        assert "is red" in " ".join(status.split()) and "all is well" not in status
        assert "tests.yaml:" in status, status

        anna.do("answers", statuses=[486])
        since = ben.mark()
        here = alice.call("201")
        there = ben.incoming(since)
        alice.talking(here)
        alice.do("hangup", call=here)
        ben.over(there)
    finally:
        exchange.config.write_text(good)
    assert exchange.run("reload").returncode == 0
    assert "was refused" not in exchange.run("status").stdout
    shown = exchange.run("show", "user", "anna").stdout
    line = next(line for line in shown.splitlines() if line.startswith("forward.busy"))
    assert line.split()[1] == "user:ben"
    assert "ringplan.yaml:" in line
