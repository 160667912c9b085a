"""Calls on a delegator's line from a delegate's telephone (SLN-1, DEL-4, IDN-2)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.lines import Delegate
from tests.support.exchange import CARRIER, HELP, changed, house
from tests.support.scene import Scene


def shared(**delegate: Any) -> Scene:
    """Carol calls for Bob."""
    usual = house()
    table = msgspec.structs.replace(usual.emergency, places={"carol": msgspec.structs.replace(HELP, line="carol")})
    usual = msgspec.structs.replace(usual, emergency=table)
    model = changed(usual, bob={"delegates": (Delegate(line="carol", **delegate),), "caller_id": "+16695550102"})
    return Scene(model=m.versioned(msgspec.structs.replace(model, serves={"carol": ("bob",)})))


@pytest.mark.parametrize(
    ("dialled", "headers"),
    [
        ("101", ("P-Preferred-Identity: <sip:bob@pbx.example.com>",)),
        ("101", ("P-Preferred-Identity: <sip:102@pbx.example.com>",)),
        ("*102#101", ()),
    ],
)
def test_a_delegate_calls_as_the_delegator(dialled: str, headers: tuple[str, ...]) -> None:
    """DEL-1, DMK-2: the callee sees the delegator."""
    scene = shared()
    alice, carol = scene.raw("alice"), scene.phone("carol")
    call = carol.call(dialled, headers=headers)
    scene.wait(0.1)
    invite = alice.take("INVITE")
    assert "<sip:102@" in invite.get("From")
    alice.reply(invite, 486, tag="a")
    scene.wait(0.1)
    alice.take("ACK")
    assert call.refused == 486
    record = scene.exchange.record
    assert (record.device, record.line, record.caller_number) == ("carol", "bob", "102")
    scene.finish()


def test_outside_the_delegators_number_is_shown() -> None:
    """SLN-1, CID-1."""
    scene = shared()
    carrier, carol = scene.carrier(), scene.phone("carol")
    call = carol.call("2125550100", headers=("P-Preferred-Identity: <sip:bob@pbx.example.com>",))
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    assert "+16695550102" in invite.get("From")
    assert CARRIER[0] in invite.uri
    carrier.reply(invite, 486, tag="c")
    scene.wait(0.1)
    carrier.take("ACK")
    assert call.over
    scene.finish()


@pytest.mark.parametrize("delegate", [{"place": False}, {"pending": True}])
@pytest.mark.parametrize("dialled", ["101", "*102#101"])
def test_a_delegate_who_may_not_place_calls_is_refused(delegate: dict[str, bool], dialled: str) -> None:
    """DEL-9."""
    scene = shared(**delegate)
    carol = scene.phone("carol")
    headers = () if dialled[0] == "*" else ("P-Preferred-Identity: <sip:bob@pbx.example.com>",)
    call = carol.call(dialled, headers=headers)
    scene.wait(0.5)
    assert call.refused == 403
    scene.finish()


def test_nobody_else_calls_on_the_line() -> None:
    """SLN, IDN-2."""
    scene = shared()
    alice = scene.phone("alice")
    first = alice.call("103", headers=("P-Preferred-Identity: <sip:bob@pbx.example.com>",))
    scene.wait(0.5)
    second = alice.call("*102#103")
    scene.wait(0.5)
    assert first.refused == second.refused == 403
    scene.finish()


def test_who_calls_for_help_on_a_shared_line_is_shown_by_the_own_one() -> None:
    """XRL-5."""
    scene = shared()
    carrier, carol = scene.carrier(), scene.phone("carol")
    call = carol.call("911", headers=("P-Preferred-Identity: <sip:bob@pbx.example.com>",))
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    assert '"Carol" <sip:103@' in invite.get("From")
    for name in ("From", "P-Asserted-Identity", "Contact"):
        assert "Bob" not in invite.get(name)
        assert "5550102" not in invite.get(name)
    carrier.reply(invite, 486, tag="c")
    scene.wait(0.1)
    carrier.take("ACK")
    assert call.over
    scene.finish()
