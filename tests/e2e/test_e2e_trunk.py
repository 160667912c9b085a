"""A trunk with real sound: one Ringplan registers at another as its carrier, and calls go both ways (issue 3)."""

from __future__ import annotations

import time

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import House, house, secret, wait_for
from tests.e2e.kit.phones import connect, softphones

pytestmark = pytest.mark.e2e

BRANCH = "+16692225000"
OUTSIDE = "+16692224000"


@pytest.fixture(scope="module")
def itsp(tmp_path_factory):
    """The carrier: the branch is a telephone of its, whose line has the branch's number for a name."""
    folder = tmp_path_factory.mktemp("itsp")
    (folder / "config").mkdir()
    (folder / "config" / "branch.yaml").write_text(
        f'lines:\n  "{BRANCH}": {{extension: 150}}\n'
        f'devices:\n  branch: {{secret: {secret("branch")}, lines: "{BRANCH}"}}\n'
        f'dids:\n  "{OUTSIDE}": [carol]\n'
    )
    with house(folder, registrar=", realm: itsp.example.com") as made:
        yield made


@pytest.fixture(scope="module")
def branch(itsp, tmp_path_factory):
    trunk = (
        f"trunks:\n  itsp: {{host: 127.0.0.1, port: {itsp.sip}, from: '127.0.0.1:{itsp.sip}', preset: register, "
        f"username: branch, secret: {secret('branch')}, caller_out: rpid, codecs: [pcmu]}}\n"
        f'default_trunk: itsp\ndids: {{"{BRANCH}": [alice]}}\n'
    )
    with house(tmp_path_factory.mktemp("branch"), trunk) as made:
        wait_for(lambda: state(made) == "registered", 8, "the registration")
        yield made


def state(exchange: House) -> str:
    return exchange.json("trunks")["trunks"][0]["registration"]


def test_calls_both_ways_over_a_registered_trunk(itsp, branch):
    """REGISTER and INVITE are challenged by SHA-256 and MD5; the call in comes to our Contact."""
    assert "itsp: registered, renewed in" in branch.run("status").stdout
    assert any(phone["device"] == "branch" for phone in itsp.json("phones")["phones"])
    with softphones(branch, "alice") as (alice,), softphones(itsp, "carol") as (carol,):
        heard = []
        alice.play(523, -14)
        carol.play(1200, -20)
        for caller, callee, number in ((alice, carol, OUTSIDE), (carol, alice, "150")):
            here, there = connect(caller, callee, number)
            time.sleep(1.2)
            caller.do("hangup", call=here)
            caller.over(here)
            callee.over(there)
            ours, theirs = (here, there) if caller is alice else (there, here)
            heard += [(alice.wav(ours), 1200, -20), (carol.wav(theirs), 523, -14)]
    for recording, hertz, level in heard:
        sound.check(recording, hertz, level)
    newest, first = branch.history(2)
    assert (first["number"], first["result"], newest["trunk"], newest["number"]) == (
        OUTSIDE, "answered", "itsp", BRANCH,
    )  # fmt: skip


def test_a_stop_takes_the_registration_back(itsp, branch):
    assert branch.stop() == 0
    wait_for(lambda: "branch" in itsp.json("phones")["absent"], 5, "the Contact to go")
