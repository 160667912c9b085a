"""Passwords of account codes (CST-4): hidden wherever they stand in SIP text, and looked at by their hash."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from config.compiled import account_code_password
from switch import redact
from switch.handed import AccountPasswords


@pytest.mark.parametrize(
    "text",
    [
        "INVITE sip:*11*4711*86420%232125550100@pbx.example.com SIP/2.0",
        "INVITE sip:*11*4711*86420#2125550100@pbx.example.com SIP/2.0",
        "INVITE sip:%2A11%2A4711%2A86420%232125550100@pbx.example.com SIP/2.0",
        "INVITE sip:*11*47-11*86420@pbx.example.com SIP/2.0",
        "INVITE tel:#11*4711*86420%23+12125550100 SIP/2.0",
        "INVITE sip:*201%23*11*4711*86420%2312@pbx.example.com SIP/2.0",
        'To: "*11*4711*86420#2125550100" <sip:*11*4711*86420%232125550100@pbx.example.com>;tag=x',
        'Proxy-Authorization: Digest username="a", uri="sip:*11*4711*86420%2312@pbx.example.com", response="y"',
    ],
)
def test_the_password_goes_and_the_rest_stays(text: str) -> None:
    hidden = redact.sip(text)
    assert "86420" not in hidden
    assert text.partition("86420")[0].replace('"y"', "") in hidden
    assert "86420" not in redact.values({"line": text})["line"]


@pytest.mark.parametrize(
    "text",
    [
        "INVITE sip:*11*4711%232125550100@pbx.example.com SIP/2.0",
        "INVITE sip:*72201@pbx.example.com SIP/2.0",
        "INVITE sip:*201%232125550100@pbx.example.com SIP/2.0",
        "Contact: *",
        "Accept: */*",
    ],
)
def test_what_holds_no_password_stays_as_it_is(text: str) -> None:
    assert redact.sip(text) == text


def test_a_password_fits_its_own_account_alone() -> None:
    known = AccountPasswords()
    codes = (account_code_password("4711", "86420"), account_code_password("12", "1"))
    known.use(SimpleNamespace(account_codes=codes))  # type: ignore[arg-type]
    assert known.fits("4711", "86420")
    assert not known.fits("4711", "8642")
    assert not known.fits("4711", "")
    assert not known.fits("12", "86420")
    assert not known.fits("99", "86420"), "an account that there is not"
    assert "86420" not in repr(codes)
