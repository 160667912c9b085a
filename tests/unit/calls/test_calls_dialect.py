"""Who is in From towards a carrier that knows us by an account (CID-1)."""

from __future__ import annotations

import pytest

from config.compiled import HostSettings, TrunkAccount, TrunkSettings
from switch.calls.dialect import Dialect


def dialect(**settings: object) -> Dialect:
    account = TrunkAccount(user="4420", digest_user="4420", secret="secret", realms=("itsp.example",))
    host = HostSettings(host="itsp.example", port=5060, transport="udp")
    return Dialect(TrunkSettings(id="itsp", hosts=(host,), account=account, from_domain="itsp.example", **settings))


@pytest.mark.parametrize(
    ("number", "caller_out", "user"),
    [
        ("+12125550100", ("from",), "+12125550100"),
        ("101", ("from",), "4420"),
        ("", ("from",), "4420"),
        ("+12125550100", ("pai",), "4420"),
        ("101", ("pai",), "4420"),
    ],
)
def test_an_extension_is_no_caller_to_a_carrier_with_an_account(
    number: str, caller_out: tuple[str, ...], user: str
) -> None:
    value, lines = dialect(caller_out=caller_out).caller(number, "Alice", "192.0.2.1", hidden=False)
    assert value == f'"Alice" <sip:{user}@itsp.example>'
    assert bool(lines) == (caller_out == ("pai",) and number.startswith("+"))
