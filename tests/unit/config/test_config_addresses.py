"""`advertise`, `local_networks`, `dscp`, the addresses for sound: what is compiled of them, what check warns of."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import compile as compiling
from config.addresses import USUAL_NETWORKS
from config.compiled import Compiled
from config.problems import ConfigError


def compiled(tmp_path: Path, text: str) -> Compiled:
    """`country` and that."""
    file = tmp_path / "ringplan.yaml"
    file.write_text(f"country: US\n{text}")
    return compiling.compile(file, {})


def test_by_default_both_families_are_served_and_ipv6_may_be_missing(tmp_path: Path) -> None:
    made = compiled(tmp_path, "")
    assert {(each.transport, each.address, each.optional) for each in made.listeners} == {
        ("udp", "0.0.0.0", False), ("tcp", "0.0.0.0", False), ("udp", "::", True), ("tcp", "::", True),
    }  # fmt: skip
    assert (made.media.addresses, made.media.optional) == (("0.0.0.0", "::"), ("::",))
    assert {each.dscp for each in made.listeners} == {24} and made.media.dscp == 46


def test_what_is_written_must_be_there(tmp_path: Path) -> None:
    made = compiled(tmp_path, "listen: [{address: '::'}]\nmedia: {address: ['::', 192.0.2.1]}\n")
    assert [each.optional for each in made.listeners] == [False]
    assert (made.media.addresses, made.media.optional) == (("::", "192.0.2.1"), ())


@pytest.mark.parametrize(
    ("text", "told", "networks"),
    [
        ("", (), USUAL_NETWORKS),
        ("media: {advertise: 203.0.113.1}", ("203.0.113.1",), USUAL_NETWORKS),
        ("listen: [{advertise: 203.0.113.1, local_networks: 10.0.0.0/8}]", (), ("10.0.0.0/8",)),
        (
            "listen: [{advertise: 203.0.113.1}]\nmedia: {local_networks: [10.0.0.0/8]}",
            ("203.0.113.1",), ("10.0.0.0/8",),
        ),
        (
            "listen: [{advertise: 203.0.113.1, local_networks: 10.0.0.0/8}]\nmedia: {advertise: 203.0.113.2}",
            ("203.0.113.2",), ("10.0.0.0/8",),
        ),
    ],
)  # fmt: skip
def test_sound_is_told_as_sip_unless_media_says_otherwise(
    tmp_path: Path, text: str, told: tuple[str, ...], networks: tuple[str, ...]
) -> None:
    media = compiled(tmp_path, text + "\n").media
    assert (media.advertise, media.local_networks) == (told, networks)


@pytest.mark.parametrize(("written", "dscp"), [("EF", 46), ("cs5", 40), ("AF31", 26), ("0", 0), ("63", 63), ("BE", 0)])
def test_marks_by_name_or_number(tmp_path: Path, written: str, dscp: int) -> None:
    made = compiled(tmp_path, f"listen: [{{dscp: {written}}}]\nmedia: {{dscp: {written}}}\n")
    assert (made.listeners[0].dscp, made.media.dscp) == (dscp, dscp)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen: [{dscp: 64}]", "not a DSCP"),
        ("listen: [{dscp: AF44}]", "not a DSCP"),
        ("listen: [{advertise: 203.0.113.1, local_networks: office}]", "a network is wanted"),
        ("media: {address: [192.0.2.1, 192.0.2.2]}", "two of one family"),
        ("media: {advertise: [203.0.113.1, 203.0.113.2]}", "two of one family"),
    ],
)
def test_what_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        compiled(tmp_path, text + "\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen: [{advertise: 10.1.2.3}]", "is itself in one of `local_networks`"),
        ("listen: [{local_networks: 10.0.0.0/8}]", "`local_networks` does nothing without `advertise`"),
        ("listen: [{advertise: '2001:db8::1'}]", "is IPv6, which is not spoken on 0.0.0.0"),
        ("media: {address: 0.0.0.0, advertise: '2001:db8::1'}", "is IPv6, which is not spoken on 0.0.0.0"),
        ("media: {advertise: 192.168.1.1}", "is itself in one of `local_networks`"),
        ("listen: [{advertise: pbx.example.com}]", "SDP needs an address"),
    ],
)
def test_check_warns_of_what_cannot_do_what_it_is_for(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in str(warning) for warning in compiled(tmp_path, text + "\n").warnings)


@pytest.mark.parametrize(
    "text",
    [
        "listen: [{advertise: 203.0.113.1}]",
        "listen: [{advertise: 192.168.1.10, local_networks: 172.17.0.0/16}]",
        "listen: [{advertise: pbx.example.com}]\nmedia: {advertise: 203.0.113.1}",
        "listen: [{advertise: 203.0.113.1}]\nmedia: {local_networks: 10.0.0.0/8}",
        "media: {advertise: [203.0.113.1, '2001:db8::1']}",
    ],
)
def test_and_of_nothing_else(tmp_path: Path, text: str) -> None:
    assert [str(each) for each in compiled(tmp_path, text + "\n").warnings if "advertise" in str(each)] == []
