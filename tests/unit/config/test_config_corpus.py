"""Broken configurations, small ones: each file of tests/corpus names in comments what is found in it, and where.

`# expect: 7:12 forward-loop` stands in the line that it is about (or at the top, where the line cannot bear a comment),
several with commas between them; `# expect: rates.csv:3:1 bad-value` names a file beside it. Nothing else is found.
`# expect: nothing` is for what looks broken and is sound. What nearly every file this small lacks (LACKING) is found
in those that are about it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config import codes, loader, validate
from config.compile import compile_loaded
from config.problems import ConfigError

CORPUS = Path(__file__).parents[2] / "corpus"
FILES = sorted(CORPUS.glob("*/*.yaml"))
NAME = "ringplan.yaml"
SOUND = "nothing"
LACKING = frozenset(("no-address", "no-callback", "no-zone"))
_EXPECT = re.compile(r"# expect: (.+)$", re.MULTILINE)


def expected(text: str) -> list[str]:
    found = []
    for line, written in enumerate(text.splitlines(), 1):
        match = _EXPECT.search(written)
        if match is None or match[1] == SOUND:
            continue
        for each in match[1].split(", "):
            place, code = each.split(" ")
            assert code in codes.CODES, f"{code} is no code"
            assert ".csv:" in place or line == 1 or place.startswith(f"{line}:"), f"{each} stands in line {line}"
            found.append(each)
    return sorted(found)


def findings(text: str, folder: Path) -> tuple[str, list[str]]:
    """Whether they are errors or warnings, and all of them as a file of the corpus writes them."""
    loaded = validate.validate(loader.read(text, NAME), folder)
    try:
        found, kind = compile_loaded(loaded, NAME, {"A": "a-long-secret-of-a-telephone"}).warnings, codes.WARNING
    except ConfigError as error:
        found, kind = error.problems, codes.ERROR
    told = []
    for each in found:
        file = Path(each.mark.file).name
        place = f"{'' if file == NAME else file + ':'}{each.mark.line}:{each.mark.column}"
        assert codes.CODES[each.code][0] == kind, f"{each.code} is told as {kind}"
        told.append(f"{place} {each.code}")
    return kind, sorted(told)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_exactly_what_the_file_names_is_found(file: Path) -> None:
    text = file.read_text("utf-8")
    wanted = expected(text)
    assert wanted or f"# expect: {SOUND}" in text, "the file names nothing"
    lacking = LACKING - {each.split(" ")[1] for each in wanted}
    assert [each for each in findings(text, file.parent)[1] if each.split(" ")[1] not in lacking] == wanted


def test_the_corpus_is_large_and_spread_over_the_sections() -> None:
    assert len(FILES) >= 120
    assert len({file.parent.name for file in FILES}) >= 20


def test_each_finding_that_a_file_alone_can_show_is_in_the_corpus() -> None:
    shown = {each.split(" ")[1] for file in FILES for each in expected(file.read_text("utf-8"))}
    # These want other files, clocks or much more text; the tests of their rooms show them.
    elsewhere = {"calendar-ends", "certificate-ends", "readable-secret", "tests-left"}
    assert set(codes.CODES) - shown == elsewhere
