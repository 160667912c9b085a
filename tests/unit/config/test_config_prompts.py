"""`prompts` and `calls.announcements`: what an operator may write, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.compile import compile as compiled
from config.problems import ConfigError
from switch.handed import call_settings, prompt_settings

BASE = "country: US\narea_code: '669'\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ringplan.yaml"
    path.write_text(BASE + text)
    return path


def test_what_is_written_is_handed_on_with_names_relative_to_the_configuration(tmp_path):
    text = "prompts: {folder: words, language: fr_CA, voice: en-us+f3}\ncalls: {announcements: off}\n"
    got = compiled(written(tmp_path, text))
    settings = prompt_settings(got, tmp_path)
    assert (settings.folder, settings.base) == (f"{tmp_path}/words", str(tmp_path))
    assert (settings.language, settings.voice) == ("fr-ca", "en-us+f3")
    assert call_settings(got, 60.0).announcements == "off"


def test_what_holds_when_nothing_is_written(tmp_path):
    got = compiled(written(tmp_path, ""))
    assert prompt_settings(got, tmp_path).folder == ""
    assert call_settings(got, 60.0).announcements == "early"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prompts: {language: ../x}\n", "not a language"),
        ("prompts: {language: english!}\n", "not a language"),
        ("prompts: {voice: --version}\n", "not a voice of espeak-ng"),
        ("prompts: {voice: 'a b'}\n", "not a voice of espeak-ng"),
        ("prompts: {folder: ''}\n", "the name of a file"),
        ("calls: {announcements: later}\n", "early"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, text, says):
    with pytest.raises(ConfigError) as caught:
        compiled(written(tmp_path, text))
    (line,) = [problem.told("error") for problem in caught.value.problems]
    assert says in line
    assert "ringplan.yaml:3:" in line
