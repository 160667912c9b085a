"""What is dialled, in every form of address that telephones write it in: for help above all (OUT-6, EMG-5)."""

from __future__ import annotations

import pytest

from switch.handed import EmergencyNumbers
from switch.sip.glance import dialled
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene


def called_at_the_carrier(scene: Scene, uri: str) -> str:
    """Alice calls that address, and the carrier is busy. The number that it was asked for."""
    alice, carrier = scene.raw("alice"), scene.carrier()
    dialog = RawDialog.authenticated(alice, uri, scene.wait)
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    carrier.reply(invite, 486, tag="x")
    scene.wait(0.1)
    dialog.ack_refusal(alice.take(486))
    return invite.uri.removeprefix("sip:").partition("@")[0]


@pytest.mark.parametrize(
    "uri",
    [
        "sip:911;phone-context=+1@pbx.example.com;user=phone",
        "sip:911;phone-context=+1@pbx.example.com",
        "sip:911;npdi@pbx.example.com",
        "sip:9-1-1@pbx.example.com;user=phone",
        "sip:%39%31%31@pbx.example.com",
        "sip:+911@pbx.example.com",
        "sip:911%23@pbx.example.com",
        "sip:*102%23911@pbx.example.com",
        "sip:911@192.0.2.10",
        "tel:911;phone-context=+1",
        "tel:911;phone-context=example.com",
        "urn:service:sos",
        "urn:service:sos.police",
    ],
)
def test_a_call_for_help_is_known_however_it_is_written(scene: Scene, uri: str) -> None:
    """RFC 3966, RFC 3261 section 19.1.6 (a telephone number with its parameters as user part), RFC 5031."""
    assert called_at_the_carrier(scene, uri) == "911"
    (call,) = scene.exchange.seen.values()
    assert call.state.started.emergency
    # The sockets know it as well, when they have no time for the rest.
    known = EmergencyNumbers()
    known.use(scene.exchange.model)
    assert dialled(f"INVITE {uri} SIP/2.0\r\n".encode()) in known


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+12125550100;phone-context=example.com@pbx.example.com;user=phone",
        "sip:%2B12125550100@pbx.example.com",
        "sip:+1(212)555-0100@pbx.example.com;user=phone",
        "tel:+1-212-555-0100",
        "tel:2125550100;phone-context=+1",
        "tel:555-0100;phone-context=+1-212",
        "tel:212-555-0100;phone-context=pbx.example.com",
        "sip:5550100;phone-context=+1-212@pbx.example.com;user=phone",
    ],
)
def test_a_number_is_known_however_it_is_written(scene: Scene, uri: str) -> None:
    assert called_at_the_carrier(scene, uri) == "+12125550100"
