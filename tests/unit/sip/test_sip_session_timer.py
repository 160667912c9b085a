"""What a session timer is agreed on, by RFC 4028: the tables of sections 7 to 9 as values."""

from __future__ import annotations

import pytest

from switch.sip.message import Request, Response, parse
from switch.sip.session_timer import Session, SessionSettings, agreed, answering, too_small, wanted

OURS = SessionSettings(interval_s=1800, min_s=120)


def request(*lines: str) -> Request:
    message = parse("\r\n".join(("INVITE sip:a@b SIP/2.0", *lines, "\r\n")).encode())
    assert isinstance(message, Request)
    return message


def response(*lines: str) -> Response:
    message = parse("\r\n".join(("SIP/2.0 200 OK", *lines, "\r\n")).encode())
    assert isinstance(message, Response)
    return message


KNOWS = "Supported: timer"


@pytest.mark.parametrize(
    ("lines", "interval_s", "ours"),
    [
        # Table 2 of section 9: who refreshes depends on whether the UAC knows the extension and whom it names.
        (("Session-Expires: 600", KNOWS), 600, True),
        (("Session-Expires: 600;refresher=uac", KNOWS), 600, False),
        (("Session-Expires: 600;refresher=uas", KNOWS), 600, True),
        (("Session-Expires: 600;refresher=uac",), 600, True),
        (("x: 600 ; Refresher=UAC", "k: 100rel,timer"), 600, False),
        (("Session-Expires: 600;refresher=uac", "Require: timer"), 600, False),
        # Made shorter, but not below the least that the request sets.
        (("Session-Expires: 7200", KNOWS), 1800, True),
        (("Session-Expires: 7200", "Min-SE: 3600", KNOWS), 3600, True),
        (("Session-Expires: 30",), 90, True),
        # A peer that knows it gets a timer, though it did not ask for one.
        ((KNOWS,), 1800, True),
        (("Session-Expires: nonsense", KNOWS), 1800, True),
    ],
)
def test_what_we_agree_to(lines: tuple[str, ...], interval_s: int, ours: bool) -> None:
    session = answering(request(*lines), OURS)
    assert session is not None
    assert (session.interval_s, session.ours) == (interval_s, ours)


def test_a_peer_that_does_not_know_it_is_left_in_peace() -> None:
    assert answering(request(), OURS) is None
    assert answering(request("Supported: replaces"), OURS) is None
    assert answering(request("Session-Expires: 600", KNOWS), SessionSettings(interval_s=0)) is None


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (("Session-Expires: 90", KNOWS), True),
        (("Session-Expires: 119", KNOWS), True),
        (("Session-Expires: 120", KNOWS), False),
        (("Session-Expires: 90",), False),  # it could not make anything of a 422
        ((KNOWS,), False),
        (("Session-Expires: x", KNOWS), False),
    ],
)
def test_too_short_an_interval_is_422(lines: tuple[str, ...], refused: bool) -> None:
    assert too_small(request(*lines), OURS) == (["Min-SE: 120"] if refused else [])


@pytest.mark.parametrize(
    ("line", "interval_s", "ours"),
    [
        ("Session-Expires: 600;refresher=uac", 600, True),
        ("Session-Expires: 600;refresher=uas", 600, False),
        ("Session-Expires: 600", 600, True),
        ("Session-Expires: 1;refresher=uac", 90, True),  # nobody makes us send without pause
    ],
)
def test_what_a_2xx_says(line: str, interval_s: int, ours: bool) -> None:
    session = agreed(response(line))
    assert session is not None
    assert (session.interval_s, session.ours) == (interval_s, ours)


def test_a_2xx_without_it_ends_the_timer() -> None:
    assert agreed(response()) is None
    assert agreed(response("Session-Expires: 0")) is None


@pytest.mark.parametrize(("value", "least_s"), [("3600", 3600), ("3600;x=y", 3600), ("", 0), ("-1", 0), ("9" * 30, 0)])
def test_what_a_422_wants(value: str, least_s: int) -> None:
    assert wanted(response(f"Min-SE: {value}")) == least_s


def test_the_refresher_asks_at_half_and_again_in_half_of_what_is_left() -> None:
    session = Session(1800, True)
    due = session.begin(100.0)
    assert (due, session.deadline) == (1000.0, 1900.0)
    seen = []
    while due < session.deadline:
        seen.append(due)
        due = session.next(due)
    assert seen[:4] == [1000.0, 1450.0, 1675.0, 1787.5]
    assert len(seen) < 12
    assert due == session.deadline


@pytest.mark.parametrize(("interval_s", "deadline"), [(1800, 1768.0), (90, 60.0)])
def test_the_other_side_ends_it_shortly_before_the_end(interval_s: int, deadline: float) -> None:
    """Section 10: a third of the interval earlier, at most 32 s."""
    session = Session(interval_s, False)
    assert session.begin(0.0) == session.deadline == deadline


def test_roles_stay_with_those_who_have_them() -> None:
    """Section 7.4: as seen by whoever sends the refresh."""
    assert Session(1800, True).as_uac() == ["Supported: timer", "Session-Expires: 1800;refresher=uac"]
    assert Session(1800, False).as_uac() == ["Supported: timer", "Session-Expires: 1800;refresher=uas"]
    assert Session(90, True).as_uac(300)[1:] == ["Session-Expires: 300;refresher=uac", "Min-SE: 300"]
    assert Session(1800, True).as_uas() == ["Session-Expires: 1800;refresher=uas"]
    assert Session(1800, False).as_uas() == ["Session-Expires: 1800;refresher=uac", "Require: timer"]
