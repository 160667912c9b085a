"""Requests in a dialog that a carrier challenges (RFC 3261 section 22.2)."""

from __future__ import annotations

from config.compiled import TrunkAccount
from tests.support.exchange import carrier
from tests.support.raw_phone import RawPhone, describe
from tests.support.scene import Scene


def test_the_number_of_a_challenged_update_outlives_a_crash() -> None:
    """The BYE would be refused as out of order otherwise (RFC 3261 section 12.2.2)."""
    account = TrunkAccount(user="we", digest_user="we", secret="s", realms=("c",))
    scene = Scene(trunks={"carrier": carrier("carrier", ("192.0.2.200", 5060), account=account)})
    alice = scene.phone("alice")
    one = RawPhone(scene.network, "carrier", ("192.0.2.200", 5060))
    alice.extensions = ("Allow: INVITE, ACK, BYE, CANCEL, UPDATE",)
    call = alice.call("6692223333")
    scene.wait(0.1)
    inv = one.take("INVITE")
    one.reply(inv, 200, describe("192.0.2.200"), tag="y", headers=("Allow: INVITE, ACK, BYE, CANCEL, UPDATE",))
    scene.wait(0.1)
    one.take("ACK")
    call.update("sendonly")
    scene.wait(0.05)
    up = one.take("UPDATE")
    one.reply(up, 407, headers=('Proxy-Authenticate: Digest realm="c", nonce="n", qop="auth"',))
    scene.wait(0.05)
    up = one.take("UPDATE")
    assert up.get("Proxy-Authorization")
    one.reply(up, 200, describe("192.0.2.200", way="recvonly", version=2))
    scene.wait(0.05)
    scene.exchange.crash_and_restart()
    call.hang_up()
    scene.wait(0.05)
    bye = one.take("BYE")
    assert int(bye.get("CSeq").split()[0]) > int(up.get("CSeq").split()[0])
    one.reply(bye, 407, headers=('Proxy-Authenticate: Digest realm="c", nonce="n2", qop="auth"',))
    scene.wait(0.05)
    one.reply(one.take("BYE"), 200)
    scene.finish()
