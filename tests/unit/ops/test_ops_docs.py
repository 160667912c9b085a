"""What the documents say must be so: their YAML compiles, their links lead somewhere, their commands exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from config import compile as compiling
from config import examples
from config.schema import Configuration
from switch.arguments import Places
from switch.commands import app
from switch.commands.init import dialled, prepare
from switch.doors import open_socket
from switch.figures import readings
from switch.metrics import HELP
from switch.supervisor import serve
from tests.support.certificates import Authority

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


def fragments(text: str) -> list[str]:
    """The YAML in a document: blocks that say so, and indented ones that begin with a section of the configuration."""
    found = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    sections = {field.alias or name for name, field in Configuration.model_fields.items()}
    for block in re.findall(r"^\n((?:(?:    .*)?\n)+)", text, re.MULTILINE):
        lines = textwrap.dedent(block).strip("\n")
        # What follows an empty line and is no YAML is what one types into a shell.
        parts = re.split(r"\n\n(?=ringplan )", lines)
        if re.match(r"(\w+):", lines) and lines.partition(":")[0] in sections:
            found.append(parts[0])
    return found


EXAMPLES = [
    pytest.param(text, id=f"{document.name}-{number}")
    for document in DOCUMENTS
    for number, text in enumerate(fragments(document.read_text()))
]


def test_there_are_examples_in_the_guides():
    counted = {str(case.id).rpartition("-")[0] for case in EXAMPLES}
    assert counted >= {
        "configuration.md",
        "tls.md",
        "trunks.md",
        "failover.md",
        "guard.md",
        "network.md",
        "telephones.md",
        "routes.md",
        "dialplan.md",
    }


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_good(text, tmp_path):
    """Fragments get a country and the lines that they name; files that they name are made."""
    if text.startswith("    "):  # an excerpt of a list item: its place is told by the text around it
        text = "listen:\n  - transport: tls\n" + text
    if "country:" not in re.findall(r"^\w+:", text, re.MULTILINE):
        text = "country: US\n" + text
    if "\nlines:" not in text:
        others = [name for name in ("anna", "ben", "carl", "dora") if not re.search(rf"^  {name}:", text, re.MULTILINE)]
        more = "".join(f", {name}: {{}}" for name in others)
        text += f"\nlines: {{alice: {{extension: 206}}, bob: {{extension: 207}}{more}}}\n"
    if "voicemail" in text and "account:" not in text:
        text += "account: {voicemail: true}\n"
    if "voicemail:desk" in text and "mailboxes:" not in text:
        text += "mailboxes: {desk: {}}\n"
    if "\ntrunks:" not in text and "carrier" in text:
        named = sorted(set(re.findall(r"\bcarrier(?:-[a-z])?\b", text)))
        text += "trunks:\n" + "".join(
            f"  {name}: {{host: sip.example.com, from: 192.0.2.{n}}}\n" for n, name in enumerate(named)
        )
    if "hours: office" in text and "\nhours:" not in text:
        text += "hours: {office: {week: {mon-fri: 08:00-17:00}}}\n"
    make_files(tmp_path, text)
    (tmp_path / "x.yaml").write_text(text)
    compiled = compiling.compile(
        tmp_path / "x.yaml", dict.fromkeys(re.findall(r"env:(\w+)", text), "sqlite:///quite-secret")
    )
    assert compiled.model.lines


def make_files(folder, text):
    """What the fragment refers to: secrets, certificates with their keys, CAs."""
    for name, part in re.findall(r"file:([\w./-]+)#([\w-]+)", text):
        (folder / name).write_text(f"{part}=something-long\n")
        (folder / name).chmod(0o600)
    for name in re.findall(r"file: ([\w-]+\.csv)", text):
        (folder / name).write_text("prefix,rate,unit\n44,0.01,\n")
    named = re.findall(r"\b(certificate|key|ca|client_ca): (tls/[\w.-]+)", text)
    if named:
        (folder / "tls").mkdir()
        authority = Authority(folder)
        files = authority.sign("pbx.example.com", stem="made")
        made = {"certificate": files.certificate, "key": files.key}
        for kind, name in named:
            shutil.copy(made.get(kind, authority.file), folder / name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        assert target.startswith("https://") or (document.parent / target).exists(), target


@pytest.mark.parametrize("guide", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_guide_is_in_the_index(guide):
    assert f"(docs/{guide.name})" in (ROOT / "README.md").read_text().partition("\n## Then\n")[2]


def test_every_verb_is_in_the_guide():
    text = (ROOT / "docs/commands.md").read_text()
    for command in app.registered_commands:
        assert f"| `{command.name}" in text, command.name


def test_the_guide_has_every_figure_and_no_other():
    written = set(re.findall(r"`ringplan_(\w+)", (ROOT / "docs/metrics.md").read_text()))
    read = readings(*(Mock() for _ in range(7)))
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


def test_check_shows_paths_as_seen_from_here(tmp_path, monkeypatch):
    (tmp_path / "x.yaml").write_text("country: US\nliness: {}\n")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["check", str(tmp_path / "x.yaml")]).stdout.startswith("x.yaml:2:1: error: ")


def test_the_shipped_example_is_good(tmp_path):
    examples.write(tmp_path)
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "is good: 2 lines, 2 devices" in result.stdout


def test_a_first_configuration_is_written_once_and_shown_again(tmp_path):
    folder = tmp_path / "config"
    first = CliRunner().invoke(app, ["init", str(folder)])
    assert first.exit_code == 0, first.output
    for part in ("alice-phone", "101", "Alice's telephone ring", "600", "an echo test"):
        assert part in first.stdout
    assert CliRunner().invoke(app, ["init", str(folder)]).stdout == first.stdout
    assert CliRunner().invoke(app, ["check", str(folder)]).exit_code == 0


def test_a_configuration_of_ones_own_is_not_added_to(tmp_path):
    (tmp_path / "mine.yaml").write_text("country: US\n")
    refused = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert refused.exit_code == 1
    assert "stands here already" in refused.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]


def test_the_sheet_names_ring_lists(tmp_path):
    examples.write(tmp_path)
    file = tmp_path / "ringplan.yaml"
    file.write_text(file.read_text() + "extensions: {300: {lines: [alice, bob]}}\n")
    assert ("300", "Alice, Bob ring") in dialled(*prepare(tmp_path))


def test_the_comments_of_the_example_are_good_when_they_are_taken_in(tmp_path):
    examples.write(tmp_path)
    file = tmp_path / "ringplan.yaml"
    sections = "extensions|trunks|default_trunk|dids|listen|account|features|call_keys|park_lots|conferences|attendants"
    sections += "|rate_files|records"
    (tmp_path / "rates.csv").write_text("prefix,destination,rate\n44,United Kingdom,0.02\n")
    text = re.sub(rf"^# ?(?=(({sections}):|  ).*)", "", file.read_text(), flags=re.MULTILINE)
    file.write_text(text)
    compiled = compiling.compile(tmp_path)
    assert set(compiled.trunks[0].sources) == {"192.0.2.10"}
    assert [each.line for each in compiled.model.ring_groups["300"].members] == ["alice", "bob"]
    assert {each.port for each in compiled.listeners} == {5070}
    assert str(compiled.model.attendants["main"].choices["2"]) == "user:bob" and "alice" in compiled.model.mailboxes
    assert set(compiled.model.extensions) >= {"500", "700", "800"} and "##" in compiled.model.call_keys
    assert compiled.model.rates.decks["carrier"].currency == "USD"
    assert (compiled.records.keep_s, compiled.records.emergency_keep_s) == (400 * 86400.0, 1095 * 86400.0)


def test_a_port_that_is_taken_is_said_before_anything_else(tmp_path):
    with open_socket("udp", "127.0.0.1", 0) as taken:
        (tmp_path / "ringplan.yaml").write_text(
            f"country: US\nlisten: [{{address: 127.0.0.1, port: {taken.getsockname()[1]}}}]\n"
        )
        done = subprocess.run(
            [sys.executable, "-P", "-m", "switch.commands.try_out", tmp_path], capture_output=True, text=True
        )
    assert done.returncode == 78
    assert done.stdout == ""
    assert "`listen:`" in done.stderr


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("serve", 2)])
def test_the_server_script_does_not_start_for_a_question(argument, status, tmp_path):
    environ = {"PATH": os.environ["PATH"], "RINGPLAN_HOME": str(tmp_path / "home")}
    done = subprocess.run([ROOT / "script/server", argument], capture_output=True, text=True, env=environ)
    assert done.returncode == status
    assert "Starts an exchange" in done.stdout
    assert not (tmp_path / "home").exists()


def test_a_start_without_configuration_leaves_nothing_behind(tmp_path):
    home = tmp_path / "home"
    said = []
    assert serve(Places(home / "config", home / "data", home / "run"), said.append) == 78
    assert "ringplan init" in said[0]
    assert not home.exists()


def test_the_schema_can_be_written(tmp_path):
    file = tmp_path / "s.json"
    assert CliRunner().invoke(app, ["schema", str(file)]).exit_code == 0
    assert '"trunks"' in file.read_text()


def test_each_decision_has_a_number_of_its_own():
    texts = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(text.name[:4]) for text in texts] == list(range(1, len(texts) + 1))
    for number, text in enumerate(texts, 1):
        assert text.read_text(encoding="utf-8").startswith(f"# {number}. "), text.name
