"""`ringplan upgrade`, as a person and as a program sees it."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from switch.commands import app
from switch.desk import Desk, open_desk

REPORT = {
    "version": "0.2.0",
    "process": 1190,
    "version_before": "0.1.0",
    "process_before": 815,
    "calls": 34,
    "being_set_up": 9,
    "connections": 3,
    "gap_ms": 41.2,
}


@pytest.fixture
def supervisor(tmp_path: Path):
    """A desk that answers once, as it is told."""
    listening = open_desk(tmp_path / "supervisor.sock")
    threads = []

    def serve(answer: Callable[[Desk], None]) -> None:
        desk = Desk(listening, None, lambda text: None)

        def work() -> None:
            while not desk.ready(select.select(desk.fds(), [], [], 10)[0]):
                pass
            answer(desk)

        threads.append(threading.Thread(target=work, daemon=True))
        threads[-1].start()

    yield serve
    for each in threads:
        each.join(10)
    listening.close()


def upgraded(desk: Desk) -> None:
    desk.say("the new exchange is prepared, and takes over")
    desk.done("done", dict(REPORT))


def run(home: Path, *options: str):
    return CliRunner().invoke(app, ["upgrade", "--runtime", str(home), *options])


def test_it_tells_what_happened(supervisor, tmp_path):
    supervisor(upgraded)
    done = run(tmp_path)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "the new exchange is prepared, and takes over",
        "exchange: version 0.1.0 to 0.2.0, process 815 to 1190",
        "34 calls taken over, 9 being set up; 3 TCP connections",
        "nobody listened for 41.2 ms; what came waited",
    ]


def test_a_program_gets_the_report_alone(supervisor, tmp_path):
    supervisor(upgraded)
    assert json.loads(run(tmp_path, "--json").stdout) == REPORT


def test_a_refusal_has_its_reasons_and_a_status(supervisor, tmp_path):
    supervisor(lambda desk: desk.refuse("the configuration has errors", ("ringplan.yaml:3:1: unknown key",)))
    done = run(tmp_path)
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "ringplan.yaml:3:1: unknown key",
        "ringplan: the configuration has errors",
    ]


def test_an_exchange_that_died_before_it_could_hand_over_is_told_as_that(supervisor, tmp_path):
    supervisor(lambda desk: desk.done("done", {"version": "0.2.0", "process": 7, "calls": 2, "being_set_up": 0}))
    assert run(tmp_path).stdout.splitlines() == [
        "exchange: the one that ran died before it could hand over; version 0.2.0 goes on from the journal, process 7",
        "2 calls taken over, 0 being set up; 0 TCP connections",
    ]


def test_without_a_supervisor_it_says_so(tmp_path):
    done = run(tmp_path)
    assert done.exit_code == 3
    assert "is it running" in done.stderr
