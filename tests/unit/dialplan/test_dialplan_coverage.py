"""Rule coverage: what a call has touched, by the place where it was written, and what it has not."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import loader, validate
from config.cases import cases
from config.compile import model_of
from dialplan.coverage import coverage
from dialplan.question import answer

COMPANY = """\
country: US
account: {caller_id: "+16695550100", call_limit: 2h}
users:
  anna:
    extension: 201
    voicemail: true
    forward:
      busy: ben
      no_answer: voicemail
      after: 20s
  ben:
    extension: 202
    ring: 25s
    quotas: {calls: 1}
devices:
  anna-desk: {secret: nothing-of-value-9, lines: [anna]}
  ben-desk: {secret: nothing-of-value-8, lines: [ben]}
ring_groups:
  sales:
    extension: 300
    members: [anna, ben]
    otherwise: "voicemail:anna"
trunks:
  carrier: {host: 192.0.2.10}
default_trunk: carrier
dids: {"+16695550100": []}
tests:
"""
LINES = {number: text.split(":")[0].strip() for number, text in enumerate(COMPANY.splitlines(), 1)}


@pytest.mark.parametrize(
    ("test", "touched"),
    [
        ("from: ben, dial: 201, phones: {anna: answers}", {"anna", "after"}),
        ("from: ben, dial: 201", {"anna", "after", "no_answer", "voicemail"}),
        ("from: anna, dial: 202", {"ben", "ring"}),
        ("from: ben, dial: 300", {"sales", "members", "anna", "otherwise", "voicemail"}),
        ("from: ben, dial: '+12125550100'", {"account", "carrier", "default_trunk"}),
        ("from: ben, dial: '+12125550100', facts: {ben.external: 1}", {"quotas"}),
    ],
)
def test_a_call_touches_what_it_depended_on_and_nothing_else(test: str, touched: set[str]) -> None:
    text = COMPANY + f"  - {{name: a, {test}, expect: {{emergency: false}}}}\n"
    loaded = validate.validate(loader.read(text, "company.yaml"), Path())
    model = model_of(loaded)
    found, problems = cases(loaded, model)
    assert not problems
    covered = coverage(model, [answer(model, each.question) for each in found])
    came = {LINES[each.line] for each in covered.places if each.touched}
    if "account" not in touched:
        came.discard("account")
    assert came == touched
    assert 0 < covered.percent < 100 and len(covered.missed) < len(covered.places)


def test_without_a_rule_nothing_is_missed() -> None:
    model = model_of(validate.validate(loader.read("country: US\n", "company.yaml"), Path()))
    assert coverage(model, []).percent == 100.0
