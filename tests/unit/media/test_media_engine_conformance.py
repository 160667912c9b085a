"""What every MediaEngine does, run over the one in the process and the one in a worker process."""

from __future__ import annotations

import itertools
import struct
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from media.engine import Digit, DigitsSent, Lease, LegLost, PlayEnded, Silent, Stats, Tune, kept_back
from tests.unit.media.media_phone import Phone, measure, sine
from tests.unit.media.media_stage import Stage, WorkerStage, leg, staged


@pytest.fixture(params=["local", "worker", "workers"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("kind", ["local", "worker", "workers", "book"])
async def test_the_last_ports_are_for_calls_for_help(kind: str, tmp_path: Path) -> None:
    """EMG-6: an ordinary call gets none of the last four pairs, however often it asks."""
    async with staged(kind, tmp_path) as stage:
        engine, used = stage.engine, list[Lease]()

        def used_up() -> bool:
            before = len(used)
            for lease in iter(engine.lease, None):
                engine.open(lease, 0)
                used.append(lease)
            return len(used) == before

        while not used_up():
            await stage.pass_time(0.2)  # for a worker to grant more
        assert len(used) > 16 and engine.lease(near=used[0].leg) is None
        kept = 4 * (stage.count if isinstance(stage, WorkerStage) else 1)
        helped = [engine.lease(None if n % 2 else used[0].leg, urgent=True) for n in range(kept)]
        assert len({lease.port for lease in (*used, *helped) if lease is not None}) == len(used) + kept
        assert engine.lease(urgent=True) is None and engine.lease() is None


@pytest.mark.parametrize(("pairs", "kept"), [(0, 0), (3, 0), (4, 2), (7, 2), (8, 4), (5000, 4)])
def test_a_short_range_keeps_no_more_than_half_of_it_back(pairs: int, kept: int) -> None:
    """EMG-6: and whole calls, so that ordinary ones go at all."""
    assert kept_back(pairs) == kept


async def converse(stage: Stage, first: Phone, second: Phone, frames: int = 10) -> None:
    """Both say their tone, frame by frame; what each hears must be the other's packets, untouched and in order."""
    high, low = sine(1000, frames), sine(400, frames)
    for up, down in zip(high, low, strict=True):
        sent = first.say(up)
        assert await stage.hears(second) == [sent]
        sent = second.say(down)
        assert await stage.hears(first) == [sent]


async def test_each_hears_the_others_tone(stage: Stage) -> None:
    first, second = await stage.call()
    high, low = sine(1000, 10), sine(400, 10)
    at_first, at_second = [], []
    for up, down in zip(high, low, strict=True):
        first.say(up)
        at_second += await stage.hears(second)
        second.say(down)
        at_first += await stage.hears(first)
    frequency, level = measure([packet[12:] for packet in at_second])
    assert abs(frequency - 1000) < 10  # and not 400: the tones are not swapped, nor heard by who says them
    assert abs(level - -12.2) < 1
    frequency, _ = measure([packet[12:] for packet in at_first])
    assert abs(frequency - 400) < 10


async def test_packets_are_relayed_byte_for_byte(stage: Stage) -> None:
    first, second = await stage.call()
    await converse(stage, first, second)
    assert not [event for event in stage.events if not isinstance(event, Stats)]


async def test_rtcp_is_relayed_on_its_own_ports(stage: Stage) -> None:
    first, second = await stage.call()
    sent = first.report()
    assert await stage.hears(second, rtcp=True) == [sent]
    sent = second.report()
    assert await stage.hears(first, rtcp=True) == [sent]
    assert not first.heard()
    assert not second.heard()


async def test_rtcp_on_the_rtp_port_goes_to_the_rtcp_port(stage: Stage) -> None:
    first, second = await stage.call()
    first.say(b"x" * 160)
    await stage.hears(second)
    report = struct.pack("!BBHI", 0x80, 201, 1, 7)
    first.raw(report)
    assert await stage.hears(second, rtcp=True) == [report]
    assert not second.heard()


async def test_a_stranger_is_not_heard_and_does_not_draw_the_sound(stage: Stage) -> None:
    first, second = await stage.call()
    stranger = Phone("127.0.0.9", ssrc=1)
    stage.phones.append(stranger)
    stranger.lease = first.lease
    stranger.say(b"s" * 160)  # before anything was learned
    await stage.quiet()
    sent = first.say(b"a" * 160)
    assert await stage.hears(second) == [sent]
    stranger.say(b"s" * 160)  # and after
    await stage.quiet()
    sent = second.say(b"b" * 160)
    assert await stage.hears(first) == [sent]
    assert not second.heard()
    assert not stranger.heard()


async def test_the_same_host_from_another_port_is_locked_out_once_learned(stage: Stage) -> None:
    first, second = await stage.call()
    first.say(b"a" * 160)
    await stage.hears(second)
    other = Phone(ssrc=1)
    stage.phones.append(other)
    other.lease = first.lease
    other.say(b"s" * 160)
    await stage.quiet()
    assert not second.heard()


async def test_behind_nat_the_signalling_source_is_learned_and_answered(stage: Stage) -> None:
    second = await stage.phone(ssrc=2)
    first = await stage.phone(ssrc=1, address="192.0.2.77", port=4000, rtcp_port=4001)  # its own idea of where it is
    await stage.bridge(first, second)
    sent = first.say(b"a" * 160)
    assert await stage.hears(second) == [sent]
    sent = second.say(b"b" * 160)
    assert await stage.hears(first) == [sent]


async def test_a_new_description_opens_the_leg_to_a_new_place(stage: Stage) -> None:
    first, second = await stage.call()
    await converse(stage, first, second, 2)
    moved = Phone(ssrc=3)
    stage.phones.append(moved)
    moved.lease = first.lease
    moved.say(b"m" * 160)
    await stage.quiet()
    assert not second.heard()
    stage.engine.update(leg(first), moved.remote())
    await stage.quiet()
    sent = second.say(b"b" * 160)
    assert await stage.hears(moved) == [sent]  # sent there before anything came from there
    await converse(stage, moved, second, 2)
    assert not first.heard()


async def test_a_refresh_of_a_phone_behind_nat_makes_no_gap(stage: Stage) -> None:
    first = await stage.phone(ssrc=1, address="192.0.2.77", port=4000, rtcp_port=4001)
    second = await stage.phone(ssrc=2)
    await stage.bridge(first, second)
    await converse(stage, first, second, 2)
    stage.engine.update(leg(first), first.remote(address="192.0.2.77", port=4000, rtcp_port=4001))
    await stage.quiet()
    sent = second.say(b"b" * 160)
    assert await stage.hears(first) == [sent]


async def test_payloads_that_were_not_agreed_are_dropped(stage: Stage) -> None:
    first, second = await stage.call(payloads=(0,), telephone_event=None)
    first.say(b"a" * 160, number=18)
    first.say(b"a" * 160, number=8)
    sent = first.say(b"a" * 160)
    assert await stage.hears(second) == [sent]
    first.say(b"a" * 160, number=8)
    sent = first.say(b"c" * 160)
    assert await stage.hears(second) == [sent]


async def test_another_ssrc_is_believed_at_its_second_packet_in_sequence(stage: Stage) -> None:
    first, second = await stage.call()
    first.say(b"a" * 160)
    await stage.hears(second)
    first.say(b"n" * 160, ssrc=77)
    sent = first.say(b"o" * 160, ssrc=77)
    assert await stage.hears(second) == [sent]
    sent = first.say(b"p" * 160, ssrc=77)
    assert await stage.hears(second) == [sent]


async def test_a_lone_packet_of_another_ssrc_is_dropped(stage: Stage) -> None:
    first, second = await stage.call()
    first.say(b"a" * 160)
    await stage.hears(second)
    first.say(b"n" * 160, ssrc=77)
    sent = first.say(b"b" * 160)
    assert await stage.hears(second) == [sent]


async def test_nothing_is_sent_to_a_far_end_that_does_not_receive(stage: Stage) -> None:
    first, second = await stage.call()
    await converse(stage, first, second, 2)
    stage.engine.update(leg(first), first.remote(receive=False))
    await stage.quiet()
    second.say(b"b" * 160)
    sent = first.say(b"a" * 160)
    assert await stage.hears(second) == [sent]  # music on hold
    assert not first.heard()
    stage.engine.update(leg(first), first.remote())
    await stage.quiet()
    await converse(stage, first, second, 2)


async def test_rubbish_is_dropped_and_the_call_goes_on(stage: Stage) -> None:
    first, second = await stage.call()
    await converse(stage, first, second, 1)
    rubbish = [b"", b"\x80", b"\x80\x00" + b"x" * 9, b"\x00" * 200, bytes(range(256)) * 14, b"\xbf\x00" + b"\xff" * 30]
    rubbish += [
        b"\x90\x00" + b"\0" * 10,
        b"\xa0\x00" + b"\0" * 9 + b"\x20",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"\x80\xc9\xff\xff1234",
    ]
    for data in rubbish:
        first.raw(data)
        first.raw(data, rtcp=True)
    await stage.quiet()
    assert not second.heard()
    assert not second.heard(rtcp=True)
    await converse(stage, first, second, 2)


async def test_a_tone_is_heard_at_its_pitch_and_level(stage: Stage) -> None:
    phone = await stage.phone(codec="PCMA/8000", payload=8)
    stage.engine.play(leg(phone), Tune(("tone:440",)))
    packets = await stage.hears(phone, 25)
    headers = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert {header[1] & 0x7F for header in headers} == {8}
    assert headers[0][1] & 0x80
    assert not any(header[1] & 0x80 for header in headers[1:])
    assert {len(packet) for packet in packets} == {172}
    assert {header[4] for header in headers} == {headers[0][4]}
    for before, after in itertools.pairwise(headers):
        assert (after[2] - before[2]) & 0xFFFF == 1
        assert (after[3] - before[3]) & 0xFFFFFFFF == 160
    frequency, level = measure([packet[12:] for packet in packets], alaw=True)
    assert abs(frequency - 440) < 3
    assert abs(level - -12) < 0.5


async def test_commands_repeated_after_a_crash_do_not_disturb_the_sound(stage: Stage) -> None:
    """What was learned of the far ends stays locked: another port of the same host is not heard."""
    first, second = await stage.call()
    await converse(stage, first, second, 2)
    for phone in (first, second):
        assert phone.lease is not None
        stage.engine.open(phone.lease, 0.0)
        stage.engine.update(leg(phone), phone.remote(), again=True)
    stage.engine.bridge(leg(first), leg(second))
    await stage.quiet()
    elsewhere = Phone("127.0.0.1", ssrc=1)
    stage.phones.append(elsewhere)
    elsewhere.lease = first.lease
    for frame in sine(700, 3):
        elsewhere.say(frame)
    await stage.quiet()
    assert not second.heard()
    await converse(stage, first, second, 2)


async def test_what_was_never_told_is_told_by_the_repetition(stage: Stage) -> None:
    first, second = await stage.phone(ssrc=1), await stage.phone(ssrc=2)
    stage.engine.update(leg(first), first.remote(address="192.0.2.9"))
    stage.engine.update(leg(first), first.remote(), again=True)
    await stage.bridge(first, second)
    await converse(stage, first, second, 2)


async def test_a_tone_that_is_asked_for_again_plays_on(stage: Stage) -> None:
    phone = await stage.phone()
    stage.engine.play(leg(phone), Tune(("tone:440",)), again=True)
    before = await stage.hears(phone, 3)
    stage.engine.play(leg(phone), Tune(("tone:440",)), again=True)
    packets = before + await stage.hears(phone, 3)
    assert len({packet[8:12] for packet in packets}) == 1
    for one, other in itertools.pairwise(struct.unpack("!H", packet[2:4])[0] for packet in packets):
        assert (other - one) & 0xFFFF == 1


async def test_a_bridge_ends_the_tone(stage: Stage) -> None:
    first, second = await stage.phone(ssrc=1), await stage.phone(ssrc=2)
    stage.engine.play(leg(first), Tune(("tone:440",)))
    await stage.hears(first, 2)
    await stage.bridge(first, second)
    first.heard()
    await stage.pass_time(0.1)
    assert not first.heard()
    await converse(stage, first, second, 2)


async def test_the_echo_sends_the_callers_own_packets_back(stage: Stage) -> None:
    phone = await stage.phone()
    stage.engine.play(leg(phone), Tune(("echo",)))
    await stage.quiet()
    for frame in sine(700, 5):
        sent = phone.say(frame)
        assert await stage.hears(phone) == [sent]
    stage.engine.stop(leg(phone))
    await stage.quiet()
    phone.say(b"x" * 160)
    await stage.quiet()
    assert not phone.heard()


async def test_a_sound_that_cannot_be_played_ends_at_once(stage: Stage) -> None:
    phone = await stage.phone()
    stage.engine.play(leg(phone), Tune(("file:/no/such/file.wav",)))
    await stage.until(lambda: PlayEnded(leg(phone), 0, ("file:/no/such/file.wav",)) in stage.events)


async def test_digits_are_told_once_each(stage: Stage) -> None:
    phone = await stage.phone()
    stage.engine.play(leg(phone), Tune(("echo",)))
    await stage.quiet()
    for digit, start in ((5, 0), (11, 8000)):
        for duration, end in ((160, 0), (320, 0), (800, 0x80), (800, 0x80), (800, 0x80)):
            phone.sequence += 1
            header = struct.pack("!BBHII", 0x80, 101, phone.sequence & 0xFFFF, start, phone.ssrc)
            phone.raw(header + struct.pack("!BBH", digit, end | 10, duration))
    await stage.until(lambda: sum(isinstance(event, Digit) for event in stage.events) == 2)
    await stage.quiet()
    digits = [event for event in stage.events if isinstance(event, Digit)]
    assert digits == [Digit(leg(phone), "5", 100), Digit(leg(phone), "#", 100)]


async def test_silence_is_told_once_and_rtcp_is_no_silence(stage: Stage) -> None:
    silent, talking = await stage.phone(0.9, ssrc=1), await stage.phone(0.9, ssrc=2)
    await stage.bridge(silent, talking)
    for _ in range(4):
        talking.report()
        await stage.pass_time(0.5)
    await stage.until(lambda: any(isinstance(event, Silent) for event in stage.events))
    told = [event.leg for event in stage.events if isinstance(event, Silent)]
    assert told == [leg(silent)]


async def test_a_held_leg_may_be_silent(stage: Stage) -> None:
    first = await stage.phone(0.5, ssrc=1, send=False)
    second = await stage.phone(0.0, ssrc=2)
    await stage.bridge(first, second)
    await stage.pass_time(2.5)
    assert not [event for event in stage.events if isinstance(event, Silent)]


async def test_closing_tells_the_counters_and_is_harmless_twice(stage: Stage) -> None:
    first, second = await stage.call()
    await converse(stage, first, second, 5)
    stage.engine.close(leg(first))
    stage.engine.close(leg(first))
    stage.engine.close(leg(second))
    wanted = {leg(first), leg(second)}
    await stage.until(lambda: wanted == {e.leg for e in stage.events if isinstance(e, Stats)} & wanted)
    stats = [event for event in stage.events if isinstance(event, Stats) and event.leg in wanted]
    assert len(stats) == 2
    for event in stats:
        assert (event.packets_in, event.packets_out, event.octets_in, event.octets_out) == (5, 5, 860, 860)


async def test_a_command_for_an_unknown_leg_reports_it_lost(stage: Stage) -> None:
    stage.engine.play(987654321, Tune(("echo",)))
    await stage.until(lambda: LegLost(987654321) in stage.events)


async def test_commands_may_be_repeated(stage: Stage) -> None:
    first, second = await stage.call()
    await converse(stage, first, second, 2)
    for phone in (first, second):
        assert phone.lease is not None
        stage.engine.open(phone.lease, 0)
        stage.engine.update(leg(phone), phone.remote())
    await stage.bridge(first, second)
    await converse(stage, first, second, 2)


async def test_adoption_keeps_ours_closes_others_and_reports_the_missing(stage: Stage) -> None:
    first, second = await stage.call()
    other = await stage.phone(ssrc=3)
    await converse(stage, first, second, 2)
    if isinstance(stage, WorkerStage):
        stage.client.shut()
        await converse(stage, first, second, 2)  # nobody is connected, the sound goes on
        stage.client = stage.engine = stage.connect()
        await stage.client.ready()
    assert first.lease is not None
    assert second.lease is not None
    missing = Lease(4711, 0, "127.0.0.1", 4711)
    stage.engine.adopt({leg(first): first.lease, leg(second): second.lease, 4711: missing})
    await stage.until(lambda: LegLost(4711) in stage.events)
    await stage.until(lambda: any(isinstance(e, Stats) and e.leg == leg(other) for e in stage.events))
    assert [event for event in stage.events if isinstance(event, LegLost)] == [LegLost(4711)]
    await stage.bridge(first, second)  # as an exchange does that takes its calls over again
    await converse(stage, first, second, 2)
    stage.engine.close(leg(first))
    await stage.until(lambda: any(isinstance(e, Stats) and e.leg == leg(first) for e in stage.events))


async def test_a_tune_is_played_part_after_part_and_its_end_is_told(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        sound = np.round(8000 * np.sin(2 * np.pi * 600 * np.arange(3200) / 8000))
        file.writeframes(sound.astype("<i2").tobytes())
    phone = await stage.phone()
    tune = Tune(("tone:1000:400", "file:/no/such/file", "silence:200", f"file:{path}"), id=77)
    stage.engine.play(leg(phone), tune)
    packets: list[bytes] = []

    def arrived() -> bool:
        packets.extend(phone.heard())
        return len(packets) >= 50

    await stage.until(arrived, 400.0)  # a thread reads the file meanwhile, in a time of its own
    await stage.until(lambda: PlayEnded(leg(phone), 77, ("file:/no/such/file",)) in stage.events)
    for part, hertz in ((packets[:20], 1000), (packets[30:50], 600)):
        assert abs(measure([packet[12:] for packet in part])[0] - hertz) < 6
    assert measure([packet[12:] for packet in packets[20:30]])[1] < -60


async def test_what_plays_over_a_bridge_is_heard_in_its_place_for_that_time(stage: Stage) -> None:
    first, second = await stage.call()
    await converse(stage, first, second, 2)
    stage.engine.play(leg(first), Tune(("tone:1500:300",), over=True, id=5))
    packets = await stage.hears(first, 15)
    assert abs(measure([packet[12:] for packet in packets[:15]])[0] - 1500) < 8
    await stage.until(lambda: PlayEnded(leg(first), 5) in stage.events)
    first.heard()
    await converse(stage, first, second, 3)


async def test_digits_are_sent_as_events_and_told_when_they_are_out(stage: Stage) -> None:
    phone = await stage.phone(telephone_event=101)
    stage.engine.send_digits(leg(phone), "19#")
    await stage.until(lambda: DigitsSent(leg(phone)) in stage.events)
    packets = await stage.hears(phone, 21)
    events = [(packet[12], packet[13] >> 7) for packet in packets]
    assert events == [(digit, end) for digit in (1, 9, 11) for end in (0, 0, 0, 0, 1, 1, 1)]
    assert [bool(packet[1] & 0x80) for packet in packets] == [at % 7 == 0 for at in range(21)]
