"""A backup that is taken during a call, and the exchange that comes back from it."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.e2e.kit.house import house
from tests.e2e.kit.wire import WirePhone

pytestmark = pytest.mark.e2e


def test_registrations_and_history_come_back_from_a_backup(tmp_path):
    with house(tmp_path / "first") as first, WirePhone(first, "alice") as alice:
        assert alice.register().status == 200
        session = alice.invite("600")
        session.answered()
        session.hang_up()
        session = alice.invite("600")
        session.answered()
        done = first.run("backup", str(tmp_path / "kept.tar.gz"))
        assert done.returncode == 0, done.stderr
        assert stat.S_IMODE((tmp_path / "kept.tar.gz").stat().st_mode) == 0o600
        assert "stop it first" in first.run("restore", str(tmp_path / "kept.tar.gz"), "--replace").stderr
        session.hang_up()
        limits = Path(f"/proc/{first.starts('exchange')[-1]}/limits").read_text()
        soft, hard = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3:5]
        assert soft == hard, "the exchange may open as many files as the system allows"
        assert stat.S_IMODE((first.folder / "data").stat().st_mode) == 0o700

    shutil.rmtree(first.folder / "data")
    done = first.run("restore", str(tmp_path / "kept.tar.gz"), "--replace")
    assert done.returncode == 0, done.stderr
    first.start()
    try:
        first.serving(2)
        (phone,) = first.json("phones")["phones"]
        assert (phone["line"], phone["device"]) == ("alice", "alice-phone")
        assert [record["result"] for record in first.history(2)] == ["answered", "answered"]
    finally:
        first.close()
