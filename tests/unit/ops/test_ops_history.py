"""What people see of the past: `ringplan history --user`, `ringplan report`, `ringplan records export --user`."""

from __future__ import annotations

import asyncio
import csv
import datetime
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from records.cdr import CallRecord, Queued, Recorded
from records.events import MemberSet
from records.segments import Position
from records.store import Store
from switch.commands import app
from switch.control import ControlServer
from switch.hiding import Hiding
from tests.support.call_events import at
from tests.support.past_calls import carrier, past, rung

NOW = datetime.datetime.now(datetime.UTC)
HOUSE = """
country: US
sites: {rome: {extensions: 200-299}}
users:
  anna: {extension: 201, name: Anna Berg, site: rome, delegates: [ben, {user: carl, pending: true}]}
  ben: {extension: 202, name: Ben Ek, site: rome}
  carl: {extension: 203, name: Carl}
queues:
  help: {name: Help desk, extension: 290, members: [anna, ben]}
devices:
  anna-desk: {secret: quite-long-secret, lines: anna}
"""


def run(*arguments: str, status: int = 0) -> str:
    """What the command says on standard output; or where it is refused, on standard error."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.stderr


def lately(record: CallRecord, minutes: float) -> CallRecord:
    """The same call, so long ago."""
    by = NOW - datetime.timedelta(minutes=minutes) - record.started_at

    def moved(value: object) -> object:
        if isinstance(value, datetime.datetime):
            return value + by
        if isinstance(value, tuple):
            return tuple(map(moved, value))
        if isinstance(value, msgspec.Struct):
            return msgspec.structs.replace(
                value, **{name: moved(getattr(value, name)) for name in value.__struct_fields__}
            )
        return value

    made = moved(record)
    assert isinstance(made, CallRecord)
    return made


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Anna has called; Ben has answered for her; Carl was called in vain, and left no trace."""
    config = tmp_path / "config.yaml"
    config.write_text(HOUSE)
    monkeypatch.setenv("RINGPLAN_CONFIG", str(config))
    monkeypatch.setenv("RINGPLAN_DATA", str(tmp_path))
    monkeypatch.setenv("RINGPLAN_RUNTIME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    made = Store(f"sqlite:///{tmp_path}/records.db")
    made.migrate()
    for_anna = [rung("anna"), rung("ben", for_="anna", answered_s=5, leg=2)]
    recorded = (Recorded(for_anna[1].started_at, "2026/x.wav", "policy", (0, 2)),)
    made.apply(
        [
            lately(past(carrier(answered_s=4), call="aa01", user="anna"), 50),
            lately(past(*for_anna, call="bb02", entity="user:anna", recordings=recorded), 40),
            lately(past(rung("carl"), call="cc03", entity="user:carl", caller_name="=cmd()"), 30),
        ],
        Position(1, 1),
    )
    yield made
    made.close()


@pytest.fixture
def exchange(store: Store, tmp_path: Path) -> Iterator[None]:
    """An exchange whose journal is in the store at once."""
    loop = asyncio.new_event_loop()
    hiding = Hiding(lambda: NOW, lambda events: store.apply([], Position(1, 2), facts=events))
    server = ControlServer(hiding.handlers(), lambda *_: None)
    loop.run_until_complete(server.start(tmp_path / "control.sock"))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def labels(user: str) -> dict[str, str]:
    return {each["call"]: each["label"] for each in json.loads(run("history", "--user", user, "--json"))}


def test_each_user_has_the_own_history_and_that_of_shared_lines(store: Store) -> None:
    """DCH-1, DCH-3, DCH-4; names are those of the configuration, a pending delegate sees nothing."""
    assert labels("anna") == {"bb02": "Answered by Ben Ek for you", "aa01": ""}
    assert labels("202") == {"bb02": "Answered by you for Anna Berg", "aa01": "Outbound by Anna Berg"}
    assert labels("carl") == {"cc03": ""}
    shown = run("history", "--user", "ben")
    assert "Answered by you for Anna Berg" in shown
    assert "missed: 1" in run("history", "--user", "carl")
    portal = run("history", "--user", "ben", "--portal", "--json")
    assert "label" not in portal
    assert [each["call"] for each in json.loads(portal)] == ["bb02", "aa01"]
    assert "Label" not in run("history", "--user", "ben", "--portal")
    assert "No calls of dora" in run("history", "--user", "dora")


def test_a_history_is_exported_by_the_one_whose_it_is(store: Store) -> None:
    """REP-2; a name is no formula."""
    rows = list(csv.DictReader(io.StringIO(run("history", "--user", "carl", "--csv"))))
    assert [(each["outcome"], each["name"], each["label"]) for each in rows] == [("missed", "'=cmd()", "")]
    (portal,) = csv.DictReader(io.StringIO(run("history", "--user", "carl", "--csv", "--portal")))
    assert "label" not in portal
    assert [each["call"] for each in json.loads(run("history", "--user", "ben", "-n", "1", "--json"))] == ["bb02"]
    assert json.loads(run("history", "--user", "ben", "--since", "20min", "--json")) == []
    lines = run("records", "export", "--user", "anna", "--format", "jsonl").splitlines()
    assert [json.loads(each)["call"] for each in lines] == ["aa01", "bb02"]


@pytest.mark.usefixtures("exchange")
def test_a_deletion_is_of_one_history(store: Store) -> None:
    """DCH-2."""
    assert "bb02: deleted for anna alone" in run("history", "--user", "anna", "--delete", "bb")
    assert labels("anna") == {"aa01": ""}
    assert set(labels("ben")) == {"aa01", "bb02"}
    assert store.call("bb02") is not None
    assert "no call bb in the history of anna" in run("history", "--user", "anna", "--delete", "bb", status=1)
    assert "no call cc03 in the history of ben" in run("history", "--user", "ben", "--delete", "cc03", status=1)
    assert "deleted for ben alone" in run("history", "--user", "ben", "--delete", "aa01", "--delete", "bb02")
    assert labels("ben") == {}


def test_without_an_exchange_nothing_is_deleted(store: Store) -> None:
    assert "ringplan serve" in run("history", "--user", "anna", "--delete", "bb02", status=3)
    assert "bb02" in labels("anna")


@pytest.mark.parametrize(
    "typed", [["--portal"], ["--delete", "aa01"], ["--user", "anna", "--number", "1"], ["aa01", "--user", "anna"]]
)
def test_what_does_not_go_together_is_said(store: Store, typed: list[str]) -> None:
    run("history", *typed, status=2)


def test_the_report_of_users(store: Store) -> None:
    """UPR-1 to 20."""
    shown = run("report", "users")
    for part in ("Anna Berg", "Ben Ek", "100 %", "rome", "Missed"):
        assert part in shown
    by_user = {each["user"]: each for each in json.loads(run("report", "users", "--json"))}
    assert (by_user["anna"]["outbound"], by_user["anna"]["answered_by_others"]) == (1, 1)
    assert (by_user["ben"]["completed"], by_user["carl"]["missed_percent"]) == (1, 100.0)
    rows = list(csv.DictReader(io.StringIO(run("report", "users", "--site", "rome", "--csv"))))
    assert [each["user"] for each in rows] == ["anna", "ben"]
    both = json.loads(run("report", "users", "--compare", "202,anna", "--json"))
    assert both["inbound"] == {"ben": 1, "anna": 1}
    assert "missed percent" in run("report", "users", "--compare", "ben,anna")
    assert "nothing is known of dora" in run("report", "users", "--compare", "ben,dora", status=1)
    board = json.loads(run("report", "users", "--site", "rome", "--rank", "total", "--json"))
    assert [(each["place"], each["user"]) for each in board] == [(1, "anna"), (2, "ben")]
    assert "Ben Ek" in run("report", "users", "--site", "rome", "--rank", "call_s")
    assert "--site" in run("report", "users", "--rank", "total", status=2)
    assert "there are total" in run("report", "users", "--rank", "luck", status=2)
    earlier = json.loads(run("report", "users", "--until", "2h", "--json"))
    assert {each["total"] for each in earlier} == {0}


def test_on_a_narrow_screen_names_and_figures_stay_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns of the report on users go, and are named; a label takes a second line."""
    monkeypatch.setenv("COLUMNS", "150")
    assert "No room" not in run("report", "users")
    monkeypatch.setenv("COLUMNS", "70")
    shown = run("report", "users")
    assert max(map(len, shown.splitlines())) <= 70 and "…" not in shown
    assert "Anna Berg" in shown and "Answered" in shown and "No room for Park, Hold, Site" in shown
    labels = run("history", "--user", "anna")
    assert max(map(len, labels.splitlines())) <= 70 and "…" not in labels
    assert "Answered by Ben Ek for" in labels and labels.rstrip().count("you") == 1


def test_whoever_is_not_there_today_may_be_mistyped(store: Store) -> None:
    assert "did you mean anna?" in run("history", "--user", "ana")
    assert "There is no such user today." in run("history", "--user", "zzzzzz")
    for words in (("records", "export"), ("billable", "report")):
        mistyped = CliRunner().invoke(app, [*words, "--user", "ana"])
        assert mistyped.exit_code == 0 and "did you mean anna?" in mistyped.stderr, words
        by_extension = CliRunner().invoke(app, [*words, "--user", "201"])
        assert not by_extension.stderr, words
    assert "aa01" in run("records", "export", "--user", "201")


def test_the_report_of_recordings(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """RRP: a recording without a file is gone."""
    shown = run("report", "recordings")
    for part in ("Of 2 answered calls 1 were recorded (50 %)", "Of 1 recordings 0 are there (0 %)", "Ben Ek"):
        assert part in " ".join(shown.split())
    assert json.loads(run("report", "recordings", "--json"))["totals"]["unrecorded"] == 1
    (row,) = json.loads(run("report", "recordings", "--of", "files", "--json"))
    assert (row["owner"], row["kind"], row["marked"]) == ("ben", "automatic", True)
    assert "2026/x.wav" in run("report", "recordings", "--of", "files")
    rows = csv.DictReader(io.StringIO(run("report", "recordings", "--of", "calls", "--csv")))
    assert [(each["call"], each["path"]) for each in rows] == [
        ("aa01", "external"),
        ("bb02", "user:anna"),
        ("cc03", "user:carl"),
    ]
    assert "user:anna" in run("report", "recordings", "--of", "calls")
    monkeypatch.setenv("COLUMNS", "80")
    for of in ("users", "calls", "files"):
        narrow = run("report", "recordings", "--of", of)
        assert max(map(len, narrow.splitlines())) <= 80 and "…" not in narrow
    assert "+16695550123" in narrow and "2026/x.wav" in narrow and "No room for Direction" in narrow


def test_the_report_of_queues(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """RTQ, HQR-1: what a queue aimed at is said by the call; who is out now, by the members."""
    answered = rung("anna", answered_s=30)
    stay = Queued(at(10), at(30), 0, "help", "answered", 1, "", (1,), 25.0, 5.0)
    calls = [lately(past(answered, call="dd04", entity="queue:help", queued=(stay,)), 60)]
    left = Queued(at(10), at(40), 0, "help", "abandoned", target_s=25.0, short_s=5.0)
    calls.append(lately(past(call="ee05", entity="queue:help", queued=(left,)), 24 * 60))
    out = MemberSet("help", "ben", "out", "meal", "user:ben", NOW)
    store.apply(calls, Position(1, 3), facts=[out])
    (found,) = json.loads(run("report", "queues", "--json"))
    assert (found["name"], found["offered"], found["completed"], found["abandoned"]) == ("Help desk", 2, 1, 1)
    assert (found["service_percent"], found["out"]) == (50.0, {"meal": 1})
    days = list(csv.DictReader(io.StringIO(run("report", "queues", "--by", "day", "--csv"))))
    assert [(each["offered"], each["completed"]) for each in days] == [("1", "0"), ("1", "1")]
    assert days[0]["since"] < days[1]["since"]
    assert "meal=1" in run("report", "queues", "--csv")
    for part in ("Help desk", "50 %", "0:25"):
        assert part in run("report", "queues")
    monkeypatch.setenv("COLUMNS", "80")
    for narrow in (run("report", "queues"), run("report", "queues", "--by", "hour")):
        assert max(map(len, narrow.splitlines())) <= 80 and "…" not in narrow
        assert "Help desk" in narrow and "No room for Missed, Sent on" in " ".join(narrow.split())


def test_before_the_first_call_there_is_nothing_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGPLAN_CONFIG", str(tmp_path / "none.yaml"))
    monkeypatch.setenv("RINGPLAN_DATA", str(tmp_path))
    assert "No users" in run("report", "users")
    assert "No calls of anna" in run("history", "--user", "anna")
    assert "no call" in run("history", "--user", "anna", "--delete", "x", status=1)
    assert "No calls" in run("report", "recordings", "--of", "calls")
    assert "No queue" in run("report", "queues")
