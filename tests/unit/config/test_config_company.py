"""The example company as it is shipped: it is good without a warning, and shows all that there is."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config import examples
from config.compile import compile  # noqa: A004
from config.compiled import Compiled
from dialplan.lines import Announce, Others
from dialplan.plan import CallRequest
from dialplan.planner import plan
from switch.commands import app

TUESDAY = datetime.datetime(2026, 11, 24, 18, 30, tzinfo=datetime.UTC)  # 10:30 in San José, 19:30 in Paris


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("company")
    examples.write(made, examples.COMPANY)
    return made


@pytest.fixture(scope="module")
def company(folder: Path) -> Compiled:
    return compile(folder)


def test_the_company_is_good_without_a_warning_and_uses_every_section(folder: Path, company: Compiled) -> None:
    assert company.warnings == ()
    model = company.model
    assert 12 <= sum(not line.common for line in model.lines.values()) <= 20 and len(model.sites) == 2
    for section in ("ring_groups", "attendants", "queues", "mailboxes", "conferences", "park_lots", "features"):
        assert getattr(model, section), section
    assert model.hours and model.accounts and model.routes and model.rates.decks and company.account_codes
    assert model.claimed > set(model.dids)
    assert len(company.trunks) == 2 and model.emergency.trunks[:2] == ("pacific", "seine")
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o600
    shown = CliRunner().invoke(app, ["check", "--strict", str(folder)])
    assert shown.exit_code == 0, shown.output


def test_init_writes_it_once_and_never_over_another(folder: Path, tmp_path: Path) -> None:
    before = (folder / "secrets").read_text()
    again = CliRunner().invoke(app, ["init", "--example", "company", str(folder)])
    assert again.exit_code == 0, again.output
    assert "victoria-desk" in again.stdout and (folder / "secrets").read_text() == before
    CliRunner().invoke(app, ["init", str(tmp_path)])
    refused = CliRunner().invoke(app, ["init", "--example", "company", str(tmp_path)])
    assert refused.exit_code == 1 and "stands here already" in refused.stderr


def test_what_the_company_says_is_what_holds(company: Compiled) -> None:
    lines = company.model.lines
    elise, victoria, lobby = lines["elise"], lines["victoria"], lines["lobby"]
    assert elise.policy.announce is Announce.ALL and elise.policy.on_demand and elise.profile.country == "FR"
    assert victoria.vip is not None and victoria.vip.others is Others.DELEGATES_ONLY
    assert [each.line for each in victoria.delegates] == ["marta", "claire"]
    assert lobby.common and not lobby.mailbox and lobby.forwards.no_answer is None
    assert not lines["dana"].set_up and lines["ivan"].outside.account_code


@pytest.mark.parametrize(
    ("device", "digits", "rule", "verdict"),
    [
        ("nina-desk", "2320", "ring_group:sales", ""),
        ("nina-desk", "4320", "ring_group:ventes.closed", "to voicemail:sales"),
        ("hugo-desk", "0145678901", "route:france", ""),
        ("ivan-desk", "4085550101", "user:ivan.account_code", ""),
        ("dana-desk", "4085550101", "user:dana.set_up", ""),
        ("lobby-wall", "911", "emergency", ""),
        ("lobby-wall", "4085550101", "user:lobby.permission", ""),
        ("grace-desk", "+442079460000", "user:grace.permission", ""),
    ],
)
def test_calls_of_the_company_go_where_it_says(
    company: Compiled, device: str, digits: str, rule: str, verdict: str
) -> None:
    made = plan(company.model, CallRequest(digits=digits, at=TUESDAY, device=device))
    told = [said for named, said in made.because if named == rule]
    assert told, made.because
    assert not verdict or verdict in told
    origin = company.model.origins[rule]
    assert origin.line > 0 or rule == "emergency"


def test_show_tells_of_elise_who_locked_what(folder: Path) -> None:
    told = CliRunner().invoke(app, ["show", "user", "elise", "--config", str(folder), "--json"])
    assert told.exit_code == 0, told.output
    rows = {row["key"]: row for row in json.loads(told.stdout)}
    assert rows["record.announce"]["locked"]["by"] == rows["record.announce"]["level"] == "site paris"
    assert rows["permission"]["level"] == "group sales" and rows["permission"]["at"]["file"].endswith("company.yaml")
    assert rows["forward.after"]["value"] == "20s" and rows["quotas.cost_hour"]["level"] == "default"
    nobody = CliRunner().invoke(app, ["show", "user", "elisa", "--config", str(folder)])
    assert nobody.exit_code == 1 and "did you mean `elise`?" in nobody.stderr
    lobby = CliRunner().invoke(app, ["show", "user", "lobby", "--config", str(folder)])
    assert lobby.exit_code == 1 and "`ringplan show line lobby` would do" in lobby.stderr
    for kind, name in (("site", "paris"), ("group", "sales"), ("line", "lobby")):
        assert CliRunner().invoke(app, ["show", kind, name, "--config", str(folder)]).exit_code == 0
    account = CliRunner().invoke(app, ["show", "account", "--config", str(folder), "--json"])
    levels = {row["key"]: row["level"] for row in json.loads(account.stdout)}
    assert levels["country"] == levels["permission"] == "account" and levels["ring"] == "default"
    unnamed = CliRunner().invoke(app, ["show", "site", "--config", str(folder)])
    assert unnamed.exit_code == 1 and "name one: sanjose, paris" in unnamed.stderr
    free = CliRunner().invoke(app, ["extension", "propose", "--site", "paris", "--config", str(folder)])
    assert free.stdout == "4202\n"
