"""Whatever is in a file, the answer is a configuration or problems with a place: nothing else escapes."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from config import entries, examples, loader, validate
from config.compile import compile_loaded
from config.packed import decode, encode
from config.problems import ConfigError
from config.schema import Configuration
from tests.support.examples import examples as tries

EXAMPLE = examples.files(examples.OFFICE)[examples.CONFIG_FILE]
SECTIONS = list(Configuration.model_fields)

yamlish = st.text(alphabet="ab1:-[]{},#&*!|>'\"%@`? \n\t\\é\u2028\ufeff\x00\x85", max_size=60)
scalars = st.sampled_from(
    [
        *("", "0", "101", "US", "alice", "20s", "env:A", "udp", "echo", "true", "-", "+12125550100", "x y"),
        *("08:00-17:00", "always", "Europe/Paris"),
    ]
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "alice",
                    "101",
                    "lines",
                    "secret",
                    "extension",
                    "ring",
                    "host",
                    "from",
                    "name",
                    "trunks",
                    "week",
                    "mon-fri",
                    "12-24",
                    "holidays",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def read(text: str) -> None:
    try:
        made = compile_loaded(validate.validate(loader.read(text, "a.yaml"), Path()), "a.yaml", {"A": "secret"})
    except ConfigError as error:
        assert error.problems
        assert all(p.mark.file == "a.yaml" and p.mark.line > 0 and p.mark.column > 0 for p in error.problems)
    else:
        assert decode(encode(made)) == made


def written(value: object) -> str:
    """Flow style, every scalar quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(k)}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return "'" + str(value).replace("'", "''") + "'"


@given(yamlish | st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@example("%YAML 1.3\n--- a")
@example("a: !<tag:yaml.org,2002:python/object/apply:os.system> [ls]")
@example("? {a: b}\n: {c: d}\ne: f")
@example("{a: 1, : 2, '': 3}")
def test_any_text(text: str) -> None:
    read(text)


@tries(60)
@given(st.dictionaries(st.sampled_from(SECTIONS), values, max_size=6))
def test_anything_in_any_section(content: dict[str, object]) -> None:
    read(written({"country": "US"} | content))


FULL = """\
area_code: "669"
outside_prefix: 9
listen: [{transport: tcp, port: 5070, advertise: pbx.example.com}, {}]
lines: {alice: {extension: 0101, ring: 1m, country: GB}, bob: {}}
devices: {one: {secret: env:A, lines: alice, username: uno}, two: {secret: x, lines: [alice, bob]}}
extensions: {300: {lines: [alice], ring: 20s}}
services: {600: echo}
trunks: {t: {host: 192.0.2.1, from: "192.0.2.2:5080", numbers: digits, extensions: true}}
default_trunk: t
hours: {a: {time_zone: Europe/Paris, week: {mon-fri: [08:00-12:00, 22:00-06:00], sun: closed}, holidays: [c, US]}}
holidays: {c: {12-24: closed, 2026-12-31: 08:00-12:00}}
dids: {+1 669 555 0100: alice, +16695550101: [bob]}
emergency: {extra: ["5000"], trunks: t}
media: {ports: 30000-30100, workers: 2, silence: 0s}
registrar: {realm: example.com, algorithms: md5, contacts: 2}
metrics: {enabled: false}
records: {url: env:A}
"""


def content_of(text: str) -> Any:
    return loader.plain(loader.read(text, "a.yaml").tree)


def _company() -> Any:
    """The example company, without the files beside it."""
    found = examples.files(examples.COMPANY)
    text = "".join(each for name, each in found.items() if name.endswith(".yaml"))
    content = content_of(re.sub(r"file:secrets#[\w-]+", "env:A", text))
    return {key: value for key, value in content.items() if not key.endswith("_files")}


COMPANY = _company()


@given(st.dictionaries(st.sampled_from(SECTIONS), values, max_size=6))
@example(content_of(EXAMPLE))
@example(content_of(FULL))
@example(COMPANY)
def test_the_reading_finds_fault_with_what_the_schema_does_not_allow_and_nothing_else(content: dict[str, Any]) -> None:
    tree = loader.read(written({"country": "US"} | content), "a.yaml").tree
    read = entries.Reading(tree, whole=True)
    try:
        allowed = Configuration.model_validate({"country": "US"} | content)
    except ValidationError:
        assert read.problems
    else:
        # Secrets show nothing and are equal to nothing but themselves.
        assert not read.problems and repr(read.settings) == repr(allowed)


@given(st.integers(0, len(EXAMPLE) - 1), st.integers(0, 12), yamlish)
def test_the_example_with_a_piece_replaced(at: int, cut: int, put: str) -> None:
    read(EXAMPLE[:at] + put + EXAMPLE[at + cut :])


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every value in what was read, by its path."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def has(value: Any, part: str | int) -> bool:
    """Whether there is such a part: what stood there may have been replaced."""
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


PLACES = places(COMPANY)
words = st.sampled_from(["none", "voicemail", "voicemail:ivan", "ring_group:front", "user:", "anna", "grace", "+1900"])


@tries(25)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.none() | words | values), min_size=1, max_size=4))
def test_a_company_with_values_replaced_or_taken_out(changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    content = copy.deepcopy(COMPANY)
    for (*above, last), value in changes:
        inside = content
        for part in above:
            inside = inside[part] if has(inside, part) else {}
        if has(inside, last) and not (value is None and isinstance(inside, list)):
            if value is None:
                del inside[last]
            else:
                inside[last] = value
    read(written(content))
