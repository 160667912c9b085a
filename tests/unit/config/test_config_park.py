"""Park lots and the warning before a limit, as an operator writes them (CRD-7, LIM-2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.compile import compile_loaded
from config.compiled import Compiled
from config.problems import ConfigError
from config.validate import load
from dialplan.destinations import Destination, To

USERS = "country: US\nusers: {anna: {extension: 201, group: desk}}\ngroups: {desk: {}}\n"


def of(tmp_path: Path, text: str) -> Compiled:
    file = tmp_path / "ringplan.yaml"
    file.write_text(USERS + text)
    return compile_loaded(load(file), {})


def test_what_a_lot_is_unless_it_is_said(tmp_path: Path) -> None:
    lot = of(tmp_path, "park_lots: {main: {extension: 700, slots: 701-709}}\n").model.park_lots["main"]
    assert (lot.timeout_s, lot.fallback, lot.music, lot.retrieve) == (120.0, None, "", ())
    assert lot.has("705") and not lot.has("710") and not lot.has("70") and not lot.has("7ab")


def test_all_that_can_be_said_of_a_lot(tmp_path: Path) -> None:
    text = "park_lots: {main: {slots: 701-709, timeout: 45s, fallback: anna, music: lounge.wav, retrieve: desk}}\n"
    lot = of(tmp_path, text).model.park_lots["main"]
    assert (lot.timeout_s, lot.fallback, lot.retrieve) == (45.0, Destination(To.USER, "anna"), ("desk",))
    assert lot.music.endswith("lounge.wav")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("timeout: 5s", "bad-value"),
        ("fallback: nobody", "unknown-name"),
        ("fallback: voicemail", "no-mailbox"),
        ("retrieve: [dusk]", "unknown-name"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(tmp_path: Path, line: str, code: str) -> None:
    with pytest.raises(ConfigError) as refused:
        of(tmp_path, f"park_lots:\n  main:\n    slots: 701-709\n    {line}\n")
    assert [(each.code, each.mark.line) for each in refused.value.problems] == [(code, 7)]


def test_the_warning_before_a_limit(tmp_path: Path) -> None:
    assert (of(tmp_path, "").calls.warn_by, of(tmp_path, "").calls.warn_to) == ("beep", "inside")
    calls = of(tmp_path, "calls: {limit_warning: {by: message, to: both}}\n").calls
    assert (calls.warn_by, calls.warn_to) == ("message", "both")
