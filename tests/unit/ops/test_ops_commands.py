"""The commands as a person types them, against a small exchange of values and a store of records."""

from __future__ import annotations

import asyncio
import csv
import datetime
import io
import json
import threading
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from records.cdr import CallRecord
from records.segments import Position
from records.store import Store
from switch.commands import app
from switch.control import ControlServer, Refused
from switch.views import CallView, MessageView, ReloadView, StatusView, TraceView, WorkerView

ROOT = Path(__file__).parents[3]
NOW = datetime.datetime.now(datetime.UTC)
AGO = NOW - datetime.timedelta(seconds=192)

STATUS = StatusView(
    version="0.1.0",
    process=4711,
    started_at=AGO,
    model="3f2a91c0",
    config="/etc/ringplan",
    listeners=("udp 192.0.2.1 port 5060", "tcp 192.0.2.1 port 5060"),
    workers=(WorkerView(0, True, 4), WorkerView(1, False, 0)),
    lines=5,
    lines_registered=3,
    calls=2,
)
CALLS = (
    CallView(call="c0a81f3e77aa0001", started_at=AGO, answered_at=AGO, caller="206", called="207", state="talking"),
    CallView(call="c0a81f3e77aa0002", started_at=NOW, caller="207", called="112", state="ringing", emergency=True),
)


class Exchange:
    """Answers on a real control socket, from a loop in a thread."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime
        self.status = STATUS
        self.loop = asyncio.new_event_loop()
        self.server = ControlServer(
            {
                "status": lambda _: self.status,
                "calls": lambda _: CALLS,
                "reload": self.reload,
                "trace": self.trace,
                "hangup": self.hang_up,
            },
            lambda *_: None,
        )
        self.loop.run_until_complete(self.server.start(runtime / "control.sock"))
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.good = True

    def reload(self, _):
        if not self.good:
            raise Refused("the configuration was refused; nothing has changed", ("x.yaml:3:5: unknown key “liness”",))
        return ReloadView(model="77aa", changed=True, warnings=("x.yaml:9:1: warning: nobody rings",))

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
        return TraceView(call=args["call"], messages=tuple(messages) if args["call"] == "c1" else ())

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
    exchange.status = StatusView(version="1", process=1, started_at=NOW, model="m", config="c", troubles=("disk full",))
    assert "disk full" in run("status", status=1)
    assert json.loads(run("status", "--json", status=1))["troubles"] == ["disk full"]


def test_calls_fit_eighty_columns_with_their_whole_names(exchange, monkeypatch):
    monkeypatch.setattr("switch.commands.calls.utc_now", lambda: NOW)
    shown = run("calls")
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("206", "207", "talking", "3:12", "c0a81f3e77aa0001", "emergency"):
        assert part in shown
    assert json.loads(run("calls", "--json"))[1]["emergency"] is True


def test_reload_prints_what_is_wrong_and_fails(exchange):
    assert "taken: version 77aa" in run("reload")
    exchange.good = False
    said = errors("reload", status=1)
    assert "x.yaml:3:5" in said
    assert "nothing has changed" in said


def test_hangup_says_whose_call_it_ended_or_that_there_is_none(exchange):
    assert run("hangup", "c0a81f3e77aa0001") == "ended: 206 with 207, call c0a81f3e77aa0001\n"
    assert "no call c1 is up" in errors("hangup", "c1", status=1)


def test_trace_draws_the_ladder(exchange):
    shown = run("trace", "c1", "--full")
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


def test_help_names_every_verb():
    shown = run("--help")
    for verb in ("serve", "check", "reload", "hangup", "status", "calls", "trace", "history", "schema"):
        assert verb in shown
        run(verb, "--help")


def test_the_version_is_that_of_the_distribution():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").split() == ["ringplan", wanted]
