"""What somebody takes out of the own history, is out of that one alone (DCH-2): event, table, journal, command."""

from __future__ import annotations

from pathlib import Path

import pytest

from records.events import HistoryHidden
from records.feed import Feeder
from records.journal import FileJournal
from records.segments import Position
from records.store import Store
from switch.control import Refused
from switch.hiding import Hiding
from tests.support.call_events import answered_call, at
from tests.support.feeding import feed_all


def test_a_hidden_call_comes_from_the_journal_and_is_one_viewers(tmp_path: Path) -> None:
    """Told twice, and for a call that the store does not have yet, it changes nothing else."""
    journal = FileJournal(tmp_path / "journal")
    hidden = HistoryHidden("anna", "c1", "operator:root", at(99))
    journal.append([hidden])
    journal.append(answered_call("c1"))
    journal.append([hidden, HistoryHidden("ben", "c2", "user:ben", at(99))])
    journal.close()
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    feed_all(Feeder(tmp_path / "journal", store))
    assert store.hidden("anna", ["c1", "c2", *map(str, range(1200))]) == {"c1"}
    assert store.hidden("ben", ["c1", "c2"]) == {"c2"}
    assert store.hidden("carol", ["c1", "c2"]) == frozenset()
    assert store.call("c1") is not None
    store.apply([], Position(9, 9), facts=[hidden])
    assert store.hidden("anna", ["c1"]) == {"c1"}
    store.close()


def test_the_exchange_journals_who_hid_what() -> None:
    said: list[HistoryHidden] = []
    hiding = Hiding(lambda: at(5), said.extend)
    view = hiding.hide({"viewer": "anna", "calls": ["c1", "c2"], "by": "operator:eve"})
    assert view.calls == ("c1", "c2")
    assert said == [HistoryHidden("anna", call, "operator:eve", at(5)) for call in ("c1", "c2")]


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"viewer": "anna"},
        {"viewer": "", "calls": ["c1"]},
        {"viewer": "anna", "calls": []},
        {"viewer": "anna", "calls": "c1"},
        {"viewer": "anna", "calls": [""]},
        {"viewer": "anna", "calls": [7]},
        {"viewer": "x" * 201, "calls": ["c1"]},
        {"viewer": "anna", "calls": ["c\n1"]},
        {"viewer": "anna", "calls": ["c"] * 201},
    ],
)
def test_what_is_no_name_is_not_journalled(args: dict[str, object]) -> None:
    said: list[HistoryHidden] = []
    with pytest.raises(Refused):
        Hiding(lambda: at(5), said.extend).hide(args)
    assert said == []
