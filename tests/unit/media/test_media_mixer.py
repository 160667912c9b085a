"""The mixer's arrays: who hears whom, how loud, at which rate, and that nothing jumps (CRD-6)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.engine import Part
from media.mixer import Mixer, Samples
from media.resampling import Resampler, samples


class Talk:
    """People in rooms who hum, each at a frequency of its own."""

    def __init__(self) -> None:
        self.mixer = Mixer()
        self.hums: dict[int, tuple[float, float]] = {}
        self.heard: dict[int, list[Samples]] = {}
        self.at = 0

    def enter(
        self, id_: int, hertz: float, *, room: str = "a", rate: int = 8000, part: Part = Part(), peak: float = 6000
    ) -> None:
        self.hums[id_] = hertz, peak
        self.mixer.enter(id_, room, rate, part)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            seats = self.mixer.settle()
            frames = []
            for seat in seats:
                hertz, peak = self.hums[seat.id]
                times = self.at * 0.02 + np.arange(samples(seat.rate)) / seat.rate
                frames.append((peak * np.cos(2 * np.pi * hertz * times)).astype(np.int16))
            for seat, frame in zip(seats, self.mixer.tick(frames), strict=True):
                assert frame is not None
                assert frame.dtype == np.int16 and len(frame) == samples(seat.rate)
                self.heard.setdefault(seat.id, []).append(frame)
            self.at += 1

    def levels(self, id_: int, frames: int = 50) -> dict[float, float]:
        """How loud each hum is in what was heard last: its peak."""
        sound = np.concatenate(self.heard[id_][-frames:]).astype(float)
        rate = len(sound) / frames * 50
        times = np.arange(len(sound)) / rate
        return {hertz: 2 * abs(np.mean(sound * np.exp(-2j * np.pi * hertz * times))) for hertz, _ in self.hums.values()}


def around(value: float) -> object:
    return pytest.approx(value, rel=0.06)


NOTHING = pytest.approx(0, abs=12)


def test_everybody_hears_all_others_as_loud_as_they_are_and_not_itself() -> None:
    talk = Talk()
    for id_, hertz in ((1, 400), (2, 700), (3, 1100)):
        talk.enter(id_, hertz)
    talk.enter(9, 1500, room="b")
    talk.enter(10, 1900, room="b")
    talk.ticks(52)
    assert talk.levels(1) == {400: NOTHING, 700: around(6000), 1100: around(6000), 1500: NOTHING, 1900: NOTHING}
    assert talk.levels(3) == {400: around(6000), 700: around(6000), 1100: NOTHING, 1500: NOTHING, 1900: NOTHING}
    assert talk.levels(9)[1900] == around(6000)
    assert talk.levels(9)[1500] == NOTHING


def test_muted_deaf_and_whispering() -> None:
    talk = Talk()
    talk.enter(1, 400)
    talk.enter(2, 700, part=Part(speaks=False))
    talk.enter(3, 1100, part=Part(hears=False))
    talk.enter(4, 1500, part=Part(to=1))
    talk.enter(5, 1900, part=Part(to=77))
    talk.ticks(52)
    assert talk.levels(1) == {400: NOTHING, 700: NOTHING, 1100: around(6000), 1500: around(6000), 1900: NOTHING}
    assert talk.levels(2) == {400: around(6000), 700: NOTHING, 1100: around(6000), 1500: NOTHING, 1900: NOTHING}
    assert set(talk.levels(3).values()) == {0.0}
    assert talk.levels(4) == {400: around(6000), 700: NOTHING, 1100: around(6000), 1500: NOTHING, 1900: NOTHING}


def test_rates_meet_at_the_widest_and_everybody_gets_its_own() -> None:
    talk = Talk()
    talk.enter(1, 400, rate=8000)
    talk.enter(2, 6000, rate=16000)
    talk.enter(3, 1100, rate=48000)
    talk.ticks(55)
    assert talk.levels(1) == {400: NOTHING, 6000: pytest.approx(0, abs=40), 1100: around(6000)}
    assert talk.levels(2) == {400: around(6000), 6000: NOTHING, 1100: around(6000)}
    assert talk.levels(3) == {400: around(6000), 6000: around(6000), 1100: NOTHING}
    # Nothing of 6 kHz may come back folded, as 2 kHz, to who cannot hear it.
    sound = np.concatenate(talk.heard[1][-50:]).astype(float)
    folded = 2 * abs(np.mean(sound * np.exp(-2j * np.pi * 2000 * np.arange(len(sound)) / 8000)))
    assert folded < 40


def test_a_loud_room_is_compressed_and_never_torn() -> None:
    talk = Talk()
    for id_ in range(1, 21):
        talk.enter(id_, 400, peak=20000)
    talk.ticks(5)
    sound = talk.heard[1][-1].astype(int)
    assert 30000 < sound.max() <= 32700
    assert -32700 <= sound.min() < -30000
    # A sum that had wrapped around would be negative where all are positive.
    assert (sound * np.cos(2 * np.pi * 400 * (0.08 + np.arange(160) / 8000)) > -1).all()


def roughness(frames: list[Samples]) -> float:
    """The sharpest bend, in what a telephone lets through."""
    return float(np.abs(np.diff(np.concatenate(frames).astype(float), 2)).max())


@pytest.mark.parametrize("change", ["mute", "leave", "enter", "wide"])
def test_changes_do_not_click(change: str) -> None:
    talk = Talk()
    talk.enter(1, 300)
    talk.enter(2, 450)
    talk.enter(3, 350)
    talk.ticks(10)
    smooth = roughness(talk.heard[1][2:])
    talk.at = 10
    match change:
        case "mute":
            talk.enter(2, 450, part=Part(speaks=False))
        case "leave":
            talk.mixer.leave(2, "a")
        case "enter":
            talk.enter(4, 500)
        case "wide":
            talk.enter(4, 500, rate=16000)
    talk.ticks(10)
    # All hums are at their crests when it changes: without care, what is heard would jump, and bend, by 6000.
    assert roughness(talk.heard[1][2:]) < smooth + 1200


def test_other_rooms_do_not_notice_a_change() -> None:
    def sound(disturbed: bool) -> Samples:
        talk = Talk()
        talk.enter(1, 300, room="b")
        talk.enter(2, 450, room="b", rate=16000)
        talk.ticks(10)
        if disturbed:
            talk.enter(3, 900, room="a")
            talk.enter(4, 900, room="c", rate=48000)
        talk.ticks(10)
        return np.concatenate(talk.heard[1])

    assert np.array_equal(sound(True), sound(False))


@pytest.mark.parametrize(
    ("source", "target"), [(8000, 16000), (16000, 8000), (48000, 16000), (16000, 48000), (48000, 8000)]
)
def test_conversion_keeps_the_level_over_the_seams(source: int, target: int) -> None:
    resampler = Resampler(source, target, [None])
    hertz = 1000
    times = np.arange(samples(source) * 20) / source
    sound = (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)
    turned = np.concatenate([resampler.turn(part[None])[0] for part in np.split(sound, 20)])[samples(target) :]
    expected = 8000 * np.exp(2j * np.pi * hertz * np.arange(len(turned)) / target)
    factor = np.vdot(expected, turned) / np.vdot(expected, expected) * 2
    assert abs(factor) == pytest.approx(1, abs=0.01)
    residue = turned - np.real(factor * expected)
    assert np.abs(residue).max() < 80


@given(
    st.lists(
        st.tuples(
            st.integers(1, 6),
            st.sampled_from("abc"),
            st.sampled_from((8000, 16000, 48000)),
            st.booleans(),
            st.booleans(),
            st.sampled_from((-1, -1, 1, 2)),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_whatever_changes_each_hears_the_sum_of_what_is_meant_for_it(steps: list[tuple[object, ...]]) -> None:
    """Constant sounds, so that the sum can be told from the parts at any rate: invariant of CRD-6's bridge."""
    mixer = Mixer()
    inside: dict[int, tuple[str, Part]] = {}
    for id_, room, rate, speaks, hears, to, stays in steps:
        assert isinstance(id_, int) and isinstance(room, str) and isinstance(rate, int) and isinstance(to, int)
        if id_ in inside and inside[id_][0] != room:
            mixer.leave(id_, inside.pop(id_)[0])
        if stays:
            part = Part(bool(speaks), bool(hears), to)
            mixer.enter(id_, room, rate, part)
            inside[id_] = room, part
        elif id_ in inside:
            mixer.leave(id_, inside.pop(id_)[0])
        for _ in range(3):
            seats = mixer.settle()
            out = mixer.tick([np.full(samples(seat.rate), 2**seat.id * 20, np.int16) for seat in seats])
        assert {seat.id for seat in seats} == set(inside)
        for seat, frame in zip(seats, out, strict=True):
            name, part = inside[seat.id]
            expected = sum(
                2**other * 20
                for other, (theirs, said) in inside.items()
                if other != seat.id and theirs == name and said.speaks and said.to in (-1, seat.id)
            )
            assert frame is not None
            assert frame == pytest.approx(expected if part.hears else 0, abs=3)
