"""A dialog: what two user agents remember of each other between requests (RFC 3261 section 12).

A `Dialog` knows its identifiers, sequence numbers, remote target and route set, and how to begin a request from them.
It knows nothing of INVITE, transactions or time: `invite.py` does.
"""

from __future__ import annotations

from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import NameAddr
from switch.sip.message import Request, Response
from switch.sip.uri import Uri

MAX_CSEQ = 2**31 - 1


class Dialog:
    """One dialog, seen from our side.

    `local` and `remote` are From/To values without the tag; `routes` is the route set in the order in which Route
    headers are sent. `remote_cseq` is -1 until the far end has sent a request. `remote_tag` may be empty for a peer
    that still speaks RFC 2543 (section 12.1.1).
    """

    __slots__ = (
        "call_id",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "routes",
        "target",
    )

    def __init__(
        self,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local: str,
        remote: str,
        target: str,
        routes: tuple[str, ...] = (),
        local_cseq: int = 0,
        remote_cseq: int = -1,
    ) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq

    @classmethod
    def from_request(cls, request: Request, local_tag: str) -> Dialog:
        """The dialog that a UAS makes when it answers (12.1.1). Raises RemoteProtocolError 400 without a Contact."""
        contacts = request.contacts
        if not contacts:
            raise RemoteProtocolError(400, "Missing Contact")
        return cls(
            request.call_id,
            local_tag,
            request.from_tag or "",
            request.to_value,
            without_tag(request.from_value),
            contacts[0].uri,
            tuple(request.record_routes),
            0,
            request.cseq,
        )

    def established_by(self, response: Response) -> None:
        """Take remote tag, target and route set from a response that makes the dialog (12.1.2).

        Raises RemoteProtocolError where Contact or Record-Route lead nowhere; nothing but the tag is taken then.
        """
        self.remote_tag = response.to_tag or ""
        self.remote = without_tag(response.to_value)
        routes = tuple(reversed(response.record_routes))
        if routes:
            Uri.parse(NameAddr.parse(routes[0]).uri)
        self.refresh_target(response)
        self.routes = routes

    def refresh_target(self, message: Request | Response) -> None:
        """A target refresh (12.2.1.2, 12.2.2): INVITE and its 2xx move the remote target.

        Raises RemoteProtocolError, and moves nothing, when the Contact is no address: later requests would go there.
        """
        contacts = message.contacts
        if contacts:
            target = contacts[0].uri
            Uri.parse(target)
            self.target = target

    def in_order(self, request: Request) -> bool:
        """Whether the request's CSeq is newer than the last one, which it then becomes.

        Section 12.2.2: a lower number is out of order and is answered 500.
        """
        if request.cseq <= self.remote_cseq:
            return False
        self.remote_cseq = request.cseq
        return True

    def next_cseq(self) -> int:
        """The number of our next request."""
        self.local_cseq = self.local_cseq + 1 if self.local_cseq < MAX_CSEQ else 1
        return self.local_cseq

    def lines(self, method: str, cseq: int, max_forwards: int = 70) -> list[str]:
        """The header lines that every request in the dialog begins with (Via is the transaction's)."""
        remote_tag = f";tag={self.remote_tag}" if self.remote_tag else ""
        lines = [
            f"Max-Forwards: {max_forwards}",
            f"From: {self.local};tag={self.local_tag}",
            f"To: {self.remote}{remote_tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
        ]
        if self.routes:
            lines += [f"Route: {route}" for route in self._sent_routes()]
        return lines

    def next_hop(self) -> str:
        """The URI of who gets our requests first: the first route, else the remote target."""
        return NameAddr.parse(self.routes[0]).uri if self.routes else self.target

    def request_uri(self) -> str:
        """The Request-URI: the remote target, or the first route when that is a strict router (12.2.1.1)."""
        if self.routes and not _is_loose(self.routes[0]):
            return NameAddr.parse(self.routes[0]).uri
        return self.target

    def _sent_routes(self) -> tuple[str, ...]:
        if _is_loose(self.routes[0]):
            return self.routes
        return (*self.routes[1:], f"<{self.target}>")


def _is_loose(route: str) -> bool:
    """Whether a Route value's URI has the `lr` parameter (19.1.1)."""
    uri = NameAddr.parse(route).uri
    return any(parameter.split("=", 1)[0].lower() == "lr" for parameter in uri.split("?", 1)[0].split(";")[1:])


def without_tag(value: str) -> str:
    """A From or To value with its tag parameter cut off, all else as it was."""
    end = value.rfind(">") + 1
    at = value.find(";tag=", end)
    if at < 0:
        tail = value[end:].lower()
        at = end + max(tail.find(";tag="), tail.find("; tag="))
        if at < end:
            return value
    stop = value.find(";", at + 1)
    return value[:at] + value[stop:] if stop > 0 else value[:at]
