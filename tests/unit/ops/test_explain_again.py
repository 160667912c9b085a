"""The command that a red test names asks the very question that the test asks."""

from __future__ import annotations

import datetime
import shlex
from pathlib import Path
from typing import Any

import pytest

from config import cases, loader, validate
from config import compile as compiling
from dialplan.pretend import behaviours, written
from switch.explaining import Words, ask

COMPANY = """\
country: US
area_code: "669"
users: {anna: {extension: 201}, ben: {extension: 202}}
devices: {desk: {secret: env:CASE, lines: [anna, ben]}}
ring_groups: {sales: {extension: 300, members: [anna, ben], strategy: rotating}}
trunks: {carrier: {host: 192.0.2.10}}
default_trunk: carrier
dids: {"+16695550101": anna}
tests:
"""
NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def words(command: str) -> Words:
    """As `ringplan explain` reads its options."""
    name, verb, *rest = shlex.split(command)
    assert (name, verb) == ("ringplan", "explain")
    found: dict[str, Any] = {}
    while rest:
        option = rest.pop(0).removeprefix("--").replace("-", "_")
        found[option] = True if option in ("anonymous", "attested") else rest.pop(0)
    if "presses" in found:
        found["presses"] = tuple(found["presses"].split(","))
    numbers = {"draw": "draw", "hangs_up": "hangs_up_s"}
    return Words(
        from_=found.pop("from"),
        **{numbers.get(key, key): float(value) if key in numbers else value for key, value in found.items()},
    )


@pytest.mark.parametrize(
    "test",
    [
        "from: desk, dial: 201",
        "from: desk, line: ben, dial: 201, phones: {anna: busy, ben: answers/2s+rings}",
        "from: anna, dial: '555 0100', at: 2026-12-24 18:05, phones: {'trunk:carrier': 503/1.5s, ben: outage}",
        "trunk: carrier, caller: '+1 212 555 0100', anonymous: true, attested: true, dial: '+16695550101'",
        "from: ben, dial: 300, facts: {sales.cursor: 2, anna.dnd: on}, draw: 0.25, hangs_up: 90s, presses: [1, 2]",
        "from: ben, dial: '*4711#', account: '4711', phones: {anna: unreachable, ben: 603}",
    ],
)
def test_the_command_asks_what_the_test_asks(test: str) -> None:
    document = loader.read(f"{COMPANY}  - {{name: It, {test}, expect: {{rings: []}}}}\n", "c.yaml")
    loaded = validate.validate(document, Path())
    model = compiling.compile_loaded(loaded, "c.yaml", {"CASE": "correct horse battery"}, tested=False).model
    (case,), problems = cases.cases(loaded, model)
    assert not problems
    assert ask(model, words(case.again), NOW)[0].question == case.question


@pytest.mark.parametrize(
    "text",
    [
        "answers",
        "answers/2s+rings",
        "silent",
        "busy/1s",
        "rejects/500ms",
        "dnd",
        "outage",
        "full",
        "unreachable/9s",
        "503/2m",
    ],
)
def test_what_telephones_do_is_written_as_it_is_read(text: str) -> None:
    assert behaviours(written(behaviours(text))) == behaviours(text)
