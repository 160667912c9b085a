"""Properties: what is written reads the same, and only the protocol error ever escapes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switch.sip import digest, writer
from switch.sip.errors import RemoteProtocolError
from switch.sip.framing import StreamFramer
from switch.sip.headers import NameAddr, Via, quote, split_list, unquote
from switch.sip.message import Request, parse
from switch.sip.parser import check_request
from switch.sip.uri import Uri
from tests.support.examples import examples

token = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=40)
param_value = st.none() | token | line.map(quote)
params = st.lists(st.tuples(token, param_value), max_size=4).map(tuple)
host = st.sampled_from(["example.com", "192.0.2.1", "[2001:db8::1]", "a-b.example"])
few = examples(60)


@few
@given(st.binary(max_size=300), st.sampled_from([b"", b"OPTIONS sip:a SIP/2.0\r\n", b"SIP/2.0 200 OK\r\nVia: "]))
def test_junk_raises_only_the_protocol_error(junk: bytes, prefix: bytes) -> None:
    for data in (prefix + junk, prefix + junk + b"\r\n\r\n"):
        try:
            message = parse(data)
            if isinstance(message, Request):
                check_request(message)
        except RemoteProtocolError as error:
            assert 400 <= error.status < 600


@few
@given(st.text(max_size=60))
def test_text_raises_only_the_protocol_error(text: str) -> None:
    for reader in (Uri.parse, NameAddr.parse, Via.parse, split_list, digest.parse):
        for candidate in (text, f"sip:{text}", f"<sip:a@h>{text}", f"SIP/2.0/UDP h{text}", f"Digest {text}"):
            try:
                reader(candidate)
            except RemoteProtocolError:
                pass


@few
@given(line, st.sampled_from(["sip:a@example.com", "tel:+49;x=y", "urn:service:sos"]), params)
def test_addresses_round_trip(display: str, uri: str, pairs: tuple[tuple[str, str | None], ...]) -> None:
    value = NameAddr(display, uri, pairs)
    assert NameAddr.parse(str(value)) == value
    assert split_list(f"{value}, {value},") == [str(value)] * 2


@few
@given(token, host, st.none() | st.integers(1, 65535), params)
def test_vias_round_trip(
    transport: str, name: str, port: int | None, pairs: tuple[tuple[str, str | None], ...]
) -> None:
    value = Via(transport.upper(), name, port, pairs)
    assert Via.parse(str(value)) == value


@few
@given(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20), host, st.none() | st.integers(1, 65535)
)
def test_built_uris_round_trip(user: str, name: str, port: int | None) -> None:
    uri = Uri.sip(user, name, port)
    assert uri.user_text == user
    assert Uri.parse(str(uri)) == uri


@few
@given(line)
def test_quoting_round_trips(text: str) -> None:
    assert unquote(quote(text)) == text


@few
@given(
    st.lists(st.tuples(token.map("X-".__add__), line.map(lambda s: s.strip(" \t"))), max_size=8), st.binary(max_size=50)
)
def test_messages_round_trip_whole_and_in_pieces(headers: list[tuple[str, str]], body: bytes) -> None:
    data = writer.request("OPTIONS", "sip:a@example.com", [f"{name}: {value}" for name, value in headers], body)
    message = parse(data)
    assert message.header_lines == [*headers, ("Content-Length", str(len(body)))]
    assert message.body == body
    framer, found = StreamFramer(), []
    for at in range(0, 2 * len(data), 11):
        found += framer.feed((data * 2)[at : at + 11])
    assert found == [data, data]
