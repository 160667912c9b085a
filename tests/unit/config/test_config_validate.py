"""The schema: each kind of error with its place and its hint, all of them at once, and no secret in any."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import loader, validate
from config.problems import ConfigError
from config.schema import Configuration

SECRET = "a-secret-nobody-may-see"


def settings(text: str) -> Configuration:
    return validate.validate(loader.read(text, "a.yaml"), Path()).good()


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings(text)
    return [str(problem) for problem in caught.value.problems]


US = "country: US\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lines: {}\n", "a.yaml:1:1: `country` is missing (write `country: US`, or where you are, by ISO 3166)"),
        (US + "linse: {}\n", "a.yaml:2:1: unknown key `linse` (did you mean `lines`?)"),
        (US + "lines:\n  a: {rign: 20s}\n", "a.yaml:3:7: unknown key `rign` (did you mean `ring`?)"),
        (
            US + "trunks:\n  t: {host: 192.0.2.1, form: 192.0.2.1}\n",
            "a.yaml:3:24: unknown key `form` (did you mean `from`?)",
        ),
        (US + "devices:\n  d: {lines: [a]}\n", "a.yaml:3:3: `secret` is missing in `d`"),
        (US + "lines: {a: {ring: 20}}\n", "a.yaml:2:19: `ring`: a duration needs a unit (write `20s` for seconds)"),
        (
            US + "lines: {a: {ring: soon}}\n",
            "a.yaml:2:19: `ring`: a duration needs a unit (such as 500ms, 20s, 2m, 1h)",
        ),
        (US + "lines: {a: {ring: 2}}\n", "a.yaml:2:19: `ring`: a duration needs a unit (such as `2m`)"),
        (US + "lines: {a: {ring: 400}}\n", "a.yaml:2:19: `ring`: a duration needs a unit (such as 5s)"),
        (US + "account: {mailbox: {keep: 90}}\n", "a.yaml:2:27: `keep`: a duration needs a unit (such as `90d`)"),
        (
            US + "users: {a: {extension: 201, pin: 4711}}\n",
            "a.yaml:2:29: unknown key `pin` "
            "(a mailbox's PIN is set while the exchange runs: `ringplan mailbox pin NAME`)",
        ),
        (US + "lines: {a: {ring: 1h}}\n", "a.yaml:2:19: `ring`: must be from 5s to 5m"),
        (
            US + "lines: {a: 101}\n",
            "a.yaml:2:12: `a`: a mapping is wanted here (with keys such as `extension`, `name`, `site`)",
        ),
        (
            US + "lines: [a]\n",
            "a.yaml:2:8: `lines`: a mapping is wanted here "
            "(a name, a colon, and below it keys such as `extension`, `name`, `site`)",
        ),
        (US + "lines: {a: {name: [x]}}\n", "a.yaml:2:19: `name`: a single value is wanted here, this is a list"),
        (
            US + "lines: {a b: {}}\n",
            "a.yaml:2:9: key `a b`: a name is made of letters, digits and - _ . only "
            "(1 to 64 characters without spaces)",
        ),
        (
            US + "lines: {a: {extension: 10a}}\n",
            "a.yaml:2:24: `extension`: an internal number is made of 1 to 15 digits",
        ),
        (US + "metrics: {enabled: yes}\n", "a.yaml:2:20: `enabled`: must be `true` or `false` (write `true`)"),
        (US + "metrics: {enabled: NO}\n", "a.yaml:2:20: `enabled`: must be `true` or `false` (write `false`)"),
        (US + "metrics: {port: 09464}\n", "a.yaml:2:17: `port`: a whole number is wanted here (from 1 to 65535)"),
        (US + "metrics: {port: 70000}\n", "a.yaml:2:17: `port`: must be from 1 to 65535"),
        (
            US + "metrics: {address: localhost}\n",
            "a.yaml:2:20: `address`: an IP address is wanted here (such as 192.0.2.1 or 2001:db8::1)",
        ),
        (
            US + "listen:\n- {transport: upd}\n",
            "a.yaml:3:15: `transport`: must be `udp`, `tcp` or `tls` (did you mean `udp`?)",
        ),
        (
            US + "log: {level: WARN}\n",
            "a.yaml:2:14: `level`: must be `debug`, `info`, `warning` or `error` (did you mean `warning`?)",
        ),
        (
            US + "listen: udp\n",
            "a.yaml:2:9: `listen`: a list is wanted here "
            "(each item begins with `- ` and has keys such as `transport`, `address`, `port`)",
        ),
        (US + "trunks: {t: {host: a, password: b}}\n", "a.yaml:2:23: unknown key `password` (did you mean `secret`?)"),
        (
            US + "trunks: {t: {host: 'sip:a.example'}}\n",
            "a.yaml:2:20: `host`: a host name or IP address is wanted here (without `sip:`)",
        ),
        (
            US + "calls: {session_timer: false}\n",
            "a.yaml:2:24: `session_timer`: a mapping is wanted here "
            "(with keys such as `enabled`, `interval`, `minimum`)",
        ),
        (US + "listen: []\n", "a.yaml:2:9: `listen`: must not be empty"),
        (US + "media: {ports: 20000}\n", "a.yaml:2:16: `ports`: a range of ports is wanted here (such as 20000-29999)"),
        (
            US + "services: {600: tone}\n",
            "a.yaml:2:17: `600`: not something that can be played "
            "(`echo`, or a tone and its frequency in Hz: `tone:425`)",
        ),
        (
            US + "dids: {5550100: a}\n",
            "a.yaml:2:8: key `5550100`: an outside number is written with its country code (such as +12125550100)",
        ),
        (
            US + 'dids: {"+12125550100": a, "+1 212 555 0100": b}\n',
            "a.yaml:2:27: `+1 212 555 0100` stands here a second time (the first is written `+12125550100`)",
        ),
        (
            US + "dids: {16695550102: a}\n",
            "a.yaml:2:8: key `16695550102`: an outside number is written with its country code "
            "(write `+16695550102`, if that is all of it)",
        ),
        ("country: us\n", "a.yaml:1:10: `country`: not a country code (write `US`)"),
        ("country: UK\n", "a.yaml:1:10: `country`: not a country code (write `GB`)"),
        (
            US + "trunks: {t: {host: 192.0.2.1, from: [carrier]}}\n",
            "a.yaml:2:38: `from`: an IP address is wanted here (such as 192.0.2.1 or 2001:db8::1)",
        ),
        (
            US + "trunks: {t: {host: 'sip.example.com:5060'}}\n",
            "a.yaml:2:20: `host`: a host name or IP address is wanted here (the port has a key of its own)",
        ),
    ],
)
def test_what_is_wrong_where_and_what_to_write(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_all_errors_come_at_once_in_the_order_of_the_file() -> None:
    text = "country: XX\nlins: {}\nlines: {a: {ring: 3}}\ndevices: {d: {secrt: x, lines: []}}\nmetrics: {port: x}\n"
    assert [problem.split(": ")[0] for problem in problems(text)] == [
        "a.yaml:1:10",
        "a.yaml:2:1",
        "a.yaml:3:19",
        "a.yaml:4:15",
        "a.yaml:5:17",
    ]


@given(st.from_regex(r"[A-Za-z0-9+.][A-Za-z0-9+_.:~]{0,20}[A-Za-z0-9]", fullmatch=True))
def test_any_plain_scalar_in_a_text_stays_as_typed(typed: str) -> None:
    assert settings(US + f"lines: {{a: {{name: {typed} }}}}\n").lines["a"].name == typed


@pytest.mark.parametrize("typed", ["0206", "007", "1"])
def test_numbers_to_dial_keep_their_zeros(typed: str) -> None:
    assert settings(US + f"lines: {{a: {{extension: {typed}}}}}\n").lines["a"].extension == typed


@pytest.mark.parametrize(("typed", "seconds"), [("500ms", 0.5), ("20s", 20), ("1.5m", 90), ("2h", 7200), ("1d", 86400)])
def test_durations_are_seconds(typed: str, seconds: float) -> None:
    from config.types import parse_duration

    assert parse_duration(typed) == seconds


def test_a_section_with_all_entries_commented_out_is_none() -> None:
    assert settings(US + "trunks:\n#  t: {host: 192.0.2.1}\nlines: {}\n").trunks == {}


def test_the_defaults_are_safe() -> None:
    made = settings(US)
    assert made.devices == {} and made.trunks == {} and made.default_trunk is None
    assert made.metrics.address == "127.0.0.1"
    assert {(each.transport, each.address, each.socket_port) for each in made.listen} == {
        (transport, address, 5060) for transport in ("udp", "tcp") for address in ("0.0.0.0", "::")
    }


@pytest.mark.parametrize(
    "text",
    [
        US + f"devices: {{d: {{secret: [{SECRET}], lines: [a]}}}}\n",
        US + f"devices: {{d: {{secret: {{k: {SECRET}}}, lines: [a]}}}}\n",
        US + f"devices: {{d: {{secret: {{{SECRET}: }}, lines: [a]}}}}\n",
        US + f'devices: {{d: {{secret: "{SECRET}\\n", lines: [a]}}}}\n',
        US + f"devices: {{d: {{secret: &{SECRET} x, lines: [a]}}}}\n",
        US + f"devices: {{d: {{secret: *{SECRET} , lines: [a]}}}}\n",
        US + f"devices: {{d: {{secret: !{SECRET} , lines: [a]}}}}\n",
        US + f"devices: {{d: {{secret: '{SECRET}, lines: [a]}}}}\n",
        US + f"devices: {{d: {{secret: {SECRET}, lines: [a], bad: 1}}}}\nlines: 1\n",
    ],
)
def test_no_error_shows_a_secret(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(text)
    assert SECRET not in str(caught.value) and SECRET not in repr(caught.value)


def test_a_secret_is_not_shown_by_repr() -> None:
    assert SECRET not in repr(settings(US + f"devices: {{d: {{secret: {SECRET}, lines: [a]}}}}\n"))
