"""Runs tests/cases/*.yaml: each a summary, a configuration, and calls with what is expected of them.

A telephone is written as `rings`, `200 after 5s` (a final status and when), or `unreachable after 4s`. Of `expect` only
what is written is checked: `number`, `emergency`, `rings` (targets in order), `connected`, `ends` (reason and status),
`after`. Besides who calls (`from` a device, or a `trunk` with a `caller`'s number) a call has what else a decision may
see: `at`, `anonymous`, `attested`, `facts` of lines, `cursors`, `draw`.
"""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config import loader, validate
from config.compile import compile_loaded
from config.types import parse_duration
from dialplan.facts import Facts, LineFacts
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import Simulation, simulate

CASES = Path(__file__).parents[2] / "cases"
AT = datetime.datetime(2026, 3, 2, 9, 30, tzinfo=datetime.UTC)


@cache
def model_of(name: str) -> Model:
    loaded = validate.load(CASES / "config" / name)
    return compile_loaded(loaded, name, {"CASE": "correct horse battery"}).model


def calls() -> list[Any]:
    found = []
    for file in sorted(CASES.glob("*.yaml")):
        case: Any = loader.plain(loader.load(file).tree)
        assert case["summary"]
        for number, call in enumerate(case["calls"], 1):
            name = f"{file.stem}-{number}: {call.get('summary', call['dial'])}"
            found.append(pytest.param(case["config"], call, id=name))
    return found


def phone(text: str) -> Phone:
    if text == "rings":
        return Phone()
    what, _, after = text.partition(" after ")
    return Phone(status=0 if what == "unreachable" else int(what), after_s=parse_duration(after) if after else 0.0)


def facts(call: dict[str, Any]) -> Facts:
    """What is so at the moment, as `facts.LineFacts` has it, by line; and the group's cursors and the draw."""
    lines = msgspec.convert(call.get("facts", {}), dict[str, LineFacts], strict=False)
    cursors = msgspec.convert(call.get("cursors", {}), dict[str, int], strict=False)
    return Facts(lines=lines, cursors=cursors, draw=float(call.get("draw", 0)))


def seen(made: Plan, got: Simulation, key: str) -> object:
    match key:
        case "number":
            return made.number
        case "emergency":
            return "true" if made.emergency else "false"
        case "rings":
            return got.rang
        case "connected":
            # Of several steps of a kind it is told which kind.
            return got.connected if ":" in got.connected else got.connected.partition(".")[0]
        case "ends":
            return f"{got.termination.reason} {got.termination.sip_status}" if got.termination else "does not"
        case "after":
            return got.at_s
    raise KeyError(key)


@pytest.mark.parametrize(("config", "call"), calls())
def test_case(config: str, call: dict[str, Any]) -> None:
    request = CallRequest(
        digits=call["dial"],
        at=datetime.datetime.fromisoformat(call["at"]) if "at" in call else AT,
        device=call.get("from"),
        line=call.get("line"),
        trunk=call.get("trunk"),
        caller_number=call.get("caller"),
        anonymous="anonymous" in call,
        attested="attested" in call,
    )
    made = plan(model_of(config), request, facts(call))
    script = {target: [phone(text) for text in phones] for target, phones in call.get("phones", {}).items()}
    gone = parse_duration(call["hangs_up"]) if "hangs_up" in call else None
    got = simulate(made, script, caller_gone_after_s=gone)
    expected = {k: parse_duration(v) if k == "after" else v for k, v in call["expect"].items()}
    assert {key: seen(made, got, key) for key in expected} == expected, made.because
