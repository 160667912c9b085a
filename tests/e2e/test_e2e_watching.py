"""What an operator sees and does while calls go on: figures, troubles, ending a call, taking a telephone away."""

from __future__ import annotations

import urllib.error

import pytest

from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.wire import WirePhone

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


def get(exchange, path: str) -> str:
    try:
        return exchange.get(path)
    except urllib.error.HTTPError as error:
        return error.read().decode()


def figures(exchange) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in get(exchange, "/metrics").splitlines() if line.startswith("ringplan_")]
    return {name.removeprefix("ringplan_"): float(value) for name, value in lines}


def test_a_call_stands_in_the_figures_and_can_be_ended(exchange):
    before = exchange.settled()
    with WirePhone(exchange, "alice") as alice:
        alice.register()
        session = alice.invite("600")
        session.answered()
        now = figures(exchange)
        assert (now["calls"], now["contacts"], now["calls_answered_total"]) == (1, 1, before + 1)
        assert now["requests_in_total"] >= 5  # two REGISTERs, two INVITEs with an ACK each
        assert now["journal_lost_total"] == now["malformed_total"] == 0

        (call,) = exchange.json("calls")
        assert exchange.run("hangup", "nonsense").returncode == 1
        done = exchange.run("hangup", call["call"][:-2])
        assert done.returncode == 0, done.stderr
        assert call["call"] in done.stdout
        alice.answer(alice.wait("BYE"), 200)
        assert exchange.history(before + 1)[0]["reason"] == "operator"
        after = figures(exchange)
        assert after["calls"] == 0
        assert after['calls_ended_total{reason="operator",result="answered"}'] == 1
        assert after["records_lag_seconds"] < 30
        alice.register(expires=0)


def test_a_telephone_that_is_taken_away_is_signed_out_by_a_reload(exchange):
    with WirePhone(exchange, "alice") as alice, WirePhone(exchange, "bob") as bob:
        alice.register()
        bob.register()
        text = exchange.config.read_text()
        without = "".join(line for line in text.splitlines(True) if not line.startswith("  bob-phone:"))
        assert without != text
        exchange.config.write_text(without.replace("country: US\n", "country: US\nguard: {rate: 3999}\n"))
        done = exchange.run("reload")
        assert done.returncode == 0, done.stderr
        assert "`guard` take effect at the next start" in done.stderr
        assert "`guard` take effect at the next start" in exchange.run("status").stdout
        exchange.config.write_text(text)
        assert exchange.run("reload").returncode == 0
        assert "at the next start" not in exchange.run("status").stdout
        exchange.config.write_text(without)
        assert exchange.run("reload").returncode == 0
        assert figures(exchange)["contacts"] == 1
        assert bob.register().status == 401
        exchange.kill("exchange")
        exchange.serving(2)
        assert figures(exchange)["contacts"] == 1


def test_a_database_that_is_away_is_told_and_calls_go_on(tmp_path):
    with house(tmp_path, 'records: {url: "postgresql://nobody@127.0.0.1:1/none"}\n') as exchange:
        wait_for(lambda: "history is late" in get(exchange, "/healthz"), 15, "a word about the database")
        with WirePhone(exchange, "alice") as alice:
            alice.register()
            session = alice.invite("600")
            session.answered()
            assert session.hang_up().status == 200
