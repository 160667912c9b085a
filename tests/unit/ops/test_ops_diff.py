"""`ringplan diff`: past calls decided by two configurations, and what would change (issue 4)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from dialplan.compare import Kind
from records.segments import Position
from records.store import Store
from switch import call_lists
from switch.commands import app
from tests.support.call_events import answered_call
from tests.support.feeding import records

OLD = """
country: US
time_zone: America/Los_Angeles
area_code: "669"
hours: {office: {week: {mon-fri: 08:00-18:00}}}
account: {hours: office, closed: voicemail, voicemail: true}
users:
  anna: {extension: 201}
  ben: {extension: 202, permission: international}
devices:
  anna-desk: {secret: "file:not-there#anna", lines: [anna]}
  ben-desk: {secret: "env:NOT_THERE", lines: [ben]}
trunks: {carrier: {host: sip.example.com, from: [192.0.2.10]}}
default_trunk: carrier
dids: {"+16695550101": anna}
"""
CALLS = """Start;Source;Destination;Duration
2026-11-20 17:30:00;12125550100;16695550101;1
2026-11-20 17:30:00;201;202;1
2026-11-20 09:30:00;201;202;1
1763652600;202;011442079460958;1
2026-11-20 09:30:00;299;202;1
yesterday;201;202;1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGPLAN_HOME", str(tmp_path))
    Path("old.yaml").write_text(OLD)
    Path("calls.csv").write_text(CALLS)
    return tmp_path


def diff(new: str, *options: str, status: int = 0) -> Result:
    Path("new.yaml").write_text(new)
    done = CliRunner().invoke(app, ["diff", "old.yaml", "new.yaml", *options])
    assert done.exit_code == status, done.output
    return done


def kinds(new: str, *options: str) -> dict[str, int]:
    return json.loads(diff(new, "--json", *options).stdout)["kinds"]


def test_an_hour_less_changes_the_calls_of_that_hour(folder: Path) -> None:
    shorter = OLD.replace("18:00", "17:00")
    assert kinds(shorter, "--calls", "calls.csv") == {Kind.TARGET: 2}
    said = diff(shorter, "--calls", "calls.csv", "--check", status=1).output
    assert "2 of 5 calls would change" in said
    assert "rings [called] → voicemail of [called]" in said
    assert "calls.csv:7: 'yesterday' is no time" in said
    assert "1 that nobody could make in either" in said


def test_who_may_not_call_abroad_any_more_is_refused(folder: Path) -> None:
    stricter = OLD.replace(", permission: international", "")
    said = diff(stricter, "--calls", "calls.csv").output
    assert "now refused: trunk carrier → refused 403 Domestic Calls Only" in said
    assert "ben-desk (ben) calls 011442079460958, call calls.csv:5" in said


def test_who_is_gone_cannot_call(folder: Path) -> None:
    gone = "\n".join(line for line in OLD.splitlines() if "anna" not in line)
    assert kinds(gone, "--calls", "calls.csv") == {Kind.CALLER: 2, Kind.NOW_REFUSED: 1}


def test_the_same_dialplan_changes_nothing(folder: Path) -> None:
    assert "Every call goes the same way" in diff("# another comment\n" + OLD, "--calls", "calls.csv", "--check").output
    assert "Every call goes the same way" in diff(OLD, "--check").output


def test_without_calls_every_number_is_asked_about(folder: Path) -> None:
    """And what is alike of many is one line with a count."""
    said = json.loads(diff(OLD.replace("voicemail: true", "voicemail: true, ring: 20s"), "--json").stdout)
    assert said["kinds"] == {Kind.RING_TIME: said["changed"]}
    (group,) = said["groups"]
    assert group["count"] == said["changed"] > 2
    assert group["changes"] == [{"kind": "other ring time", "old": "30 s", "new": "20 s", "where": ""}]


def test_our_own_export_is_decided_with_the_facts_that_it_has(folder: Path) -> None:
    call = {
        "call": "c1",
        "started_at": "2026-11-20T18:00:00Z",
        "device": "anna-desk",
        "line": "anna",
        "trunk": None,
        "caller_number": "201",
        "dialled": "202",
        "facts": '{"lines":{"ben":{"dnd":true}}}',
    }
    Path("calls.json").write_text(json.dumps([call]))
    Path("calls.jsonl").write_text(json.dumps(call) + "\n" + json.dumps(call | {"facts": ""}) + "\n")
    slower = OLD.replace("voicemail: true", "voicemail: true, ring: 20s")
    assert kinds(slower, "--calls", "calls.json") == {}, "who does not want to be disturbed is not rung"
    assert kinds(slower, "--calls", "calls.jsonl") == {Kind.RING_TIME: 1}
    assert {"account", "facts", "hops", "proven", "attested"} <= set(call_lists.COLUMNS)


def test_calls_come_from_the_record_store_too(folder: Path) -> None:
    (folder / "data").mkdir()
    Path("old.yaml").write_text(OLD.replace("08:00-18:00", "00:00-24:00"))
    first, *others = answered_call("c1")
    events = (replace(first, device="anna-desk", line="anna"), *others)
    store = Store(f"sqlite:///{folder}/data/records.db")
    store.migrate()
    store.apply(records(*events), Position(0, 1))
    store.close()
    said = diff(
        Path("old.yaml").read_text().replace("voicemail: true", "voicemail: true, ring: 20s"), "--last", "5"
    ).output
    assert "1 of 1 calls would change" in said
    assert "call c1" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--calls", "none.csv"), "none.csv cannot be read"),
        (("--calls", "bare.csv"), "bare.csv:1: a column is missing in the heading: `at`"),
        (("--calls", "bad.json"), "bad.json"),
    ],
)
def test_what_cannot_be_read_is_said(folder: Path, options: tuple[str, ...], said: str) -> None:
    Path("bare.csv").write_text("from,to\n1,2\n")
    Path("bad.json").write_text('{"at": ')
    assert said in diff(OLD, *options, status=2).output
    assert "old.yaml" not in said
    broken = diff(OLD.replace("ben-desk: {", "ben-desk: {lines: [nobody], "), status=2).output
    assert "new.yaml:" in broken


def test_live_needs_a_configuration_that_was_live(folder: Path) -> None:
    done = CliRunner().invoke(app, ["diff", "live", "old.yaml"])
    assert done.exit_code == 2
    assert "no configuration is live" in done.output
