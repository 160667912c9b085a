"""`attendants`: what an operator may write, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.compile import compile as compiled
from config.problems import ConfigError
from dialplan.destinations import of_text, user
from switch.features.attendant import texts

USERS = "{anna: {name: Anna Berg, extension: 101}, bert: {extension: 102, listed: false}}"
BASE = f"country: US\narea_code: '669'\nusers: {USERS}\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ringplan.yaml"
    path.write_text(BASE + text)
    return path


def test_all_that_can_be_written(tmp_path):
    text = """\
attendants:
  main:
    extension: 500
    say: "  Welcome to Example.  "
    choices: {1: anna, "#": attendant:sub, timeout: anna, invalid: none}
    timeout: 8s
    tries: 2
    dial_extension: true
    directory: 8
  sub: {name: Sales, greeting: sub.wav, choices: {"*": attendant:main}}
"""
    model = compiled(written(tmp_path, text)).model
    main, sub = model.attendants["main"], model.attendants["sub"]
    assert (main.say, main.timeout_s, main.tries, main.dial_extension, main.directory) == (
        *("Welcome to Example.", 8.0, 2, True, "8"),
    )
    assert main.choices == {"1": user("anna"), "#": of_text("attendant:sub"), "timeout": user("anna")}
    assert (sub.greeting, sub.tries, sub.timeout_s, sub.dial_extension, sub.directory) == ("sub.wav", 3, 5.0, False, "")
    assert texts(model) == {"Welcome to Example.", "Anna Berg"}


@pytest.mark.parametrize(
    ("menu", "says"),
    [
        ("{directory: 88}", "one key of a telephone"),
        ("{choices: {12: anna}}", "one key of a telephone"),
        ("{choices: {1: nobody}}", "nobody"),
        ("{timeout: 5m}", "1m"),
        ("{tries: 0}", "1"),
        ("{say: ''}", "1 to 1,000 characters"),
        ("{say: %s}" % ("a" * 1001), "a `greeting` file"),
        ("{say: hello, greeting: a.wav}", "not both"),
        ("{directory: 1, choices: {1: anna}}", "directory"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, menu, says):
    with pytest.raises(ConfigError) as caught:
        compiled(written(tmp_path, f"attendants:\n  main: {menu}\n"))
    (line,) = [problem.told("error") for problem in caught.value.problems]
    assert says in line
    assert "ringplan.yaml:5:" in line


def test_files_that_are_not_there_are_warned_of(tmp_path):
    (tmp_path / "there.wav").write_bytes(b"sound")
    text = """\
account: {hold_music: there.wav}
attendants:
  main:
    greeting: gone.wav
    choices: {1: "announce:file:lost.wav", 2: "announce:file:there.wav", 3: "announce:tone:425"}
  sub: {greeting: there.wav, choices: {1: anna}}
prompts: {folder: words}
sites: {here: {hold_music: music.wav}}
"""
    told = [each.told("warning") for each in compiled(written(tmp_path, text)).warnings if each.code == "missing-sound"]
    assert [line.split("`")[1] for line in told] == ["music.wav", "gone.wav", "lost.wav", "words"]
    assert "ringplan.yaml:7:" in told[1]
