"""From prompt ids to the sources of a `media.engine.Tune`: what services ask.

An id is looked for in the language that is wanted, then in English: among the operator's files first, then among those
that were made from text. What is nowhere (yet) is heard as two short tones, one pair however many of its parts are
missing, and is logged once.

Nothing here waits for a file. `look` reads what there is, off the loop; what the voice makes afterwards is added as it
comes.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from switch.prompts import music, saying
from switch.prompts.texts import LANGUAGE, TEXTS
from switch.prompts.voice import MOST_CHARS, Voice, name_of

FALLBACK = ("tone:440:150", "silence:100", "tone:550:150", "silence:200")
"""What is heard in place of words that are missing."""
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""Of the operator's files; of two the first one counts."""

Sources = tuple[str, ...]
Tell = Callable[[str, str], object]
"""What is wrong, once each: the words, and of what."""


class PromptSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` holds the operator's files (`LANG/ID.wav`), empty: none; `language` is spoken where nobody wants
    another; `voice` is espeak-ng's. Other files of the operator's are relative to `base`."""

    base: str = ""
    folder: str = ""
    language: str = LANGUAGE
    voice: str = "en-us"


class Shelf(msgspec.Struct, frozen=True):
    """Which files there are: the operator's by (language, id), and the names of those that were made."""

    files: Mapping[tuple[str, str], str]
    made: frozenset[str]


def look(settings: PromptSettings, cache: Path) -> Shelf:
    """Read what there is. It takes a while: never on the loop."""
    files: dict[tuple[str, str], str] = {}
    if settings.folder:
        for suffix in reversed(SUFFIXES):
            for path in Path(settings.folder).glob(f"*/*{suffix}"):
                files[path.parent.name.lower(), path.stem] = str(path)
    return Shelf(files, frozenset(path.name for path in cache.glob("*.wav")))


class Prompts:
    """All of them. `cache` is the folder of what was made; `program` as in `Voice`."""

    def __init__(self, cache: Path, tell: Tell = lambda words, what: None, program: str | None = None) -> None:
        self._cache = cache
        self._tell = tell
        self._told: set[str] = set()
        self._settings = PromptSettings()
        self._files: Mapping[tuple[str, str], str] = {}
        self._made: set[str] = set()
        self._voice = Voice(cache, self._is_made, program)
        self._music = music.Music(cache)

    def use(self, settings: PromptSettings, shelf: Shelf) -> None:
        """Take another version of the settings, and what `look` found for it."""
        self._settings, self._files = settings, shelf.files
        self._made |= shelf.made
        self._told.clear()

    def prepare(self, ids: Iterable[str] = tuple(TEXTS), texts: Iterable[str] = ()) -> None:
        """Have these made before somebody needs them, and the operator's own `texts`."""
        voice = self._settings.voice
        for text in (*texts, *(TEXTS[each] for each in ids if not self._supplied(each, ""))):
            if name_of(text, voice) not in self._made:
                self._voice.make(text, voice)

    def prepare_all(self) -> None:
        """Have the whole catalogue made, and the hold music."""
        self.prepare()
        self.hold_music()

    def wait(self, seconds: float) -> bool:
        """Wait until all that was asked for is made; whether it is. Not for the loop."""
        return self._voice.wait(seconds)

    def close(self) -> None:
        """Make nothing more."""
        self._voice.close()
        self._music.close()

    # -- what services ask --------------------------------------------------------------------------------------

    def sources(self, *ids: str, language: str = "") -> Sources:
        """The prompts of these ids, one after the other. Raises KeyError for an id that the catalogue has not."""
        return self._whole(self._one(each, TEXTS[each], language) for each in ids)

    def digits(self, text: str, language: str = "") -> Sources:
        """Each digit, letter and sign by itself: `704`, `*72`, `abc`."""
        return self.sources(*saying.characters(text), language=language)

    def number(self, value: int, language: str = "") -> Sources:
        """A whole number as it is counted."""
        return self.sources(*saying.number(value), language=language)

    def moment(self, at: datetime.datetime, now: datetime.datetime, language: str = "") -> Sources:
        """When something was; both are in the zone of whoever listens."""
        return self.sources(*saying.moment(at, now), language=language)

    def said(self, text: str) -> Sources:
        """A text of the operator's own, such as an attendant's greeting or a name, at most 1,000 characters of it."""
        text = text.strip()[:MOST_CHARS]
        return self._whole((self._spoken(text, text),)) if text else ()

    def file(self, name: str) -> Sources:
        """A sound file that the configuration names."""
        return (f"file:{os.path.join(self._settings.base, name)}",)  # noqa: PTH118  nothing is looked for

    def hold_music(self, name: str = "") -> Sources:
        """What somebody on hold hears, to be looped: a file that the configuration names, or the exchange's own."""
        return self.file(name) if name else self._music.sources

    # -- inside -------------------------------------------------------------------------------------------------

    def _whole(self, parts: Iterable[str]) -> Sources:
        found: list[str] = []
        missing = False
        for part in parts:
            if part:
                found.append(part)
            elif not missing:
                missing = True
                found += FALLBACK
        return tuple(found)

    def _one(self, prompt: str, text: str, language: str) -> str:
        return self._supplied(prompt, language) or self._spoken(text, prompt)

    def _supplied(self, prompt: str, language: str) -> str:
        """The operator's file: in the language itself (`fr-ca`), in that of the country (`fr`), in English."""
        files = self._files
        if not files:
            return ""
        wanted = (language or self._settings.language).lower()
        for each in dict.fromkeys((wanted, wanted.partition("-")[0], LANGUAGE)):
            path = files.get((each, prompt))
            if path is not None:
                return f"file:{path}"
        return ""

    def _spoken(self, text: str, what: str) -> str:
        voice = self._settings.voice
        name = name_of(text, voice)
        if name in self._made:
            return f"file:{self._cache / name}"
        if self._voice.program:
            self._voice.make(text, voice, soon=True)
            self._say("prompt is not made yet: tones are played in its place", what)
        else:
            self._say("prompt is missing, and espeak-ng is not installed: tones are played in its place", what)
        return ""

    def _is_made(self, name: str, error: str) -> None:
        if error:
            self._say("prompt cannot be made from text: tones are played in its place", error)
        else:
            self._made.add(name)

    def _say(self, words: str, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._tell(words, what)
