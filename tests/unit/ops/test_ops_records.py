"""`ringplan records` as people type it: masked or not, proven or not, and nothing that cannot be done half done."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import update
from typer.testing import CliRunner, Result

from records.events import InteractionNoted, RecordingRendered, RecordingStarted
from records.segments import Position
from records.store import Store
from records.store.tables import calls
from switch.commands import app
from tests.support.call_events import answered_call, at
from tests.support.feeding import records

FILE, SOUND = "2026-03-02/c1-1.wav", b"RIFF"
HIDDEN = "+1********23"


class House:
    """Folders with a call from outside that was recorded, and one inside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config("")
        (folder / "data" / "recordings" / "2026-03-02").mkdir(parents=True)
        (folder / "data" / "recordings" / FILE).write_bytes(SOUND)
        first, *others, last = answered_call("c1")
        first = replace(first, trunk="t", line=None, device=None, caller_number="+16695550123", caller_name="Clara")  # type: ignore[call-arg]
        begun = RecordingStarted("c1", last.n, at(5), 1, FILE, "s", 1, "policy")
        made = records(first, *others, begun, replace(last, n=last.n + 1), *answered_call("c2", 100))
        rendered = RecordingRendered(
            "c1", FILE, hashlib.sha256(SOUND).hexdigest(), len(SOUND), 1.5, 8000, 2, at(5), 9, 0, at(70)
        )
        self.store = Store(f"sqlite:///{folder}/data/records.db")
        self.store.migrate()
        self.store.apply(made, Position(1, 1), facts=(rendered,))

    def config(self, more: str) -> None:
        (self.folder / "config").mkdir(exist_ok=True)
        (self.folder / "config" / "ringplan.yaml").write_text(f"country: US\nlines: {{}}\n{more}\n")

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(app, args, env={"RINGPLAN_HOME": str(self.folder), "COLUMNS": "150"})


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_numbers_are_masked_where_that_is_wanted_or_configured(house: House) -> None:
    export, history = ("records", "export"), ("history",)

    def masked(*args: str) -> bool:
        output = house.run(*args).output
        assert ("6695550123" in output) is not (HIDDEN in output)
        assert ("Clara" in output) <= ("6695550123" in output)
        return HIDDEN in output

    seen = {}
    for rule in ("none", "exports", "all"):
        house.config(f"records: {{mask: {rule}}}")
        seen[rule] = masked(*export), masked(*history)
        assert masked(*history, "--csv") is masked(*history, "--json") is masked(*export)  # what programs read
        assert masked(*export, "--format", "jsonl", "--mask") and masked(*history, "--mask", "--json")
        assert not masked(*export, "--no-mask") and not masked(*history, "--no-mask")
    assert seen == {"none": (False, False), "exports": (True, False), "all": (True, True)}
    assert masked("history", "c1", "--mask")
    own = ("history", "--user", "202", "--since", "2026-01-01")
    assert not masked(*own) and masked(*own, "--mask") and masked(*own, "--json", "--mask")
    for of in ("calls", "files"):
        assert masked("report", "recordings", "--of", of, "--since", "2026-01-01", "--csv")
        assert not masked("report", "recordings", "--of", of, "--since", "2026-01-01", "--csv", "--no-mask")


def test_what_is_wrong_is_said_plainly_with_an_exit_status(house: House) -> None:
    good = house.run("records", "verify")
    assert (
        good.exit_code == 0 and "2 records, 1 recording, 0 later entries, 3 links: all as it was stored" in good.output
    )
    head = str(house.store.head())
    assert good.output.strip().endswith(f"head {head}")
    assert house.run("records", "verify", "--since-head", head).exit_code == 0
    assert house.run("records", "verify", "--since-head", "9:" + "0" * 64).exit_code == 1
    assert house.run("records", "verify", "--since-head", "9").exit_code == 2
    (house.folder / "data" / "records.head").write_text("3:" + "0" * 64)
    house.store.read(
        lambda connection: connection.execute(update(calls).where(calls.c.call == "c2").values(number="9"))
    )
    (house.folder / "data" / "recordings" / FILE).write_bytes(b"rIFF")
    found = house.run("records", "verify", "--json")
    assert found.output, repr(found.exception)
    seen = json.loads(found.output)
    assert found.exit_code == 1 and not seen["ok"] and seen["findings"] == 3
    assert [each["what"] for each in seen["wrong"]] == ["changed", "file_edited", "cut"]
    assert "record c2 was changed" in house.run("records", "verify", "--no-files").output
    (house.folder / "data" / "records.db").rename(house.folder / "elsewhere")
    assert "there are no records any more" in house.run("records", "verify").output


def test_what_would_be_forgotten_is_shown_and_nothing_happens_without_an_exchange(house: House) -> None:
    shown = house.run("records", "forget", "--number", "+16695550123")
    assert shown.exit_code == 0 and "c1  " in shown.output and "1 recording" in shown.output
    assert (
        "c2" not in shown.output
        and "1 call, and the messages of +16695550123 in all mailboxes, would be deleted" in shown.output
    )
    assert house.run("records", "forget", "--call", "c9").exit_code == 1
    assert house.run("records", "forget").exit_code == 2
    assert house.run("records", "forget", "--call", "c1", "--yes").exit_code == 2, "nobody said who and why"
    refused = house.run("records", "forget", "--call", "c1", "--yes", "--by", "Anna", "--why", "asked")
    assert refused.exit_code == 3 and "no exchange answers" in refused.output
    assert house.store.call("c1") is not None and (house.folder / "data" / "recordings" / FILE).exists()


def test_a_number_is_found_wherever_it_stands(house: House) -> None:
    from records.store.mentions import mentions

    other = answered_call("c3", 200)
    other[1] = replace(other[1], contact="sip:+16695550123@192.0.2.9")  # type: ignore[call-arg]
    house.store.apply(records(*other), Position(1, 2))
    assert [call for call, _ in mentions(house.store, "+16695550123")] == ["c1", "c3"]
    assert [call for call, _ in mentions(house.store, "+16695550123", since=at(1))] == ["c3"]
    assert [call for call, _ in mentions(house.store, "+16695550123", until=at(1))] == ["c1"]
    assert [call for call, _ in mentions(house.store, "201")] == ["c2", "c3"], "c1 has it as part of something"
    noted = InteractionNoted("n1", "c2", "anna", "operator:ada", at(300), "4711", "to call back +16695559999")
    house.store.apply((), Position(1, 3), facts=[noted])
    assert [call for call, _ in mentions(house.store, "+16695559998")] == []
    assert [call for call, _ in mentions(house.store, "6695559999")] == ["c2"]


def test_nobody_is_given_a_recording_that_is_not_written_down(house: House, tmp_path: Path) -> None:
    out = tmp_path / "heard.wav"
    refused = house.run("records", "listen", "c1", "--out", str(out), "--why", "complaint")
    assert refused.exit_code == 3 and not out.exists()
    for more in (("--number", "2"), ("--for", "carl")):
        unknown = house.run("records", "listen", "c1", "--out", str(out), "--why", "complaint", *more)
        assert unknown.exit_code == 1 and "no recording" in unknown.output


def test_a_recording_is_asked_for_by_the_beginning_of_its_call(house: House, tmp_path: Path) -> None:
    to = ("--why", "asked", "--out", str(tmp_path / "heard.wav"))
    assert "several calls begin with c" in house.run("records", "listen", "c", *to).output
    assert "no call c9 has ended" in house.run("records", "listen", "c9", *to).output
    assert house.run("records", "listen", "c1", *to).exit_code == 3, "without an exchange nobody is given anything"
