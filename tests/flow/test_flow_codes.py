"""Feature codes on live calls: what each does, what those do whose engine comes later, and the operator (K.5)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import user
from dialplan.facts import Condition
from dialplan.groups import Site
from dialplan.lines import Delegate, Forwards, Outside, Permission
from tests.support.exchange import changed, house
from tests.support.raw_phone import RawDialog, RawPhone
from tests.support.scene import Scene

CODES = {
    "*67": "hide_caller_id",
    "*82": "show_caller_id",
    "*78": "dnd_on",
    "*72": "forward_always",
    "*45": "group_in",
    "*46": "group_out",
    "*5": "lock",
    "*6": "unlock",
    "*97": "voicemail",
    "*8": "pickup",
    "*1": "record",
}
OUTSIDE = Outside(permission=Permission.INTERNATIONAL)
HIDDEN = Outside(permission=Permission.INTERNATIONAL, hide_caller_id=True)


def scene(prefix: str = "", **lines: Any) -> Scene:
    """Everybody at the site hq, whose operator is Carol."""
    sited = {name: {"site": "hq", "caller_id": "+16695550101"} | lines.get(name, {}) for name in house().lines}
    model = changed(house(), **sited)
    sites = {"hq": Site(id="hq", operator=user("carol"))}
    return Scene(model=m.versioned(msgspec.structs.replace(model, features=CODES, sites=sites, outside_prefix=prefix)))


def refusal(made: Scene, phone: RawPhone, digits: str) -> str:
    call = RawDialog.authenticated(phone, digits.replace("#", "%23"), made.wait)
    made.wait(0.1)
    answer = phone.take(403)
    call.ack_refusal(answer)
    made.wait()
    return answer.get("Reason")


@pytest.mark.parametrize(
    ("settings", "dialled", "shown"),
    [
        (OUTSIDE, "*672125550100", False),
        (OUTSIDE, "2125550100", True),
        (HIDDEN, "2125550100", False),
        (HIDDEN, "*822125550100", True),
    ],
)
def test_a_code_before_the_number_hides_or_shows_for_one_call(settings: Outside, dialled: str, shown: bool) -> None:
    """CID-2."""
    made = scene(alice={"outside": settings})
    carrier, alice = made.carrier(), made.phone("alice")
    alice.call(dialled)
    made.wait(0.1)
    invite = carrier.take("INVITE")
    assert "+12125550100" in invite.uri
    assert ("+16695550101" in invite.get("From")) is shown
    assert ("id" in invite.get("Privacy")) is not shown


def test_hidden_in_the_house() -> None:
    """VIP-9's anonymity is for carriers and VIP lists; the house sees its own telephones."""
    made = scene()
    alice, bob = made.phone("alice"), made.phone("bob")
    call = alice.call("*67102")
    made.wait(0.1)
    assert bob.calls
    call.cancel()
    made.finish()
    assert made.exchange.record.number == "102"


@pytest.mark.parametrize(("prefix", "dialled"), [("", "0"), ("9", "0"), ("9", "90")])
def test_zero_is_the_sites_operator(prefix: str, dialled: str) -> None:
    """K.5: with the outside prefix as well."""
    made = scene(prefix)
    alice, carol = made.phone("alice"), made.phone("carol")
    call = alice.call(dialled)
    made.wait(0.1)
    assert carol.calls
    call.cancel()
    made.finish()


def test_without_an_operator_it_is_no_number() -> None:
    made = Scene()
    alice = made.phone("alice")
    call = alice.call("0")
    made.wait(0.1)
    assert call.refused == 484
    made.finish()


@pytest.mark.parametrize("dialled", ["*5", "*61234", "*8101", "*1"])
def test_codes_whose_engine_comes_later_are_refused_with_the_reason(dialled: str) -> None:
    made = scene()
    alice = made.raw("alice")
    assert refusal(made, alice, dialled) == 'SIP;cause=403;text="Feature Not Available"'
    assert made.exchange.unserved
    assert made.exchange.record.reason == "unavailable"


def test_a_group_that_one_is_not_in_and_a_lock_are_refused() -> None:
    """K.8, PRO-3."""
    locked = Forwards(locked=frozenset((Condition.ALWAYS,)))
    made = scene(alice={"forwards": locked})
    alice = made.raw("alice")
    assert refusal(made, alice, "*46110") == "SIP;cause=403;text=\"alice is in no group '110'\""
    assert "is locked by the configuration" in refusal(made, alice, "*72103")
    assert not made.exchange.core.facts.settings("alice")


@pytest.mark.parametrize("dialled", ["*102#*78", "*102#*72103", "*102#*46110"])
def test_a_delegate_sets_nothing_for_the_delegator(dialled: str) -> None:
    """DEL-4: the privileges are to call and to answer."""
    made = scene(bob={"delegates": (Delegate(line="alice"),)})
    alice = made.raw("alice")
    assert refusal(made, alice, dialled) == 'SIP;cause=403;text="Line Not Permitted"'
    assert not made.exchange.core.facts.settings("bob")


def confirmed() -> tuple[Scene, RawPhone, RawDialog]:
    """Alice has dialled *78 and hears the tone."""
    made = scene()
    alice = made.raw("alice")
    call = RawDialog.authenticated(alice, "*78", made.wait)
    made.wait(0.1)
    call.take_answer(alice.take(200))
    call.ack()
    made.wait(0.1)
    return made, alice, call


@pytest.mark.parametrize("away_s", [None, 0.5, 10.0])
def test_the_tone_ends_by_itself(away_s: float | None) -> None:
    """Two seconds, then BYE with the reason, also when the exchange dies meanwhile: the rest of the time counts."""
    made, alice, _ = confirmed()
    if away_s is None:
        made.wait(1.5)
    else:
        made.exchange.crash_and_restart(away_s)
        made.wait(0.1)
    assert alice.has("BYE") is (away_s == 10.0)
    made.wait(2.0)
    bye = alice.take("BYE")
    assert bye.get("Reason") == 'Q.850;cause=16;text="Normal call clearing"'
    alice.reply(bye, 200)
    made.wait(0.1)
    record = made.exchange.record
    assert (record.result, record.reason, record.service) == ("answered", "callee_hung_up", "tone:440")
    assert not made.exchange.calls


def test_who_hangs_up_before_the_tone_ends_is_not_called_again() -> None:
    made, alice, call = confirmed()
    call.request("BYE")
    made.wait(5.0)
    assert made.exchange.record.reason == "caller_hung_up"
    assert not alice.has("BYE")
