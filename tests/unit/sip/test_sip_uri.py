"""SIP and tel addresses: kept byte for byte, compared as RFC 3261 section 19.1.4 says."""

from __future__ import annotations

import gc

import pytest

from switch.sip import digest
from switch.sip.errors import LocalProtocolError, RemoteProtocolError
from switch.sip.flow import unscoped
from switch.sip.uri import Uri, escape_user, hostport, is_open, literal


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com",
        "sips:alice:secret@example.com:5061;transport=tcp?subject=x&priority=urgent",
        "sip:example.com",
        "sip:[2001:db8::1]:5060;lr",
        "sip:%61lice%20b@EXAMPLE.com",
        "sip:*21%23@192.0.2.1",
        "sip:*21#@192.0.2.1",
        "sip:+49-30-1234;phone-context=example.com@192.0.2.1;user=phone",
        "SIP:bob@example.com",
        "sip:jürgen@example.com",
        "sip:bad\udcff@example.com",
        "tel:+49-30-123",
        "tel:7042;phone-context=example.com",
        "tel:*21%23",
        "urn:service:sos",
    ],
)
def test_text_comes_back_as_it_was(text: str) -> None:
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "alice", "sip:", "sip:@example.com", "sip:a@b@c", "sip:a b@example.com", "sip:a@example.com:0",
        "sip:a@example.com:65536", "sip:a@example.com:x", "sip:a@[2001:db8::1", "sip:a@2001:db8::1",
        "sip:%4@example.com",
        "sip:a@example.com;", "sip:a@example.com;=x", "sip:a@example.com;x=", "sip:a@example.com;x=%z",
        "<sip:a@example.com>",
        "sip:a\r\n@example.com", "sip:a@exa_mple..com\n", "tel:", "tel:abcxyz", "tel:+1;x=%", "sip:a@b?x=%", ":x",
    ],
)  # fmt: skip
def test_malformed_is_400(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


def test_too_long_is_414() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Uri.parse("sip:" + "a" * 5000 + "@example.com")
    assert caught.value.status == 414


def test_parts() -> None:
    uri = Uri.parse("sips:alice:pw@[2001:db8::1]:5061;Transport=TCP;lr?subject=x")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == ("sips", "alice", "pw", "[2001:db8::1]", 5061)
    assert (uri.param("transport"), uri.param("lr"), uri.param("maddr")) == ("TCP", "", None)
    assert uri.headers == "subject=x"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("sip:*21%23@example.com", "*21#"),
        ("sip:*21#@example.com", "*21#"),
        ("sip:0206-1@example.com", "0206-1"),
        ("sip:+1-(212).555@example.com;user=phone", "+1212555"),
        ("sip:+1-212;ext=5@example.com;user=phone", "+1212"),
        ("tel:+49-30/1".replace("/", "."), "+49301"),
        ("tel:110;phone-context=+49", "110"),
        ("sip:example.com", ""),
    ],
)
def test_number_is_what_was_dialled(text: str, number: str) -> None:
    assert Uri.parse(text).number() == number


@pytest.mark.parametrize(
    ("text", "dialled"),
    [
        ("sip:*21%23@example.com", "*21#"),
        ("sip:911;npdi@example.com", "911"),
        ("sip:555-0100;phone-context=+1-669@example.com;user=phone", "555-0100;phone-context=+1-669"),
        ("sip:5550100;npdi;PHONE-CONTEXT=+1@example.com", "5550100;phone-context=+1"),
        ("tel:555-0100;phone-context=+1-669", "5550100;phone-context=+1-669"),
        ("tel:555-0100;phone-context=example.com", "5550100"),
        ("tel:5550100;phone-context", "5550100"),
        ("tel:+1-212-555-0100;phone-context=+49", "+12125550100"),
        ("sip:example.com", ""),
    ],
)
def test_a_number_keeps_the_place_where_it_is_dialled(text: str, dialled: str) -> None:
    """RFC 3966 section 5.1.5: a phone-context that is a number."""
    assert Uri.parse(text).dialled() == dialled


# The pairs of RFC 3261 section 19.1.4, and some more.
@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER", "sip:biloxi.com;method=REGISTER;transport=tcp"),
        ("sip:a@example.com?subject=x&priority=u", "sip:a@example.com?priority=u&subject=x"),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
    ],
)
def test_equal(one: str, two: str) -> None:
    assert Uri.parse(one) == Uri.parse(two)
    assert not Uri.parse(one) != Uri.parse(two)  # noqa: SIM202
    assert hash(Uri.parse(one)) == hash(Uri.parse(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;user=phone"),
        ("sip:bob@biloxi.com;transport=udp", "sip:bob@biloxi.com;transport=tcp"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?subject=x"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a:b@example.com", "sip:a%3Ab@example.com"),
        ("tel:110;phone-context=+49", "tel:110"),
    ],
)
def test_not_equal(one: str, two: str) -> None:
    assert Uri.parse(one) != Uri.parse(two)


def test_building_escapes_the_user_and_brackets_ipv6() -> None:
    assert str(Uri.sip("*21#", "2001:db8::1", 5060, (("user", "phone"),))) == "sip:*21%23@[2001:db8::1]:5060;user=phone"
    assert Uri.sip("a b@c", "example.com").user_text == "a b@c"
    assert escape_user("jü") == "j%C3%BC"
    with pytest.raises(LocalProtocolError):
        Uri.sip("a", "exa mple.com")


def test_hosts_as_text() -> None:
    assert [literal(each) for each in ("pbx.example.com", "192.0.2.7", "2001:db8::7", "[2001:db8::7]")] == [
        "pbx.example.com", "192.0.2.7", "[2001:db8::7]", "[2001:db8::7]",
    ]  # fmt: skip
    assert hostport("192.0.2.7", 5060) == "192.0.2.7:5060"
    assert hostport("2001:db8::7", 5061) == "[2001:db8::7]:5061"
    assert unscoped("fe80::1%eth0") == "fe80::1"
    assert unscoped("192.0.2.7") == "192.0.2.7"


SECRET = "81726354"


@pytest.mark.parametrize(
    "text",
    [
        f"sip:*57*{SECRET}@ringplan.example",
        f"sip:%2A57%2a{SECRET}@ringplan.example;user=phone",
        f"sips:%2311%234711%23{SECRET}@[2001:db8::1]:5061",
        f"sip:#57{SECRET}@192.0.2.1",
        f"tel:*57*{SECRET}",
        f"sip:anna:{SECRET}@192.0.2.1",
        f"sip:anna@192.0.2.1?Authorization={SECRET}",
        f"other:*57*{SECRET}",
    ],
)
def test_what_may_be_secret_is_in_no_cache(text: str) -> None:
    assert Uri.parse(text) is not Uri.parse(text)
    assert not is_open(text)
    digest.response("0" * 32, "INVITE", text, "nonce")
    remembered = [Uri.parse.__self__, *gc.get_referents(digest._ha2)]  # type: ignore[attr-defined]
    assert not any(SECRET in repr(each) for each in remembered if not callable(each))


def test_what_calls_ask_for_again_and_again_is_read_once_and_memory_is_bounded() -> None:
    contact = "sip:201@192.0.2.7:5060;transport=tcp"
    assert Uri.parse(contact) is Uri.parse(contact)
    for number in range(3000):
        Uri.parse(f"sip:{number}@192.0.2.7")
        assert len(Uri.parse.__self__) <= 512  # type: ignore[attr-defined]
    assert Uri.parse("sip:2999@192.0.2.7") is Uri.parse("sip:2999@192.0.2.7")
