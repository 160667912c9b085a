"""RFC 3263 sections 4.1 and 4.2 and RFC 2782, as tables: records in, ordered targets out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import pytest

from switch.net.targets import Group, Naptr, Question, Record, Srv, Target, UnresolvedError, Wish, order, search

ALL = ("udp", "tcp", "tls")
Zone = dict[tuple[str, str], Sequence[Record] | None]

FULL: Zone = {
    ("example.com", "NAPTR"): [
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com."),
        Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com."),
        Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.com."),
    ],
    ("_sips._tcp.example.com", "SRV"): [Srv(0, 1, 5061, "a.example.com.")],
    ("_sip._tcp.example.com", "SRV"): [Srv(0, 1, 5060, "a.example.com."), Srv(1, 1, 5070, "b.example.com.")],
    ("_sip._udp.example.com", "SRV"): [Srv(2, 1, 5062, "b.example.com."), Srv(1, 1, 5060, "a.example.com.")],
    ("a.example.com", "A"): ["192.0.2.1", "192.0.2.11"],
    ("a.example.com", "AAAA"): ["2001:db8::1"],
    ("b.example.com", "A"): ["192.0.2.2"],
    ("example.com", "A"): ["192.0.2.80"],
    ("lonely.example.com", "A"): ["192.0.2.9"],
    ("six.example.com", "AAAA"): ["2001:db8::6"],
}


def four(transport: str) -> Sequence[str]:
    return ("A",)


def answer(
    wish: Wish,
    zone: Zone,
    transports: Sequence[str] = ALL,
    families: Callable[[str], Sequence[str]] = four,
    asked: list[Question] | None = None,
) -> tuple[Group, ...]:
    talk = search(wish, transports, families)
    try:
        questions = next(talk)
        while True:
            if asked is not None:
                asked += questions
            questions = talk.send({each: zone.get((each.name, each.type), ()) for each in questions})
    except StopIteration as stop:
        found: tuple[Group, ...] = stop.value
        return found


def places(wish: Wish, zone: Zone = FULL, **more: object) -> list[str]:
    return [f"{t.transport} {t.address} {t.port}" for t in order(answer(wish, zone, **more), lambda: 0.0)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        # 4.1, 4.2: a number is itself
        (Wish("192.0.2.5"), ["udp 192.0.2.5 5060"]),
        (Wish("192.0.2.5", 5080), ["udp 192.0.2.5 5080"]),
        (Wish("192.0.2.5", transport="tcp"), ["tcp 192.0.2.5 5060"]),
        (Wish("[2001:db8::5]", secure=True), ["tls 2001:db8::5 5061"]),
        (Wish("192.0.2.5", 5080, secure=True), ["tls 192.0.2.5 5080"]),
        (Wish("192.0.2.5", transport="tls"), ["tls 192.0.2.5 5061"]),
        (Wish("192.0.2.5", transport="tcp", secure=True), ["tls 192.0.2.5 5061"]),
        # a port is given: addresses alone, no NAPTR and no SRV
        (Wish("example.com", 5060), ["udp 192.0.2.80 5060"]),
        (Wish("example.com", 5099, "tcp"), ["tcp 192.0.2.80 5099"]),
        (Wish("example.com", 5099, secure=True), ["tls 192.0.2.80 5099"]),
        # a transport is given: its SRV
        (Wish("example.com", transport="udp"), ["udp 192.0.2.1 5060", "udp 192.0.2.11 5060", "udp 192.0.2.2 5062"]),
        (Wish("example.com", transport="tcp"), ["tcp 192.0.2.1 5060", "tcp 192.0.2.11 5060", "tcp 192.0.2.2 5070"]),
        (Wish("example.com", transport="tls"), ["tls 192.0.2.1 5061", "tls 192.0.2.11 5061"]),
        (Wish("Example.COM.", transport="tls"), ["tls 192.0.2.1 5061", "tls 192.0.2.11 5061"]),
        # neither: NAPTR decides; the lowest order that we can use alone counts (RFC 3403 4.1)
        (Wish("example.com"), ["tls 192.0.2.1 5061", "tls 192.0.2.11 5061"]),
        (Wish("example.com", secure=True), ["tls 192.0.2.1 5061", "tls 192.0.2.11 5061"]),
        # nothing but an address: UDP, or TLS when secure
        (Wish("lonely.example.com"), ["udp 192.0.2.9 5060"]),
        (Wish("lonely.example.com", transport="tcp"), ["tcp 192.0.2.9 5060"]),
        (Wish("lonely.example.com", secure=True), ["tls 192.0.2.9 5061"]),
        (Wish("lonely.example.com", transport="tcp", secure=True), ["tls 192.0.2.9 5061"]),
    ],
)
def test_rfc_3263_section_4_as_a_table(wish: Wish, expected: list[str]) -> None:
    assert places(wish) == expected


def test_a_naptr_record_for_a_transport_that_we_do_not_have_is_passed_over() -> None:
    assert places(Wish("example.com"), transports=("udp", "tcp"))[0] == "tcp 192.0.2.1 5060"
    assert places(Wish("example.com"), transports=("udp",))[0] == "udp 192.0.2.1 5060"


def test_sips_never_goes_by_anything_but_tls() -> None:
    no_tls = {key: value for key, value in FULL.items() if key[0] != "_sips._tcp.example.com"}
    no_tls["example.com", "NAPTR"] = [Naptr(1, 1, "s", "SIP+D2U", "_sip._udp.example.com.")]
    assert places(Wish("example.com", secure=True), no_tls) == ["tls 192.0.2.80 5061"]
    with pytest.raises(UnresolvedError, match="UDP"):
        answer(Wish("example.com", transport="udp", secure=True), FULL)
    with pytest.raises(UnresolvedError, match="no listener"):
        answer(Wish("example.com", secure=True), FULL, ("udp", "tcp"))


def test_srv_of_every_transport_when_there_is_no_naptr() -> None:
    """4.1: each in the order in which we like them, whatever the priorities within."""
    zone = {key: value for key, value in FULL.items() if key[1] != "NAPTR"}
    assert places(Wish("example.com"), zone, transports=("udp", "tcp")) == [
        "udp 192.0.2.1 5060", "udp 192.0.2.11 5060", "udp 192.0.2.2 5062",
        "tcp 192.0.2.1 5060", "tcp 192.0.2.11 5060", "tcp 192.0.2.2 5070",
    ]  # fmt: skip


def test_naptr_of_one_order_by_preference_and_odd_ones_left_out() -> None:
    zone = dict(FULL)
    zone["example.com", "NAPTR"] = [
        Naptr(10, 20, "S", "sip+d2u", "_sip._udp.example.com."),
        Naptr(10, 10, "s", "SIP+D2T", "_sip._tcp.example.com."),
        Naptr(1, 1, "u", "SIP+D2T", "_no._tcp.example.com."),
        Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.example.com."),
        Naptr(1, 1, "s", "E2U+sip", "."),
    ]
    assert [each.split()[0] for each in places(Wish("example.com"), zone)] == ["tcp"] * 3 + ["udp"] * 3


def test_both_families_in_the_order_that_our_listeners_reach() -> None:
    def both(transport: str) -> Sequence[str]:
        return ("AAAA", "A") if transport == "udp" else ("A", "AAAA")

    assert places(Wish("a.example.com", 5060), families=both) == [
        "udp 2001:db8::1 5060", "udp 192.0.2.1 5060", "udp 192.0.2.11 5060",
    ]  # fmt: skip
    assert places(Wish("a.example.com", 5060, "tcp"), families=both)[0] == "tcp 192.0.2.1 5060"
    with pytest.raises(UnresolvedError, match="no address"):
        answer(Wish("six.example.com", 5060), FULL)


def test_the_name_for_the_certificate_is_the_one_asked_for_not_the_one_that_srv_led_to() -> None:
    """RFC 5922 section 7.1: what DNS says is not what was trusted."""
    assert {t.name for t in order(answer(Wish("Example.com", transport="tls"), FULL), Random(1).random)} == {
        "example.com"
    }


def test_a_service_that_is_decidedly_not_there_is_not_looked_for_at_the_addresses() -> None:
    zone: Zone = {("_sip._udp.example.com", "SRV"): [Srv(0, 0, 0, ".")], ("example.com", "A"): ["192.0.2.80"]}
    with pytest.raises(UnresolvedError, match="lead to no address"):
        answer(Wish("example.com", transport="udp"), zone)


def test_a_name_server_that_owes_the_srv_answer_does_not_send_us_to_the_web_server() -> None:
    zone: Zone = {("_sip._udp.example.com", "SRV"): None, ("example.com", "A"): ["192.0.2.80"]}
    with pytest.raises(UnresolvedError, match="SRV"):
        answer(Wish("example.com", transport="udp"), zone)
    # One that stumbles over NAPTR alone does no harm: SRV says as much.
    zone = dict(FULL) | {("example.com", "NAPTR"): None}
    assert places(Wish("example.com"), zone, transports=("udp",))[0] == "udp 192.0.2.1 5060"


def test_questions_that_belong_together_are_asked_together_and_once() -> None:
    asked: list[Question] = []
    zone = {key: value for key, value in FULL.items() if key[1] != "NAPTR"}
    answer(Wish("example.com"), zone, ("udp", "tcp"), asked=asked)
    assert [(q.name, q.type) for q in asked] == [
        ("example.com", "NAPTR"),
        ("_sip._udp.example.com", "SRV"), ("_sip._tcp.example.com", "SRV"),
        ("b.example.com", "A"), ("a.example.com", "A"),
    ]  # fmt: skip


def group(priority: int, weight: int, name: str) -> Group:
    return Group(priority, weight, (Target("udp", name, 5060, name),))


def test_rfc_2782_weights_share_the_load_and_priorities_stand_above_them() -> None:
    groups = [group(20, 100, "later"), group(10, 60, "big"), group(10, 30, "small"), group(10, 10, "tiny")]
    draw = Random(7).random
    firsts = Counter(order(groups, draw)[0].address for _ in range(3000))
    assert firsts["later"] == 0
    assert 0.55 < firsts["big"] / 3000 < 0.65
    assert 0.26 < firsts["small"] / 3000 < 0.34
    assert all(order(groups, draw)[3].address == "later" for _ in range(50))
    assert all(len(order(groups, draw)) == 4 for _ in range(50))


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ([0.0, 0.0], ["zero", "one", "three"]),
        ([0.2, 0.9], ["one", "three", "zero"]),
        ([0.9, 0.0], ["three", "zero", "one"]),
        ([0.9999, 0.9999], ["three", "one", "zero"]),
    ],
)
def test_rfc_2782_selection_by_the_running_sum(draws: list[float], expected: list[str]) -> None:
    left = iter([*draws, 0.0, 0.0])
    found = order([group(0, 3, "three"), group(0, 1, "one"), group(0, 0, "zero")], lambda: next(left))
    assert [t.address for t in found] == expected


def test_without_weights_all_have_the_same_chance() -> None:
    draw = Random(3).random
    firsts = Counter(order([group(0, 0, name) for name in "abcd"], draw)[0].address for _ in range(2000))
    assert min(firsts.values()) > 400


def test_a_target_that_is_listed_twice_is_tried_once() -> None:
    assert [t.address for t in order([group(0, 1, "a"), group(1, 1, "a"), group(2, 1, "b")], lambda: 0.0)] == ["a", "b"]
