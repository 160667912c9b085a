"""`ringplan explain --call`: a past call is decided again, and told with what its telephones did (issue 4)."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from dialplan import model as m
from dialplan.destinations import user
from dialplan.lines import Forwards
from records.cdr import CallRecord
from records.segments import Position
from records.store import Store
from switch import models
from switch.commands import app
from switch.retold import retold
from tests.support.exchange import house
from tests.support.scene import Scene


def forwarding() -> m.Model:
    """Bob's calls go on to Carol after ten seconds."""
    model = house()
    bob = msgspec.structs.replace(model.lines["bob"], forwards=Forwards(no_answer=user("carol"), after_s=10.0))
    return m.versioned(msgspec.structs.replace(model, lines=model.lines | {"bob": bob}))


@pytest.fixture
def call() -> CallRecord:
    """Alice calls Bob, who does not take it; Carol does."""
    scene = Scene(model=forwarding())
    alice, _, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    dialled = alice.call("102")
    scene.wait(11.0)
    carol.last.answer()
    scene.wait(3.0)
    dialled.hang_up()
    scene.finish()
    return scene.exchange.record


def test_it_is_told_as_it_was(call: CallRecord) -> None:
    told = retold(call, forwarding())
    assert told.agrees
    assert told.recorded == call.because
    assert [(bar.target, bar.outcome) for bar in told.explanation.bars] == [
        ("line:bob", "no_answer"),
        ("line:carol", "answered"),
    ]
    assert told.explanation.bars[0].end_s == pytest.approx(10.0, abs=0.1)
    assert told.explanation.bars[1].end_s == pytest.approx(11.0, abs=0.2)
    assert datetime.datetime.fromisoformat(told.explanation.at) == call.started_at


def test_another_planner_or_model_is_told(call: CallRecord) -> None:
    told = retold(call, house())
    assert not told.agrees
    assert told.recorded == call.because


def explain(folder: Path, record: CallRecord, *options: str) -> Result:
    store = Store(f"sqlite:///{folder}/records.db")
    store.migrate()
    store.apply([record], Position(0, 1))
    store.close()
    places = ("--data", str(folder), "--config", str(folder / "none"))
    return CliRunner().invoke(app, ["explain", "--call", record.call, *places, *options])


def test_it_is_shown_like_any_other_call(call: CallRecord, tmp_path: Path) -> None:
    models.keep(tmp_path, forwarding())
    done = explain(tmp_path, call)
    assert done.exit_code == 0, done.output
    assert "the record says the same" in done.output
    assert "user:bob.forward.no_answer" in done.output
    read = msgspec.json.decode(explain(tmp_path, call, "--json").stdout)
    assert read["agrees"] is True
    assert read["explanation"]["decisions"] == call.model


def test_a_record_that_says_otherwise_is_shown(call: CallRecord, tmp_path: Path) -> None:
    models.keep(tmp_path, forwarding())
    other = msgspec.structs.replace(call, because=(("user:bob", "sings"), *call.because[1:]))
    done = explain(tmp_path, other)
    assert "was decided otherwise" in done.output
    assert "user:bob -> sings" in done.output


def test_a_model_that_is_not_known_any_more_is_said(call: CallRecord, tmp_path: Path) -> None:
    done = explain(tmp_path, call)
    assert done.exit_code == 1
    assert "is not known any more" in done.output
    assert "user:bob" in done.output, "what was recorded is shown all the same"


def test_a_call_is_named_or_described() -> None:
    done = CliRunner().invoke(app, ["explain", "--to", "201"])
    assert done.exit_code == 2
