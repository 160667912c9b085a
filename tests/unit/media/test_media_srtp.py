"""SRTP of a leg (RFC 3711, RFC 4568): under every engine, with libsrtp on the telephone's side too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pylibsrtp
import pytest

from media import negotiate, sdp
from media.engine import AS_BEFORE, Keys
from media.sdp import NotAcceptable
from media.srtp import Shield
from tests.unit.media.media_phone import Phone
from tests.unit.media.media_stage import Stage, leg, staged

OURS, THEIRS = bytes(range(30)), bytes(range(100, 130))
SUITE = "AES_CM_128_HMAC_SHA1_80"
PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 10),
    "AES_CM_128_HMAC_SHA1_32": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 4),
}
SPEECH = b"\xd5" * 160


@pytest.fixture(params=["local", "worker", "workers"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path) as made:
        yield made


class Far:
    """The other end of a leg: what it sends it encrypts with its own key."""

    def __init__(self, phone: Phone, suite: str = SUITE, sending: bytes = THEIRS, receiving: bytes = OURS) -> None:
        self.phone = phone
        kind = pylibsrtp.Policy
        self._out = pylibsrtp.Session(kind(sending, kind.SSRC_ANY_OUTBOUND, 0, PROFILES[suite][0]))
        self._in = pylibsrtp.Session(kind(receiving, kind.SSRC_ANY_INBOUND, 0, PROFILES[suite][0]))

    def say(self, payload: bytes, number: int = 0) -> tuple[bytes, bytes]:
        """(the packet, and what went out)."""
        plain = self.phone.packet(payload, number)
        sealed = self._out.protect(plain)
        self.phone.raw(sealed)
        return plain, sealed

    def read(self, packet: bytes) -> bytes:
        found: bytes = self._in.unprotect(packet)
        return found

    def report(self) -> bytes:
        plain = b"\x80\xc9\x00\x01" + self.phone.ssrc.to_bytes(4, "big")
        self.phone.raw(self._out.protect_rtcp(plain), rtcp=True)
        return plain

    def read_report(self, packet: bytes) -> bytes:
        found: bytes = self._in.unprotect_rtcp(packet)
        return found


@pytest.mark.parametrize("suite", list(PROFILES))
async def test_one_side_encrypts_and_the_other_does_not(stage: Stage, suite: str) -> None:
    secure = await stage.phone(ssrc=1, keys=Keys(suite, OURS, THEIRS))
    plain = await stage.phone(ssrc=2)
    await stage.bridge(secure, plain)
    far = Far(secure, suite)
    for _ in range(3):
        said, wire = far.say(SPEECH)
        assert len(wire) == len(said) + PROFILES[suite][1]
        assert await stage.hears(plain) == [said]
        answer = plain.say(SPEECH)
        (heard,) = await stage.hears(secure)
        assert heard != answer
        assert far.read(heard) == answer
    report = far.report()
    assert report in await stage.hears(plain, 1, rtcp=True)
    sent = plain.report()
    (sealed,) = await stage.hears(secure, rtcp=True)
    assert far.read_report(sealed) == sent


async def test_both_encrypt_each_with_its_own_keys(stage: Stage) -> None:
    other_ours, other_theirs = OURS[::-1], THEIRS[::-1]
    first = await stage.phone(ssrc=1, keys=Keys(SUITE, OURS, THEIRS))
    second = await stage.phone(ssrc=2, keys=Keys(SUITE, other_ours, other_theirs))
    await stage.bridge(first, second)
    one, two = Far(first), Far(second, SUITE, other_theirs, other_ours)
    said, _ = one.say(SPEECH)
    assert two.read((await stage.hears(second))[0]) == said
    said, _ = two.say(SPEECH)
    assert one.read((await stage.hears(first))[0]) == said


async def test_what_is_not_signed_with_the_key_is_dropped_and_teaches_nothing(stage: Stage) -> None:
    """Not even where the far end is: who can only guess an address draws no sound there."""
    secure, plain = await stage.phone(ssrc=1, keys=Keys(SUITE, OURS, THEIRS)), await stage.phone(ssrc=2)
    await stage.bridge(secure, plain)
    stranger = await stage.phone(ssrc=1)
    stranger.lease = secure.lease
    stranger.say(SPEECH)  # plain
    Far(stranger, SUITE, b"\x07" * 30).say(SPEECH)  # another key
    far = Far(secure)
    said, wire = far.say(SPEECH)
    assert await stage.hears(plain) == [said]
    secure.raw(wire)  # once more: a replay
    secure.raw(wire[:-1] + bytes((wire[-1] ^ 1,)))
    secure.raw(b"\x80")
    said, _ = far.say(SPEECH)
    assert await stage.hears(plain) == [said]
    answer = plain.say(SPEECH)
    assert far.read((await stage.hears(secure))[0]) == answer
    assert not stranger.heard()


async def test_a_hold_keeps_the_sessions_and_so_does_a_repetition_without_keys(stage: Stage) -> None:
    """The roll-over counter is beyond 65535 packets known to nobody else. An exchange that died knew the keys, the next
    one does not, and repeats what it knows."""
    secure, plain = await stage.phone(ssrc=1, keys=Keys(SUITE, OURS, THEIRS)), await stage.phone(ssrc=2)
    await stage.bridge(secure, plain)
    far = Far(secure)
    for step in range(4):
        said, _ = far.say(SPEECH)  # its sequence numbers begin shortly before they wrap around
        assert await stage.hears(plain) == [said]
        if step == 1:
            held = secure.remote(keys=Keys(SUITE, OURS, THEIRS), receive=False)
            stage.engine.update(leg(secure), held)
            stage.engine.update(leg(secure), secure.remote(keys=Keys(SUITE, OURS, THEIRS)))
            await stage.quiet()
        if step == 2:
            stage.engine.update(leg(secure), secure.remote(keys=AS_BEFORE), again=True)
            await stage.quiet()
    answer = plain.say(SPEECH)
    assert far.read((await stage.hears(secure))[0]) == answer


async def test_new_keys_hold_at_once(stage: Stage) -> None:
    secure, plain = await stage.phone(ssrc=1, keys=Keys(SUITE, OURS, THEIRS)), await stage.phone(ssrc=2)
    await stage.bridge(secure, plain)
    said, _ = Far(secure).say(SPEECH)
    assert await stage.hears(plain) == [said]
    stage.engine.update(leg(secure), secure.remote(keys=Keys(SUITE, OURS, OURS)))
    await stage.quiet()
    Far(secure).say(SPEECH)
    said, _ = Far(secure, SUITE, OURS).say(SPEECH)
    assert await stage.hears(plain) == [said]


def test_a_far_end_of_ever_new_sources_does_not_fill_the_memory() -> None:
    ours, theirs = Shield(Keys(SUITE, OURS, THEIRS)), Shield(Keys(SUITE, THEIRS, OURS))
    for source in range(200):
        packet = b"\x80\x00\x00\x01\x00\x00\x00\x01" + source.to_bytes(4, "big") + SPEECH
        sealed = ours.seal(packet)
        assert sealed is not None
        assert theirs.open(sealed) == packet
    assert len(ours._out) <= 32 and len(theirs._in) <= 32


@pytest.mark.parametrize("packet", [b"", b"x", b"\x80\x00" + b"\x00" * 20, b"\xff" * 100, b"\x80\xc8" + b"\0" * 3000])
def test_rubbish_is_no_packet(packet: bytes) -> None:
    shield = Shield(Keys(SUITE, OURS, THEIRS))
    assert shield.open(packet) is None
    assert shield.open_report(packet) is None


def test_a_suite_that_we_have_not() -> None:
    with pytest.raises(ValueError, match="F8_128"):
        Shield(Keys("F8_128_HMAC_SHA1_80", OURS, THEIRS))


def test_keys_are_not_shown() -> None:
    keys = Keys(SUITE, OURS, THEIRS)
    description = sdp.parse(offered(f"1 {SUITE} inline:{GOOD}"))
    media = description.media[0]
    for shown in map(repr, (keys, description, media, negotiate.crypto(media))):
        assert GOOD not in shown
        assert repr(OURS) not in shown


GOOD = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e"


def offered(*crypto: str, proto: str = "RTP/SAVP") -> bytes:
    lines = "".join(f"a=crypto:{line}\r\n" for line in crypto)
    return (
        "v=0\r\no=- 7 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
        f"m=audio 5004 {proto} 0 101\r\na=rtpmap:101 telephone-event/8000\r\n{lines}a=sendrecv\r\n"
    ).encode()


PLAIN = offered(proto="RTP/AVP")


@pytest.mark.parametrize(
    ("lines", "tag"),
    [
        ([f"1 {SUITE} inline:{GOOD}"], 1),
        ([f"7 {SUITE} inline:{GOOD}|2^20"], 7),
        ([f"1 F8_128_HMAC_SHA1_80 inline:{GOOD}", f"2 AES_CM_128_HMAC_SHA1_32 inline:{GOOD}"], 2),
        ([f"1 {SUITE} inline:{GOOD}|2^20|1:4", f"2 {SUITE} inline:{GOOD}"], 2),  # a key with an identifier
        ([f"1 {SUITE} inline:{GOOD} UNENCRYPTED_SRTP", f"2 {SUITE}  inline:{GOOD} -X=1"], 2),
        ([f"1 {SUITE} inline:{GOOD};inline:{GOOD}"], None),
        ([f"1 {SUITE} inline:{GOOD[:36]}"], None),
        ([f"1 {SUITE} inline:!!!{GOOD[3:]}"], None),
        ([f"x {SUITE} inline:{GOOD}"], None),
        (["1"], None),
        ([], None),
    ],
)
def test_the_first_key_that_we_can_use_is_answered(lines: list[str], tag: int | None) -> None:
    """RFC 4568 section 7.1.2. Without one, nothing can be served: 488."""
    offer = offered(*lines)
    if tag is None:
        with pytest.raises(NotAcceptable):
            negotiate.answer_local(offer, "203.0.113.1", 30000, session_id=1)
        return
    raw = negotiate.answer_local(offer, "203.0.113.1", 30000, session_id=1)
    media = sdp.parse(raw).media[0]
    used = negotiate.crypto(media)
    assert used is not None
    assert (media.proto, used.tag, used.key) == ("RTP/SAVP", tag, b"")
    theirs = negotiate.agreed(offer, raw)
    assert theirs is not None
    assert len(theirs.key) == 30


def test_nothing_of_a_key_passes_to_the_other_leg() -> None:
    offer = offered(f"1 {SUITE} inline:{GOOD}")
    passed = negotiate.relay_offer(offer, "203.0.113.1", 30000, session_id=1)
    assert b"crypto" not in passed and b" RTP/AVP " in passed
    back = negotiate.relay_answer(offer, PLAIN, "203.0.113.1", 30002, session_id=2)
    assert f"a=crypto:1 {SUITE} {negotiate.KEY}\r\n".encode() in back


def test_an_offer_of_ours_on_a_leg_with_srtp_stays_with_it() -> None:
    offer = offered(f"3 {SUITE} inline:{GOOD}")
    first = negotiate.relay_answer(offer, PLAIN, "203.0.113.1", 30002, session_id=2)
    second = negotiate.relay_offer(
        PLAIN.replace(b"sendrecv", b"sendonly"), "203.0.113.1", 30002, session_id=2, previous=first
    )
    media = sdp.parse(second).media[0]
    assert (media.proto, media.crypto) == ("RTP/SAVP", (f"3 {SUITE} {negotiate.KEY}",))
    assert sdp.parse(second).origin.version == 2


def test_crypto_in_plain_rtp_is_taken_up() -> None:
    """RFC 8643: who can, encrypts."""
    offer = offered(f"1 {SUITE} inline:{GOOD}", proto="RTP/AVP")
    raw = negotiate.answer_local(offer, "203.0.113.1", 30000, session_id=1)
    assert b" RTP/AVP " in raw and negotiate.KEY.encode() in raw
    assert negotiate.agreed(PLAIN, raw) is None  # asked the same, another one cannot
    with pytest.raises(NotAcceptable):
        negotiate.agreed(offered(f"1 {SUITE} {negotiate.KEY}"), raw)  # a key that is not there


def test_keys_are_not_remembered_with_the_rest() -> None:
    """What descriptions have in common is cached; keys are not in it."""
    media = sdp.parse(offered(f"1 {SUITE} inline:{GOOD}")).media[0]
    assert media.crypto and not [line for line in media.attributes if "crypto" in line]
    assert sdp.write(negotiate.keyless(sdp.parse(offered(f"1 {SUITE} inline:{GOOD}")))).count(GOOD.encode()) == 0


async def test_keys_of_an_exchange_before_hold_for_another_description(stage: Stage) -> None:
    secure, plain = await stage.phone(ssrc=1, keys=Keys(SUITE, OURS, THEIRS)), await stage.phone(ssrc=2)
    await stage.bridge(secure, plain)
    far = Far(secure)
    stage.engine.update(leg(secure), secure.remote(keys=AS_BEFORE, telephone_event=None, payloads=(0,)), again=True)
    await stage.quiet()
    said, _ = far.say(SPEECH)
    assert said in await stage.hears(plain)
    answer = plain.say(SPEECH)
    (heard,) = await stage.hears(secure)
    assert far.read(heard) == answer


async def test_where_those_keys_are_not_nothing_is_said_in_the_clear(stage: Stage) -> None:
    """The worker has died as well, or never heard of them."""
    secure, plain = await stage.phone(ssrc=1, keys=AS_BEFORE), await stage.phone(ssrc=2)
    await stage.bridge(secure, plain)
    for _ in range(5):
        plain.say(SPEECH)
        secure.say(SPEECH)
        await stage.pass_time(0.5)
    assert secure.heard() == plain.heard() == []
    stage.engine.update(leg(secure), secure.remote(keys=Keys(SUITE, OURS, THEIRS)))
    await stage.quiet()
    said, _ = Far(secure).say(SPEECH)
    assert said in await stage.hears(plain)
