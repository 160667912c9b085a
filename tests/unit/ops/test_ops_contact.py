"""Our Contact when our address changes in a call (RFC 3261 sections 8.1.1.8 and 12.1.1)."""

from __future__ import annotations

import pytest

from switch.calls.presentation import contact_moved


@pytest.mark.parametrize(
    ("contact", "moved"),
    [
        ("<sip:192.0.2.10:5060>", "<sip:[2001:db8::5]:5070>"),
        ("<sip:token@192.0.2.10:5060>", "<sip:token@[2001:db8::5]:5070>"),
    ],
)
def test_the_user_part_stays(contact: str, moved: str) -> None:
    assert contact_moved(contact, "2001:db8::5", 5070, "udp") == moved


@pytest.mark.parametrize("user", ["", "token@"])
def test_a_sips_contact_stays_one(user: str) -> None:
    """RFC 5630: a carrier that registered us by sips: reaches us by it after a hold, too."""
    assert contact_moved(f"<sips:{user}192.0.2.10:5061>", "192.0.2.11", 5061, "tls") == f"<sips:{user}192.0.2.11:5061>"
