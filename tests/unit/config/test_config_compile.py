"""Compiling: references, numbers and secrets; bytes and back; lints; the example; the process that compiles."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from config import compiled, examples, jsonschema, loader, reference, validate
from config.compile import compile, compile_loaded  # noqa: A004
from config.compiled import Compiled
from config.packed import decode, encode
from config.problems import ConfigError
from dialplan.destinations import user
from dialplan.model import Profile

SECRET = "postgresql://a-secret-nobody-may-see"

OFFICE = """\
country: US
area_code: "669"
lines:
  alice: {extension: 201, name: Alice}
  bob: {extension: 202, country: GB}
devices:
  alice-phone: {secret: env:A, lines: [alice, bob]}
  bob-phone: {username: bob, secret: env:A, lines: bob, country: DE}
services: {600: echo}
trunks:
  first: {host: sip.example.com, from: ["192.0.2.1", "192.0.2.2:5080"]}
  second: {host: 192.0.2.9, transport: tcp, port: 5070, numbers: digits, extensions: true}
default_trunk: second
dids: {"+1 669 555 0100": alice}
emergency: {extra: ["5000"], address: hq, trunks: first}
registrar: {realm: example.com}
addresses: {hq: {street: Market Street, number: 500, city: San Jose, state: CA, caller_id: "+16695550100"}}
"""


ROOT = Path(__file__).parents[3]


def compile_text(text: str, environ: dict[str, str] | None = None, folder: Path = Path()) -> Compiled:
    loaded = validate.validate(loader.read(text, "a.yaml"), folder)
    return compile_loaded(loaded, "a.yaml", {"A": SECRET} if environ is None else environ)


def problems(text: str, environ: dict[str, str] | None = None, folder: Path = Path()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        compile_text(text, environ, folder)
    return [str(problem) for problem in caught.value.problems]


def warnings(text: str) -> list[str]:
    return [str(problem) for problem in compile_text(text).warnings]


def test_a_number_is_written_without_parameters() -> None:
    with pytest.raises(ConfigError) as caught:
        compile_text(OFFICE.replace("+1 669 555 0100", "+1 669 555 0100;phone-context=+1"))
    assert "an outside number is written with its country code" in str(caught.value.problems[0])


@pytest.mark.parametrize("typed", ["020", "20", '"020"'])
def test_an_area_code_is_stored_without_its_trunk_prefix_k3(typed: str) -> None:
    made = compile_text(OFFICE.replace("country: GB", f"country: GB, area_code: {typed}"))
    assert made.model.lines["bob"].profile == Profile("GB", "20")


def test_the_model_is_what_was_written() -> None:
    made = compile_text(OFFICE)
    model = made.model
    assert model.lines["alice"].profile == Profile("US", "669") and model.lines["bob"].profile == Profile("GB")
    assert model.devices["alice-phone"].lines == ("alice", "bob") and model.devices["bob-phone"].country == "DE"
    assert model.extensions["202"] == user("bob") and model.dids["+16695550100"] == user("alice")
    assert model.emergency.trunks == ("first", "second")
    places = model.emergency.places
    assert {"911", "999", "112", "5000"} <= places["alice-phone"].numbers and "110" not in places["alice-phone"].numbers
    assert {"110", "999", "5000"} <= places["bob-phone"].numbers and places["bob-phone"].main == "112"
    assert [t.sources for t in made.trunks] == [("192.0.2.1", "192.0.2.2:5080"), ("192.0.2.9",)]
    origin = model.origins["extension:202"]
    assert (origin.file, origin.line) == ("a.yaml", 5)


def test_secrets_are_kept_as_digest_hashes() -> None:
    bob = compile_text(OFFICE).devices[1]
    text = f"bob:example.com:{SECRET}".encode()
    assert bob.user == "bob" and bob.ha1_sha256 == hashlib.sha256(text).hexdigest()
    assert bob.ha1_md5 == hashlib.md5(text, usedforsecurity=False).hexdigest()


def test_compiled_bytes_come_back_as_they_were_and_are_the_same_each_time() -> None:
    made = compile_text(OFFICE)
    assert decode(encode(made)) == made
    assert encode(made) == encode(compile_text(OFFICE)) and made.version
    assert made.version != compile_text(OFFICE + "log: {level: debug}\n").version
    assert made.model.version == compile_text(OFFICE + "log: {level: debug}\n").model.version


def test_the_version_is_of_what_takes_effect_not_of_where_it_lies(tmp_path: Path) -> None:
    """Is what was checked, here or in a copy, what is running?"""
    versions = set()
    text = "country: US\nlines: {a: {extension: 101}}\ndevices: {p: {secret: %s, lines: a}}\n"
    for folder, content in (("here", text), ("there", "# A comment moves lines.\n" + text)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text(content % "long-enough-secret")
        made = compile(tmp_path / folder)
        assert made.warnings
        versions.add((made.version, made.model.version))
    assert len(versions) == 1
    (tmp_path / "here" / "a.yaml").write_text(text % "another-long-secret")
    assert compile(tmp_path / "here").version not in {version for version, _ in versions}


def test_another_format_is_not_read() -> None:
    other = msgspec.structs.replace(compile_text(OFFICE), format=compiled.FORMAT + 1)
    with pytest.raises(msgspec.DecodeError):
        decode(encode(other))


def test_nothing_shows_a_secret() -> None:
    made = compile_text(OFFICE + "records: {url: env:A}\n", {"A": SECRET})
    assert SECRET not in repr(made)
    assert made.devices[0].ha1_md5 not in repr(made) and made.devices[0].ha1_sha256 not in repr(made)
    assert made.records.url == SECRET


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("lines: bob,", "lines: bop,", "a.yaml:8:52: there is no line `bop` (did you mean `bob`?)"),
        ("[alice, bob]", "[alice, 202]", "a.yaml:7:47: there is no line `202` (202 is `bob`)"),
        ("[alice, bob]", "[alice, alice]", "a.yaml:7:47: line `alice` is named twice"),
        (
            "default_trunk: second",
            "default_trunk: secnd",
            "a.yaml:13:16: there is no trunk `secnd` (did you mean `second`?)",
        ),
        ("trunks: first}", "trunks: third}", "a.yaml:15:51: there is no trunk `third` (possible: `first`, `second`)"),
        (
            "600: echo",
            "201: echo",
            "a.yaml:9:12: 201 is already the extension of `alice` (at line 4)",
        ),
        (
            "extension: 202",
            "extension: 201",
            "a.yaml:5:20: 201 is already the extension of `alice` "
            "(for several lines under one number use `extensions:`)",
        ),
        (
            "username: bob",
            "username: alice-phone",
            "a.yaml:8:25: digest user name `alice-phone` is that of device `alice-phone` already",
        ),
        ('"192.0.2.2:5080"', "192.0.2.9", "a.yaml:12:18: 192.0.2.9 is recognised as trunk `first` already"),
        ('"669"', '"069"', "a.yaml:2:12: `area_code`: not possible in US (three digits, the first from 2 to 9)"),
        ('"669"', '"416"', "a.yaml:2:12: `area_code`: not possible in US (416 is in CA)"),
        (
            "country: GB",
            "country: GB, area_code: 099",
            "a.yaml:5:49: `area_code`: not possible in GB (no number in GB begins with it)",
        ),
        (
            "country: GB",
            "country: GB, area_code: 0",
            "a.yaml:5:49: `area_code`: not possible in GB (the 0 alone is no area code)",
        ),
        ("country: GB", "country: FR, area_code: 1", "a.yaml:5:49: `area_code`: FR has no area codes (leave it out)"),
        (
            "{realm: example.com}",
            "{min_expires: 2h}",
            "a.yaml:16:12: `registrar`: min_expires, default_expires, max_expires must ascend",
        ),
        (
            "{realm: example.com}",
            "{qualify: 500ms}",
            "a.yaml:16:22: `qualify`: telephones would be asked too often (write 2s or more, or 0s to ask never)",
        ),
        (
            "registrar: {realm: example.com}",
            "calls: {session_timer: {minimum: 2h}}",
            "a.yaml:16:24: `session_timer`: the minimum is longer than the interval "
            "(make `interval` as long, or `minimum` shorter)",
        ),
        (
            "registrar: {realm: example.com}",
            "guard: {ban: {time: 8d, longest: 7d}}",
            "a.yaml:16:14: `ban`: `longest` is shorter than `time` (the first ban lasts for `time`)",
        ),
        (
            "registrar: {realm: example.com}",
            "records: {url: 'mysql://db.example.com/x'}",
            "a.yaml:16:16: `url`: records are kept in PostgreSQL or SQLite "
            "(postgresql://USER:PASSWORD@HOST/NAME; left out: SQLite in the data folder)",
        ),
        (
            "port: 5070,",
            "port: 5070, register: true,",
            "a.yaml:12:3: `username` is missing in `second` (with `register: true` an account registers)",
        ),
        (
            "transport: tcp, port: 5070,",
            "preset: voipms,",
            "a.yaml:12:3: `username` is missing in `second` (with `preset: voipms` an account registers)",
        ),
        (
            "secret: env:A, lines: bob",
            "secret: env:B, lines: bob",
            "a.yaml:8:38: `secret`: the environment variable B is not set "
            "(`check` sees your shell's variables, a service those of its unit (docs/configuration.md))",
        ),
        (
            "secret: env:A, lines: bob",
            "secret: file:none, lines: bob",
            "a.yaml:8:38: `secret`: the file none cannot be read: No such file or directory",
        ),
    ],
)
def test_what_does_not_fit_together(old: str, new: str, expected: str) -> None:
    assert old in OFFICE
    assert problems(OFFICE.replace(old, new)) == [expected]


def test_all_that_does_not_fit_comes_at_once() -> None:
    text = OFFICE.replace("lines: bob,", "lines: bop,").replace("extension: 202", "extension: 201")
    assert len(problems(text, {})) == 4


def test_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(SECRET + "\n")
    (tmp_path / "many").write_text(f"x=1\nbob={SECRET}\n")
    for name in ("one", "many"):
        (tmp_path / name).chmod(0o600)

    def with_secret(reference: str) -> str:
        return OFFICE.replace("secret: env:A, lines: bob", f"secret: {reference}, lines: bob")

    plain = compile_text(OFFICE).devices
    assert compile_text(with_secret("file:one"), folder=tmp_path).devices == plain
    assert compile_text(with_secret("file:many#bob"), folder=tmp_path).devices == plain
    assert problems(with_secret("file:many#eve"), folder=tmp_path) == [
        "a.yaml:8:38: `secret`: the file many has no line `eve=…`"
    ]
    found = problems(with_secret("file:many"), folder=tmp_path)
    assert "more than one line" in found[0] and SECRET not in found[0]
    (tmp_path / "one").chmod(0o644)
    assert problems(with_secret("file:one"), folder=tmp_path) == [
        "a.yaml:8:38: `secret`: everybody can read the file one (chmod 0600 one)"
    ]


def test_an_office_in_order_has_no_warnings() -> None:
    assert warnings(OFFICE) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "extension: 201",
            "extension: 911",
            "a.yaml:4:22: 911 is an emergency number in US, so it can never be dialled as an extension",
        ),
        (
            "600: echo",
            "5000: echo",
            "a.yaml:9:12: 5000 is an emergency number in DE, so it can never be dialled as an extension",
        ),
        (
            "extension: 201",
            "extension: 5555555",
            "a.yaml:4:22: 5555555 is also an outside number (+16695555555), which cannot be dialled so (in US 669)",
        ),
        ("lines: [alice, bob]", "lines: [bob]", "a.yaml:4:3: no device carries line `alice`, so it can never ring"),
        ("extension: 202, ", "", "a.yaml:5:3: nobody can call line `bob` (it has no extension, DID or ring list)"),
        (
            "area_code:",
            "outside_prefix: 6\narea_code:",
            "a.yaml:10:12: 600 begins with the outside prefix 6; the extension wins",
        ),
        (
            "secret: env:A, lines: bob",
            "secret: bob, lines: bob",
            "a.yaml:8:38: this secret is easily guessed (12 characters at the least, chosen at random)",
        ),
        (
            "registrar: {realm: example.com}",
            "guard: {allow: [0.0.0.0/0]}",
            "a.yaml:16:17: `allow`: these are all addresses: nobody is ever banned",
        ),
        (
            "port: 5070,",
            "port: 5070, certificates: [sip.example.com],",
            "a.yaml:12:57: `certificates`: no listener asks for a certificate, so its calls are never known by one "
            "(a listener with `transport: tls` and `client_ca` does (docs/tls.md))",
        ),
    ],
)
def test_lints(old: str, new: str, expected: str) -> None:
    assert old in OFFICE
    assert warnings(OFFICE.replace(old, new)) == [expected]


def test_a_telephone_without_a_trunk_cannot_call_for_help() -> None:
    text = "country: US\nlines: {a: {extension: 201}}\ndevices: {d: {secret: env:A, lines: a}}\n"
    assert warnings(text) == [
        "a.yaml:1:1: emergency calls cannot be made: there is no carrier under `trunks:`"
        " (until there is one they are refused with 503)"
    ]


def test_a_file_with_secrets_that_everybody_can_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(OFFICE.replace("env:A", SECRET))
    file.chmod(0o644)
    assert [p.message for p in compile(file).warnings] == [f"everybody can read {file}, which holds secrets"]
    file.chmod(0o640)
    assert compile(file).warnings == ()


def test_the_example_is_written_once_with_fresh_passwords(tmp_path: Path) -> None:
    first = examples.write(tmp_path / "one")
    assert [(d.username, d.extension) for d in first.devices] == [("alice-phone", "101"), ("bob-phone", "102")]
    assert first.services == {"600": "echo", "601": "tone:425"}
    assert examples.write(tmp_path / "one") == first
    other = examples.write(tmp_path / "two")
    passwords = {d.password for d in first.devices + other.devices}
    assert len(passwords) == 4 and all(len(p) >= 16 and p not in repr(first) for p in passwords)
    assert stat.S_IMODE((tmp_path / "one" / "secrets").stat().st_mode) == 0o600
    made = compile(first.config)
    assert made == compile(first.config) and set(made.model.extensions) == {"101", "102"}
    assert [p.hint for p in compile(tmp_path / "one").warnings] == ["until there is one they are refused with 503"]


def test_the_process_that_compiles(tmp_path: Path) -> None:
    def run(path: Path) -> subprocess.CompletedProcess[bytes]:
        argv = [sys.executable, "-m", "config.compile", str(path)]
        return subprocess.run(
            argv, capture_output=True, check=False, cwd=Path(examples.__file__).parents[2], timeout=30
        )

    example = examples.write(tmp_path)
    good = run(example.config)
    assert good.returncode == 0 and decode(good.stdout) == compile(example.config)
    example.config.write_text("country: US\nlins: {}\n")
    bad = run(example.config)
    assert bad.returncode == 1
    place = [str(example.config), 2, 1]
    assert json.loads(bad.stdout) == [["unknown-key", place, "unknown key `lins`", "did you mean `lines`?"]]


def test_the_json_schema_knows_every_section_and_allows_no_other_key() -> None:
    made = jsonschema.schema()
    assert made["additionalProperties"] is False and made["required"] == ["country"]
    assert {"lines", "devices", "trunks", "emergency"} <= set(made["properties"])
    assert "from" in made["$defs"]["Trunk"]["properties"]
    assert made["$defs"]["Line"]["properties"]["ring"]["type"] == "string"
    assert json.loads(jsonschema.text()) == made


def test_what_a_folder_lacks_is_said_in_its_first_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lines: {}\n")
    (tmp_path / "b.yaml").write_text("devices: {}\n")
    with pytest.raises(ConfigError) as caught:
        compile(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/a.yaml:1:1: `country` is missing")


def fits(schema: dict[str, Any], value: object) -> bool:
    """What an editor says of a value, as far as our schema goes."""
    if "$ref" in schema:
        return fits(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], value)
    if "anyOf" in schema:
        return any(fits(each, value) for each in schema["anyOf"])
    kinds = schema.get("type", [])
    known = {
        "string": str,
        "integer": int,
        "number": float,
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    wanted = [known[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    if wanted and type(value) not in wanted:
        return False
    if isinstance(value, dict):
        keys = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        return all(
            fits(keys[str(key)], each) if str(key) in keys else isinstance(others, dict) and fits(others, each)
            for key, each in value.items()
        ) and set(schema.get("required", ())) <= set(map(str, value))
    if isinstance(value, list):
        return all(fits(schema.get("items", {}), each) for each in value) and len(value) >= schema.get("minItems", 0)
    if isinstance(value, str):
        return value in schema.get("enum", [value]) and bool(re.search(schema.get("pattern", ""), value))
    return not isinstance(value, int) or schema.get("minimum", value) <= value <= schema.get("maximum", value)


SCHEMA = jsonschema.schema()


def test_the_editor_finds_nothing_wrong_with_what_the_reader_takes() -> None:
    guide = (ROOT / "docs/configuration.md").read_text()
    smallest, more = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    one_for_a_list = "country: US\ndids: {'+12125550100': alice}\ntrunks:\ndevices: {a: {secret: 1, lines: alice}}\n"
    for text in (
        examples.files(examples.OFFICE)[examples.CONFIG_FILE],
        smallest,
        smallest + more,
        one_for_a_list,
        OFFICE,
    ):
        assert fits(SCHEMA, yaml.safe_load(text)), text
    for bad in ("country: US\nlines: {a: {ring: 30}}\n", "country: US\nlins: {}\n", "lines: {}\n"):
        assert not fits(SCHEMA, yaml.safe_load(bad)), bad


def test_every_default_is_one_that_could_be_written() -> None:
    found = 0
    for section in SCHEMA["$defs"].values():
        for key, each in section["properties"].items():
            if "default" in each:
                found += 1
                assert fits(each, each["default"]), (section["title"], key)
    assert found > 30


def test_the_guide_has_the_table_of_every_key() -> None:
    assert (ROOT / "docs/configuration.md").read_text().endswith(reference.markdown())
    assert (ROOT / "docs/dialplan.md").read_text().endswith(reference.dialplan())


def test_srtp_at_a_device_and_at_a_trunk() -> None:
    assert {each.srtp for each in compile_text(OFFICE).devices} == {"answered"}
    text = OFFICE.replace("username: bob,", "username: bob, srtp: required,").replace(
        "port: 5070,", "port: 5070, srtp: offered,"
    )
    made = compile_text(text)
    assert {each.device: each.srtp for each in made.devices} == {"alice-phone": "answered", "bob-phone": "required"}
    assert {each.id: each.srtp for each in made.trunks} == {"first": "answered", "second": "offered"}
    (problem,) = problems(text.replace("required", "always"))
    assert problem.startswith("a.yaml:8:")
    assert all(word in problem for word in ("answered", "offered", "required"))
