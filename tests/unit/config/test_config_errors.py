"""All errors at once, each once and in its place: no stage hides another, and no error brings others in its wake."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from config import entries, schema, schema_called, schema_people
from config.compile import compile  # noqa: A004
from config.problems import ConfigError

ENVIRON = {"A": "a-secret-nobody-may-see"}


def problems(folder: Path, **files: str) -> list[str]:
    """Every problem of a folder with these files, as it is shown."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    try:
        compile(folder, ENVIRON)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{folder}/") for problem in error.problems]
    return []


def places(found: list[str]) -> list[str]:
    return [problem.split(": ")[0] for problem in found]


def test_errors_of_every_stage_in_one_file(tmp_path: Path) -> None:
    text = """\
country: US
cuntry: US
lines:
  alice: {extension: 201, name: Alice, name: Bob}
  bob: {extension: 201, rign: 20s}
  carol: {extension: 20x}
  dave: 204
devices:
  one: {secret: env:B, lines: [alcie, carol], colour: red}
  two: {secret: env:A, lines: dave, username: one}
  three: {secret: "", lines: [bop]}
  four: {secret: env:A, lins: [bop]}
  five five: {secret: env:A, lines: [bop]}
  one: {secret: nobody, lines: nothing}
services: {201: ehco}
dids: {5550100: bop}
default_trunk: frist
trunks: {first: {host: sip.example.com}}
metrics: {enabled: yes}
records: {url: *x }
"""
    assert problems(tmp_path, a=text) == [
        "a.yaml:2:1: unknown key `cuntry` (did you mean `country`?)",
        "a.yaml:4:40: `name` stands here a second time (the first is at line 4)",
        "a.yaml:5:20: 201 is already the extension of `alice` (for several lines under one number use `extensions:`)",
        "a.yaml:5:25: unknown key `rign` (did you mean `ring`?)",
        "a.yaml:6:22: `extension`: an internal number is made of 1 to 15 digits",
        "a.yaml:7:9: `dave`: a mapping is wanted here (with keys such as `extension`, `name`, `site`)",
        "a.yaml:9:17: `secret`: the environment variable B is not set "
        "(`check` sees your shell's variables, a service those of its unit (docs/configuration.md))",
        "a.yaml:9:32: there is no line `alcie` (did you mean `alice`?)",
        "a.yaml:9:47: unknown key `colour` (did you mean `country`?)",
        "a.yaml:10:47: digest user name `one` is that of device `one` already",
        "a.yaml:11:19: `secret`: a secret must not be empty (write the text itself, `env:NAME` or `file:PATH`)",
        "a.yaml:11:31: there is no line `bop` (did you mean `bob`?)",
        "a.yaml:12:25: unknown key `lins` (did you mean `lines`?)",
        "a.yaml:12:32: there is no line `bop` (did you mean `bob`?)",
        "a.yaml:13:3: key `five five`: a name is made of letters, digits and - _ . only "
        "(1 to 64 characters without spaces)",
        "a.yaml:13:38: there is no line `bop` (did you mean `bob`?)",
        "a.yaml:14:3: `one` stands here a second time (the first is at line 9)",
        "a.yaml:15:12: 201 is already the extension of `alice` (at line 4)",
        "a.yaml:15:17: `201`: not something that can be played (`echo`, or a tone and its frequency in Hz: `tone:425`)",
        "a.yaml:16:8: key `5550100`: an outside number is written with its country code (such as +12125550100)",
        "a.yaml:16:17: there is no line `bop` (did you mean `bob`?)",
        "a.yaml:17:16: there is no trunk `frist` (did you mean `first`?)",
        "a.yaml:19:20: `enabled`: must be `true` or `false` (write `true`)",
        "a.yaml:20:16: aliases (`*name`) are not used here (put it in quotes if the text itself is meant)",
    ]


def test_errors_of_every_stage_over_several_files(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        a="country: US\nlines:\n  alice: {extension: 201}\n  bob: {extnsion: 202}\ndids:\n",
        b="lines:\n  carol: 'never closed\n  dave: {}\n",
        c="country: GB\ndevices:\n  one: {secret: env:A, lines: [carol, bob, nobody]}\n"
        "  two: {secret: file:none, lines: []}\n",
        d='dids:\n  "+1 669 555 0100": alice\nservices: {201: echo, 202: echo}\nlines: {alice: {}}\n'
        "emergency: {extra: x}\n",
    )
    assert [(place, said.split(" (")[0]) for place, said in (problem.split(": ", 1) for problem in found)] == [
        ("a.yaml:4:9", "unknown key `extnsion`"),
        ("b.yaml:2:10", "a quote that is never closed"),
        ("c.yaml:1:1", "`country` stands here a second time"),
        ("c.yaml:4:17", "`secret`: the file none cannot be read: No such file or directory"),
        ("d.yaml:3:12", "201 is already the extension of `alice`"),
        ("d.yaml:3:23", "202 is already the extension of `bob`"),
        ("d.yaml:4:9", "`alice` stands here a second time"),
        ("d.yaml:5:20", "`extra`: a list is wanted here"),
    ]


GOOD = "country: US\nlines: {alice: {extension: 201}}\ndevices: {d: {secret: env:A, lines: [alice]}}\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (GOOD.replace("{extension: 201}", "201"), "2:16"),
        (GOOD.replace("{alice: {extension: 201}}", "alice"), "2:8"),
        (GOOD.replace("{alice: {extension: 201}}", "*alice"), "2:8"),
        (GOOD.replace("lines: {", "linse: {"), "2:1"),
        (GOOD.replace("lines: {", "people: {"), "2:1"),
        (GOOD + "line: {bob: {}}\ndids: {+12125550100: bob}\n", "4:1"),
        (GOOD + "lines: {bob: {}}\ndids: {+12125550100: bob}\n", "4:1"),
        ("lines:\n" + GOOD, "3:1"),
        (GOOD.replace("country", "contry"), "1:1"),
        (GOOD.replace("US", "USA") + "area_code: 069\n", "1:10"),
        ("area_code: 069\n" + GOOD.replace("country: US\n", ""), "1:1"),
        (GOOD.replace("secret: env:A, ", ""), "3:11"),
        (GOOD.replace("secret", "secrt"), "3:15"),
        (GOOD.replace("secret", "secretly"), "3:15"),
        (GOOD.replace("lines: [", "lnes: ["), "3:30"),
        (GOOD.replace("201", "&x 201"), "2:28"),
        (GOOD.replace("201", "!int 201") + "services: {201: echo}\n", "2:28"),
        (GOOD.replace("201", ""), "2:17"),
        (GOOD + "---\nlines: {bob: {}}\n", "4:1"),
        (GOOD + "dids: {+12125550100: bob}\n? {a: b}\n: c\n", "5:3"),
        (GOOD.replace("[alice]", "[alice], username: a b"), "3:56"),
        (GOOD + "registrar: {min_expires: 2, max_expires: 70s, default_expires: 65s}\n", "4:26"),
        (GOOD + "listen: [{port: 5060}, {port: 5O60}]\n", "4:31"),
        (GOOD + "listen: [{port: 5060}, x]\n", "4:24"),
        (GOOD + "media: {ports: 30000-30003, workers: two}\n", "4:38"),
        (GOOD + "trunks: {a: {host: 192.0.2.1}, b: {host: 192.0.2.1, from: [x]}}\n", "4:60"),
        (GOOD + "trunks: {a: {port: 1}}\ndefault_trunk: a\n", "4:10"),
        (GOOD + "trunks: {a: {hostname: sip.example.com}}\n", "4:14"),
        (GOOD + "extensions: {300: {lines: []}}\n", "4:27"),
        (GOOD + "emergency: {trunks: [a b]}\n", "4:22"),
        (GOOD + 'dids: {"+12125550100": alice, "+1 212 555 0100": bob}\n', "4:31"),
        (GOOD + 'dids: {"+1 212 555 0100": [alice, bob]}\n', "4:35"),
        (GOOD + "*x : 1\n", "4:1"),
    ],
)
def test_one_mistake_is_one_report(tmp_path: Path, text: str, place: str) -> None:
    assert places(problems(tmp_path, a=text)) == [f"a.yaml:{place}"]


def test_a_file_that_is_no_configuration_brings_no_other_error(tmp_path: Path) -> None:
    user = "devices: {d: {secret: env:A, lines: [alice]}}\ndefault_trunk: t\n"
    for broken in ("- lines\n", "*x\n", "lines: {alice: {}\n", "lines: {[a]: b}\n", "a: " + "[" * 30, "a: \x01\n"):
        assert [place[:6] for place in places(problems(tmp_path, a=broken, b=user))] == ["a.yaml"]


def test_whatever_must_not_be_left_out_has_a_stand_in() -> None:
    rooms = (schema, schema_people, schema_called)
    found = [each for room in rooms for each in vars(room).values()]
    models = [each for each in found if isinstance(each, type) and issubclass(each, BaseModel)]
    needed = {key for model in models for key, field in entries.fields(model).items() if field.required}
    assert needed == set(entries.STAND_INS)


SECTIONS = [
    "country: US\n",
    "area_code: '669'\n",
    "lines:\n  alice: {extension: 201, name: Alice}\n  bob: {extension: 202, ring: 20s}\n  carol: {extension: 203}\n"
    "  dave: {extension: 204}\n  erin: {extension: 205}\n",
    "devices:\n  one: {secret: env:A, lines: [alice]}\n  two: {secret: env:A, lines: [bob, carol]}\n"
    "  three: {secret: env:A, lines: carol, name: Three}\n",
    "extensions:\n  300: {lines: [alice, bob]}\n  301: {lines: [carol], ring: 30s}\n",
    "services: {600: echo, 601: tone:425}\n",
    "trunks:\n  first: {host: sip.example.com, from: [192.0.2.1]}\n  second: {host: 192.0.2.9}\n",
    "default_trunk: first\n",
    "dids:\n  +16695550100: alice\n  +16695550101: [bob, carol]\n",
    "metrics: {enabled: true, port: 9464}\n",
    "log: {level: info}\n",
]
# What is replaced, by what, and where in the replacement the error is shown. No two touch the same text.
BREAKS = [
    ("country: US", "contry: US", 0),
    ("'669'", "6x9", 0),
    ("extension: 201", "extension: two", 11),
    ("extension: 203}", "extension: 203, extension: 9}", 16),
    ("name: Alice", "nmae: Alice", 0),
    ("ring: 20s", "ring: 20", 6),
    ("carol: {extension: 203", "carol: &c {extension: 203", 7),
    ("one: {secret: env:A", "one: {secret: env:B", 14),
    ("[alice]}", "[alcie]}", 1),
    ("two: {secret", "two: {secrte", 6),
    ("[bob, carol]}", "[bob, bob]}", 6),
    ("lines: carol,", "lines: carrol,", 7),
    ("name: Three", "username: one", 10),
    ("300: {lines: [alice, bob]}", "300: {lines: []}", 13),
    ("301: {", "30I: {", 0),
    ("600: echo", "600: *x ", 5),
    ("extension: 205", "extension: 204", 11),
    ("601: tone:425", "601: tone:4", 5),
    ("host: sip.example.com", "host: sip:example", 6),
    ("from: [192.0.2.1]", "form: [192.0.2.1]", 0),
    ("host: 192.0.2.9", "host: 192.0.2.9, colour: red", 17),
    ("default_trunk: first", "default_trunk: frist", 15),
    ("+16695550100: alice", "5550100: alice", 0),
    ("+16695550101: [bob", "+16695550101: [bop", 15),
    ("enabled: true", "enabled: !bool true", 9),
    ("log: {level: info}", "log: {level: info}\nlog: {format: json}", 19),
]


def place_of(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


@given(st.data())
def test_k_independent_mistakes_are_k_reports_each_in_its_place(data: st.DataObject) -> None:
    files = data.draw(st.lists(st.sampled_from("abc"), min_size=len(SECTIONS), max_size=len(SECTIONS)))
    chosen = data.draw(st.sets(st.sampled_from(BREAKS)))
    unreadable = data.draw(st.booleans())
    texts = dict.fromkeys("abc", "")
    for name, section in zip(files, SECTIONS, strict=True):
        texts[name] += section
    assert all(sum(text.count(old) for text in texts.values()) == 1 for old, _, _ in BREAKS)
    shown = []
    for name in "abc":
        for old, new, at in chosen:
            # What the error stands at is marked until all is replaced, as what comes before may become longer.
            texts[name] = texts[name].replace(old, new[:at] + "\0" + new[at:])
        while "\0" in texts[name]:
            line, column = place_of(texts[name], texts[name].index("\0"))
            shown.append(f"{name}.yaml:{line}:{column}")
            texts[name] = texts[name].replace("\0", "", 1)
    if unreadable:
        texts["d"] = "lines:\n  dave: 'never closed\n"
        # Whoever is not found may be in there.
        unknown = {"alcie", "carrol", "frist", "bop"}
        hidden = sum(any(word in new for word in unknown) for _, new, _ in chosen)
    with tempfile.TemporaryDirectory() as folder:
        found = places(problems(Path(folder), **texts))
    if unreadable:
        assert len(found) == len(chosen) + 1 - hidden and set(found) <= {*shown, "d.yaml:2:9"}
    else:
        assert found == sorted(shown, key=lambda place: [(int(p) if p.isdigit() else p) for p in place.split(":")])
