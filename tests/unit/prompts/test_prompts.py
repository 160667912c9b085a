"""Prompts: the catalogue, what is said of numbers and times, where each comes from, and what is heard in place of
one that is missing (issue 5: language table, defined fallback)."""

from __future__ import annotations

import datetime
import shutil
import wave
from pathlib import Path

import pytest

from switch.prompts import music, saying
from switch.prompts.prompts import FALLBACK, Prompts, PromptSettings, look
from switch.prompts.texts import REFUSALS, TEXTS, cardinal, ordinal, table
from switch.prompts.voice import Voice, name_of


def words(ids: tuple[str, ...]) -> str:
    return " ".join(TEXTS[each] for each in ids)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "zero"),
        (7, "seven"),
        (40, "forty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (704, "seven hundred four"),
        (21_015, "twenty one thousand fifteen"),
        (3_000_100, "three million one hundred"),
        (-3, "minus three"),
    ],
)
def test_numbers_as_they_are_counted(value, said):
    assert words(saying.number(value)) == said


def test_a_very_long_number_is_said_digit_by_digit():
    assert words(saying.number(10**9)) == "one" + " zero" * 9


def test_digits_letters_and_signs_each_by_itself_and_nothing_of_the_rest():
    assert words(saying.characters("*7a ä#")) == "star seven ay pound"


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (0, 0, "midnight"),
        (12, 0, "noon"),
        (0, 5, "twelve oh five A M"),
        (9, 0, "nine A M"),
        (13, 30, "one thirty P M"),
        (23, 59, "eleven fifty nine P M"),
    ],
)
def test_the_time_of_a_day(hour, minute, said):
    assert words(saying.clock(datetime.datetime(2026, 11, 22, hour, minute))) == said


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (datetime.date(2026, 11, 22), "today"),
        (datetime.date(2026, 11, 21), "yesterday"),
        (datetime.date(2026, 11, 18), "Wednesday"),
        (datetime.date(2026, 11, 15), "November fifteenth"),
        (datetime.date(2026, 11, 23), "November twenty third"),
    ],
)
def test_the_day_of_a_message(day, said):
    now = datetime.datetime(2026, 11, 22, 11, 0)
    assert words(saying.moment(datetime.datetime.combine(day, datetime.time(8, 0)), now)) == f"{said} at eight A M"


def test_words_of_small_numbers():
    assert [cardinal(n) for n in (13, 20, 85)] == ["thirteen", "twenty", "eighty five"]
    assert [ordinal(n) for n in (1, 12, 20, 22, 30, 31)] == [
        *("first", "twelfth", "twentieth", "twenty second", "thirtieth", "thirty first"),
    ]


def supplied(folder: Path, *names: str) -> PromptSettings:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    return PromptSettings(folder=str(folder), language="fr-CA")


def prompts(tmp_path: Path, settings: PromptSettings, told: list[tuple[str, str]] | None = None) -> Prompts:
    cache = tmp_path / "cache"
    made = Prompts(cache, (lambda *each: told.append(each)) if told is not None else lambda *each: None, program="")
    made.use(settings, look(settings, cache))
    return made


def test_a_prompt_is_looked_for_in_the_language_its_country_and_english(tmp_path):
    folder = tmp_path / "own"
    settings = supplied(folder, "fr-ca/done.wav", "fr/done.wav", "fr/welcome.mp3", "en/welcome.wav", "en/goodbye.wav")
    mine = prompts(tmp_path, settings)
    assert mine.sources("done", "welcome", "goodbye") == (
        f"file:{folder}/fr-ca/done.wav",
        f"file:{folder}/fr/welcome.mp3",
        f"file:{folder}/en/goodbye.wav",
    )
    assert mine.sources("welcome", language="en") == (f"file:{folder}/en/welcome.wav",)
    assert mine.sources("done", language="de") == FALLBACK


def test_of_two_files_the_wave_counts(tmp_path):
    folder = tmp_path / "own"
    settings = supplied(folder, "fr/done.mp3", "fr/done.wav", "fr/done.opus")
    assert prompts(tmp_path, settings).sources("done") == (f"file:{folder}/fr/done.wav",)


def test_what_is_missing_is_heard_as_tones_once_and_told_once(tmp_path):
    told: list[tuple[str, str]] = []
    mine = prompts(tmp_path, PromptSettings(), told)
    assert mine.digits("704") == FALLBACK
    mine.digits("704")
    assert sorted(what for _, what in told) == ["number_0", "number_4", "number_7"]
    assert all("espeak-ng is not installed" in how for how, _ in told)


def test_an_id_that_there_is_not_is_a_mistake_of_ours(tmp_path):
    with pytest.raises(KeyError):
        prompts(tmp_path, PromptSettings()).sources("no_such_prompt")


def test_a_voice_that_fails_is_told_and_the_tones_remain(tmp_path):
    told: list[tuple[str, str]] = []
    mine = Prompts(tmp_path / "cache", lambda *each: told.append(each), program="/bin/false")
    assert mine.sources("done") == FALLBACK
    assert mine.wait(10)
    assert mine.sources("done") == FALLBACK
    assert [words for words, _ in told] == [
        "prompt is not made yet: tones are played in its place",
        "prompt cannot be made from text: tones are played in its place",
    ]


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_text_is_made_into_a_file_once_and_kept(tmp_path):
    mine = Prompts(tmp_path)
    mine.prepare(REFUSALS[:1], ["Hello; rm -rf $HOME --version"])
    assert mine.wait(60)
    for sources in (mine.sources(REFUSALS[0]), mine.said("  Hello; rm -rf $HOME --version ")):
        (source,) = sources
        path = Path(source.removeprefix("file:"))
        assert path.stat().st_mode & 0o777 == 0o600
        with wave.open(str(path)) as file:
            assert 0.5 < file.getnframes() / file.getframerate() < 6
    later = Prompts(tmp_path, program="")
    later.use(PromptSettings(), look(PromptSettings(), tmp_path))
    assert later.sources(REFUSALS[0]) == mine.sources(REFUSALS[0]) != FALLBACK
    later.use(PromptSettings(voice="en-gb"), look(PromptSettings(), tmp_path))
    assert later.sources(REFUSALS[0]) == FALLBACK, "another voice is another file"


def test_what_is_needed_soon_is_made_first_and_nothing_twice(tmp_path):
    done: list[str] = []
    program = tmp_path / "say"
    program.write_text('#!/bin/sh\nsleep 0.05\nwhile [ "$1" != -w ]; do shift; done\ncat >"$2"\n')
    program.chmod(0o700)
    voice = Voice(tmp_path / "cache", lambda name, error: done.append(name + error), str(program))
    for text in ("one", "two", "three", "two"):
        voice.make(text, "en")
    voice.make("three", "en", soon=True)
    assert voice.wait(20)
    assert [done.index(name_of(text, "en")) for text in ("three", "two")] == [1, 2] or done[0] == name_of("three", "en")
    assert len(done) == 3
    voice.close()
    voice.make("four", "en")
    assert voice.wait(1)
    assert len(done) == 3


def test_hold_music_of_our_own_is_made_once(tmp_path):
    mine = music.Music(tmp_path / "cache")
    assert mine.sources == music.BEFORE
    assert mine.wait(60)
    assert mine.sources == (f"file:{tmp_path}/cache/{music.NAME}",)
    again = music.Music(tmp_path / "cache")
    assert again.sources == music.BEFORE
    assert again.wait(1)
    with wave.open(str(tmp_path / "cache" / music.NAME)) as file:
        assert file.getnframes() == music.RATE * music.CHORD_S * len(music.CHORDS)
        sound = memoryview(file.readframes(file.getnframes())).cast("h")
    assert 4000 < max(sound) < 16000
    assert abs(sound[0]) < 200, "no click where it begins"
    assert abs(sound[-1]) < 200, "and where it ends"


def test_the_page_of_prompts_ends_with_the_table_of_all():
    page = Path(__file__).parents[3] / "docs" / "prompts.md"
    assert page.read_text("utf-8").endswith(table())


def test_a_disk_that_does_not_take_the_hold_music_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(music, "CHORDS", ())
    monkeypatch.setattr("sys.argv", ["music", str(tmp_path / "nowhere" / "music.wav")])
    assert music.main() == 1
    assert capsys.readouterr().err == "music on hold cannot be written: No such file or directory\n"
