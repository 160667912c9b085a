"""A call that was recorded is proven, and forgotten on request; and whatever the processes write is for their own user
alone, whatever mask they were started with."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time

import pytest
from typer.testing import CliRunner

from switch.commands import app
from tests.e2e.kit.house import contents, house, wait_for
from tests.e2e.kit.phones import connect, softphones
from tests.e2e.test_e2e_recording import stored

pytestmark = pytest.mark.e2e
WHO = ("--by", "Anna Berg", "--why", "letter of 3 March")


def test_a_recorded_call_is_proven_and_forgotten_and_nobody_else_reads_any_of_it(tmp_path):
    before = os.umask(0)
    try:
        with (
            house(tmp_path / "house", "account: {record: {automatic: internal}, voicemail: true}\n") as made,
            softphones(made, "alice", "bob") as (alice, bob),
        ):
            data = made.folder / "data"
            here, there = connect(alice, bob, "102")
            call = made.json("calls")[0]["call"]
            assert (
                f"no call {call} is in the records"
                in run(made, "records", "forget", "--call", call, *WHO, "--yes").output
            )
            time.sleep(0.5)
            alice.do("hangup", call=here)
            bob.over(there)
            wait_for(lambda: stored(data / "records.db", "SELECT * FROM recording_files"), 15, "the recording")
            wait_for(lambda: (data / "records.head").exists(), 10, "the head")
            (file,) = (data / "recordings").glob("????-??-??/*.wav")
            ours_alone(data)
            assert run(made, "records", "verify").exit_code == 0
            sound = file.read_bytes()
            file.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
            found = run(made, "records", "verify")
            assert found.exit_code == 1 and f"{file.parent.name}/{file.name} was edited" in found.output
            file.write_bytes(sound)
            sip_call = stored(data / "records.db", "SELECT sip_call_id FROM calls")[0]["sip_call_id"].encode()

            def gone() -> bool:
                files = (octets for path, octets in contents(data) if path.name.startswith("records.db"))
                return not any(sip_call in octets for octets in files)

            assert not gone()
            assert "1 call would be deleted" in run(made, "records", "forget", "--call", call).output
            assert run(made, "records", "forget", "--call", call, "--yes").exit_code == 2
            assert (
                "forgotten: 1 call, 1 recording" in run(made, "records", "forget", "--call", call, *WHO, "--yes").output
            )
            assert not file.exists()
            wait_for(gone, 15, "the end of the record")
            seen = json.loads(run(made, "records", "verify", "--json").output)
            assert seen["ok"] and seen["seen"]["records"] == 0 and seen["seen"]["tombstones"] == 1
            assert run(made, "records", "verify", "--since-head", seen["head"]).exit_code == 0
            (row,) = stored(data / "records.db", "SELECT by, why FROM tombstones")
            assert row["by"].endswith(" Anna Berg") and row["why"] == "letter of 3 March"
            ours_alone(data)
    finally:
        os.umask(before)


def run(made, *args):
    """`ringplan ARGS`, here: another process costs a second."""
    return CliRunner().invoke(app, args, env={"RINGPLAN_HOME": str(made.folder)})


def ours_alone(data):
    """Everything below that folder is for its owner."""
    found = {}
    for path in (data, *data.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # it was there for a moment only
            mode = path.lstat().st_mode
            if mode & 0o077:
                found[str(path.relative_to(data))] = oct(stat.S_IMODE(mode))
    assert found == {}
