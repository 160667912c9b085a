"""The measuring itself: it must fail when the tone is another, weaker, swapped, shorter or has a hole."""

from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.kit import sound

RATE = 8000


def recorded(tmp_path, *parts, name="heard.wav"):
    noise = np.random.default_rng(1)
    return sound.write(tmp_path / name, *[part + noise.normal(0, 1e-4, len(part)) for part in parts], rate=RATE)


def tone(hz, dbfs, seconds):
    return sound.sine(hz, dbfs, seconds, RATE)


def nothing(seconds):
    return sound.silence(seconds, RATE)


def test_frequency_level_start_end_and_purity_are_found(tmp_path):
    found = sound.check(recorded(tmp_path, nothing(0.4), tone(523, -14, 1.5), nothing(0.6)), 523, -14)
    assert found.hz == pytest.approx(523, abs=0.5)
    assert found.dbfs == pytest.approx(-14, abs=0.1)
    assert found.start_s == pytest.approx(0.4, abs=0.015)
    assert found.end_s == pytest.approx(1.9, abs=0.015)
    assert found.gap_s == 0
    assert found.purity > 0.99
    assert found.sounds_s == pytest.approx(1.5, abs=0.03)


def test_swapped_tones_fail(tmp_path):
    alice_hears = recorded(tmp_path, tone(523, -14, 1.0), name="alice.wav")
    bob_hears = recorded(tmp_path, tone(1200, -20, 1.0), name="bob.wav")
    for path, hz, dbfs in ((alice_hears, 1200, -20), (bob_hears, 523, -14)):
        with pytest.raises(AssertionError):
            sound.check(path, hz, dbfs)


@pytest.mark.parametrize("wrong", [tone(523, -17, 1.0), tone(531, -14, 1.0), nothing(1.0), tone(523, -14, 0.05)])
def test_a_tone_that_is_weaker_or_off_key_or_not_there_fails(tmp_path, wrong):
    with pytest.raises(AssertionError):
        sound.check(recorded(tmp_path, wrong), 523, -14)


@pytest.mark.parametrize("hole_s", [0.03, 0.06, 0.1, 0.4])
def test_a_hole_is_measured(tmp_path, hole_s):
    parts = tone(523, -14, 1.0), nothing(hole_s), tone(523, -14, 1.0)
    found = sound.check(recorded(tmp_path, *parts), 523, -14)
    assert found.gap_s == pytest.approx(hole_s, abs=0.015)


@pytest.mark.parametrize(("hole_s", "after_s", "right"), [(0.25, 0.5, True), (0.25, 0.25, True), (0.25, 1.0, False)])
def test_a_tone_is_as_long_with_or_without_the_hole_in_it(tmp_path, hole_s, after_s, right):
    found = sound.check(recorded(tmp_path, tone(523, -14, 0.5), nothing(hole_s), tone(523, -14, after_s)), 523, -14)
    assert sound.lasts(found, 1.0) is right


@pytest.mark.parametrize(("length_s", "right"), [(0.7, False), (0.9, True), (1.1, True), (1.3, False)])
def test_a_tone_that_is_too_short_or_too_long_is_told(tmp_path, length_s, right):
    parts = nothing(0.3), tone(523, -14, length_s), nothing(0.3)
    assert sound.lasts(sound.check(recorded(tmp_path, *parts), 523, -14), 1.0) is right


def test_other_sound_beside_the_tone_shows_as_impurity(tmp_path):
    mixed = tone(523, -14, 1.0) + tone(1900, -16, 1.0)
    found = sound.find(*sound.read(recorded(tmp_path, mixed)), 523)
    assert found is not None
    assert found.purity < 0.7


@pytest.mark.parametrize("hole_s", [0.1, 0.25, 1.0])
def test_holes_of_a_tone_are_found_while_another_one_goes_on(tmp_path, hole_s):
    """As in a room of three: one of the two whom somebody hears is missing for a while, twice."""
    whole = tone(420, -16, 4.0)
    gone = tone(545, -16, 4.0)
    for begin in (0.5, 2.5):
        gone[int(begin * RATE) : int((begin + hole_s) * RATE)] = 0
    samples, rate = sound.read(recorded(tmp_path, whole + gone))
    assert sound.holes(samples, rate, 420) == []
    first, second = sound.holes(samples, rate, 545)
    assert first == (pytest.approx(0.5, abs=0.02), pytest.approx(hole_s, abs=0.02))
    assert second == (pytest.approx(2.5, abs=0.02), pytest.approx(hole_s, abs=0.02))
    assert sound.holes(samples, rate, 1500) is None, "there is no such tone"


def test_a_tone_that_ends_too_soon_has_a_hole_at_its_end(tmp_path):
    samples, rate = sound.read(recorded(tmp_path, nothing(0.3), tone(545, -16, 2.0), nothing(0.5)))
    assert [round(length, 1) for _, length in sound.holes(samples, rate, 545)] == [0.3, 0.5]
