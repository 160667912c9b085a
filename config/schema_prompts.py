"""What may stand under `prompts`: the words that the exchange says."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from config.problems import Wrong
from config.section import Section
from config.types import File, Typed
from config.words import text

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.ASCII)
_VOICE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\+[A-Za-z0-9_-]+)?", re.ASCII)


def _language(value: Any) -> str:
    word = text(value).lower().replace("_", "-")
    if not _LANGUAGE.fullmatch(word):
        raise Wrong("not a language", "such as `en`, `fr` or `fr-CA`")
    return word


def _voice(value: Any) -> str:
    word = text(value)
    if not _VOICE.fullmatch(word) or len(word) > 40:
        raise Wrong("not a voice of espeak-ng", "such as `en-us` or `en-gb+f3`; `espeak-ng --voices` lists them")
    return word


Language = Annotated[str, Typed(_language, type="string")]
VoiceName = Annotated[str, Typed(_voice, type="string")]


class Prompts(Section):
    """The words that the exchange says: `docs/prompts.md`."""

    folder: File | None = Field(
        default=None,
        description="a folder with prompts of your own, `LANGUAGE/NAME.wav`, such as `fr/pin_enter.wav`; relative to "
        "the configuration's",
    )
    language: Language = Field(default="en", description="which language is spoken; what it has not is said in English")
    voice: VoiceName = Field(
        default="en-us", description="the voice of espeak-ng that says what there is no file for; needs espeak-ng"
    )
