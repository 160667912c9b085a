"""What one copies from a table is whole at eighty columns; a wrong word of `show` is answered with the right one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from config import examples, validate
from config.compile import model_of
from switch import models
from switch.commands import app
from switch.commands.common import console, keep_whole, table

COMPANY = Path(examples.__file__).parent / "company"
run = CliRunner()


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_sheet_has_whole_passwords(tmp_path: Path) -> None:
    done = run.invoke(app, ["init", "--example", "company", str(tmp_path / "config")])
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "config" / "secrets").read_text().splitlines()
    secrets = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    telephones = {name: secret for name, secret in secrets.items() if not name.startswith("code-")}
    assert len(telephones) == 19
    for name, secret in telephones.items():
        assert name in done.output and secret in done.output, name
    assert max(map(len, done.output.splitlines())) <= 80


def test_settings_have_their_whole_place_and_lock() -> None:
    done = run.invoke(app, ["show", "user", "elise", "--config", str(COMPANY)])
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 80 and "…" not in done.output
    (announce,) = (line for line in lines if line.startswith("record.announce"))
    assert announce.split() == ["record.announce", "all", "site", "paris", "company.yaml:48", "site", "paris"]
    assert any(line.startswith("site paris locks at company.yaml:") for line in lines)


@pytest.mark.parametrize("words", [("user", "2220"), ("sam",), ("2220",), ("group", "sam"), ("device", "sam")])
def test_show_says_what_was_meant(words: tuple[str, ...]) -> None:
    done = run.invoke(app, ["show", *words, "--config", str(COMPANY)])
    assert done.exit_code and "`ringplan show user sam` would do" in done.output


def test_an_extension_is_proposed_at_a_site_that_is_named() -> None:
    done = run.invoke(app, ["extension", "propose", "--config", str(COMPANY)])
    assert done.exit_code == 2 and "sanjose, paris" in done.output


def test_of_the_columns_that_may_give_way_the_widest_does() -> None:
    made = table("Kept", "Short", "Long")
    made.add_row("k" * 40, "s" * 10, "l" * 60)
    keep_whole(made, "Kept")
    out = console()
    with out.capture() as said:
        out.print(made)
    row = said.get().splitlines()[-1]
    assert "k" * 40 in row and "s" * 10 in row and row.rstrip().endswith("…") and len(row) <= 80


def test_diff_takes_the_decisions_that_explain_names_and_says_what_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGPLAN_HOME", str(tmp_path))
    folder = tmp_path / "config"
    assert run.invoke(app, ["init", "--example", "company", str(folder)]).exit_code == 0
    explained = run.invoke(app, ["explain", "--from", "sam", "--to", "2221"]).output
    decisions = explained.split("decisions ")[1].split()[0]
    (tmp_path / "data").mkdir()
    models.keep(tmp_path / "data", model_of(validate.load(folder)))
    same = run.invoke(app, ["diff", decisions, str(folder)])
    assert same.exit_code == 0 and "Every call goes the same way." in same.output
    unknown = run.invoke(app, ["diff", "0123456789abcdef", str(folder)])
    assert unknown.exit_code == 2 and "names no decisions that were live here" in unknown.output


def test_rules_are_named_whole_so_that_they_can_be_searched_for() -> None:
    asked = ("--from", "pacific", "--caller", "+16695550180", "--to", "+16695550101", "--attested")
    done = run.invoke(app, ["explain", "--config", str(COMPANY), *asked, "--at", "2026-03-04T10:00"])
    assert done.exit_code == 0, done.output
    for rule in ("user:victoria.delegates.marta", "user:victoria.delegates.claire"):
        assert rule in done.output
    assert "the user first, then the" in " ".join(done.output.split()), "nothing is cut off"
    assert max(map(len, done.output.splitlines())) <= 80
