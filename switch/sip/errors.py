"""The two ways in which SIP goes wrong: the far end's fault, and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switch.sip.message import Request


class RemoteProtocolError(Exception):
    """What came from a peer breaks the protocol; `status` and `text` are the answer (RFC 3261 section 21).

    `request` is what could still be read of a request that `parse` refused, enough for `writer.response`; None where
    nothing can be answered: a response, or bytes that are no SIP at all. An ACK is never answered.
    """

    def __init__(self, status: int, text: str, request: Request | None = None) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.request = request

    def __str__(self) -> str:
        return f"{self.status} {self.text}"


class LocalProtocolError(Exception):
    """Our own code asked for something that SIP does not allow, such as a line break inside a header value: a bug."""
