"""Domains and their aliases: which addresses mean us, and what we call ourselves."""

from __future__ import annotations

import pytest

from switch.domains import Domains
from tests.support.raw_phone import RawPhone
from tests.support.scene import Scene

OURS = Domains(("pbx.example.com", "sip.example.net"))


@pytest.fixture
def house(scene: Scene) -> Scene:
    exchange = scene.exchange
    exchange.core.directory.use(exchange.model, exchange.trunks, domains=OURS)
    return scene


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("pbx.example.com", True),
        ("PBX.Example.COM.", True),
        ("sip.example.net", True),
        ("192.0.2.77", True),
        ("[2001:db8::1]", True),
        ("", True),
        ("example.com", False),
        ("pbx.example.com.invalid", False),
        ("1.2.3", False),
    ],
)
def test_which_hosts_are_ours(host: str, ours: bool) -> None:
    assert OURS.include(host) is ours
    assert Domains().include(host)


def lines(phone: RawPhone, method: str, uri: str, to: str, cseq: int, *more: str) -> list[str]:
    own = f"<sip:{phone.user}@sip.example.net>"
    return [
        f"Via: {phone.via()}", "Max-Forwards: 70", f"From: {own};tag=one", f"To: <{to}>", f"Call-ID: d@{phone.user}",
        f"CSeq: {cseq} {method}", f"Contact: {phone.contact()}", *more,
    ]  # fmt: skip


def ask(scene: Scene, phone: RawPhone, method: str, uri: str, to: str) -> str:
    """The final status of a request with credentials."""
    phone.request(method, uri, lines(phone, method, uri, to, 1))
    scene.wait(0.2)
    status, header = (401, "Authorization") if method == "REGISTER" else (407, "Proxy-Authorization")
    proof = phone.digest(phone.challenge_in(phone.take(status)), method, uri)
    phone.request(method, uri, lines(phone, method, uri, to, 2, f"{header}: {proof}"))
    scene.wait(0.5)
    return phone.inbox[-1].kind


@pytest.mark.parametrize(
    ("uri", "to", "status"),
    [
        ("sip:sip.example.net", "sip:bob@pbx.example.com", "200"),
        ("sip:192.0.2.1", "sip:bob@192.0.2.1", "200"),
        ("sip:elsewhere.example", "sip:bob@pbx.example.com", "404"),
        ("sip:pbx.example.com", "sip:bob@elsewhere.example", "404"),
    ],
)
def test_a_telephone_registers_under_any_name_of_ours(house: Scene, uri: str, to: str, status: str) -> None:
    assert ask(house, house.raw("bob", register=False), "REGISTER", uri, to) == status


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("sip:102@pbx.example.com", "180"),
        ("sip:102@192.0.2.77", "180"),
        ("sip:102@elsewhere.example", "404"),
        ("sip:911@elsewhere.example", "100"),  # OUT-6: emergency first
    ],
)
def test_a_call_is_for_us_or_for_nobody(house: Scene, uri: str, kind: str) -> None:
    house.strict = False
    bob, carrier = house.phone("bob"), house.carrier()
    alice = house.raw("alice")
    assert ask(house, alice, "INVITE", uri, uri) == kind
    assert carrier.has("INVITE") == ("911" in uri)
    if kind == "180":
        dialog = bob.last.usage.dialog
        assert "<sip:101@pbx.example.com>" in dialog.remote
        assert "<sip:bob@pbx.example.com>" in dialog.local
