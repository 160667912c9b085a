"""The wire's end: packets and time in, effects out.

    net ──receive──> Endpoint ──out: Incoming, Answered, …──> core
    net <──out: Send──  Endpoint <──request, respond, cancel, ack── core

The endpoint finds the transaction that a message belongs to, or makes one; answers by itself what every core would
answer alike (bytes that are no sane SIP, copies, merged requests, CANCEL); and stamps the way back on requests. It
knows neither dialogs nor users. It never calls anybody: whoever drives it drains `out` in order after each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from switch.sip import writer
from switch.sip.client import INVITE_CLIENT, NON_INVITE_CLIENT, cancel_alone, start_client, start_invite_client
from switch.sip.effects import (
    AckReceived,
    Answered,
    Cancelled,
    Effect,
    Failed,
    Incoming,
    Send,
    Stray,
    TimedOut,
)
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow, unscoped
from switch.sip.headers import MAGIC_COOKIE, NameAddr, stamp_via
from switch.sip.message import Request, Response, parse
from switch.sip.parser import check_request
from switch.sip.reason import reasons_of
from switch.sip.server import INVITE_SERVER, NON_INVITE_SERVER
from switch.sip.timer import Timers
from switch.sip.transaction import (
    ACCEPTED,
    CALLING,
    CLASSES,
    PROCEEDING,
    TRYING,
    ClientTransaction,
    Counters,
    ServerTransaction,
    Timings,
    Transactions,
    end,
)

#: Methods whose 18x and 2xx make a dialog, and so carry the Record-Route back (12.1.1; RFC 6665; RFC 3515).
_DIALOG_METHODS = frozenset(("INVITE", "SUBSCRIBE", "REFER"))
_SIP_PORT = 5060
LARGE = 1300
"""Octets of the largest request that goes by UDP without a second thought (18.1.1)."""
_FULL = ("Retry-After: 10",)


class Endpoint(Transactions):
    """All transactions of one exchange over all its flows.

    `ids` makes tokens nobody can guess or meet twice: branches and tags. `sent_by` is the host[:port] that a Via says
    for a flow, with parameters if need be. Both are called once a request. Everything raised out of here is a bug of
    ours (LocalProtocolError).
    """

    __slots__ = ("ids", "knows", "large", "malformed", "room", "sent_by", "turned_away")

    def __init__(
        self,
        timers: Timers,
        timings: Timings,
        ids: Callable[[], str],
        sent_by: Callable[[Flow], str],
        room: int = 100_000,
    ) -> None:
        super().__init__(timers, timings)
        self.ids = ids
        self.sent_by = sent_by
        self.room = room
        """So many requests are remembered at once (about 1 KiB each, for 32 s); twice as many for those whom we know.
        What begins anything new beyond that is answered 503; what belongs to a dialog is let in."""
        self.large: Callable[[Flow, str], Flow | None] = _never
        """For a request over LARGE octets by UDP to a next hop: the flow by TCP to try instead, if there is one."""
        self.knows: Callable[[str, float], bool] = _everybody
        """Whether a host is one of ours, at an instant."""
        self.malformed: Callable[[Address, float], object] = _everybody
        """Is told where something came from that is no valid SIP."""
        self.turned_away: Callable[[Request, Flow, float], tuple[int, Iterable[str]] | None] = _nobody
        """Status and lines for a new request that is answered before anything is made for it; None lets it in."""

    # -- from the network -------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One datagram or one framed message."""
        digest = 0
        if data[:7] != b"SIP/2.0" and not flow.reliable:
            # A copy is known before it is read. The hash is keyed afresh in each process, so nobody can aim at a match.
            digest = hash((data, flow))
            known = self.digests.get(digest)
            if known is not None:
                self.counters.requests += 1
                self.step(known, "request", now, None)
                return
        try:
            message = parse(data)
        except RemoteProtocolError as error:
            self.malformed(flow.remote, now)
            self.refuse_unread(error, flow)
            return
        if isinstance(message, Request):
            self.counters.requests += 1
            try:
                key = _server_key(message)
            except RemoteProtocolError as error:
                self.refuse_unread(RemoteProtocolError(error.status, error.text, message), flow)
                return
            self._on_request(message, key, flow, now, digest)
        else:
            self.counters.responses += 1
            self._on_response(message, flow, now)

    def has_seen(self, data: bytes, flow: Flow) -> bool:
        """Whether this is a copy of a request whose transaction is not forgotten."""
        return not flow.reliable and hash((data, flow)) in self.digests

    def send_failed(self, flow: Flow, now: float) -> None:
        """The flow broke: a connection was lost, or the system refused a datagram. Unfinished transactions fail."""
        for txn in list(self.unfinished.get(flow, ())):
            if isinstance(txn, ClientTransaction) and txn.datagram is not None and self._by_datagram(txn, now):
                continue
            self.step(txn, "broken", now, None)

    def _by_datagram(self, txn: ClientTransaction, now: float) -> bool:
        """The peer takes no TCP: "the request SHOULD be retried over UDP" (18.1.1), with a Via that says so. Not where
        it has been heard of, or nobody wants it any more."""
        flow, txn.datagram = txn.datagram, None
        if flow is None or txn.state not in (CALLING, TRYING) or txn.cancel_lines is not None:
            return False
        self.finish(txn)
        txn.flow = flow
        start, _, rest = txn.request_bytes.split(b"\r\n", 2)
        via = self._via(flow, txn.branch).encode("utf-8", "surrogateescape")
        txn.request_bytes = b"\r\n".join((start, via, rest))
        self.add(txn)
        self.out.append(Send(flow, txn.request_bytes))
        if txn.state is CALLING:
            start_invite_client(self, txn, now)
        else:
            start_client(self, txn, now)
        return True

    def refuse_unread(self, error: RemoteProtocolError, flow: Flow) -> None:
        """Answer, without a transaction, what could be read of `error.request`; never an ACK or a response (8.2.7)."""
        self.counters.malformed += 1
        request = error.request
        if request is not None:
            self._refuse(request, error.status, error.text, flow)

    def _refuse(
        self, request: Request, status: int, reason: str | None, flow: Flow, lines: Iterable[str] = (), tag: str = ""
    ) -> None:
        """Answer without a transaction: a copy of the request is answered anew."""
        if request.method == "ACK" or request.method == "":
            return
        if request.header("Via") is None or request.header("CSeq") is None or request.header("Call-ID") is None:
            return
        try:
            via_top, back = _way_back(request, flow)
        except RemoteProtocolError:
            via_top, back = None, flow
        try:
            data = writer.response(request, status, reason, tag or self.ids(), lines, via_top=via_top)
        except RemoteProtocolError:
            return
        self.counters.refused += 1
        self.out.append(Send(back, data))

    # -- from the core ----------------------------------------------------------------------------------------------

    def request(
        self,
        flow: Flow,
        method: str,
        uri: str,
        lines: Sequence[str],
        body: bytes,
        now: float,
        owner: Any,
        branch: str | None = None,
    ) -> ClientTransaction:
        """Send a request other than ACK. `lines` lack only Via and Content-Length.

        `lines` is kept until the answer comes; do not change it afterwards.
        """
        if branch is None:
            branch = MAGIC_COOKIE + self.ids()
        data = writer.request(method, uri, [self._via(flow, branch), *lines], body)
        datagram = None
        if len(data) > LARGE and flow.transport == "udp" and method != "CANCEL":
            stream = self.large(flow, _next_hop(uri, lines))
            if stream is not None:
                datagram, flow = flow, stream
                data = writer.request(method, uri, [self._via(flow, branch), *lines], body)
        invite = method == "INVITE"
        if method == "CANCEL":
            # Only after a crash, when the INVITE's transaction is gone; else `cancel`.
            return cancel_alone(self, flow, branch, data, now)
        txn = ClientTransaction(
            self,
            INVITE_CLIENT if invite else NON_INVITE_CLIENT,
            branch,
            branch,
            method,
            flow,
            owner,
            data,
            uri,
            lines if invite else (),
            self.timings.t1,
            CALLING if invite else TRYING,
        )
        txn.datagram = datagram
        self.clients[branch] = txn
        self.add(txn)
        self.out.append(Send(flow, data))
        if invite:
            start_invite_client(self, txn, now)
        else:
            start_client(self, txn, now)
        return txn

    def resume(self, flow: Flow, uri: str, lines: Sequence[str], branch: str, owner: Any) -> ClientTransaction:
        """After a crash: the transaction of an INVITE that a former process sent, so that it can be cancelled and its
        answer be met. Nothing is sent, and nothing more is waited for than what `cancel` waits for."""
        data = writer.request("INVITE", uri, [self._via(flow, branch), *lines])
        txn = ClientTransaction(
            self, INVITE_CLIENT, branch, branch, "INVITE", flow, owner, data, uri, lines, self.timings.t1, PROCEEDING
        )
        self.clients[branch] = txn
        self.add(txn)
        return txn

    def go_on(
        self,
        flow: Flow,
        uri: str,
        lines: Sequence[str],
        branch: str,
        owner: Any,
        sent: bytes,
        now: float,
        *,
        heard: bool,
    ) -> ClientTransaction:
        """After a hand-over: the transaction of an INVITE that a former process has `sent` and waited for. Not `heard`:
        there was no provisional response, so it is sent on as it would have been."""
        state = PROCEEDING if heard else CALLING
        txn = ClientTransaction(
            self, INVITE_CLIENT, branch, branch, "INVITE", flow, owner, sent, uri, lines, self.timings.t1, state
        )
        self.clients[branch] = txn
        self.add(txn)
        if not heard:
            start_invite_client(self, txn, now)
        return txn

    def resume_server(self, request: Request, flow: Flow, now: float, answered: bytes = b"") -> ServerTransaction:
        """After a crash: the transaction of an INVITE that a former process received, so that it can be answered. Where
        that one's last provisional response is known, it is `answered`."""
        txn = self._serve(request, _server_key(request), _way_back(request, flow), now, 0)
        if answered and txn.timer is not None:
            txn.timer.cancel()
            txn.timer, txn.response_bytes = None, answered
        return txn

    def cancel(self, txn: ClientTransaction, now: float, lines: Sequence[str] = ()) -> None:
        """Give an INVITE up, at once or as soon as 9.1 allows; nothing happens once it is answered.

        `lines` are added to the CANCEL, for instance a Reason. The INVITE still ends with Answered or TimedOut; the
        CANCEL's own answer is nobody's concern.
        """
        self.step(txn, "cancel", now, lines)

    def respond(
        self,
        txn: ServerTransaction,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        to_tag: str | None = None,
        lines: Iterable[str] = (),
        body: bytes = b"",
        data: bytes | None = None,
        copy_record_route: bool | None = None,
    ) -> bytes:
        """Answer a request; returns what was sent.

        `to_tag` overrides the transaction's own. `data` is a whole response, made before. Record-Route is copied when
        the response makes a dialog, unless `copy_record_route` says otherwise. Nothing is sent, and b"" returned, when
        a final response was sent already: who answers last in a race need not know.
        """
        request = txn._request
        event = CLASSES[status // 100]
        if data is None:
            if request is None:
                return b""
            if copy_record_route is None:
                copy_record_route = 100 < status < 300 and txn.method in _DIALOG_METHODS
            tag = None if status == 100 else to_tag or txn.to_tag
            if to_tag:
                txn.to_tag = to_tag
            data = writer.response(request, status, reason, tag, lines, body, txn.via_top, copy_record_route)
        return data if self.step(txn, event, now, data) else b""

    def answer_once(
        self, txn: ServerTransaction, status: int, now: float, *, reason: str | None = None, lines: Iterable[str] = ()
    ) -> None:
        """Answer a stranger (401, 407, any refusal, OPTIONS) without remembering anything of the request (26.3.2.4)."""
        if txn._request is not None:
            data = writer.response(txn._request, status, reason, txn.to_tag, lines, via_top=txn.via_top)
            self.step(txn, "once", now, data)

    def forget(self, txn: ServerTransaction | ClientTransaction, now: float) -> None:
        """Give a request no answer at all, or wait for none to ours (but an INVITE), and remember nothing of it."""
        end(self, txn, now, None)

    def repeat(self, txn: ServerTransaction, now: float) -> None:
        """Send the 2xx of an INVITE once more, until the dialog usage has seen its ACK (13.3.1.4); or, while it rings,
        the provisional response that was sent last (13.3.1.1)."""
        if txn.state is ACCEPTED:
            self.step(txn, "2xx", now, txn.response_bytes)
        elif txn.response_bytes:
            self.out.append(Send(txn.flow, txn.response_bytes))

    def ack(self, flow: Flow, uri: str, lines: Sequence[str], body: bytes, now: float) -> bytes:
        """Send the ACK for a 2xx, in no transaction (13.2.2.4); returns it, as each further 2xx wants it again."""
        data = writer.request("ACK", uri, [self._via(flow, MAGIC_COOKIE + self.ids()), *lines], body)
        self.out.append(Send(flow, data))
        return data

    def send(self, flow: Flow, data: bytes) -> None:
        """Send bytes as they are."""
        self.out.append(Send(flow, data))

    def take(self) -> list[Effect]:
        """The effects so far, in order; they are the caller's now."""
        out = self.out
        self.out = []
        return out

    # -- the inside -------------------------------------------------------------------------------------------------

    def _via(self, flow: Flow, branch: str) -> str:
        # RFC 3581 section 3: a client that wants the answer where it sent from adds rport.
        return f"Via: SIP/2.0/{flow.transport.upper()} {self.sent_by(flow)};branch={branch};rport"

    def _on_request(self, request: Request, key: str, flow: Flow, now: float, digest: int) -> None:
        method = request.method
        known = self.servers.get(key)
        if method == "ACK":
            self._on_ack(request, known, flow, now)
            return
        if known is not None:
            self.step(known, "request", now, None)
            return
        try:
            check_request(request)
            way_back = _way_back(request, flow)
        except RemoteProtocolError as error:
            self.refuse_unread(RemoteProtocolError(error.status, error.text, request), flow)
            return
        if method == "CANCEL":
            self._on_cancel(request, way_back, flow, now)
            return
        merge = 0
        if request.to_tag is None:
            # 8.2.2.2: same From tag, Call-ID and CSeq, but not the same transaction: it came here by two ways.
            merge = hash((request.from_tag, request.call_id, request._index["cseq"]))
            if merge in self.merges:
                self._refuse(request, 482, "Loop Detected", flow)
                return
            load = len(self.servers)
            if load >= self.room and (load >= 2 * self.room or not self.knows(flow.remote[0], now)):
                self._refuse(request, 503, None, flow, _FULL)
                return
            refusal = self.turned_away(request, flow, now)
            if refusal is not None:
                via_top, back = way_back
                data = writer.response(request, refusal[0], None, self.ids(), refusal[1], via_top=via_top)
                self.out.append(Send(back, data))
                return
        txn = self._serve(request, key, way_back, now, digest)
        if merge:
            txn.merge = merge
            self.merges[merge] = txn
        self.out.append(Incoming(txn, request))

    def _serve(
        self, request: Request, key: str, way_back: tuple[str | None, Flow], now: float, digest: int
    ) -> ServerTransaction:
        """A server transaction for a new request, with its way back."""
        invite = request.method == "INVITE"
        via_top, back = way_back
        txn = ServerTransaction(
            self,
            INVITE_SERVER if invite else NON_INVITE_SERVER,
            key,
            request.method,
            back,
            request.to_tag or self.ids(),
            via_top,
            request,
            PROCEEDING if invite else TRYING,
            digest,
        )
        self.servers[key] = txn
        if digest:
            self.digests[digest] = txn
        self.add(txn)
        if invite:
            txn.timer = self.timers.after(self.timings.trying, now, txn, "100")
        return txn

    def _on_ack(self, request: Request, known: ServerTransaction | None, flow: Flow, now: float) -> None:
        try:
            check_request(request)
        except RemoteProtocolError:
            self.counters.malformed += 1  # 17: there is no response to an ACK
            return
        received = AckReceived(request, flow)
        if known is not None:
            self.step(known, "ACK", now, received)
        else:
            self.out.append(received)

    def _on_cancel(self, request: Request, way_back: tuple[str | None, Flow], flow: Flow, now: float) -> None:
        """Section 9.2, for an INVITE; there is nothing to cancel in other requests, which are answered at once (9.1).

        The CANCEL is answered before the core hears of it; after a final response it does nothing. It has no
        transaction: a copy does nothing either, and gets the same answer.
        """
        met = self.servers.get(_server_key(request, "INVITE"))
        if met is None:
            self.counters.unmatched += 1
            self._refuse(request, 481, None, flow)
            return
        via_top, back = way_back
        # "The To tag of the response to the CANCEL and the To tag in the response to the original request SHOULD be
        # the same."
        self.out.append(Send(back, writer.response(request, 200, None, met.to_tag, via_top=via_top)))
        self.step(met, "cancel", now, reasons_of(request))

    def _on_response(self, response: Response, flow: Flow, now: float) -> None:
        try:
            # A branch that a mere cut through the Via finds among ours needs no closer reading.
            via = response._index.get("via")
            key = via.partition(";branch=")[2].partition(";")[0] if via.__class__ is str else ""
            if key not in self.clients:
                key = response.branch or ""
            method = response.cseq_method
            _ = response.to_value
        except RemoteProtocolError:
            self.counters.malformed += 1
            return
        if method == "CANCEL":
            key += "/CANCEL"
        txn = self.clients.get(key)
        event = CLASSES[response.status // 100]
        if txn is None or txn.method != method:
            self.counters.unmatched += 1
            if event == "2xx" and method == "INVITE":
                self.out.append(Stray(response, flow))
            return
        self.step(txn, event, now, response)


def _server_key(request: Request, method: str = "") -> str:
    """What a request has in common with its copies, its ACK (for a refusal) and its CANCEL (17.2.3).

    Branch, sent-by and method; an ACK goes by INVITE. Without the magic cookie, by RFC 2543: Request-URI, From tag,
    Call-ID, CSeq number and top Via.
    """
    method = method or request.method
    if method == "ACK":
        method = "INVITE"
    branch = request.branch
    if branch is not None and branch[:7] == MAGIC_COOKIE:
        return f"{branch}|{request.sent_by}|{method}"
    tag = request.to_tag if method != "INVITE" else ""
    return f"{request.uri}|{request.from_tag}|{tag}|{request.call_id}|{request.cseq}|{request.vias[0]}|{method}"


def _never(flow: Flow, hop: str) -> Flow | None:
    return None


def _next_hop(uri: str, lines: Sequence[str]) -> str:
    """The URI that a request is sent to: the first route, else its Request-URI."""
    for line in lines:
        if line.startswith("Route:"):
            return NameAddr.parse(line[6:].strip()).uri
    return uri


def _everybody(host: object, now: float) -> bool:
    return True


def _nobody(request: Request, flow: Flow, now: float) -> None:
    return None


def _way_back(request: Request, flow: Flow) -> tuple[str | None, Flow]:
    """The top Via as stamped (None when it stays as it is), and the flow for responses (18.2.1, 18.2.2, RFC 3581).

    TCP: the connection that the request came on. UDP: the source address; the source port when the client wants that by
    rport, else the port it put into sent-by. A maddr is not followed: it would let anybody aim us at others.
    """
    raw = request._index.get("via")
    host, port = flow.remote
    host = unscoped(host)
    sent_by = request.sent_by
    # The forms that nearly all clients send are done without reading the Via again.
    if isinstance(raw, str) and "," not in raw and "received" not in raw:
        if raw.endswith(";rport"):
            return f"{raw}={port};received={host}", flow
        if sent_by == f"{host}:{port}" and ";rport" not in raw:
            return None, flow
    raw = request.vias[0]
    via = request.via
    stamped: str | None = stamp_via(raw, host, port)
    if stamped == raw:
        stamped = None
    if flow.reliable or via.param("rport") is not None:
        return stamped, flow
    reply = via.port or _SIP_PORT
    if reply == port:
        return stamped, flow
    return stamped, Flow(flow.transport, flow.local, (flow.remote[0], reply))


__all__ = [
    "AckReceived",
    "Answered",
    "Cancelled",
    "ClientTransaction",
    "Counters",
    "Effect",
    "Endpoint",
    "Failed",
    "Incoming",
    "Send",
    "ServerTransaction",
    "Stray",
    "TimedOut",
    "Timings",
]
