"""A byte stream cut into messages and keep-alives."""

from __future__ import annotations

import pytest

from switch.sip.errors import RemoteProtocolError
from switch.sip.framing import KeepAlive, StreamFramer
from tests.torture.build import sip


def message(length: str = "3", body: bytes = b"abc") -> bytes:
    return sip(f"OPTIONS sip:a SIP/2.0\nVia: SIP/2.0/TCP h\nCall-ID: x\n{length and 'l: ' + length}\n\n") + body


def test_messages_in_any_pieces() -> None:
    data = message() + message("0", b"") + message()
    whole = StreamFramer().feed(data)
    assert whole == [message(), message("0", b""), message()]
    for size in (1, 7, 50):
        framer, found = StreamFramer(), []
        for at in range(0, len(data), size):
            found += framer.feed(data[at : at + size])
        assert found == whole
        assert len(framer) == 0


@pytest.mark.parametrize("line", ["Content-Length: 3", "content-length:3", "L  :\t3 ", "l:\n 3"])
def test_content_length_in_all_spellings(line: str) -> None:
    data = sip(f"OPTIONS sip:a SIP/2.0\n{line}\n\n") + b"abc"
    assert StreamFramer().feed(data + b"more") == [data]


def test_keep_alives() -> None:
    assert StreamFramer().feed(b"\r\n\r\n") == [KeepAlive.PING]
    assert StreamFramer().feed(b"\r\n") == [KeepAlive.PONG]
    assert StreamFramer().feed(b"\r\n\r\n" + message() + b"\r\n\r\n") == [KeepAlive.PING, message(), KeepAlive.PING]
    framer = StreamFramer()
    assert framer.feed(b"\r\n") + framer.feed(b"\r\n") == [KeepAlive.PONG, KeepAlive.PING]
    assert framer.feed(b"\r\n" + message()) == [KeepAlive.PONG, message()]


@pytest.mark.parametrize(("length", "status"), [("", 400), ("-1", 400), ("x", 400), ("3\nl: 4", 400), ("999999", 413)])
def test_what_cannot_be_cut_is_told_with_the_request_to_answer(length: str, status: int) -> None:
    framer = StreamFramer()
    with pytest.raises(RemoteProtocolError) as caught:
        framer.feed(message(length).replace(b"\r\n\r\n\r\n", b"\r\n\r\n"))
    assert caught.value.status == status
    assert caught.value.request is not None
    assert caught.value.request.call_id == "x"
    with pytest.raises(RemoteProtocolError):
        framer.feed(message())


def test_messages_before_the_fault_come_out_first() -> None:
    framer = StreamFramer()
    assert framer.feed(message() + message("-1")) == [message()]
    assert framer.failed
    with pytest.raises(RemoteProtocolError):
        framer.feed(b"")


def test_a_head_without_end_is_bounded() -> None:
    framer = StreamFramer(1000)
    with pytest.raises(RemoteProtocolError) as caught:
        for _ in range(100):
            framer.feed(b"x" * 100)
    assert caught.value.status == 513
    assert len(framer) == 0
