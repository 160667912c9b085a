"""Session descriptions: what is read, what is refused, and that it is written back as it was."""

from __future__ import annotations

import gc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import negotiate, sdp

PHONE = (
    b"v=0\r\n"
    b"o=- 20518 1 IN IP4 192.0.2.10\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.0.2.10\r\n"
    b"t=0 0\r\n"
    b"m=audio 11780 RTP/AVP 9 0 18 101\r\n"
    b"a=rtpmap:9 G722/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\n"
    b"a=fmtp:18 annexb=no\r\n"
    b"a=rtpmap:101 telephone-event/8000/1\r\n"
    b"a=fmtp:101 0-15\r\n"
    b"a=ptime:20\r\n"
    b"a=sendrecv\r\n"
)


def test_a_phones_offer_is_read() -> None:
    description = sdp.parse(PHONE)
    assert description.origin == sdp.Origin("-", 20518, 1, "192.0.2.10")
    media = description.media[0]
    assert (media.kind, media.port, media.proto, media.formats) == ("audio", 11780, "RTP/AVP", ("9", "0", "18", "101"))
    assert media.codecs() == {9: "G722/8000", 0: "PCMU/8000", 18: "G729/8000", 101: "TELEPHONE-EVENT/8000"}
    assert media.attribute("ptime") == "20"
    assert media.attribute("sendrecv") == ""
    assert media.attribute("rtcp") is None
    assert description.address(media) == "192.0.2.10"


def test_it_is_written_as_it_was_read() -> None:
    assert sdp.write(sdp.parse(PHONE)) == PHONE


@pytest.mark.parametrize(
    "change",
    [
        (b"", b""),
        (b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\na=msid-semantic: WMS *\r\n"),
        (b"t=0 0\r\n", b"t=0 0 \r\na=recvonly\t\r\n"),
        (b"s=-\r\n", b"s=A call \r\n"),
        (b"s=-\r\n", b"s= \r\n"),
        (b"s=-\r\n", b"s=Gespr\xc3\xa4ch\r\n"),
        (b"c=IN IP4 192.0.2.10\r\n", b""),
        (b"IN IP4 192.0.2.10\r\nt=", b"IN IP6 2001:db8::1\r\nb=AS:80\r\nt="),
        (b"101\r\na=", b"101\r\nc=IN IP4 192.0.2.11\r\nb=AS:64\r\na="),
        (b"a=ptime:20\r\n", b"a=ptime:20 \r\n"),
        (b"a=sendrecv\r\n", b"a=sendrecv"),
        (b"a=sendrecv\r\n", b"a=sendrecv \r\n\r\n"),
        (b"a=sendrecv\r\n", b"a=sendrecv\r\nm=video 0 RTP/AVP 96\r\n"),
        (b"a=sendrecv\r\n", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n"),
        (b"11780", b"65535"),
        (b"11780", b"65536"),
        (b"11780", b"11780/2"),
        (b"RTP/AVP 9 0 18 101", b"RTP/AVP"),
        (b"RTP/AVP 9", b"RTP/AVP 128 9"),
        (b"a=sendrecv\r\n", b"x=sendrecv\r\n"),
        (b"a=sendrecv\r\n", b"a=send\0recv\r\n"),
        (b"m=audio", b"m=AUDIO"),
    ],
)  # fmt: skip
def test_what_nearly_all_telephones_send_is_read_like_any_other(change: tuple[bytes, bytes]) -> None:
    """Lines that end with a bare LF are read the long way, those with CRLF the short one where there is no more than
    one stream; and both twice, as the second time something is remembered."""
    text = PHONE.replace(*change)

    def read(data: bytes) -> sdp.Description | str:
        try:
            return sdp.parse(data)
        except sdp.SdpError as error:
            return str(error)

    long = read(text.replace(b"\r\n", b"\n"))
    assert [read(text), read(text)] == [long, long]


SECRET = "S" * 40
KEYS = (
    f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}",
    f"a=key-mgmt:mikey {SECRET}",
    f"a=ice-pwd:{SECRET}",
    f"k=clear:{SECRET}",
)


@pytest.mark.parametrize("line", KEYS)
@pytest.mark.parametrize("place", [b"a=sendrecv\r\n", b"t=0 0\r\n"], ids=["stream", "session"])
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b" \r\n"])
def test_keys_are_not_remembered(line: str, place: bytes, end: bytes) -> None:
    """Neither by what reads a description nor by what works with it."""
    assert place in PHONE
    data = PHONE.replace(place, place + line.encode() + b"\r\n").replace(b"\r\n", end)
    description = sdp.parse(data)
    assert description.media == sdp.parse(data.replace(b"\r\n", b"\n")).media
    offer = negotiate.relay_offer(data, "192.0.2.1", 30000, session_id=1, widens=True)
    assert SECRET.encode() not in offer
    answer = negotiate.answer_local(data, "192.0.2.1", 30000, session_id=1)
    negotiate.remote(data, answer)
    assert SECRET.encode() not in sdp.write(negotiate.keyless(description))
    caches = [each for room in (sdp, negotiate) for each in vars(room).values() if hasattr(each, "cache_parameters")]
    assert len(caches) >= 8
    for cache in caches:
        assert not any(SECRET in repr(entry) for entry in gc.get_referents(cache))


def test_bare_line_feeds_are_understood() -> None:
    assert sdp.write(sdp.parse(PHONE.replace(b"\r\n", b"\n"))) == PHONE


def test_a_stream_has_its_own_address_and_direction_before_the_sessions() -> None:
    body = PHONE.replace(b"t=0 0\r\n", b"t=0 0\r\na=inactive\r\n").replace(b"a=sendrecv\r\n", b"")
    description = sdp.parse(body.replace(b"101\r\n", b"101\r\nc=IN IP6 2001:db8::5\r\n", 1))
    media = description.media[0]
    assert description.address(media) == "2001:db8::5"
    assert description.direction(media) == "inactive"
    description = sdp.parse(body.replace(b"101\r\n", b"101\r\na=sendonly\r\n", 1))
    assert description.direction(description.media[0]) == "sendonly"


def test_bytes_that_are_not_utf8_come_back() -> None:
    body = PHONE.replace(b"s=-", b"s=\xff\xfe caf\xe9")
    assert sdp.write(sdp.parse(body)) == body


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"v=0", b"v=1"),
        (b"v=0\r\n", b""),
        (b"o=- 20518 1 IN IP4 192.0.2.10", b"o=- x 1 IN IP4 192.0.2.10"),
        (b"o=- 20518 1 IN IP4 192.0.2.10", b"o=- 20518 -1 IN IP4 192.0.2.10"),
        (b"o=- 20518 1 IN IP4 192.0.2.10", b"o=- 20518 1"),
        (b"o=- 20518 1", b"o=- " + b"9" * 50 + b" 1"),
        (b"c=IN IP4 192.0.2.10\r\n", b""),
        (b"c=IN IP4 192.0.2.10\r\n", b"c=IN IP5 192.0.2.10\r\n"),
        (b"c=IN IP4 192.0.2.10\r\n", b"c=IN IP4\r\n"),
        (b"c=IN IP4 192.0.2.10\r\n", b"c=IN IP4 /127\r\n"),
        (b"audio 11780", b"audio 65536"),
        (b"audio 11780", b"audio -1"),
        (b"audio 11780", b"audio x"),
        (b"audio 11780", b"audio 11780/x"),
        (b"audio 11780 RTP/AVP 9 0 18 101", b"audio 11780 RTP/AVP"),
        (b"RTP/AVP 9 0", b"RTP/AVP 9 128"),
        (b"RTP/AVP 9 0", b"RTP/AVP 9 \xd9\xa0"),
        (b"a=ptime:20", b"ptime:20"),
        (b"a=ptime:20", b"x=ptime:20"),
        (b"a=ptime:20", b"t=0 0"),
        (b"a=ptime:20", b"a=ptime:\r20"),
        (b"a=ptime:20", b"a=ptime:\x0020"),
        (b"a=ptime:20\r\n", b"\r\n"),
    ],
)
def test_what_is_malformed_is_refused(old: bytes, new: bytes) -> None:
    assert old in PHONE
    with pytest.raises(sdp.SdpError):
        sdp.parse(PHONE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"s=-\r\n", b""),
        (b"s=-", b"s="),
        (b"t=0 0\r\n", b""),
        (b"s=-\r\n", b"s= \r\n"),
        (b"\r\n", b" \r\n"),
        (b"\r\n", b"\t\n"),
    ],
)
def test_what_harms_nobody_is_let_pass(old: bytes, new: bytes) -> None:
    """RFC 8866 wants s= and t=, of which we make no use; and door phones have blanks at the end of a line."""
    body = PHONE.replace(b"a=sendrecv", b"a=sendonly")
    usual, lax = sdp.parse(body), sdp.parse(body.replace(old, new))
    assert (lax.origin, lax.connection, lax.media) == (usual.origin, usual.connection, usual.media)
    assert lax.direction(lax.media[0]) == "sendonly"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"v=0",
        b"hello",
        b"\xff" * 50,
        b"v=0\r\no=\r\ns=\r\n",
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=a\rb\r\nt=0 0\r\n",
    ],
)
def test_what_is_no_description_is_refused(body: bytes) -> None:
    with pytest.raises(sdp.SdpError):
        sdp.parse(body)


@pytest.mark.parametrize("rest", [b" \r\n", b"  \r\n", b" \r\na=sendrecv\r\n", b" \t\r\na=sendrecv\r\n"])
def test_a_stream_of_a_port_alone_is_refused(rest: bytes) -> None:
    with pytest.raises(sdp.SdpError):
        sdp.parse(PHONE.partition(b"m=")[0] + b"m=audio 4000" + rest)


def test_a_line_break_in_a_value_is_not_written() -> None:
    description = sdp.parse(PHONE)
    (media,) = description.media
    for change in (
        {"attributes": ("x\r\nm=video 1 RTP/AVP 31",)},
        {"kind": "audio\n"},
        {"connection": "192.0.2.1\r\na=x"},
        {"bandwidth": ("AS:64\r",)},
    ):
        broken = msgspec.structs.replace(media, **change)
        with pytest.raises(sdp.SdpError):
            sdp.write(msgspec.structs.replace(description, media=(broken,)))
    with pytest.raises(sdp.SdpError):
        sdp.write(msgspec.structs.replace(description, name="-\r\na=x"))


@pytest.mark.parametrize(
    "head",
    [
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=x\r\na=y:z\r\n",
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\ni=\r\nc=IN IP4 192.0.2.1/127\r\nt=0 0\r\na=x\r\nk=y\r\na=y:z\r\n",
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\na=x\r\nc=IN  IP4 192.0.2.1\r\nb=AS:1\r\na=y:z\r\nt=0 0\r\n",
    ],
)
def test_the_usual_head_and_an_unusual_one_are_read_alike(head: bytes) -> None:
    description = sdp.parse(head + b"m=audio 6000 RTP/AVP 0\r\n")
    assert description.origin == sdp.Origin("-", 1, 1, "192.0.2.1")
    assert (description.name, description.connection, description.attributes) == ("-", "192.0.2.1", ("x", "y:z"))


def test_what_is_remembered_of_one_description_does_not_reach_another() -> None:
    one, other = sdp.parse(PHONE), sdp.parse(PHONE.replace(b" 11780 ", b" 11790 ").replace(b"sendrecv", b"sendonly"))
    assert (one.media[0].port, other.media[0].port) == (11780, 11790)
    assert (one.direction(one.media[0]), other.direction(other.media[0])) == ("sendrecv", "sendonly")


_LINES = st.lists(st.sampled_from(PHONE.split(b"\r\n")) | st.binary(max_size=30), max_size=20).map(b"\r\n".join)


@given(
    _LINES
    | st.binary(max_size=200)
    | st.tuples(st.integers(0, len(PHONE)), st.binary(max_size=3)).map(
        lambda cut: PHONE[: cut[0]] + cut[1] + PHONE[cut[0] + 1 :]
    )
)
def test_nothing_but_the_one_error_escapes(body: bytes) -> None:
    try:
        negotiate.relay_offer(body, "192.0.2.1", 4000, session_id=1)
        negotiate.answer_local(body, "192.0.2.1", 4000, session_id=1)
        negotiate.relay_answer(PHONE, body, "192.0.2.1", 4000, session_id=1)
        negotiate.remote(body, "192.0.2.5")
    except sdp.SdpError:
        pass
