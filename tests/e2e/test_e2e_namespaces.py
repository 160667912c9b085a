"""Real networks: a telephone behind a NAT, an exchange behind one with telephones on both sides, both IP versions.

Each runs in network namespaces of its own, with the kernel's own address translation. (Issue 3: Tests.)
"""

from __future__ import annotations

import contextlib
import re
import time

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.baresip import Baresip, modules
from tests.e2e.kit.house import house
from tests.e2e.kit.namespaces import missing, network
from tests.e2e.kit.phones import Softphone, connect

_WHY_NOT = missing()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(_WHY_NOT), reason=f"NAT and dual stack are NOT tested here: {_WHY_NOT}"),
]

PBX, HOME, FAR = "198.51.100.1", "198.51.100.2", "198.51.100.3"


@contextlib.contextmanager
def two(made, net, alice: tuple[str, str, str], bob: tuple[str, str, str]):
    """Alice and Bob on machines of the network, registered: (machine, own address, server)."""
    with contextlib.ExitStack() as stack:
        phones = []
        for line, (machine, address, server) in (("alice", alice), ("bob", bob)):
            where = f"{server}:{made.sip}"
            phone = Softphone(made, line, address=address, server=where, inside=net.inside(machine))
            stack.callback(phone.close)
            phone.register()
            phones.append(phone)
        phones[0].play(523, -14)
        phones[1].play(1200, -20)
        yield phones


def talk(alice: Softphone, bob: Softphone) -> tuple[str, str]:
    """A call of a second, hung up by the called side, so that its BYE has to find the way back."""
    here, there = connect(alice, bob, "102")
    time.sleep(1.2)
    bob.do("hangup", call=there)
    bob.over(there)
    alice.over(here)
    return here, there


def assert_both_heard(alice: Softphone, here: str, bob: Softphone, there: str) -> None:
    """Once the telephones are off, and their recordings whole."""
    assert sound.strongest(*sound.read(alice.wav(here))) == pytest.approx(1200, abs=4)
    assert sound.strongest(*sound.read(bob.wav(there))) == pytest.approx(523, abs=4)


def told(message: str) -> tuple[str, str, str]:
    """Where a message says that we are: in Contact, in SDP, and in its top Via."""
    contact = re.search(r"^Contact: <sip:(?:[^@>]*@)?(\[[^\]]+\]|[^:;>]+)", message, re.MULTILINE)
    connection = re.search(r"^c=IN IP[46] (\S+)\s*$", message, re.MULTILINE)
    via = re.search(r"^Via: SIP/2.0/\w+ (\[[^\]]+\]|[^:;]+)", message, re.MULTILINE)
    assert contact and connection and via, message
    return contact[1], connection[1], via[1]


def answer_to(phone: Softphone) -> str:
    """The 200 that a caller's log has last."""
    log = (phone.folder / f"{phone.name}.log").read_text(errors="replace")
    found = [part for part in re.split(r"(?=SIP/2.0 200 OK)", log) if "m=audio" in part.split("--end msg--")[0]]
    return found[-1].split("--end msg--")[0]


def test_a_phone_behind_a_nat_registers_is_called_and_is_heard(tmp_path):
    """(a) Only what the telephone itself has opened lets anything in."""
    with network() as net:
        net.switch("wan", "lan")
        net.host("pbx", wan=f"{PBX}/24")
        net.host("far", wan=f"{FAR}/24")
        net.host("home", wan=f"{HOME}/24", lan="10.9.1.1/24")
        net.host("phone", lan="10.9.1.2/24", gateway="10.9.1.1")
        net.masquerade("home", "wan")
        with house(tmp_path / "house", sound="0.0.0.0", inside=net.inside("pbx")) as made:
            with two(made, net, ("far", FAR, PBX), ("phone", "10.9.1.2", PBX)) as (alice, bob):
                assert re.search(rf"bob-phone +udp {re.escape(HOME)}:", made.run("phones").stdout)
                here, there = talk(alice, bob)
                # and the other way round
                second = bob.call("101")
                third = alice.incoming()
                bob.talking(second)
                alice.do("hangup", call=third)
                bob.over(second)
            assert_both_heard(alice, here, bob, there)
            assert {record["result"] for record in made.history(2)} == {"answered"}


def test_an_exchange_behind_a_static_nat_tells_inside_and_outside_what_each_needs(tmp_path):
    """(b) A cloud, or an office: `advertise` for those outside, the interface's own address for those inside."""
    with network() as net:
        net.switch("wan", "lan")
        net.host("router", wan=f"{PBX}/24", lan="10.9.0.1/24")
        net.host("pbx", lan="10.9.0.5/24", gateway="10.9.0.1")
        net.host("inside", lan="10.9.0.20/24", gateway="10.9.0.1")
        net.host("outside", wan=f"{FAR}/24")
        net.map("router", "wan", PBX, "10.9.0.5")
        listen = f"[{{{{port: {{port}}, advertise: {PBX}}}}}]"
        with house(tmp_path / "house", sound="0.0.0.0", listen=listen, inside=net.inside("pbx")) as made:
            with two(made, net, ("inside", "10.9.0.20", "10.9.0.5"), ("outside", FAR, PBX)) as (alice, bob):
                here, there = talk(alice, bob)
                invite = bob.expect("incoming")["whole"]
                answer = answer_to(alice)
                assert told(invite) == (PBX, PBX, PBX)
                assert told(answer)[:2] == ("10.9.0.5", "10.9.0.5")
                assert "10.9.0." not in invite and PBX not in answer
            assert_both_heard(alice, here, bob, there)


@pytest.mark.skipif(modules() is None, reason="needs the Debian package baresip")
def test_a_machine_with_both_ip_versions_serves_a_phone_of_each(tmp_path):
    """(c) One has IPv6 alone, the other IPv4 alone; the exchange has the listeners that it has by default."""
    with network() as net:
        net.switch("wan")
        net.host("pbx", wan=f"{PBX}/24 2001:db8:9::1/64")
        net.host("six", wan="2001:db8:9::6/64")
        net.host("four", wan=f"{FAR}/24")
        with (
            house(tmp_path / "house", listen="", sound="", inside=net.inside("pbx")) as made,
            contextlib.ExitStack() as stack,
        ):
            alice = Baresip(
                made, "alice", address="2001:db8:9::6", server="[2001:db8:9::1]", inside=net.inside("six"),
                call=lambda make: net.call("six", make),
            )  # fmt: skip
            stack.callback(alice.close)
            alice.registered()
            bob = Softphone(made, "bob", address=FAR, server=f"{PBX}:{made.sip}", inside=net.inside("four"))
            stack.callback(bob.close)
            bob.register()
            bob.play(1200, -20)
            alice.do("dial", f"sip:102@[2001:db8:9::1]:{made.sip}")
            there = bob.incoming()
            bob.talking(there)
            alice.expect("CALL_ESTABLISHED")
            time.sleep(1.2)
            bob.do("hangup", call=there)
            bob.over(there)
            alice.expect("CALL_CLOSED")
            assert told(bob.expect("incoming")["whole"]) == (PBX, PBX, PBX)
            stack.close()
            assert "c=IN IP6 2001:db8:9::1" in alice.output()
            assert sound.strongest(*sound.read(alice.heard())) == pytest.approx(1200, abs=4)
            assert sound.strongest(*sound.read(bob.wav(there))) == pytest.approx(440, abs=4)
