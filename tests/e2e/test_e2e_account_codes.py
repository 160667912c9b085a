"""Account codes, quotas and locks on the real exchange: the hash is looked at in a thread, and what was typed is found
in no file, log or trace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.kit.company import carrier, company
from tests.e2e.kit.house import House, contents, wait_for
from tests.e2e.kit.wire import WirePhone

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not shutil.which("sipp"), reason="needs SIPp")]

SECRET = "8642097531"
MORE = f"""\
account_codes: {{"4711": {{name: Harbor Museum, password: "{SECRET}"}}}}
"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory) -> Iterator[House]:
    with company(tmp_path_factory.mktemp("house"), MORE) as made:
        yield made


def test_a_call_is_charged_to_an_account_and_its_password_is_nowhere(exchange) -> None:
    """CST-2, CST-4; what the carrier says of its cost, after the end, counts; and the talk is billed (BIL-1, BIL-6)."""
    with carrier(exchange, calls=1, last="X-Cost: EUR 0.0425") as pacific, WirePhone(exchange, "anna") as anna:
        wrong = anna.invite(f"*11*4711*{SECRET}1%232125550175").refused()
        assert (wrong.status, wrong.get("Reason")) == (403, 'SIP;cause=403;text="Account Code Refused"')
        unknown = anna.invite(f"*11*4712*{SECRET}%232125550175").refused()
        assert (unknown.status, unknown.get("Reason")) == (wrong.status, wrong.get("Reason"))
        call = anna.invite(f"*11*4711*{SECRET}%232125550175")
        call.answered()
        used = exchange.json("quota", "show", "anna")["quotas"]
        assert ("calls", 1) in [(each["what"], each["used"]) for each in used]
        up = exchange.json("calls")[0]["call"]
        assert exchange.json("billable", "start", up)["user"] == "anna"
        traced = exchange.run("trace", up, "--full").stdout
        assert "*11*4711*" in traced
        assert SECRET not in traced
        call.hang_up()
        assert pacific.wait() == (1, 1, 0), pacific.trouble()
    record = exchange.history(3)[0]
    assert (record["account"], record["number"]) == ("4711", "+12125550175")
    exchange.json("billable", "note", up, "--contact", "ada")

    def noted() -> bool:
        return any(each["key"] == "ada" for each in exchange.json("billable", "report", "--by", "contact"))

    wait_for(noted, 8, "the note")
    record = exchange.history(3)[0]
    (charge,) = record["charges"]
    assert (charge["payer"], charge["estimate"], record["costs"]) == ("anna", False, {"EUR": 42_500})
    exchange.json("quota", "reset", "anna")
    files = dict(contents(exchange.folder / "data"))
    assert files
    assert SECRET not in exchange.log()
    for file, data in files.items():
        assert SECRET.encode() not in data, file


def test_a_locked_telephone_calls_for_help_alone(exchange) -> None:
    """PIN-6."""
    assert exchange.json("set", "device:ben-phone", "lock", "on")["locked"] is True
    with carrier(exchange, calls=1) as pacific, WirePhone(exchange, "ben") as ben:
        assert ben.invite("201").refused().status == 403
        call = ben.invite("911")
        call.answered()
        call.hang_up()
        assert pacific.wait() == (1, 1, 0), pacific.trouble()
    assert exchange.json("set", "device:ben-phone", "lock", "off")["locked"] is False
