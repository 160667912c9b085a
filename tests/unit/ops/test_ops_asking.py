"""OPTIONS of ours to telephones and carriers: the lines of the question."""

from __future__ import annotations

import pytest

from switch.asking import question


@pytest.mark.parametrize(
    ("uri", "transport", "ours", "contact"),
    [
        ("sip:101@192.0.2.7", "udp", ("192.0.2.10", 5060), "<sip:192.0.2.10:5060>"),
        ("sip:101@192.0.2.7", "tcp", ("192.0.2.10", 5060), "<sip:192.0.2.10:5060;transport=tcp>"),
        ("sip:carrier.example.com", "tls", ("2001:db8::1", 5061), "<sip:[2001:db8::1]:5061;transport=tls>"),
        # RFC 3261 section 8.1.1.8: who is asked by sips: gets a sips: Contact.
        ("sips:101@192.0.2.7", "tls", ("192.0.2.10", 5061), "<sips:192.0.2.10:5061>"),
    ],
)
def test_our_contact_fits_who_is_asked(uri: str, transport: str, ours: tuple[str, int], contact: str) -> None:
    lines = question(uri, transport, ours, "abc")
    assert f"Contact: {contact}" in lines
    assert f"To: <{uri}>" in lines


def test_later_questions_belong_to_the_first_and_go_by_the_proxies() -> None:
    path = ("<sip:edge.example.com;lr>", "<sip:inner.example.com;lr>")
    first, second = (question("sip:101@192.0.2.7", "udp", ("2001:db8::1", 5060), "abc", n, path) for n in (1, 2))
    assert [each for each in first if each.startswith("Route: ")] == [f"Route: {each}" for each in path]
    assert set(first) ^ set(second) == {"CSeq: 1 OPTIONS", "CSeq: 2 OPTIONS"}
    assert "Call-ID: abc@[2001:db8::1]" in first
