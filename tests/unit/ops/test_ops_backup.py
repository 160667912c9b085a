"""A backup has all that must not be lost, and what comes back from it is checked before anything is touched."""

from __future__ import annotations

import datetime
import fcntl
import gzip
import io
import json
import os
import sqlite3
import stat
import tarfile
import tempfile

import pytest
from typer.testing import CliRunner

from switch.arguments import Places
from switch.backup import BackupError, read_manifest, restore, save
from switch.commands import app

AT = datetime.datetime(2026, 11, 22, 5, 0, tzinfo=datetime.UTC)
SEGMENT = "0000000001-00112233aabbccdd.journal"


def places(folder):
    return Places(folder / "config", folder / "data", folder / "run")


@pytest.fixture
def office(tmp_path):
    made = places(tmp_path / "office")
    (made.data / "journal").mkdir(parents=True)
    (made.data / "models").mkdir()
    made.config.mkdir()
    (made.config / "ringplan.yaml").write_text("country: US\ndevices: {a: {secret: file:secrets#a, lines: x}}\n")
    (made.config / "secrets").write_text("a=does-not-tell\n")
    (made.config / ".ringplan.yaml.swp").write_text("an editor's")
    (made.data / "journal" / SEGMENT).write_bytes(b"frames")
    (made.data / "models" / "0123.msgpack").write_bytes(b"model")
    (made.data / "live.msgpack").write_bytes(b"live")
    (made.data / "voicemail" / "anna").mkdir(parents=True)
    (made.data / "voicemail" / "anna" / "m1.wav").write_bytes(b"hello")
    (made.data / "lock").touch()
    with sqlite3.connect(made.data / "records.db") as records:
        records.execute("PRAGMA journal_mode = WAL")
        records.execute("CREATE TABLE calls (id)")
        records.execute("INSERT INTO calls VALUES ('one')")
    return made


def calls(path):
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM calls")]
    finally:
        connection.close()


def test_there_and_back_on_another_machine(office, tmp_path):
    target = tmp_path / "kept.tar.gz"
    manifest = save(office, target, "1.2.3", AT)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert manifest.left_out == ()
    assert read_manifest(target) == manifest
    other = places(tmp_path / "other")
    done = restore(other, target, AT)
    assert done.set_aside == ()
    assert (other.config / "secrets").read_text() == "a=does-not-tell\n"
    assert not (other.config / ".ringplan.yaml.swp").exists()
    assert (other.data / "journal" / SEGMENT).read_bytes() == b"frames"
    assert (other.data / "models" / "0123.msgpack").read_bytes() == b"model"
    assert (other.data / "voicemail" / "anna" / "m1.wav").read_bytes() == b"hello"
    assert calls(other.data / "records.db") == ["one"]
    for path in [*other.data.rglob("*"), *other.config.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert not [path for path in other.data.iterdir() if path.name.startswith(".restore")]


def test_the_key_of_our_contacts_comes_along_so_that_carriers_know_us_again(office, tmp_path):
    (office.data / "trunks.key").write_bytes(b"k" * 32)
    save(office, tmp_path / "kept.tar.gz", "1", AT)
    other = places(tmp_path / "other")
    restore(other, tmp_path / "kept.tar.gz", AT)
    assert (other.data / "trunks.key").read_bytes() == b"k" * 32
    assert stat.S_IMODE((other.data / "trunks.key").stat().st_mode) == 0o600


def test_what_others_have_put_into_the_folder_is_not_written_through(office, tmp_path, monkeypatch):
    """Root may well say `ringplan backup /tmp/…`; and all that is written on the way lies beside the archive, as /tmp
    may be a small memory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / "kept.tar.gz.new").symlink_to(theirs)
    before = set(tmp_path.iterdir())
    save(office, tmp_path / "kept.tar.gz", "1", AT)
    assert theirs.read_text() == "theirs"
    assert set(tmp_path.iterdir()) == before | {tmp_path / "kept.tar.gz"}


def test_a_database_is_whole_while_somebody_writes_it(office, tmp_path):
    writing = sqlite3.connect(office.data / "records.db", isolation_level=None)
    writing.execute("INSERT INTO calls VALUES ('two')")
    writing.execute("BEGIN IMMEDIATE")
    writing.execute("INSERT INTO calls VALUES ('not yet')")
    save(office, tmp_path / "kept.tar.gz", "1", AT)
    writing.execute("ROLLBACK")
    writing.close()
    other = places(tmp_path / "other")
    restore(other, tmp_path / "kept.tar.gz", AT)
    assert calls(other.data / "records.db") == ["one", "two"]


def test_the_journal_keeps_its_segments_while_it_is_copied(office, tmp_path, monkeypatch):
    """Whoever deletes segments takes the exclusive lock, and does not get it meanwhile."""
    refused = []

    def add(*arguments):
        folder = os.open(office.journal, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refused.append(arguments[1])
        finally:
            os.close(folder)
        return really(*arguments)

    from switch import backup

    really = backup._add
    monkeypatch.setattr(backup, "_add", add)
    save(office, tmp_path / "kept.tar.gz", "1", AT)
    assert "data/records.db" in refused
    assert f"data/journal/{SEGMENT}" in refused


def test_what_lies_elsewhere_is_told(office, tmp_path):
    (office.config / "ringplan.yaml").write_text("a: file:/etc/elsewhere/key.pem\nb: env:SECRET\nc: 'file:secrets#a'\n")
    manifest = save(office, tmp_path / "kept.tar.gz", "1", AT, database=True)
    told = "\n".join(manifest.left_out)
    assert "/etc/elsewhere/key.pem" in told
    assert "environment" in told
    assert "database of their own" in told
    assert "secrets" not in told


def test_a_configuration_of_one_file_takes_its_secrets_along(office, tmp_path):
    one = Places(office.config / "ringplan.yaml", office.data, office.runtime)
    (office.config / "other.txt").write_text("somebody else's")
    save(one, tmp_path / "kept.tar.gz", "1", AT)
    there = Places(tmp_path / "there" / "ringplan.yaml", tmp_path / "data", tmp_path / "run")
    restore(there, tmp_path / "kept.tar.gz", AT)
    assert sorted(path.name for path in there.config.parent.iterdir()) == ["ringplan.yaml", "secrets"]


def test_nothing_that_stands_is_overwritten_or_deleted(office, tmp_path):
    save(office, tmp_path / "kept.tar.gz", "1", AT)
    (office.config / "ringplan.yaml").write_text("country: GB\n")
    with pytest.raises(BackupError, match="stands there already"):
        restore(office, tmp_path / "kept.tar.gz", AT)
    assert (office.config / "ringplan.yaml").read_text() == "country: GB\n"
    done = restore(office, tmp_path / "kept.tar.gz", AT, replace=True)
    assert len(done.set_aside) == 2
    assert (office.config / "ringplan.yaml").read_text().startswith("country: US")
    aside = next(folder for folder in done.set_aside if folder.parent == office.config)
    assert (aside / "ringplan.yaml").read_text() == "country: GB\n"
    assert calls(office.data / "records.db") == ["one"]


def test_not_under_a_running_exchange(office, tmp_path):
    save(office, tmp_path / "kept.tar.gz", "1", AT)
    with (office.data / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="stop it first"):
            restore(office, tmp_path / "kept.tar.gz", AT, replace=True)


def test_a_damaged_archive_changes_nothing(office, tmp_path):
    target = tmp_path / "kept.tar.gz"
    save(office, target, "1", AT)
    packed = bytearray(gzip.decompress(target.read_bytes()))
    packed[packed.index(b"does-not-tell")] ^= 1
    bent = tmp_path / "bent.tar.gz"
    bent.write_bytes(gzip.compress(bytes(packed)))
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(target.read_bytes()[:-200])
    (tmp_path / "text.tar.gz").write_text("no archive")
    for source in (bent, cut, tmp_path / "text.tar.gz", tmp_path / "absent.tar.gz"):
        other = places(tmp_path / source.stem)
        with pytest.raises(BackupError, match=r"damaged|no backup"):
            restore(other, source, AT)
        assert not other.config.exists() or list(other.config.iterdir()) == []


@pytest.mark.parametrize("name", ["data/../../out", "/etc/out", "elsewhere/out", "config/link"])
def test_an_archive_cannot_write_elsewhere(office, tmp_path, name):
    target = tmp_path / "bad.tar.gz"
    manifest = {
        "format": 1, "version": "1", "made_at": AT.isoformat(), "host": "h", "config_is_file": False,
        "members": {name: {"size": 1, "sha256": "0"}},
    }  # fmt: skip
    with tarfile.open(target, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        if name.endswith("link"):
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info, io.BytesIO(b""))
        text = json.dumps(manifest).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    with pytest.raises(BackupError, match="does not name"):
        restore(places(tmp_path / "other"), target, AT)


def test_what_is_not_in_it_is_named_and_what_a_comment_says_is_not(office, tmp_path):
    file = office.config / "ringplan.yaml"
    (office.data / "trunks.key").write_bytes(b"k" * 32)
    file.write_text(
        file.read_text() + "# env:NAME takes a password from the environment; file:/elsewhere from a file\n"
    )
    made = save(office, tmp_path / "1.tar.gz", "0.1", AT)
    assert made.left_out == ()
    assert "data/trunks.key" in made.members  # carriers know us by what is made from it
    file.write_text(file.read_text() + "listen: [{transport: tls, certificate: /elsewhere/c.pem, key: 'k.pem'}] #\n")
    assert "/elsewhere/c.pem" in save(office, tmp_path / "2.tar.gz", "0.1", AT).left_out[0]
    file.write_text("records: {url: env:DATABASE}\n")
    assert "environment" in save(office, tmp_path / "3.tar.gz", "0.1", AT).left_out[0]


def test_the_commands(office, tmp_path):
    run = CliRunner().invoke
    target = tmp_path / "kept.tar.gz"
    here = ["--config", str(office.config), "--data", str(office.data)]
    done = run(app, ["backup", str(target), *here])
    assert done.exit_code == 0, done.output
    assert "7 files, 1 KiB" in done.stdout
    there = ["--config", str(tmp_path / "c"), "--data", str(tmp_path / "d")]
    assert "restored" in run(app, ["restore", str(target), *there]).stdout
    assert "there is no file" in run(app, ["restore", str(tmp_path / "none"), *there]).output
    again = run(app, ["restore", str(target), *there])
    assert again.exit_code == 1
    assert "--replace" in again.output
    absent = run(app, ["backup", str(target), "--config", str(tmp_path / "nothing"), "--data", str(office.data)])
    assert absent.exit_code == 1
    assert "no configuration" in absent.output


def test_files_of_routes_and_rates_are_taken_along(office, tmp_path):
    one = Places(office.config / "ringplan.yaml", office.data, office.runtime)
    for name in ("routes.csv", "rates of a.csv"):
        (office.config / name).write_text("prefix\n44\n")
    routes = 'route_files:\n  - file: routes.csv\n    trunk: a\nrate_files: [{file: "rates of a.csv", currency: EUR}]\n'
    one.config.write_text("country: US\n" + routes + "records: {url: 'file:/elsewhere/url'}\n")
    manifest = save(one, tmp_path / "kept.tar.gz", "1", AT)
    assert {"config/routes.csv", "config/rates of a.csv"} <= set(manifest.members)
    assert len(manifest.left_out) == 1 and "/elsewhere/url" in manifest.left_out[0]
