"""What the operator sets reaches the room that it is meant for; what a reload cannot change is named."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from config import validate
from config.compile import compile_loaded
from config.compiled import Compiled
from config.loader import read
from switch import configuration, handed
from switch.arguments import EXIT_CONFIG, Places
from switch.blueprint import blueprint, main
from switch.net.guard import Limits
from switch.qualify import QualifySettings
from switch.sip.session_timer import SessionSettings

SMALL = "country: US\nlines: {alice: {}}\ndevices: {phone: {secret: quite-a-secret, lines: alice}}\n"


def compiled(more: str = "") -> Compiled:
    return compile_loaded(validate.validate(read(SMALL + more, "a.yaml"), Path()), "a.yaml", {})


def test_the_guard_gets_its_limits():
    text = "guard: {max_message: 2000, rate: 7, burst: 9, connections: 11, connections_per_source: 3}\n"
    made = handed.limits(compiled(text).guard)
    assert (made.datagram, made.message) == (2000, 2000)
    assert (made.rate_per_s, made.burst) == (7, 9)
    assert (made.connections, made.connections_a_source) == (11, 3)
    assert handed.limits(compiled().guard) == Limits()


def test_registrar_and_digest_get_their_settings():
    made = compiled(
        "registrar: {realm: example.com, algorithms: md5, nonce_lifetime: 20s, contacts: 2,"
        " min_expires: 30s, default_expires: 40s, max_expires: 50s}\n"
    )
    auth, registrar = handed.auth_settings(made), handed.registrar_settings(made)
    assert (auth.realm, auth.algorithms, auth.nonce_life_s) == ("example.com", ("MD5",), 20)
    assert (registrar.min_expires_s, registrar.default_expires_s, registrar.max_expires_s) == (30, 40, 50)
    assert registrar.max_contacts == 2


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", QualifySettings(60.0, 4.0)),
        ("registrar: {qualify: 0s}\n", QualifySettings(0.0, 4.0)),
        ("registrar: {qualify: 2m}\ncalls: {unreachable: 3s}\n", QualifySettings(120.0, 3.0)),
    ],
)
def test_telephones_are_asked_as_configured(more: str, expected: QualifySettings):
    assert handed.qualify_settings(compiled(more)) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", SessionSettings(1800, 90)),
        ("calls: {session_timer: {interval: 1h, minimum: 5m}}\n", SessionSettings(3600, 300)),
        ("calls: {session_timer: {enabled: false}}\n", SessionSettings(0, 90)),
    ],
)
def test_the_calls_get_their_session_timer(more: str, expected: SessionSettings):
    assert handed.call_settings(compiled(more), 60.0).sessions == expected


def test_the_workers_get_their_share_and_how_long_a_port_rests():
    made = blueprint(compiled("media: {ports: 20001-20100, workers: 2, rest: 3s, address: 192.0.2.1}\n"))
    places = Places(Path("/c"), Path("/d"), Path("/r"))
    first, second = (each.argv() for each in made.worker_arguments(places))
    assert first[-6:] == ["--ports", "20002-20049", "--rest", "3", "--dscp", "46"]
    assert second[-6:] == ["--ports", "20050-20097", "--rest", "3", "--dscp", "46"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("listen: [{port: 5070}]\n", "listen"),
        ("media: {silence: 5s}\n", "media"),
        ("calls: {unreachable: 2s, session_timer: {interval: 1h}}\n", None),
        ("guard: {rate: 7}\n", "guard"),
        ("metrics: {port: 9000}\n", "metrics"),
        ("log: {level: debug}\n", "log"),
        ("records: {url: 'sqlite:///x.db'}\n", "records"),
        ("registrar: {nonce_lifetime: 20s}\n", "registrar.nonce_lifetime"),
        ("registrar: {realm: example.com}\n", None),
        ("services: {600: echo}\n", None),
    ],
)
def test_what_a_reload_cannot_change_is_named(more: str, named: str | None):
    told = configuration.needs_restart(compiled(), compiled(more))
    assert told == ((f"changes under `{named}` take effect at the next start",) if named else ())


def test_a_bad_file_at_the_start_is_remembered_until_a_good_one_is_taken(tmp_path: Path):
    file = tmp_path / "a.yaml"
    places = Places(file, tmp_path, tmp_path)
    file.write_text(SMALL)
    good, errors = configuration.boot(places)
    assert errors == configuration.refusal(tmp_path) == ()
    file.write_text(SMALL + "liness: {}\n")
    used, errors = configuration.boot(places)
    assert used == good
    assert configuration.refusal(tmp_path) == errors
    assert "a.yaml:4:1" in errors[0]
    file.write_text(SMALL)
    configuration.keep(tmp_path, *asyncio.run(configuration.compile_apart(file)))
    assert configuration.refusal(tmp_path) == ()
    assert msgspec.structs.replace(configuration.live(places), version="") == msgspec.structs.replace(good, version="")


def test_after_an_upgrade_a_bad_file_is_told_with_what_became_of_the_copy(tmp_path, monkeypatch, capsys):
    """The kept copy is of a form that another version wrote; this one does not guess what it means."""
    (tmp_path / "ringplan.yaml").write_text("nonsense: 1\n")
    argv = ["x", "--config", str(tmp_path / "ringplan.yaml"), "--data", str(tmp_path), "--fd", "1"]
    monkeypatch.setattr("sys.argv", argv)
    assert main() == EXIT_CONFIG
    assert "there is no earlier one" in capsys.readouterr().err
    (tmp_path / configuration.KEPT).write_bytes(msgspec.msgpack.encode({"format": 1, "version": "x"}))
    assert main() == EXIT_CONFIG
    assert "the earlier one was kept by another version" in capsys.readouterr().err
