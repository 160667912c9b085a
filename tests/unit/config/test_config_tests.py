"""Tests in YAML: what they can say, where each mistake in them is told, and that a red one refuses the load."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from config import cases as config_cases
from config import compile as compiling
from config import loader, testing, validate
from config.problems import ConfigError, Problem
from dialplan.expected import Expected, differences
from dialplan.question import answer

COMPANY = """\
country: US
area_code: "669"
time_zone: America/Los_Angeles
account: {permission: domestic, call_limit: 2h, caller_id: "+16695550100"}
users:
  anna:
    extension: 201
    voicemail: true
    forward: {no_answer: voicemail, busy: ben, after: 20s}
    record: {automatic: [inbound, outbound], announce: caller}
  ben: {extension: 202, hours: office, closed: "announce:tone:425", voicemail: true, caller_id: none}
  carl: {extension: 203}
devices:
  anna-desk: {secret: env:CASE, lines: [anna]}
  ben-desk: {secret: env:CASE, lines: [ben]}
ring_groups:
  sales: {extension: 300, members: [anna, ben, carl], strategy: rotating, turn: 10s, otherwise: "attendant:main"}
attendants:
  main: {extension: 400, greeting: welcome.wav, choices: {1: anna, 2: "ring_group:sales"}}
account_codes: {"4711": {name: Client}}
features: {"*78": dnd_on, "*11": account_code}
hours: {office: {week: {mon-fri: 9:00-17:00}}}
trunks:
  carrier: {host: 192.0.2.10}
  second: {host: 192.0.2.20}
default_trunk: carrier
dids: {"+16695550100": [], "+16695550101": anna, "+16695550102": ben, "+16695550103": "attendant:main"}
tests:
"""
LINES = COMPANY.count("\n")


def load(tests: str, *, tested: bool = True) -> list[Problem]:
    """The problems of that company with these tests."""
    document = loader.read(COMPANY + tests, "company.yaml")
    loaded = validate.validate(document, Path())
    try:
        compiling.compile_loaded(loaded, "company.yaml", {"CASE": "correct horse battery"}, tested=tested)
    except ConfigError as error:
        return list(error.problems)
    return []


def place(problem: Problem) -> tuple[int, int]:
    """Line within the tests, and column."""
    return problem.mark.line - LINES, problem.mark.column


@pytest.mark.parametrize(
    "test",
    [
        "from: ben, dial: 201, phones: {anna: answers/5s}, "
        "expect: {rings: anna, connected: anna, after: 5s, limit: none}",
        "from: ben-desk, dial: 201, expect: {rings: [anna], then: voicemail:anna, after: 20s, forwards: anna}",
        "from: 202, dial: 201, phones: {anna: busy}, expect: {rings: anna, never: ben, connected: nobody}",
        "trunk: carrier, dial: '+16695550101', phones: {anna: busy}, "
        "expect: {rings: [anna, ben], forwards: anna, connected: nobody}",
        "from: anna, dial: 201, facts: {anna.forward.no_answer: none}, expect: {ends: no_answer 480}",
        "from: ben, dial: 201, facts: {anna.dnd: on}, "
        "expect: {rings: [], then: voicemail:anna, never: [anna, trunk:carrier]}",
        "from: ben, dial: 203, expect: {ends: outage}",
        "from: ben, dial: 203, phones: {carl: 486}, expect: {ends: 486}",
        "trunk: carrier, caller: '+12125550100', dial: '+16695550101', phones: {anna: answers}, "
        "expect: {number: +1 669-555-0101, limit: 2h, recorded: true, told: caller}",
        "from: anna, dial: 212-555-0100, phones: {trunk:carrier: 503}, "
        "expect: {number: '+12125550100', trunk: carrier, caller_id: '+16695550100', ends: outage}",
        "from: anna, dial: 212-555-0100, phones: {trunk:carrier: answers}, "
        "expect: {limit: 2h, recorded: true, connected: trunk:carrier, sent: '+12125550100'}",
        "from: ben, dial: 212-555-0100, expect: {caller_id: none, recorded: false}",
        "from: ben, dial: 911, expect: {emergency: true, number: 911, rings: [trunk:carrier, trunk:second]}",
        "from: ben, dial: 011442079460000, expect: {ends: not_permitted 403, hears: not_permitted, trunk: nothing}",
        "trunk: carrier, dial: '+16695550102', at: 2026-03-07 12:00, expect: {then: announce:tone:425, rings: []}",
        "trunk: carrier, dial: '+16695550102', at: 2026-03-06 16:59, expect: {rings: ben}",
        "trunk: carrier, dial: '+16695550102', at: '2026-03-06T16:59:00Z', expect: {never: ben}",
        "trunk: carrier, dial: '+16695550103', presses: 1, phones: {anna: answers}, expect: {connected: anna}",
        "trunk: carrier, dial: '+16695550103', expect: {then: attendant:main, rings: []}",
        "from: ben, line: anna, dial: 201, expect: {ends: 403}",
        "from: anna, dial: '300', facts: {sales.cursor: 1}, expect: {rings: [ben], then: attendant:main}",
        "trunk: second, dial: '+16695550103', presses: [2], facts: {sales.cursor: 2}, expect: {rings: [anna, ben]}",
        "from: ben, dial: '*78', expect: {then: feature:dnd_on}",
        "from: ben, dial: '*11*4711#2125550100', expect: {account: 4711, trunk: carrier}",
        "from: ben, dial: 201, hangs_up: 3s, expect: {ends: caller_cancelled 487, after: 3s}",
    ],
)
def test_a_test_can_say_it(test: str) -> None:
    assert load(f"  - {{name: one, {test}}}\n") == []


@pytest.mark.parametrize(
    ("test", "line", "column", "message", "hint"),
    [
        ("{name: a, form: ben, dial: 201, expect: {rings: anna}}", 1, 15, "unknown key `form`", "did you mean `from`?"),
        (
            "{name: a, from: bne, dial: 201, expect: {rings: anna}}",
            1,
            21,
            "there is no user, line",
            "did you mean `ben`?",
        ),
        ("{name: a, from: carl, dial: 201, expect: {rings: anna}}", 1, 21, "`carl` has no telephone", "devices"),
        ("{name: a, from: ben, dial: 201, expect: {rings: [ann]}}", 1, 54, "there is no user or line `ann`", "`anna`"),
        (
            "{name: a, from: ben, dial: 201, expect: {ring: [anna]}}",
            1,
            46,
            "unknown key `ring`",
            "did you mean `rings`?",
        ),
        ("{name: a, from: ben, dial: 201, expect: {}}", 1, 5, "nothing is expected", "such as"),
        ("{name: a, from: ben, dial: 201, expect: {then: voicemail:bob}}", 1, 52, "there is no voicemail", "ben"),
        (
            "{name: a, from: ben, dial: 201, expect: {then: voicemial:ben}}",
            1,
            52,
            "nothing that answers",
            "voicemail:ben",
        ),
        ("{name: a, from: ben, dial: 201, expect: {ends: bussy}}", 1, 52, "no way in which", "did you mean `busy`?"),
        ("{name: a, from: ben, dial: 201, expect: {trunk: carier}}", 1, 53, "there is no trunk", "carrier"),
        ("{name: a, from: ben, trunk: carrier, dial: 1, expect: {ends: 404}}", 1, 5, "either `from` or `trunk`", ""),
        ("{name: a, from: ben, dial: 201, phones: {anna: buzy}, expect: {ends: 486}}", 1, 52, "buzy", "busy"),
        (
            "{name: a, from: ben, dial: 201, phones: {ana: busy}, expect: {ends: 486}}",
            1,
            46,
            "no user or line `ana`",
            "anna",
        ),
        ("{name: a, from: ben, dial: 201, facts: {anna.dnb: on}, expect: {ends: 486}}", 1, 45, "no such fact", "dnd"),
        ("{name: a, from: ben, dial: 201, facts: {anna.dnd: yes}, expect: {ends: 486}}", 1, 45, "on or off", ""),
        ("{name: a, from: ben, dial: 201, at: tomorrow, expect: {rings: anna}}", 1, 41, "date and a time", "such as"),
        ("{name: a, from: ben, dial: 201, at: 2026-02-30 12:00, expect: {rings: anna}}", 1, 41, "no such day", ""),
        ("{from: ben, dial: 201, expect: {rings: anna}}", 1, 5, "`name` is missing", ""),
        ("{name: a, from: ben, expect: {rings: anna}}", 1, 5, "`dial` is missing", ""),
    ],
)
def test_a_mistake_in_a_test_is_told_with_its_place(test: str, line: int, column: int, message: str, hint: str) -> None:
    problem = load(f"  - {test}\n")[0]
    assert place(problem) == (line, column), problem
    assert message in problem.message and hint in problem.hint + problem.message, problem


def test_a_red_test_refuses_the_configuration_and_names_the_expectation_and_what_came() -> None:
    red = "  - name: Anna rings\n    from: ben\n    dial: 201\n    expect:\n      rings: ben\n      after: 20s\n"
    (problem,) = load(red)
    assert place(problem) == (5, 7)
    assert problem.message == "test `Anna rings` is red: rings: wanted ben, came anna"
    assert problem.hint.startswith("ringplan explain --from ben --to 201 --at 2026-03-04T10:00")
    assert load(red, tested=False) == []


def test_two_tests_of_one_name_are_told() -> None:
    test = "  - {name: a, from: ben, dial: 201, expect: {rings: anna}}\n"
    (problem,) = load(test * 2)
    assert place(problem) == (2, 12) and "company.yaml:" in problem.hint


def test_tests_are_no_part_of_what_takes_effect() -> None:
    """A test more makes no other version, so `check` of a copy says the version of the running exchange."""

    def version(text: str) -> str:
        loaded = validate.validate(loader.read(text, "company.yaml"), Path())
        return compiling.compile_loaded(loaded, "", {"CASE": "correct horse battery"}).version

    test = "  - {name: a, from: ben, dial: 201, expect: {rings: anna}}\n"
    assert version(COMPANY + test) == version(COMPANY.removesuffix("tests:\n"))


def test_tests_may_stand_in_a_file_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASE", "correct horse battery")
    (tmp_path / "company.yaml").write_text(COMPANY.removesuffix("tests:\n"))
    (tmp_path / "calls.yaml").write_text("tests:\n  - {name: a, from: ben, dial: 201, expect: {rings: ben}}\n")
    with pytest.raises(ConfigError) as caught:
        compiling.compile(tmp_path)
    (problem,) = caught.value.problems
    assert problem.mark.file.endswith("calls.yaml") and problem.mark.line == 2


def test_what_takes_too_long_is_left_out_with_a_warning() -> None:
    text = "".join(f"  - {{name: a{n}, from: ben, dial: 201, expect: {{rings: anna}}}}\n" for n in range(3))
    loaded = validate.validate(loader.read(COMPANY + text, "company.yaml"), Path())
    model = compiling.compile_loaded(loaded, "", {"CASE": "correct horse battery"}).model
    found, problems = config_cases.cases(loaded, model)
    assert not problems
    ticks = iter([0.0, 0.0, 6.0])
    ran = testing.run(model, found, most_s=5.0, clock=lambda: next(ticks))
    assert len(ran.outcomes) == 1 and ran.left == 2


def test_no_more_tests_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_cases, "MOST_TESTS", 2)
    text = "".join(f"  - {{name: a{n}, from: ben, dial: 201, expect: {{rings: anna}}}}\n" for n in range(3))
    (problem,) = load(text)
    assert place(problem)[0] == 3 and "more than 2 tests" in problem.message


def test_every_expectation_can_be_red() -> None:
    """Each key of `expect`, with something that is not so, gives just that one difference."""
    loaded = validate.validate(
        loader.read(COMPANY + "  - {name: a, from: ben, dial: 201, expect: {rings: anna}}\n", "company.yaml"), Path()
    )
    model = compiling.compile_loaded(loaded, "", {"CASE": "correct horse battery"}).model
    (case,) = config_cases.cases(loaded, model)[0]
    asked = answer(model, case.question)
    wrong = {
        "rings": ("ben",),
        "never": ("anna",),
        "connected": "ben",
        "then": "voicemail:ben",
        "number": "202",
        "after_s": 1.0,
        "reason": "busy",
        "status": 486,
        "hears": "quota",
        "forwards": ("ben",),
        "trunk": "carrier",
        "sent": "+16695550100",
        "caller_id": "+16695550100",
        "limit_s": 5.0,
        "recorded": True,
        "told": "all",
        "emergency": True,
        "account": "4711",
        "address": "office",
        "notified": ("line:anna",),
    }
    assert set(wrong) == set(Expected.__struct_fields__)
    names = {"after_s": "after", "reason": "ends", "status": "ends", "limit_s": "limit"}
    for key, value in wrong.items():
        (difference,) = differences(msgspec.convert({key: value}, Expected), asked)
        assert difference.what == names.get(key, key)
        assert difference.wanted != difference.came
