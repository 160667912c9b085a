"""The four codecs: what goes in comes out, also from one to the other; rubbish does no harm."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import codecs, g711
from media.rates import Frame, Resampler
from tests.support.examples import examples

PEAK = 8000.0


def frames(hertz: float, rate: int, count: int = 50) -> list[Frame]:
    sound = np.rint(PEAK * np.sin(2 * np.pi * hertz * np.arange(count * rate // 50) / rate)).astype(np.int16)
    return list(np.split(sound, count))


def measure(sound: Frame, rate: int) -> tuple[float, float]:
    """(frequency, level in dB of what went in), the first 100 ms left out."""
    sound = sound[rate // 10 :].astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    level = 20 * math.log10(math.sqrt(float((sound**2).mean())) * math.sqrt(2) / PEAK)
    return float(spectrum.argmax()) * rate / len(sound), level


@pytest.mark.parametrize("alaw", [False, True])
def test_the_tables_say_what_g711_says_of_every_sample_and_byte(alaw: bool) -> None:
    codec = codecs.make(codecs.PCMA if alaw else codecs.PCMU)
    samples = np.arange(-32768, 32768).astype(np.int16)
    law = g711.alaw_of if alaw else g711.ulaw_of
    assert codec.encode(samples) == bytes(law(sample) for sample in range(-32768, 32768))
    whole = bytes(range(256))
    assert codec.decode(whole).tolist() == g711.decode(whole, alaw).tolist()


@pytest.mark.parametrize("name", codecs.KNOWN)
def test_20_ms_are_one_packet_and_come_back(name: str) -> None:
    codec = codecs.make(name.lower())
    assert (codec.name, codec.rate) == (name, codecs.rate_of(name))
    assert codec.clock == codecs.clock_of(name)
    made = [codec.decode(codec.encode(frame)) for frame in frames(700, codec.rate)]
    assert {len(frame) for frame in made} == {codec.rate // 50}
    hertz, level = measure(np.concatenate(made), codec.rate)
    assert hertz == pytest.approx(700, abs=2)
    assert level == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(codecs.KNOWN, 2)))
def test_transcoded_a_tone_keeps_its_frequency_and_level(source: str, target: str) -> None:
    sent, read, made, heard = (codecs.make(name) for name in (source, source, target, target))
    convert = Resampler(read.rate, made.rate)
    sound = [heard.decode(made.encode(convert(read.decode(sent.encode(frame))))) for frame in frames(1000, sent.rate)]
    hertz, level = measure(np.concatenate(sound), heard.rate)
    assert hertz == pytest.approx(1000, abs=2)
    assert level == pytest.approx(0, abs=0.5)


@given(st.sampled_from(codecs.KNOWN), st.lists(st.binary(max_size=1500), max_size=8))
@examples(60)
def test_any_payload_is_decoded_to_a_bounded_number_of_samples(name: str, payloads: list[bytes]) -> None:
    codec = codecs.make(name)
    for payload in payloads:
        sound = codec.decode(payload)
        assert sound.dtype == np.int16
        assert len(sound) <= codec.rate // 5
    assert len(codec.decode(codec.encode(frames(500, codec.rate, 1)[0]))) > 0  # it still works


def test_a_codec_that_we_have_not() -> None:
    assert not codecs.known("G729/8000")
    with pytest.raises(ValueError, match="G729"):
        codecs.make("G729/8000")
    with pytest.raises(ValueError, match="G729"):
        codecs.rate_of("G729/8000")


@pytest.mark.parametrize(
    ("name", "clock"), [("opus/48000/2", 48000), ("G722/8000", 8000), ("", 8000), ("x/0", 8000), ("x/99999999", 8000)]
)
def test_clocks(name: str, clock: int) -> None:
    assert codecs.clock_of(name) == clock
