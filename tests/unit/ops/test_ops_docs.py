"""What the documents say must be so: their YAML compiles, their links lead somewhere, their commands exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from config import compile as compiling
from switch.commands import app
from switch.figures import readings
from switch.metrics import HELP

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_the_configuration_in_the_guide_is_good(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/configuration.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    (tmp_path / "secrets").write_text("bob-phone=something-long\n")
    (tmp_path / "secrets").chmod(0o600)
    environ = {
        "ALICE_SECRET": "quite-secret",
        "RECORDS_URL": "postgresql://db.example.com/r",
    }
    for number, text in enumerate(("".join(blocks[:1]), "".join(blocks))):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        compiled = compiling.compile(file, environ)
        assert set(compiled.model.services) == {"600", "601"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_every_verb_is_in_the_guide():
    text = (ROOT / "docs/commands.md").read_text()
    for command in app.registered_commands:
        assert f"| `{command.name}" in text, command.name


def test_the_guide_has_every_figure_and_no_other():
    written = set(re.findall(r"`ringplan_(\w+)", (ROOT / "docs/metrics.md").read_text()))
    read = readings(Mock(), Mock(), Mock(), Mock())
    there = {f"{name}_total" for name in HELP} | {
        f"{name}_total" if reading.grows else name for name, reading in read.items()
    }
    assert written == there


@pytest.mark.parametrize("script", [*sorted((ROOT / "script").iterdir()), ROOT / ".ci/run"], ids=lambda path: path.name)
def test_scripts_are_executable_and_careful(script):
    text = script.read_text()
    assert script.stat().st_mode & 0o111
    if "bash" in text.splitlines()[0]:
        assert "set -euo pipefail" in text
        subprocess.run(["bash", "-n", script], check=True)


def test_check_names_errors_with_their_place_and_a_hint(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("country: US\nliness: {}\n")
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 1
    assert f"{file}:2:1: error: unknown key" in result.stdout
    assert "did you mean `lines`" in result.stdout
    as_json = CliRunner().invoke(app, ["check", str(file), "--json"])
    assert '"line": 2' in as_json.stdout


def test_the_shipped_example_is_good(tmp_path):
    from config import examples

    examples.write(tmp_path)
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "is good: 2 lines, 2 devices" in result.stdout


def test_the_schema_can_be_written(tmp_path):
    file = tmp_path / "s.json"
    assert CliRunner().invoke(app, ["schema", str(file)]).exit_code == 0
    assert '"trunks"' in file.read_text()
