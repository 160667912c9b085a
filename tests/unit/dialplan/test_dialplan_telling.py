"""`ringplan tell`: the plan in plain sentences, every one of which is whole in its language."""

from __future__ import annotations

import datetime
import string
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from config import examples, loader, validate
from config.compile import model_of
from dialplan import english, telling
from dialplan.destinations import To, ring_group, user
from dialplan.model import Model
from dialplan.question import QuestionError
from switch.commands import app
from switch.commands.tell import UNSEEN
from tests.support.companies import company
from tests.support.random_company import GROUPS, PEOPLE, Scene

COMPANY = Path(examples.__file__).parent / "company"
AT = datetime.datetime(2026, 3, 4, 18, tzinfo=datetime.UTC)


@cache
def example() -> Model:
    return model_of(validate.load(COMPANY))


def told(name: str, at: datetime.datetime | None = None) -> list[str]:
    model = example()
    said = telling.tell(model, telling.destination(model, name), at or AT, fixed=at is not None)
    return english.text(said).splitlines()


def test_somebody_with_forwards() -> None:
    assert told("sam") == [
        "Sam Okafor's telephone rings for 15 seconds.",
        "If Sam Okafor does not answer, the call goes on to +16695550175.",
        "If Sam Okafor is busy, the call goes to the voicemail of Sam Okafor.",
        "If no telephone of Sam Okafor can be reached, the call goes to the voicemail of Sam Okafor.",
        "A call from outside ends after 4 hours.",
    ]


def test_vips_and_everybody_else() -> None:
    """VIP-3, VIP-4d; K.2."""
    said = told("2201")
    assert said[:3] == [
        "When a VIP of Victoria Hale calls:",
        "  Victoria Hale's telephone rings for 20 seconds.",
        "  If nobody answers, Marta Quiroga's telephone rings for 20 seconds.",
    ]
    assert said[4:6] == ["When anybody else calls:", "  Marta Quiroga's telephone rings for 20 seconds."]


def test_hours_a_group_and_a_menu() -> None:
    said = told("+16695550100")
    assert said[:3] == [
        "During the hours front:",
        "  The menu Welcome answers.",
        "    If the caller presses 1, Sam Okafor's telephone rings for 12 seconds.",
    ]
    assert said[-2:] == [
        "Outside of the hours front:",
        "  The call goes to the voicemail of Front desk.",
    ]
    assert "    If the caller presses nothing, it goes on as with 0." in said
    assert told("main", datetime.datetime(2026, 12, 24, 18, tzinfo=datetime.UTC)) == [
        "The call goes to the voicemail of Front desk."
    ]
    together = told("+33199000122")
    assert together[0] == "The telephones of Manon Lefèvre and Yanis Benali ring together for 30 seconds."


def test_recording_and_limits_where_somebody_rings() -> None:
    said = told("lena")
    assert (
        "  Calls are recorded, and everybody is told." in said and "  A call from outside ends after 4 hours." in said
    )
    assert said[-1] == "  The call goes to the voicemail of Support."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lobby", "Lobby may not call anybody outside."),
        ("sam", "Outside, Sam Okafor may call numbers of the whole world."),
        ("grace", "Numbers in CA and PR count as domestic."),
        ("ivan", "An account code is needed for calls outside."),
        ("victoria", "Those who are called outside do not see Victoria Hale's number."),
        ("dana", "Dana Whitlock is not set up completely, and can call nobody else."),
    ],
)
def test_what_somebody_may_call(name: str, sentence: str) -> None:
    said = [english.sentence(each) for each in telling.tell_calls(example(), example().lines[name])]
    assert sentence in said


def test_every_sentence_names_only_what_it_is_given() -> None:
    """And is a whole one: it begins and ends as sentences do."""
    known = {"who", "name", "names", "time", "owner", "number", "attendant", "queue", "room", "service", "to", "other"}
    known |= {"key", "lot", "hours", "country", "regions", "prefixes", "count", "minutes", "cost"}
    for words in english.SENTENCES.values():
        assert {field for _, field, _, _ in string.Formatter().parse(words) if field} <= known
        assert words[-1] in ".:"


@given(st.integers(0, 2**32))
def test_random_companies_can_be_told(seed: int) -> None:
    scene = Scene(Random(seed))
    for to in (*map(user, PEOPLE), *map(ring_group, GROUPS)):
        said = telling.tell(scene.model, to, AT)
        assert said and english.text(said)
    for line in scene.model.lines.values():
        assert all(map(english.sentence, telling.tell_calls(scene.model, line)))


@pytest.mark.parametrize("seed", range(3))
def test_generated_companies_can_be_told(seed: int) -> None:
    model = model_of(validate.validate(loader.read(company(users=12, seed=seed), "company.yaml"), Path()))
    for to in dict.fromkeys([*model.extensions.values(), *model.dids.values()]):
        for each in telling.tell(model, to, AT):
            assert english.sentence(each)[-1] in ".:"
    for line in model.lines.values():
        assert all(map(english.sentence, telling.tell_calls(model, line)))


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    run = CliRunner()
    config = ["--config", str(COMPANY)]
    assert run.invoke(app, ["tell", "sam", *config]).output.splitlines() == [*told("sam"), UNSEEN]
    assert "whole world" in run.invoke(app, ["tell", "2220", "calls", *config]).output
    at = run.invoke(app, ["tell", "main", "--at", "2026-12-24T10:00", *config]).output.splitlines()
    assert at == ["The call goes to the voicemail of Front desk.", UNSEEN]
    assert '"depth": 1' in run.invoke(app, ["tell", "main", "--json", *config]).output
    for words, hint in ((["smm"], "`sam`"), (["sam", "cals"], "calls"), (["2600", "calls"], "nobody who calls")):
        done = run.invoke(app, ["tell", *words, *config])
        assert done.exit_code == 2 and hint in done.output
    with pytest.raises(QuestionError):
        telling.destination(example(), "queue")


@pytest.mark.parametrize(
    ("name", "hint"), [("2701", "a slot of the park lot `main`"), ("2800", "answers itself"), ("*97", "`voicemail`")]
)
def test_what_is_dialled_and_is_nobody_is_explained_instead(name, hint):
    with pytest.raises(QuestionError, match="ringplan explain") as caught:
        telling.destination(example(), name)
    assert hint in str(caught.value)


def test_rooms_and_park_lots_are_told_of_by_their_names():
    assert told("board") == ["The caller enters the conference Board."]
    assert told("2700") == ["The call waits in the park lot Park, until somebody dials its slot."]
    assert telling.destination(example(), "all-hands").kind is To.CONFERENCE
