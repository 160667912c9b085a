"""Records for other programs: columns, spreadsheets, and as many as there are."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.cdr import CallRecord
from records.export import COLUMNS, csv_text, defused, json_lines, row, whole
from records.segments import Position
from records.store import Store
from records.store.questions import Wanted
from tests.support.call_events import answered_call, at
from tests.support.feeding import records


def record(call: str = "c1", seconds: float = 0.0) -> CallRecord:
    (made,) = records(*answered_call(call, seconds))
    return made


def csv_of(*records: CallRecord) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_text(map(row, records), COLUMNS)), newline="")))


def test_a_call_is_a_line_of_csv_with_the_promised_columns_first() -> None:
    (line,) = csv_of(record())
    assert list(line)[:13] == [
        *("call", "started_at", "rang_at", "answered_at", "ended_at", "duration_s", "ring_s", "talk_s"),
        *("device", "line", "trunk", "caller_number", "caller_name"),
    ]
    assert line["started_at"].endswith("Z")
    assert line["hidden"] == "false"
    assert line["legs"] == "2"


def test_json_lines_have_the_legs() -> None:
    made = record()
    (line,) = json_lines(map(whole, [made]))
    plain = json.loads(line)
    assert [each["leg"] for each in plain["legs"]] == [0, 1]
    assert plain["talk_s"] == made.talk_s
    assert plain["legs"][1]["held_s"] == 0.0


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|x", "'+cmd|x"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("+16695550101", "+16695550101"),
        ("Anna = boss", "Anna = boss"),
        (-1.5, -1.5),
    ],
)
def test_a_name_is_no_formula(text: object, written: object) -> None:
    assert defused(text) == written


@given(st.text(min_size=1), st.text())
def test_whatever_somebody_is_called_no_cell_begins_as_a_formula(name: str, dialled: str) -> None:
    text = "".join(csv_text([{"a": name, "b": dialled}], ("a", "b")))
    (cells,) = list(csv.reader(io.StringIO(text, newline="")))[1:]
    for cell in cells:
        assert not cell.startswith(("=", "@", "\t", "\r"))
        assert not cell.startswith(("+", "-")) or cell[1:].replace(".", "", 1).isdigit()


def test_all_come_out_in_order_whatever_the_batch(tmp_path: Path) -> None:
    """Calls of one instant are told apart; none comes twice, none is left out."""
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    made = [record(f"c{n}", seconds=n // 3 * 100.0) for n in range(10)]
    store.apply(made, Position(1, 1))
    for batch in (1, 2, 3, 10, 11):
        assert list(store.each(batch=batch)) == made
    some = store.each(Wanted(since=at(100), until=at(300)), batch=2)
    assert [each.call for each in some] == [f"c{n}" for n in range(3, 9)]
    assert list(store.each(Wanted(line="nobody"))) == []
    store.close()


def test_of_a_call_all_that_is_known_is_written_but_what_only_the_fold_needs() -> None:
    assert {*CallRecord.__struct_fields__} - {*whole(record())} == {"n", "last_at", "model", "now"}
    assert msgspec.json.decode(msgspec.json.encode(whole(record())))["decisions"] == record().model
