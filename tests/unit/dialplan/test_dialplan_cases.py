"""Runs tests/cases/*.yaml: each a summary, a configuration, and calls with what is expected of them.

A telephone is written as `rings`, `200 after 5s` (a final status and when), or `unreachable after 4s`. Of `expect` only
what is written is checked: `number`, `emergency`, `rings` (targets in order), `connected`, `ends` (reason and status),
`after`.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from config import loader, validate
from config.compile import compile_loaded
from config.types import parse_duration
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import Simulation, simulate

CASES = Path(__file__).parents[2] / "cases"
AT = datetime.datetime(2026, 3, 2, 9, 30, tzinfo=datetime.UTC)


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


def seen(made: Plan, got: Simulation, key: str) -> object:
    match key:
        case "number":
            return made.number
        case "emergency":
            return "true" if made.emergency else "false"
        case "rings":
            return got.rang
        case "connected":
            return got.connected
        case "ends":
            return f"{got.termination.reason} {got.termination.sip_status}" if got.termination else "does not"
        case "after":
            return got.at_s
    raise KeyError(key)


@pytest.mark.parametrize(("config", "call"), calls())
def test_case(config: str, call: dict[str, Any]) -> None:
    request = CallRequest(
        digits=call["dial"], at=AT, device=call.get("from"), line=call.get("line"), trunk=call.get("trunk")
    )
    made = plan(model_of(config), request)
    script = {target: [phone(text) for text in phones] for target, phones in call.get("phones", {}).items()}
    gone = parse_duration(call["hangs_up"]) if "hangs_up" in call else None
    got = simulate(made, script, caller_gone_after_s=gone)
    expected = {k: parse_duration(v) if k == "after" else v for k, v in call["expect"].items()}
    assert {key: seen(made, got, key) for key in expected} == expected, made.because
