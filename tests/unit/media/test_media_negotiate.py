"""Offers and answers passed between two legs (RFC 3264), and those that are made for our own sound."""

from __future__ import annotations

import pytest

from media import negotiate, sdp
from media.sdp import NotAcceptable

WEB = """v=0
o=mozilla 4 0 IN IP4 198.51.100.7
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9000 RTP/AVPF 96 0 101
c=IN IP4 198.51.100.7
b=AS:64
a=mid:0
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:101 telephone-event/8000
a=rtcp:9000
a=rtcp-mux
a=rtcp-fb:96 nack
a=candidate:1 1 UDP 2130706431 198.51.100.7 9000 typ host
a=end-of-candidates
a=ice-ufrag:abcd
a=ice-pwd:efgh
a=ssrc:11 cname:x
a=msid:a b
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret
a=ptime:20
m=video 9002 RTP/AVPF 97
c=IN IP4 198.51.100.7
a=rtpmap:97 VP8/90000
a=rtcp-mux
"""


def body(media: str, address: str = "192.0.2.10", version: int = 1, session: str = "") -> bytes:
    head = f"v=0\no=- 7 {version} IN IP4 {address}\ns=-\nc=IN IP4 {address}\nt=0 0\n{session}"
    return (head + media).replace("\n", "\r\n").encode()


AUDIO = "m=audio 5004 RTP/AVP 8 0 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n"
VIDEO = "m=video 5006 RTP/AVP 99\na=rtpmap:99 H264/90000\n"
T38 = "m=image 5008 udptl t38\na=T38FaxVersion:0\n"


def offer(media: str, **more: object) -> sdp.Description:
    return sdp.parse(negotiate.relay_offer(body(media), "203.0.113.1", 30000, session_id=5, **more))  # type: ignore[arg-type]


def answer(asked: bytes, answered: bytes, previous: bytes = b"") -> sdp.Description:
    return sdp.parse(negotiate.relay_answer(asked, answered, "203.0.113.1", 30002, session_id=6, previous=previous))


def shape(description: sdp.Description) -> list[tuple[str, int]]:
    return [(media.kind, media.port) for media in description.media]


def direction(description: sdp.Description) -> str:
    media = negotiate.audio(description)
    assert media is not None
    return description.direction(media)


class TestRelayOffer:
    def test_the_same_codecs_under_our_address(self) -> None:
        relayed = offer(AUDIO + "a=ptime:30\na=maxptime:60\na=sendrecv\n")
        media = relayed.media[0]
        assert relayed.origin == sdp.Origin("ringplan", 5, 1, "203.0.113.1")
        assert relayed.address(media) == "203.0.113.1"
        assert (media.port, media.proto, media.formats) == (30000, "RTP/AVP", ("8", "0", "101"))
        assert media.attributes == (
            "rtpmap:8 PCMA/8000",
            "rtpmap:101 telephone-event/8000",
            "fmtp:101 0-15",
            "ptime:30",
            "maxptime:60",
            "sendrecv",
        )

    def test_nothing_of_the_callers_hop_passes(self) -> None:
        raw = negotiate.relay_offer(WEB.encode(), "203.0.113.1", 30000, session_id=5)
        for word in (
            b"198.51.100",
            b"candidate",
            b"ice",
            b"mux",
            b"ssrc",
            b"msid",
            b"BUNDLE",
            b"-fb",
            b"AVPF",
            b"extmap",
        ):
            assert word not in raw
        for word in (b"crypto", b"mid:", b"a=rtcp", b"mozilla", b"video"):
            assert word not in raw
        media = sdp.parse(raw).media[0]
        assert media.formats == ("96", "0", "101")
        assert media.attributes[:2] == ("rtpmap:96 opus/48000/2", "fmtp:96 useinbandfec=1")
        assert media.bandwidth == ("AS:64",)

    @pytest.mark.parametrize("media", [VIDEO, T38, "m=audio 5004 RTP/SAVP 0\n", "m=audio 0 RTP/AVP 0\n", ""])
    def test_without_plain_audio_it_cannot_be_served(self, media: str) -> None:
        with pytest.raises(NotAcceptable) as caught:
            offer(media)
        assert caught.value.status == 488

    def test_of_a_secure_and_a_plain_stream_the_plain_one_is_taken(self) -> None:
        assert shape(offer("m=audio 5002 RTP/SAVP 0\n" + AUDIO)) == [("audio", 30000)]

    def test_streams_that_the_leg_has_seen_keep_their_places(self) -> None:
        seen = body(VIDEO.replace("5006", "0") + AUDIO + T38.replace("5008", "0"))
        assert shape(offer(AUDIO, previous=seen)) == [("video", 0), ("audio", 30000), ("image", 0)]

    @pytest.mark.parametrize("way", ["sendrecv", "sendonly", "recvonly", "inactive"])
    def test_the_direction_passes(self, way: str) -> None:
        assert direction(offer(AUDIO + f"a={way}\n")) == way

    def test_the_sessions_direction_holds_for_the_stream(self) -> None:
        raw = body(AUDIO, session="a=sendonly\n")
        assert direction(sdp.parse(negotiate.relay_offer(raw, "203.0.113.1", 30000, session_id=5))) == "sendonly"

    def test_hold_of_the_old_kind_becomes_sendonly(self) -> None:
        held = body(AUDIO, address="0.0.0.0")
        relayed = sdp.parse(negotiate.relay_offer(held, "203.0.113.1", 30000, session_id=5))
        assert direction(relayed) == "sendonly"
        assert relayed.connection == "203.0.113.1"

    def test_ipv6(self) -> None:
        raw = negotiate.relay_offer(body(AUDIO), "2001:db8::1", 30000, session_id=5)
        assert b"c=IN IP6 2001:db8::1\r\n" in raw


class TestVersions:
    def test_the_same_again_is_the_same_bytes(self) -> None:
        first = negotiate.relay_offer(body(AUDIO), "203.0.113.1", 30000, session_id=5)
        second = negotiate.relay_offer(body(AUDIO, version=2), "203.0.113.1", 30000, session_id=5, previous=first)
        assert second == first

    def test_a_change_goes_up_by_one_and_keeps_the_id(self) -> None:
        first = negotiate.relay_offer(body(AUDIO), "203.0.113.1", 30000, session_id=5)
        held = negotiate.relay_offer(body(AUDIO + "a=sendonly\n"), "203.0.113.1", 30000, session_id=9, previous=first)
        assert sdp.parse(held).origin == sdp.Origin("ringplan", 5, 2, "203.0.113.1")
        back = negotiate.relay_answer(body(AUDIO), body(AUDIO), "203.0.113.1", 30000, session_id=9, previous=held)
        assert sdp.parse(back).origin.version == 3

    def test_after_a_crash_the_version_can_be_given(self) -> None:
        raw = negotiate.relay_offer(body(AUDIO), "203.0.113.1", 30000, session_id=5, version=8)
        assert sdp.parse(raw).origin.version == 8


class TestRelayAnswer:
    def test_what_the_other_leg_chose(self) -> None:
        chosen = "m=audio 7000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\na=ptime:20\n"
        relayed = answer(body(AUDIO), body(chosen))
        assert shape(relayed) == [("audio", 30002)]
        assert relayed.media[0].formats == ("0", "101")
        assert relayed.media[0].attribute("ptime") == "20"

    def test_every_stream_of_the_offer_is_answered_in_its_place(self) -> None:
        relayed = answer(body(VIDEO + AUDIO + T38), body("m=audio 7000 RTP/AVP 8\n"))
        assert shape(relayed) == [("video", 0), ("audio", 30002), ("image", 0)]
        assert [media.proto for media in relayed.media] == ["RTP/AVP", "RTP/AVP", "udptl"]
        assert relayed.media[2].formats == ("t38",)

    def test_avpf_ice_and_mux_are_answered_as_plain_rtp(self) -> None:
        relayed = answer(WEB.encode(), body("m=audio 7000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n"))
        assert shape(relayed) == [("audio", 30002), ("video", 0)]
        assert relayed.media[0].proto == "RTP/AVPF"  # an answer cannot change the profile; it takes up nothing of it
        assert relayed.media[0].attributes == ("rtpmap:101 telephone-event/8000", "sendrecv")
        assert relayed.attributes == ()

    def test_a_refusal_is_a_refusal(self) -> None:
        assert shape(answer(body(AUDIO), body("m=audio 0 RTP/AVP 8\n"))) == [("audio", 0)]

    @pytest.mark.parametrize(
        ("asked", "answered", "expected"),
        [
            ("sendonly", "recvonly", "recvonly"),
            ("sendonly", "inactive", "inactive"),
            ("inactive", "inactive", "inactive"),
            ("recvonly", "sendonly", "sendonly"),
            ("sendonly", "sendrecv", "recvonly"),  # a mistake of the other phone is not passed on
            ("sendrecv", "sendonly", "sendonly"),
            ("sendrecv", "sendrecv", "sendrecv"),
        ],
    )
    def test_directions_answer_directions(self, asked: str, answered: str, expected: str) -> None:
        assert direction(answer(body(AUDIO + f"a={asked}\n"), body(AUDIO + f"a={answered}\n"))) == expected

    def test_a_whole_hold_and_return(self) -> None:
        """A calls B; B holds and returns: each leg's own series stays well formed."""
        to_b = negotiate.relay_offer(body(AUDIO + VIDEO), "203.0.113.1", 30000, session_id=1)
        to_a = negotiate.relay_answer(body(AUDIO + VIDEO), body(AUDIO), "203.0.113.1", 30002, session_id=2)
        held = body(AUDIO + "a=sendonly\n", version=2)
        to_a2 = negotiate.relay_offer(held, "203.0.113.1", 30002, session_id=2, previous=to_a)
        assert shape(sdp.parse(to_a2)) == [("audio", 30002), ("video", 0)]
        assert sdp.parse(to_a2).origin.version == 2
        from_a = body(AUDIO + "a=recvonly\n" + VIDEO.replace("5006", "0"))
        to_b2 = negotiate.relay_answer(held, from_a, "203.0.113.1", 30000, session_id=1, previous=to_b)
        assert shape(sdp.parse(to_b2)) == [("audio", 30000)]
        assert direction(sdp.parse(to_b2)) == "recvonly"
        assert sdp.parse(to_b2).origin.version == 2


class TestLocal:
    def test_the_first_codec_that_we_have_and_the_digits(self) -> None:
        """Of those that cost the same."""
        asked = "m=audio 5004 RTP/AVP 9 8 0 96\na=rtpmap:96 telephone-event/8000\n"
        raw = negotiate.answer_local(body(asked + VIDEO), "203.0.113.1", 30004, session_id=3)
        made = sdp.parse(raw)
        assert shape(made) == [("audio", 30004), ("video", 0)]
        assert made.media[0].formats == ("8", "96")
        assert made.media[0].codecs() == {8: "PCMA/8000", 96: "TELEPHONE-EVENT/8000"}
        assert direction(made) == "sendrecv"

    def test_without_a_codec_of_ours_it_cannot_be_served(self) -> None:
        with pytest.raises(NotAcceptable):
            negotiate.answer_local(body("m=audio 5004 RTP/AVP 18\n"), "203.0.113.1", 30004, session_id=3)

    def test_an_echo_takes_any_codec(self) -> None:
        raw = negotiate.answer_local(WEB.encode(), "203.0.113.1", 30004, session_id=3, codecs=None)
        media = sdp.parse(raw).media[0]
        assert media.formats == ("96", "101")
        assert media.attributes[:2] == ("rtpmap:96 opus/48000/2", "fmtp:96 useinbandfec=1")

    def test_a_holding_caller_is_answered_in_kind(self) -> None:
        raw = negotiate.answer_local(body(AUDIO + "a=sendonly\n"), "203.0.113.1", 30004, session_id=3)
        assert direction(sdp.parse(raw)) == "recvonly"

    def test_a_late_offer(self) -> None:
        raw = negotiate.offer_local("203.0.113.1", 30004, session_id=3)
        made = sdp.parse(raw)
        assert made.media[0].codecs() == {
            0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 107: "OPUS/48000/2", 101: "TELEPHONE-EVENT/8000",
        }  # fmt: skip
        far = negotiate.remote(body("m=audio 5004 RTP/AVP 8 101\n"), "192.0.2.10", raw)
        assert (far.codec, far.payload) == ("PCMA/8000", 8)


class TestRemote:
    def test_where_it_is_and_what_it_may_send(self) -> None:
        far = negotiate.remote(body(AUDIO), "198.51.100.9")
        assert (far.address, far.port, far.rtcp_port, far.signalling) == ("192.0.2.10", 5004, 5005, "198.51.100.9")
        assert far.payloads == (8, 0, 101)
        assert far.telephone_event == 101
        assert (far.codec, far.payload) == ("PCMA/8000", 8)
        assert (far.send, far.receive) == (True, True)

    def test_our_numbers_are_allowed_as_well(self) -> None:
        ours = body("m=audio 5004 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\n")
        assert negotiate.remote(body(AUDIO), "192.0.2.10", ours).payloads == (8, 0, 101, 96)

    @pytest.mark.parametrize(
        ("way", "sends", "receives"),
        [("sendrecv", True, True), ("sendonly", True, False), ("recvonly", False, True), ("inactive", False, False)],
    )
    def test_directions(self, way: str, sends: bool, receives: bool) -> None:
        far = negotiate.remote(body(AUDIO + f"a={way}\n"), "192.0.2.10")
        assert (far.send, far.receive) == (sends, receives)

    @pytest.mark.parametrize("address", ["0.0.0.0", "239.1.1.1", "255.255.255.255"])
    def test_nothing_is_sent_to_an_address_that_is_no_phones(self, address: str) -> None:
        far = negotiate.remote(body(AUDIO, address=address), "192.0.2.10")
        assert far.receive is False
        assert far.address == "192.0.2.10"

    def test_a_host_name_is_not_looked_up(self) -> None:
        assert negotiate.remote(body(AUDIO, address="phone.example.com"), "192.0.2.10").address == "192.0.2.10"

    def test_the_rtcp_attribute(self) -> None:
        assert negotiate.remote(body(AUDIO + "a=rtcp:6001 IN IP4 192.0.2.10\n"), "192.0.2.10").rtcp_port == 6001
        assert negotiate.remote(body(AUDIO + "a=rtcp:junk\n"), "192.0.2.10").rtcp_port == 5005

    def test_a_refused_stream(self) -> None:
        far = negotiate.remote(body("m=audio 0 RTP/AVP 0\n"), "192.0.2.10")
        assert (far.port, far.payloads, far.send, far.receive) == (0, (), False, False)
