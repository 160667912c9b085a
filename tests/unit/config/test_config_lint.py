"""The linter over whole companies: sound ones give no finding, and of circles none is missed nor invented."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from config import loader, validate
from config.compile import compile_loaded
from config.problems import ConfigError, Problem
from config.ways import Way, circles, round_trip
from dialplan.destinations import user
from tests.support.companies import company


def findings(text: str) -> tuple[Problem, ...]:
    try:
        return compile_loaded(validate.validate(loader.read(text, "a.yaml"), Path()), "a", {}).warnings
    except ConfigError as error:
        return error.problems


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_a_sound_company_gives_no_finding(users: int, seed: int) -> None:
    """A hundred in the suite, RINGPLAN_EXAMPLES in script/properties."""
    assert [str(each) for each in findings(company(users=users, seed=seed))] == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_circles_are_those_who_can_reach_themselves(pairs: list[tuple[int, int]]) -> None:
    nodes = [user(str(n)) for n in range(10)]
    found = {node: tuple(Way(node, "busy", nodes[b], (a, b)) for a, b in pairs if nodes[a] is node) for node in nodes}
    reach = {(a, b) for a, b in pairs}
    for via in range(10):
        reach |= {(a, b) for a in range(10) for b in range(10) if (a, via) in reach and (via, b) in reach}
    parts = circles(found)
    assert {node for part in parts for node in part} == {nodes[n] for n in range(10) if (n, n) in reach}
    for part in parts:
        members = {nodes.index(node) for node in part}
        assert all((a, b) in reach for a in members for b in members)
        for node in part:
            trip = round_trip(found, node, lambda _: True)
            assert trip[0].source == node and trip[-1].to == node
            assert all(one.to == next_.source for one, next_ in itertools.pairwise(trip))
    assert sum(len(part) for part in parts) == len({node for part in parts for node in part})


def test_a_circle_is_told_from_where_it_is_written_first() -> None:
    """The same words in every run, whatever the order of sets."""
    names = [f"u{n}" for n in range(8)]
    after = {name: names[(n + 1) % 8] for n, name in enumerate(names)}
    for when, said in (("always", "this leads every call round in a circle"), ("busy", "a call that nobody takes")):
        people = "".join(
            f"  {name}: {{extension: {200 + n}, forward: {{{when}: {after[name]}}}}}\n" for n, name in enumerate(names)
        )
        phone = f"devices: {{p: {{secret: a-long-secret-of-a-telephone, lines: [{', '.join(names)}]}}}}\n"
        trunk = "trunks: {t: {host: sip.example.com, caller_id: +16695550100}}\ndefault_trunk: t\n"
        (found,) = [each for each in findings(f"country: US\n{trunk}{phone}users:\n{people}") if "-> " in each.message]
        assert found.message.startswith(said)
        assert found.message.endswith(": " + " -> ".join([*names, "u0"]))
