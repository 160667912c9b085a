"""`ringplan billable` and what `ringplan history` says of costs (BIL-1 to BIL-7, CRC-6, CST-5)."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from records import events as e
from records.cdr import CallRecord, fold
from records.export import row, whole
from records.segments import Position
from records.store import Store
from switch.commands import app
from switch.control import ControlServer
from switch.views import BillableView
from tests.support.call_events import DIALOG, FLOW, at, started

TARIFF = e.Tariff(unit=60_000, unit_ms=30_000, currency="EUR", destination="France")
END = ("answered", "callee_hung_up", 200)


def finished(call: str, *events: tuple[Any, float, tuple[Any, ...]]) -> CallRecord:
    record = fold(None, started(call))
    for n, (kind, seconds, fields) in enumerate(events, 1):
        record = fold(record, kind(call, n, at(seconds), *fields))
    return record


OUTSIDE = finished(
    "c0a8-outside",
    (e.LegStarted, 1, (1, "trunk:itsp", "sip:x", FLOW, DIALOG, "z")),
    (e.LegAnswered, 10, (1, DIALOG)),
    (e.LegAnswered, 10, (0, DIALOG)),
    (e.LegRated, 10, (1, at(10), "201", "+33123456789", TARIFF, "line:201", "Ada")),
    (e.AccountChanged, 20, ("12", "device:desk-201")),
    (e.BillableSet, 20, ("201", True, "device:desk-201")),
    (e.AccountChanged, 30, ("4711", "device:desk-201")),
    (e.LegRated, 40, (1, at(10), "201", "+33123456789", TARIFF, "line:203", "Paul")),
    (e.CallEnded, 100, END),
)
INSIDE = finished(
    "c0a8-inside",
    (e.LegStarted, 1, (1, "line:202", "sip:202", FLOW, DIALOG, "z")),
    (e.LegAnswered, 10, (1, DIALOG)),
    (e.LegAnswered, 10, (0, DIALOG)),
    (e.CallEnded, 70, END),
)
TOLD = [
    e.InteractionNoted("n1", OUTSIDE.call, "201", "device:desk-201", at(90), code="12", note="=1+1", contact="ada"),
    e.BillableEdited("n2", OUTSIDE.call, "201", "operator:eve", at(200), 60.0),
]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """A store with two calls, and an exchange that keeps what it is asked for."""
    monkeypatch.setenv("RINGPLAN_RUNTIME", str(tmp_path))
    monkeypatch.setenv("RINGPLAN_DATA", str(tmp_path))
    monkeypatch.setenv("RINGPLAN_CONFIG", str(tmp_path / "none.yaml"))
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    store.apply([OUTSIDE, INSIDE], Position(1, 1), facts=TOLD)
    store.close()
    got: list[tuple[str, dict[str, Any]]] = []

    def answer(name: str) -> Any:
        def handler(args: dict[str, Any]) -> BillableView:
            got.append((name, {key: value for key, value in args.items() if key != "by"}))
            return BillableView(call=args["call"], user=args["user"] or "201", done="done")

        return handler

    loop = asyncio.new_event_loop()
    names = ("billable", "billable_note", "billable_edit")
    server = ControlServer({name: answer(name) for name in names}, lambda *_: None)
    loop.run_until_complete(server.start(tmp_path / "control.sock"))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield got
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def run(*args: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == status, result.output
    return result.stdout if not status else result.stderr


def test_marks_notes_and_corrections_go_to_the_exchange(asked: list[tuple[str, dict[str, Any]]]) -> None:
    assert "done: billable time of 201 in call up" in run("billable", "start", "up")
    run("billable", "stop", "up", "--user", "201")
    run("billable", "note", "c0a8-o", "--code", "4711", "--note", "a quote")
    run("billable", "note", "up", "--note", "now")
    run("billable", "edit", OUTSIDE.call, "--seconds", "45.5", "--contact", "ben")
    run("billable", "edit", "c0a8-in", "--user", "202", "--seconds", "60")
    assert asked == [
        ("billable", {"call": "up", "user": "", "on": True}),
        ("billable", {"call": "up", "user": "201", "on": False}),
        ("billable_note", {"call": OUTSIDE.call, "user": "201", "ended": True, "code": "4711", "note": "a quote"}),
        ("billable_note", {"call": "up", "user": "", "note": "now"}),
        ("billable_edit", {"call": OUTSIDE.call, "user": "201", "ended": True, "seconds": 45.5, "contact": "ben"}),
        ("billable_edit", {"call": INSIDE.call, "user": "202", "ended": True, "seconds": 60.0}),
    ]


def test_what_cannot_be_is_refused_before(asked: list[tuple[str, dict[str, Any]]]) -> None:
    """Billable time is never more than the talk."""
    for words, why in (
        (("c0a8-in", "--seconds", "1"), "several users talked in this call: say --user, one of 201, 202"),
        (("c0a8-in", "--user", "202", "--seconds", "60.5"), "202 talked for 60 seconds in this call"),
        (("c0a8-o", "--user", "202", "--seconds", "1"), "202 did not talk in call"),
        (("c0a8", "--seconds", "1"), "several calls begin with c0a8"),
        (("c9", "--seconds", "1"), "no call c9 has ended"),
    ):
        assert why in run("billable", "edit", *words, status=1)
    assert asked == []


def test_an_entry_is_shown_with_its_trail(asked: list[tuple[str, dict[str, Any]]]) -> None:
    shown = run("billable", "show", "c0a8-o")
    for part in ("1:00 billable; 1:20 was marked, of 1:30 talk", "client code: 12", "contact: ada"):
        assert part in shown
    assert "operator:eve: seconds: 80 → 60" in shown
    assert "device:desk-201: code: 4711 → 12" in shown
    assert json.loads(run("billable", "show", "c0a8-o", "--json"))[0]["seconds"] == 60
    assert "Nothing was marked" in run("billable", "show", "c0a8-in")


def test_reports_by_client_and_contact_and_in_full(asked: list[tuple[str, dict[str, Any]]], tmp_path: Path) -> None:
    """BIL-6, BIL-7."""
    assert "12" in run("billable", "report")
    (line,) = json.loads(run("billable", "report", "--json"))
    assert line == {"key": "12", "calls": 1, "seconds": 60.0, "talk_s": 90.0}
    assert json.loads(run("billable", "report", "--by", "contact", "--json"))[0]["key"] == "ada"
    assert "No billable time" in run("billable", "report", "--user", "202")
    assert "No billable time" in run("billable", "report", "--since", "2030-01-01")
    (entry,) = csv.DictReader(io.StringIO(run("billable", "report", "--full", "csv")))
    assert (entry["user"], entry["marked_s"], entry["seconds"], entry["note"]) == ("201", "80.0", "60.0", "'=1+1")
    out = tmp_path / "entries.jsonl"
    run("billable", "report", "--full", "jsonl", "--out", str(out))
    assert json.loads(out.read_text())["edits"][-1]["before"] == "80"
    assert out.stat().st_mode & 0o777 == 0o600


def test_what_was_done_with_a_contact(asked: list[tuple[str, dict[str, Any]]], tmp_path: Path) -> None:
    """BIL-4: also what is only noted and not billable; the latest first."""
    store = Store(f"sqlite:///{tmp_path}/records.db")
    noted = e.InteractionNoted("n3", INSIDE.call, "202", "operator:eve", at(300), note="asked for ada", contact="ada")
    store.apply([], Position(1, 2), facts=[noted])
    store.close()
    entries = json.loads(run("billable", "history", "ada", "--json"))
    assert {(each["call"], each["user"]) for each in entries} == {(OUTSIDE.call, "201"), (INSIDE.call, "202")}
    assert entries == sorted(entries, key=lambda each: each["began_at"], reverse=True)
    shown = run("billable", "history", "ada")
    assert "note: asked for ada" in shown
    assert "1:00 billable" in shown
    assert json.loads(run("billable", "history", "12", "--by", "code", "--json"))[0]["call"] == OUTSIDE.call
    assert "Nothing was marked or noted of contact ben." in run("billable", "history", "ben")
    assert json.loads(run("billable", "history", "ada", "--since", "2030-01-01", "--json")) == []


def test_the_history_says_what_a_call_cost_and_whose_part_is_what(
    asked: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    """CRC-6, CST-5: also what the carrier has said since."""
    shown = " ".join(run("history", "c0a8-o").split())
    for part in (
        "0.18 EUR for 3 units, to +33123456789 (France), paid by 201, an estimate",
        "Ada, 0:30, 0.06 EUR for 1 unit",
        "Paul, 1:00, 0.12 EUR for 2 units",
        "account 4711, since",
        "12 before, since",
    ):
        assert part in shown
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.apply([], Position(1, 2), facts=[e.LegCharged(OUTSIDE.call, 1, 300_000, "CHF", 0, "header", at(101))])
    store.close()
    shown = " ".join(run("history", "c0a8-o").split())
    assert "0.30 CHF for 3 units, to +33123456789 (France), paid by 201, as the carrier says" in shown
    assert "Paul, 1:00, 0.20 CHF" in shown
    assert "cost" not in run("history", "c0a8-in")


def test_exports_have_the_cost() -> None:
    plain = row(OUTSIDE)
    assert (plain["cost"], plain["currency"], plain["units"], plain["estimate"]) == (0.18, "EUR", 3, True)
    assert (row(INSIDE)["cost"], row(INSIDE)["currency"], row(INSIDE)["estimate"]) == (None, "", False)
    assert whole(OUTSIDE)["costs"] == {"EUR": 180_000}
    assert [each.account for each in whole(OUTSIDE)["accounts"]] == ["12", "4711"]
