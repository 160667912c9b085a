"""Forwards that a call has behind it: Diversion (RFC 5806), History-Info (RFC 7044, 4244), and one as the other."""

from __future__ import annotations

import pytest

from switch.sip import diversion
from switch.sip.diversion import MOST, Forward, forwards_of
from switch.sip.message import Request, parse


def request(*headers: str) -> Request:
    head = [
        "INVITE sip:+16692222222@192.0.2.10 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKd",
        "From: <sip:+14155550123@example.com>;tag=f",
        "To: <sip:+16692222222@192.0.2.10>",
        "Call-ID: d",
        "CSeq: 1 INVITE",
    ]
    made = parse("\r\n".join([*head, *headers, "", ""]).encode())
    assert isinstance(made, Request)
    return made


ANNA, BERT = "sip:+13105550100@example.com", "sip:+13105550101@example.com"
READ = [
    pytest.param([f"Diversion: <{ANNA}>;reason=user-busy"], [Forward(ANNA, "", "user-busy")], id="one"),
    pytest.param(
        [f'Diversion: "Anna A." <{ANNA}>;reason=no-answer;counter=3;privacy=full;screen=yes;limit=9'],
        [Forward(ANNA, "Anna A.", "no-answer", 3, private=True)],
        id="all-parameters",
    ),
    pytest.param(
        [f"Diversion: <{BERT}>;reason=unconditional, <{ANNA}>;reason=user-busy", f"Diversion: <{ANNA}>;reason=away"],
        [Forward(BERT, "", "unconditional"), Forward(ANNA, "", "user-busy"), Forward(ANNA, "", "away")],
        id="latest-first",
    ),
    pytest.param(
        [f"Diversion: <{ANNA}>;counter=-1", f'Diversion: <{BERT}>;counter=999999999999999;reason="what, ever"'],
        [Forward(ANNA), Forward(BERT)],
        id="nonsense",
    ),
    pytest.param([f"Diversion: <{ANNA}>;counter=4711"], [Forward(ANNA, count=99)], id="bounded-counter"),
    pytest.param(
        ['Diversion: "open, <sip:x@example.com>', f"Diversion: <{ANNA}>"], [], id="an-open-list-tells-nothing"
    ),
    pytest.param(["Diversion: nobody", f"Diversion: <{ANNA}>"], [Forward(ANNA)], id="what-cannot-be-read"),
    pytest.param(
        [
            f"History-Info: <{ANNA}>;index=1, <{BERT};cause=486>;index=1.1;mp=1,"
            " <sip:+16692222222@192.0.2.10;cause=302>;index=1.1.1;mp=1.1"
        ],
        [Forward(f"{BERT};cause=486", "", "unconditional"), Forward(ANNA, "", "user-busy")],
        id="rfc7044-with-causes",
    ),
    pytest.param(
        [
            f"History-Info: <{ANNA}>;index=1, <sip:a@192.0.2.4?Reason=SIP%3Bcause%3D408>;index=1.1;rc=1,"
            " <sip:+16692222222@192.0.2.10>;index=1.2;mp=1"
        ],
        [Forward(ANNA, "", "no-answer")],
        id="rfc7044-with-reason",
    ),
    pytest.param(
        [
            f"History-Info: <{ANNA}>;index=1, <sip:a@192.0.2.4?Reason=SIP%3Bcause%3D408>;index=1.1;rc=1,"
            " <sip:a@192.0.2.5>;index=1.2;rc=1"
        ],
        [],
        id="rfc7044-contacts-of-one-user-are-no-forward",
    ),
    pytest.param(
        ["History-Info: <sip:8005550100@example.com>;index=1, <sip:+16692222222@192.0.2.10>;index=1.1;mp=1"],
        [],
        id="rfc7044-another-name-is-no-forward",
    ),
    pytest.param(
        [
            f'History-Info: "Anna" <{ANNA}?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%22&Privacy=history>;index=1,'
            " <sip:+16692222222@192.0.2.10>;index=2"
        ],
        [Forward(ANNA, "Anna", "user-busy", private=True)],
        id="rfc4244",
    ),
    pytest.param(
        [f"History-Info: <{ANNA}>;index=1, <{BERT};cause=302>;index=1.1", "Privacy: history"],
        [Forward(ANNA, "", "unconditional", private=True)],
        id="privacy-of-all",
    ),
    pytest.param(
        [f"History-Info: <{ANNA}>;index=1, <{BERT};cause=408>;index=1.1.1.1;mp=1"],
        [Forward(ANNA, "", "no-answer", 3)],
        id="a-gap-counts",
    ),
    pytest.param([f"History-Info: <{ANNA}>;index=1"], [], id="the-call-itself"),
    pytest.param([], [], id="nothing"),
]


@pytest.mark.parametrize(("headers", "forwards"), READ)
def test_what_is_read(headers: list[str], forwards: list[Forward]) -> None:
    assert list(forwards_of(request(*headers))) == forwards


def test_diversion_counts_where_both_are_there() -> None:
    both = request(f"Diversion: <{BERT}>", f"History-Info: <{ANNA}>;index=1, <{BERT};cause=302>;index=1.1")
    assert forwards_of(both) == (Forward(BERT),)


def test_a_long_list_keeps_its_ends_and_its_number() -> None:
    lines = [f"Diversion: <sip:u{n}@example.com>" for n in range(20)]
    found = forwards_of(request(*lines))
    assert len(found) == MOST
    assert (found[0].uri, found[-1].uri) == ("sip:u0@example.com", "sip:u19@example.com")
    assert diversion.count(found) == 20


CHAIN = (Forward(BERT, "Bert", "no-answer", 2), Forward(ANNA, "", "user-busy", 1, private=True))


def test_diversion_is_written_as_it_is_read() -> None:
    lines = diversion.diversion(CHAIN)
    assert lines[0] == f'Diversion: "Bert" <{BERT}>;reason=no-answer;counter=2;privacy=off'
    assert forwards_of(request(*lines)) == CHAIN


def test_history_info_is_written_as_it_is_read() -> None:
    lines = diversion.history_info(CHAIN, "sip:+16692222222@192.0.2.10")
    assert lines == [
        f"History-Info: <{ANNA}?Privacy=history>;index=1",
        f'History-Info: "Bert" <{BERT};cause=486>;index=1.1;mp=1',
        "History-Info: <sip:+16692222222@192.0.2.10;cause=408>;index=1.1.1.1;mp=1.1",
    ]
    found = forwards_of(request(*lines))
    assert [(each.reason, each.count, each.private) for each in found] == [
        (each.reason, each.count, each.private) for each in CHAIN
    ]


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("unconditional", 302), ("no-answer", 408), ("deflection", 480), ("user-busy", 486), ("unavailable", 503),
        ("unknown", 404), ("time-of-day", 480), ("do-not-disturb", 404),
    ],
)  # fmt: skip
def test_reasons_and_causes(reason: str, cause: int) -> None:
    """RFC 7544."""
    last = diversion.history_info([Forward(ANNA, "", reason)], BERT)[-1]
    assert f";cause={cause}>" in last
