"""Explaining a call: a value that can be sent, whose bars are the rings of the timeline and whose rules have places."""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import examples, loader, validate
from config.compile import model_of
from dialplan import question
from dialplan.explanation import Explanation, explain
from dialplan.model import Model
from dialplan.pretend import phones
from dialplan.question import Caller, Question, QuestionError, answer
from dialplan.simulate import What
from tests.support.companies import company
from tests.support.plans import random_phone
from tests.support.random_company import Scene

AT = datetime.datetime(2026, 3, 4, 18, tzinfo=datetime.UTC)
CODEC = msgspec.json.Decoder(Explanation)


@cache
def example() -> Model:
    """The shipped company."""
    return model_of(validate.load(Path(examples.__file__).parent / "company"))


@cache
def generated() -> Model:
    return model_of(validate.validate(loader.read(company(users=12, seed=3), "company.yaml"), Path()))


def explained(model: Model, dial: str, caller: Caller, script: str = "", **more: object) -> Explanation:
    asked = Question(dial=dial, caller=caller, at=AT, phones=phones(script), **more)  # type: ignore[arg-type]
    return explain(model, answer(model, asked), "UTC")


def sound(found: Explanation) -> None:
    """What holds of every explanation."""
    assert CODEC.decode(msgspec.json.encode(found)) == found
    assert all(0 <= bar.start_s <= bar.end_s <= found.lasts_s for bar in found.bars)
    rows = sorted([(bar.order, bar.start_s) for bar in found.bars] + [(each.order, each.at_s) for each in found.events])
    times = [round(at_s, 3) for _, at_s in rows]
    assert times == sorted(times) and times[-1:] <= [found.lasts_s]
    ends = [each for each in found.events if each.what == "end"]
    assert len(ends) == (found.ending.reason != "")


@given(st.integers(0, 2**32))
def test_every_call_in_random_companies_can_be_explained(seed: int) -> None:
    scene = Scene(Random(seed))
    device = Random(seed).choice(sorted(scene.model.devices) or ["stranger"])
    number = Random(seed).choice([*scene.model.extensions, "5551234", "", "*", "+" * 40])
    script = {name: tuple(each) for name, each in scene.script().items()}
    asked = Question(
        dial=number, caller=Caller(device=device), at=AT, phones=script, facts=scene.facts, hangs_up_s=scene.gone_s()
    )
    got = answer(scene.model, asked)
    found = explain(scene.model, got, "UTC")
    sound(found)
    began = [moment for moment in got.simulation.timeline if moment.what in (What.INVITE, What.NOBODY)]
    assert len(found.bars) == len([each for each in began if each.contact == 0])


@given(st.text(alphabet="0123456789+*#abc.:", max_size=20), st.integers(0, 2**32))
def test_whatever_is_dialled_in_a_generated_company_can_be_explained(dialled: str, seed: int) -> None:
    model, random = generated(), Random(seed)
    device = random.choice([*model.devices, "stranger"])
    number = random.choice([dialled, *model.extensions, *model.dids])
    script = {f"line:{name}": (random_phone(random),) for name in random.sample(sorted(model.lines), 4)}
    asked = Question(dial=number, caller=Caller(device=device), at=AT, phones=script, presses=("1", "2", "timeout"))
    sound(explain(model, answer(model, asked), "UTC"))


BUILT_IN = ("number", "dids", "routes", "forwards", "plan", "account.quotas", "default_trunk")


def test_every_rule_that_the_example_is_asked_for_has_a_place() -> None:
    """But for a short list of what is built in."""
    model = example()
    asked = [
        explained(model, dial, Caller(device=device))
        for device in ("grace-desk", "elise-desk", "lobby-wall", "ivan-desk", "dana-desk", "marta-desk")
        for dial in (
            *model.extensions,
            "0",
            "911",
            "112",
            "411",
            "2702",
            "5551234",
            "+442079460000",
            "*97",
            "*78",
            "*11*4712#2125550100",
        )
    ]
    asked += [explained(model, dial, Caller(trunk="pacific"), number="+16695550180") for dial in model.dids]
    rules = {each.rule: each for found in asked for each in found.rules}
    assert len(rules) > 100
    missing = [rule for rule, each in rules.items() if not each.line and rule not in BUILT_IN]
    assert missing == []
    files = {Path(each.file).name for each in rules.values() if each.file}
    assert files >= {"people.yaml", "numbers.yaml", "company.yaml", "carriers.yaml"}


def test_a_row_of_a_csv_file_is_told_by_its_line() -> None:
    found = explained(example(), "+442079460000", Caller(device="elise-desk"))
    (row,) = [each for each in found.rules if each.file.endswith("seine-routes.csv")]
    assert row.line == 3


def test_who_rings_when_and_what_else_could_have_been() -> None:
    found = explained(example(), "+16695550120", Caller(trunk="pacific"), "sam=rings,trunk:pacific=answers/6s")
    sam, mobile = found.bars
    assert (sam.target, sam.name, sam.start_s, sam.end_s, sam.outcome) == ("line:sam", "Sam Okafor", 0, 15, "no_answer")
    assert (mobile.target, mobile.number, mobile.start_s, mobile.end_s) == ("trunk:pacific", "+16695550175", 15, 21)
    (forward,) = [each for each in found.events if each.what == "forward"]
    assert (forward.by, forward.cause, forward.at_s) == ("sam", 408, 15)
    assert [(each.of, each.outcomes, each.to) for each in found.otherwise] == [
        ("sam", ("busy", "outage"), "voicemail:sam")
    ]
    assert found.holds.caller_id == "+16695550120" and found.holds.limit_s == 4 * 3600
    assert found.holds.limited_by == "sam" and found.ending.result == "answered"


def test_a_password_that_was_dialled_is_not_in_it() -> None:
    """CST-4."""
    found = explained(example(), "*11*4711*998877#2125550100", Caller(device="ivan-desk"), account="4711")
    assert found.account == "4711" and found.number == "+12125550100"
    assert b"998877" not in msgspec.json.encode(found)


def test_a_menu_is_followed_as_far_as_keys_are_pressed() -> None:
    found = explained(example(), "+16695550100", Caller(trunk="pacific"), presses=("3", "1"))
    services = [each.detail for each in found.events if each.what == "service"]
    assert services == ["attendant:main", "voicemail:front"]
    assert [each.what for each in sorted(found.events, key=lambda each: each.order)][:2] == ["service", "ask"]


@pytest.mark.parametrize(
    ("name", "line", "caller"),
    [
        ("sam", "", Caller("sam-desk", "sam")),
        ("user:sam", "", Caller("sam-desk", "sam")),
        ("2220", "", Caller("sam-desk", "sam")),
        ("sam-laptop", "", Caller("sam-laptop")),
        ("marta", "victoria", Caller("marta-desk", "victoria")),
        ("trunk:seine", "", Caller(trunk="seine")),
        ("seine", "", Caller(trunk="seine")),
        ("device:sam-laptop", "", Caller("sam-laptop")),
    ],
)
def test_who_calls_may_be_named_in_many_ways(name: str, line: str, caller: Caller) -> None:
    assert question.caller_of(example(), name, line) == caller


@pytest.mark.parametrize(("name", "line", "hint"), [("samm", "", "`sam`"), ("seina", "", "`seine`"), ("sam", "x", "")])
def test_a_name_that_is_none_is_told_with_the_nearest(name: str, line: str, hint: str) -> None:
    with pytest.raises(QuestionError) as caught:
        question.caller_of(example(), name, line)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("caller", "dial", "zone"),
    [
        (Caller(device="elise-desk"), "1", "Europe/Paris"),
        (Caller(device="sam-desk"), "1", "America/Los_Angeles"),
        (Caller(trunk="seine"), "+33199000120", "Europe/Paris"),
        (Caller(trunk="seine"), "33199000100", "Europe/Paris"),
        (Caller(trunk="pacific"), "+16695550130", "America/Los_Angeles"),
        (Caller(trunk="pacific"), "+15005550006", "UTC"),
        (Caller(device="stranger"), "1", "UTC"),
    ],
)
def test_a_time_without_a_zone_is_the_callers_or_of_who_is_called_from_outside(
    caller: Caller, dial: str, zone: str
) -> None:
    assert question.zone(example(), caller, dial) == zone
