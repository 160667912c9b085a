"""The dashboard and the alerts ask for figures that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

HERE = Path(__file__).parents[3]
FIGURE = re.compile(r"\bringplan_[a-z_]+")
LABEL = re.compile(r"by \(([a-z, ]+)\) \(+(?:rate\(|increase\()?(ringplan_[a-z_]+)")


def known() -> dict[str, set[str]]:
    """Every figure of docs/metrics.md (which another test holds to the code), with its labels."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"`(ringplan_[a-z_]+)(?:\{([a-z,]+)\})?`", (HERE / "docs/metrics.md").read_text()):
        found[name] = set(labels.split(",")) if labels else set()
    return found


def expressions() -> list[str]:
    """All that either of the two asks Prometheus."""
    dashboard = json.loads((HERE / "deploy/grafana/ringplan.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    asked += [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    rules = yaml.safe_load((HERE / "deploy/prometheus/ringplan.yml").read_text())
    return asked + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_every_figure_that_is_asked_for_is_there_with_its_labels() -> None:
    figures = known()
    asked = expressions()
    assert len(asked) > 40
    for expression in asked:
        assert expression.count("(") == expression.count(")"), expression
        for name in FIGURE.findall(expression):
            assert name in figures, f"{name} in {expression}"
        for labels, name in LABEL.findall(expression):
            assert set(labels.replace(" ", "").split(",")) <= figures[name] | {"instance", "job"}, expression


def test_no_two_panels_stand_on_the_same_place() -> None:
    taken = set()
    for panel in json.loads((HERE / "deploy/grafana/ringplan.json").read_text())["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
