"""IDN-3: a trunk is recognised by address, network, certificate or our registered Contact, and by nothing else."""

from __future__ import annotations

from typing import Any

from config.compiled import HostSettings, TrunkSettings
from switch.calls.dialect import Dialect
from switch.places import Places
from switch.sip.flow import Flow
from switch.trunk_hosts import TrunkHost


def places(tokens: dict[str, str] | None = None, **trunks: Any) -> Places:
    """Trunks by name, each with its settings; `sources` as they were found, `written` those of the operator."""
    hosts, dialects = [], {}
    for name, given in trunks.items():
        more = dict(given)
        found = more.pop("found", ())
        settings = TrunkSettings(id=name, hosts=(HostSettings(host="h.example.com"),), **more)
        hosts.append(TrunkHost(settings, (), settings.sources or found))
        dialects[name] = Dialect(settings, None, (tokens or {}).get(name, ""))
    return Places(hosts, dialects)


def at(known: Places, host: str, port: int = 5060, names: tuple[str, ...] = ()) -> str | None:
    return known.at(Flow("tls", ("192.0.2.10", 5061), (host, port), 1), lambda flow: names)


def test_an_address_an_address_with_its_port_and_networks_the_narrowest_first() -> None:
    known = places(
        one={"sources": ("198.51.100.0/24", "2001:db8:7::/48")},
        two={"sources": ("198.51.100.64/26",)},
        three={"sources": ("198.51.100.65",)},
        four={"sources": ("203.0.113.1:5070",)},
    )
    assert at(known, "198.51.100.1") == "one"
    assert at(known, "2001:db8:7::1") == "one"
    assert at(known, "198.51.100.66") == "two"
    assert at(known, "198.51.100.65") == "three"
    assert (at(known, "203.0.113.1", 5070), at(known, "203.0.113.1", 5071)) == ("four", None)
    assert at(known, "192.0.2.99") is None


def test_a_certificate_says_more_than_an_address() -> None:
    known = places(
        one={"sources": ("198.51.100.1",)},
        two={"certificates": ("sbc.example.com",), "found": ("198.51.100.9",)},
        three={"certificates": ("gw.example.net",), "sources": ("198.51.100.10",)},
    )
    assert at(known, "198.51.100.1", names=("sbc.example.com",)) == "two"
    assert at(known, "198.51.100.9") is None, "it shows a certificate, or it is nobody"
    assert at(known, "198.51.100.10") == "three", "its address was named as well"
    assert at(known, "192.0.2.99", names=("other.example.com",)) is None


def test_our_contact_names_its_trunk_and_proves_no_more() -> None:
    known = places({"one": "f" * 32}, one={"sources": ("198.51.100.1",)}, two={"sources": ("198.51.100.2",)})
    assert known.by_token(f"sip:{'f' * 32}@192.0.2.10:5060;transport=tcp") == "one"
    assert known.by_token("sip:one@192.0.2.10") is None
    assert known.by_token("sip:@@") is None

    def proven(host: str) -> bool:
        return known.comes_from("one", Flow("udp", ("192.0.2.10", 5060), (host, 5060)), lambda flow: ())

    assert proven("198.51.100.1")
    assert not proven("198.51.100.2")
    assert not proven("192.0.2.99")


def test_no_trunks_no_places() -> None:
    assert not places()
