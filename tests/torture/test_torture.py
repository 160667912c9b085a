"""The messages of RFC 4475 and 5118 against parser, checks and framing: whole, byte by byte, with more behind."""

from __future__ import annotations

import pytest

from switch.sip.digest import parse as parse_digest
from switch.sip.errors import RemoteProtocolError
from switch.sip.framing import KeepAlive, StreamFramer
from switch.sip.message import Message, Request, Response, parse
from switch.sip.parser import check_request
from switch.sip.uri import Uri
from switch.sip.writer import response
from tests.torture import invalid, semantics, valid
from tests.torture.ipv6 import IPV6_CASES
from tests.torture.table import CASES, SILENCE, Case

BY_NAME = {case.name: case for case in CASES}
ALL = CASES + IPV6_CASES
every_case = pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)


def treat(data: bytes) -> int | None:
    """The status with which `data` is refused by the parser, the checks or, for a response, what matching reads."""
    try:
        message = parse(data)
        if isinstance(message, Request):
            check_request(message)
        else:
            _ = message.via, message.from_tag, message.to_tag, message.call_id, message.cseq
    except RemoteProtocolError as error:
        return error.status
    return None


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def frame(pieces: list[bytes]) -> tuple[list[bytes | KeepAlive], int | None]:
    """What comes out of a stream fed in `pieces`, and the status it broke with."""
    framer, found = StreamFramer(), []
    for piece in pieces:
        try:
            found += framer.feed(piece)
        except RemoteProtocolError as error:
            return found, error.status
    try:
        framer.feed(b"")
    except RemoteProtocolError as error:
        return found, error.status
    return found, None


def test_table_lists_all_49_messages() -> None:
    assert len(CASES) == 49 == len(BY_NAME)
    written = {
        name for module in (valid, invalid, semantics) for name, v in vars(module).items() if isinstance(v, bytes)
    }
    assert written == set(BY_NAME)


@every_case
def test_datagram_gets_the_treatment_of_the_table(case: Case) -> None:
    assert treat(case.message) == case.refused


@pytest.mark.parametrize("case", [case for case in ALL if case.stream == "whole"], ids=lambda case: case.name)
def test_trailing_octets_change_nothing(case: Case) -> None:
    assert treat(case.message + b"\r\n\r\nBYE sip:x SIP/2.0\r\n\0\xff") == case.refused


@every_case
def test_leading_line_breaks_change_nothing(case: Case) -> None:
    assert treat(b"\r\n\r\n" + case.message) == case.refused


@every_case
def test_stream_cuts_it_the_same_whole_and_byte_by_byte(case: Case) -> None:
    found, broke = frame([case.message])
    slowly, broke_slowly = frame([bytes([octet]) for octet in case.message])
    assert [item for item in found if isinstance(item, bytes)] == [item for item in slowly if isinstance(item, bytes)]
    assert broke == broke_slowly
    if case.stream == "whole":
        assert isinstance(found[0], bytes)
        assert case.message.startswith(found[0])
        assert treat(found[0]) == case.refused
    elif case.stream == "waits":
        assert found == []
        assert broke is None
    else:
        assert found == []
        assert broke == case.stream


@every_case
def test_refused_requests_can_be_answered(case: Case) -> None:
    if case.refused is None or case.answers == (SILENCE,):
        return
    try:
        message: Message | None = parse(case.message)
    except RemoteProtocolError as error:
        message = error.request
    assert isinstance(message, Request)
    answer = parse(response(message, case.refused, to_tag="ours"))
    assert isinstance(answer, Response)
    assert answer.status == case.refused
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        given, back = message.header(name), answer.header(name)
        assert back == given or (name == "To" and given is not None and back == f"{given};tag=ours")


@every_case
def test_bytes_survive_reading_and_writing(case: Case) -> None:
    if case.refused is not None:
        return
    message = parse(case.message)
    first = message.header_lines
    head = "\r\n".join(["X", *(f"{name}: {value}" for name, value in first)]).encode("utf-8", "surrogateescape")
    again = parse(b"OPTIONS sip:a SIP/2.0" + head[1:] + b"\r\n\r\n" + message.body)
    assert again.header_lines == first
    assert again.body == message.body


def test_wsinv_details() -> None:
    m = request(valid.wsinv)
    assert m.to.uri == "sip:vivekg@chair-dnrc.example.com"
    assert m.to_tag == "1918181833n"
    assert m.from_.display == 'J Rosenberg \\"'
    assert m.from_tag == "98asjd8"
    assert m.max_forwards == 68
    assert (m.cseq, m.cseq_method) == (9, "INVITE")
    assert len(m.vias) == 3
    assert (m.via.transport, m.via.host, m.branch) == ("UDP", "192.0.2.2", "390skdjuw")
    assert m.header("Subject") == ""
    assert m.header("newfangledheader") == "newfangled value continued newfangled value"
    assert m.routes == ["<sip:services.example.com;lr;unknownwith=value;unknown-no-value>"]
    (contact,) = m.contacts
    assert contact.display == 'Quoted string ""'
    assert contact.params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert len(m.body) == 150


def test_intmeth_details() -> None:
    m = request(valid.intmeth)
    assert m.method == m.cseq_method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert m.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert m.from_.display == "token1~` token2'+_ token3*%!.-"
    assert m.from_.param("fromparam''~+*_!.-%") == "работающий"
    uri = Uri.parse(m.uri)
    assert uri.host == "example.com"
    assert str(uri) == m.uri
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"


def test_esc01_details() -> None:
    m = request(valid.esc01)
    uri = Uri.parse(m.uri)
    assert (uri.scheme, uri.user, uri.user_text, uri.host) == (
        "sip", "sips%3Auser%40example.com", "sips:user@example.com", "example.net",
    )  # fmt: skip
    assert Uri.parse(m.to.uri) == Uri.parse("sip:user@example.com")
    assert Uri.parse(m.contacts[0].uri).param("lr") == ""
    assert Uri.parse(m.contacts[0].uri).param("name") == "value%41"
    assert m.content_type == "application/sdp"


def test_escnull_keeps_two_contacts_apart() -> None:
    one, two = (Uri.parse(contact.uri) for contact in request(valid.escnull).contacts)
    assert (one.user_text, two.user_text) == ("\0", "\0\0")
    assert one != two


def test_esc02_has_neither_register_nor_a_third_contact() -> None:
    m = request(valid.esc02)
    assert m.method == "RE%47IST%45R"
    assert len(m.contacts) == 2
    assert m.header("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_longreq_has_all_hops() -> None:
    m = request(valid.longreq)
    assert len(m.vias) == 34
    assert m.via.host == "sip33.example.com"
    assert m.branch is None


def test_dblreq_is_one_datagram_but_two_messages_on_a_stream() -> None:
    assert request(valid.dblreq).method == "REGISTER"
    found, _ = frame([valid.dblreq])
    messages = [parse(item) for item in found if isinstance(item, bytes)]
    assert [m.method for m in messages if isinstance(m, Request)] == ["REGISTER", "INVITE"]


def test_semiuri_user_has_the_semicolon() -> None:
    uri = Uri.parse(request(valid.semiuri).uri)
    assert (uri.user_text, uri.host, uri.params) == ("user;par=u@example.net", "example.com", ())


def test_mpart01_body_is_untouched() -> None:
    m = request(valid.mpart01)
    assert valid.mpart01.endswith(m.body)
    assert len(m.body) == 553
    assert m.content_type == "multipart/mixed"


def test_reason_phrases() -> None:
    no, un = parse(valid.noreason), parse(valid.unreason)
    assert isinstance(no, Response)
    assert isinstance(un, Response)
    assert (no.status, no.reason) == (100, "")
    assert un.reason.startswith("= 2**3 * 5**2 но сто")


def test_baddn_with_its_empty_line_is_read_as_people_mean_it() -> None:
    m = request(invalid.baddn + b"\r\n")
    assert m.from_.display == "Bell, Alexander"
    check_request(m)


def test_schemes_of_request_uris() -> None:
    assert Uri.parse(request(semantics.unkscm).uri).scheme == "nobodyknowsthisscheme"
    assert Uri.parse(request(semantics.novelsc).uri).scheme == "soap.beep"
    assert Uri.parse(request(semantics.unksm2).to.uri).scheme == "isbn"


def test_bext01_lists_what_is_required() -> None:
    m = request(semantics.bext01)
    assert m.values("Require") == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert m.values("Proxy-Require") == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]


def test_regaut01_scheme_counts_as_none() -> None:
    assert parse_digest(request(semantics.regaut01).header("Authorization") or "") is None


def test_contact_parameters_belong_to_header_or_uri() -> None:
    (bare,) = request(semantics.cparam01).contacts
    (boxed,) = request(semantics.cparam02).contacts
    assert bare.params == (("unknownparam", None),)
    assert "unknownparam" not in bare.uri
    assert boxed.params == ()
    assert Uri.parse(boxed.uri).param("unknownparam") == ""


def test_ipv6_references() -> None:
    found = {case.name: request(case.message) for case in IPV6_CASES}
    ambiguous, plain = found["port-ambiguous"].request_uri, found["port-unambiguous"].request_uri
    assert (ambiguous.host, ambiguous.port) == ("[2001:db8::10:5070]", None)
    assert (plain.host, plain.port) == ("[2001:db8::10]", 5070)
    assert found["via-with-delim"].via.received == found["via-no-delim"].via.received == "2001:db8::9:255"
    assert found["mult-ip-in-header"].via.sent_by == "[2001:db8::9:1]:6050"
    assert found["ipv4-mapped-ipv6"].via.host == "[::ffff:192.0.2.10]"


def test_inv2543_lacks_what_rfc_2543_did_not_know() -> None:
    m = request(semantics.inv2543)
    assert (m.branch, m.from_tag, m.to_tag, m.max_forwards, m.contacts) == (None, None, None, None, [])
    assert m.to.params == (("user", "phone"),)
