"""IDN-2: the caller is the authenticated device, and headers choose only among its lines."""

from __future__ import annotations

import msgspec
import pytest

from switch.auth import Refused
from switch.identity import identify


def chosen(desk, request_of, *lines, who="desk-1", method="INVITE"):
    return identify(desk.book.devices[who], request_of(method, *lines), desk.book)


@pytest.mark.parametrize(
    ("user", "line"),
    [
        ("sip:1001@pbx.example.com", "1001"),
        ("sip:1002@pbx.example.com", "1002"),
        ("sip:%31002@pbx.example.com", "1002"),
        ("tel:10-02", "1002"),
        ("sip:desk-1@pbx.example.com", "1001"),
        ("sip:anonymous@anonymous.invalid", "1001"),
    ],
)
def test_from_chooses_among_the_lines(desk, request_of, user, line):
    assert chosen(desk, request_of, f"From: <{user}>;tag=a") == line


@pytest.mark.parametrize("user", ["sip:1003@pbx.example.com", "sip:4711@pbx.example.com", "sip:1001@evil.example.net"])
def test_from_that_names_no_line_of_the_device_is_403(desk, request_of, user):
    answer = chosen(desk, request_of, f"From: <{user}>;tag=a")
    assert isinstance(answer, Refused)
    assert answer.status == 403


def test_one_line_only_does_not_repair_a_wrong_from(desk, request_of):
    answer = chosen(desk, request_of, "From: <sip:1002@pbx.example.com>;tag=a", who="desk-2")
    assert isinstance(answer, Refused)
    assert answer.status == 403


def test_preferred_identity_comes_before_from(desk, request_of):
    wanted = "P-Preferred-Identity: <sip:1002@pbx.example.com>"
    assert chosen(desk, request_of, wanted) == "1002"
    assert chosen(desk, request_of, "From: <sip:anonymous@anonymous.invalid>;tag=a", wanted) == "1002"


def test_of_two_preferred_identities_the_first_permitted_one_counts(desk, request_of):
    both = "P-Preferred-Identity: <sip:1003@pbx.example.com>, <tel:1002>"
    assert chosen(desk, request_of, both) == "1002"


def test_a_preferred_identity_of_somebody_else_is_403_though_from_is_right(desk, request_of):
    answer = chosen(desk, request_of, "P-Preferred-Identity: <sip:1003@pbx.example.com>")
    assert isinstance(answer, Refused)
    assert answer.status == 403


def test_register_goes_by_to(desk, request_of):
    lines = "From: <sip:1003@pbx.example.com>;tag=a", "To: <sip:1002@pbx.example.com>"
    assert chosen(desk, request_of, *lines, method="REGISTER") == "1002"


def test_a_digest_name_that_is_also_somebodys_line_is_no_way_around(desk, request_of):
    desk.book.line_ids.add("desk-1")
    answer = chosen(desk, request_of, "From: <sip:desk-1@pbx.example.com>;tag=a")
    assert isinstance(answer, Refused)


def test_a_device_without_lines_can_be_nobody(desk, request_of):
    desk.book.devices["desk-1"] = msgspec.structs.replace(desk.book.devices["desk-1"], lines=())
    assert chosen(desk, request_of) == Refused(403, "No Line")
