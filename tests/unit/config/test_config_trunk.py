"""The configuration of a trunk: the simple form, hosts, accounts, presets, and what is refused (IDN-3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.compile import compile  # noqa: A004
from config.compiled import HostSettings, TrunkSettings
from config.packed import decode, encode
from config.problems import ConfigError


def trunk(folder: Path, text: str) -> TrunkSettings:
    """The settings of the one trunk that the text describes."""
    file = folder / "a.yaml"
    file.write_text(f"country: US\ntrunks:\n  carrier: {text}\n")
    file.chmod(0o600)
    return compile(file, {"PW": "a-secret-nobody-may-see"}).trunks[0]


def errors(folder: Path, text: str) -> list[str]:
    try:
        trunk(folder, text)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{folder}/a.yaml:") for problem in error.problems]
    return []


def test_a_host_is_enough(tmp_path: Path) -> None:
    assert trunk(tmp_path, "{host: sip.example.com}") == TrunkSettings(
        id="carrier", hosts=(HostSettings(host="sip.example.com"),), domain="sip.example.com", country="US",
        registrar="sip.example.com",
    )  # fmt: skip


def test_how_a_carrier_tells_costs(tmp_path: Path) -> None:
    made = trunk(tmp_path, "{host: sip.example.com, cost_header: X-Call-Cost, cost_currency: EUR, aoc: true}")
    assert (made.cost_header, made.cost_currency, made.aoc, made.tells_costs) == ("X-Call-Cost", "EUR", True, True)
    assert not trunk(tmp_path, "{host: sip.example.com}").tells_costs
    (found,) = errors(tmp_path, "{host: sip.example.com, cost_currency: EUR}")
    assert "write `cost_header` or `aoc: true` as well" in found
    for wrong in ("X Cost", "Contact", "via"):
        (found,) = errors(tmp_path, f"{{host: sip.example.com, cost_header: {wrong}}}")
        assert "such as X-Call-Cost" in found


def test_the_hosts_take_what_they_do_not_say_from_the_trunk(tmp_path: Path) -> None:
    made = trunk(
        tmp_path,
        "{transport: tcp, port: 5062, domain: itsp.example.com,"
        " hosts: [{host: 192.0.2.1, priority: 10}, {host: b.example.com, port: 5070, transport: udp, weight: 3}]}",
    )
    assert made.hosts == (
        HostSettings(host="192.0.2.1", port=5062, transport="tcp", priority=10),
        HostSettings(host="b.example.com", port=5070, transport="udp", weight=3),
    )
    assert made.places == made.hosts
    assert made.domain == "itsp.example.com"
    assert made.sources == ("192.0.2.1",)


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("proxy.example.com", "proxy.example.com", 0),
        ("proxy.example.com:5070", "proxy.example.com", 5070),
        ("192.0.2.9:5070", "192.0.2.9", 5070),
        ("2001:db8::9", "2001:db8::9", 0),
        ('"[2001:db8::9]:5070"', "2001:db8::9", 5070),
    ],
)
def test_all_is_sent_to_the_outbound_proxy(tmp_path: Path, written: str, host: str, port: int) -> None:
    made = trunk(tmp_path, f"{{host: sip.example.com, outbound_proxy: {written}}}")
    assert made.places == (HostSettings(host=host, port=port),)
    assert made.domain == "sip.example.com"


def test_an_account_is_written_and_read_again_but_never_shown(tmp_path: Path) -> None:
    text = "{host: sip.example.com, register: true, username: '4420', auth_username: acc, secret: env:PW, realm: r}"
    made = trunk(tmp_path, text)
    assert made.register
    assert (made.account.user, made.account.digest_user, made.account.realms) == ("4420", "acc", ("r",))
    assert made.account.secret == "a-secret-nobody-may-see"
    assert "nobody" not in repr(made)
    file = tmp_path / "a.yaml"
    compiled = compile(file, {"PW": "a-secret-nobody-may-see"})
    assert decode(encode(compiled)) == compiled


def test_the_transport_may_be_left_to_the_carriers_records(tmp_path: Path) -> None:
    """RFC 3263 section 4.1."""
    assert trunk(tmp_path, "{host: sip.example.com, transport: auto}").hosts == (
        HostSettings(host="sip.example.com", transport=""),
    )
    made = trunk(tmp_path, "{transport: auto, hosts: [{host: a.example.com, transport: tcp}, {host: b.example.com}]}")
    assert [host.transport for host in made.hosts] == ["tcp", ""]
    made = trunk(tmp_path, "{host: a.example.com, transport: auto, outbound_proxy: p.example.com}")
    assert made.places[0].transport == ""


def test_a_preset_gives_what_is_not_written(tmp_path: Path) -> None:
    assert trunk(tmp_path, "{host: sip.example.com, preset: digits}").numbers == "digits"
    assert trunk(tmp_path, "{host: sip.example.com, preset: digits, numbers: '00'}").numbers == "00"


def test_its_calls_may_come_from_a_network(tmp_path: Path) -> None:
    made = trunk(tmp_path, "{host: sip.example.com, from: [192.0.2.0/24, '2001:db8:7::/48', 198.51.100.7/32]}")
    assert made.sources == ("192.0.2.0/24", "2001:db8:7::/48", "198.51.100.7")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{from: 192.0.2.1}", "3:3: `host` is missing in `carrier`"),
        (
            "{host: a.example.com, hosts: [{host: b.example.com}]}",
            "3:19: `host` and `hosts` cannot both be there (put the first one under `hosts`, too)",
        ),
        ("{host: a.example.com, register: true, secret: env:PW}", "`username` is missing in `carrier`"),
        ("{host: a.example.com, register: true, username: u}", "`secret` is missing in `carrier`"),
        ("{host: a.example.com, caller_in: pai}", "of a trunk that is not `trusted` is not believed"),
        ("{host: a.example.com, from: 192.0.2.7/24}", "write `192.0.2.0/24`"),
        ("{host: a.example.com, from: 0.0.0.0/0}", "nobody's carrier is that large"),
        ("{host: a.example.com, from: a.example.com/24}", "a network is wanted here"),
        ("{host: a.example.com, outbound_proxy: 'a b'}", "a host name or IP address is wanted here"),
        ("{host: a.example.com, preset: telepathy}", "`preset`: must be"),
        ("{host: a.example.com, failover: [200]}", "must be from 400 to 699"),
        ("{hosts: [{port: 5060}]}", "`host` is missing in `hosts`"),
    ],
)
def test_what_is_refused_and_what_to_write_instead(tmp_path: Path, written: str, message: str) -> None:
    found = errors(tmp_path, written)
    assert any(message in each for each in found), found


def test_two_carriers_cannot_have_one_source(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("country: US\ntrunks:\n  a: {host: 192.0.2.1}\n  b: {host: b.example.com, from: 192.0.2.1}\n")
    with pytest.raises(ConfigError, match="recognised as trunk `a` already"):
        compile(file)


def test_a_file_with_a_carriers_password_is_not_for_everybody(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("country: US\ntrunks:\n  a: {host: 192.0.2.1, username: u, secret: short}\n")
    file.chmod(0o644)
    assert [problem.message for problem in compile(file).warnings] == [
        f"everybody can read {file}, which holds secrets"
    ]
    file.chmod(0o640)
    assert compile(file).warnings == ()
