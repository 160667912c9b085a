"""The four transactions of RFC 3261 section 17, as corrected by RFC 6026, as tables.

A transaction is one request and its responses between two neighbours. It repeats what an unreliable transport may have
lost, recognises what the other side repeats, and ends by itself. It is a state, a key, at most two timers and the bytes
it may have to send again. Everything that happens to it is an *event*: a message of a certain class, a timer, something
the core asks for, a broken flow. The tables below say for each state and event which state follows and which action is
taken; what a table does not mention does nothing. `Transactions.step` is the only place where a state changes.

Two timers are enough, as the RFC's letters never need more at once:

    timer    `A E G` repeat a message, doubling; `100` sends the 100 Trying that the core has not sent for 200 ms
    timeout  `B F H` end a wait of 64*T1; `D I J K L M` end the time in which late copies are absorbed; `X` gives up on
             an INVITE that was cancelled and still gets no answer (section 9.1)

On a reliable transport A, E and G never start, and D, I, J and K last zero seconds: those steps follow at once.

A 2xx to an INVITE does not end its transactions (RFC 3261 said so, and late copies then looked like new requests and
stray responses). They rest in Accepted instead, for 64*T1: the server's absorbs copies of the INVITE, the client's
passes every further 2xx up, as a fork may yield several. Repeating a 2xx until its ACK comes is for the dialog usage.

Once the answer is known a transaction lets go of all it does not need: the request and its lines go, the bytes that may
have to be sent again, the key and one timer stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from switch.sip.effects import Effect, Failed, TimedOut
from switch.sip.errors import LocalProtocolError
from switch.sip.flow import Flow
from switch.sip.message import Request
from switch.sip.timer import Timer, Timers

CALLING = "calling"
TRYING = "trying"
PROCEEDING = "proceeding"
COMPLETED = "completed"
CONFIRMED = "confirmed"
ACCEPTED = "accepted"
TERMINATED = "terminated"

#: The event that a response of each hundred is, received or to be sent.
CLASSES = ("", "1xx", "2xx", "3xx+", "3xx+", "3xx+", "3xx+")

Action = Callable[["Transactions", Any, float, Any], None]
Table = dict[str, dict[str, tuple[str, Action]]]


class Timings(msgspec.Struct, frozen=True):
    """The constants of RFC 3261 table 4, seconds."""

    t1: float = 0.5
    """Round-trip time estimate."""
    t2: float = 4.0
    """Longest interval between repeats."""
    t4: float = 5.0
    """How long a message may stay in the network."""
    trying: float = 0.2
    """When an INVITE gets its 100 without the core (17.2.1)."""

    @property
    def wait(self) -> float:
        """64*T1: timers B, F, H, J, L, M."""
        return 64 * self.t1

    @property
    def wait_d(self) -> float:
        """Timer D: at least 32 s."""
        return max(32.0, 64 * self.t1)


class ClientTransaction(msgspec.Struct, eq=False):
    """A request of ours. `owner` is whoever asked for it; the core may set it to something lighter at any time.

    `request_bytes` is empty once a final response came.
    """

    layer: Transactions
    table: Table
    key: str
    branch: str
    method: str
    flow: Flow
    owner: Any
    request_bytes: bytes
    uri: str
    lines: Sequence[str]
    interval_s: float
    state: str
    timer: Timer | None = None
    timeout: Timer | None = None
    cancel_lines: Sequence[str] | None = None
    """Set by a CANCEL that is asked for; its extra header lines."""
    ack_bytes: bytes = b""
    datagram: Flow | None = None
    """The flow by UDP that it takes when the one by TCP, tried for its size, comes to nothing (18.1.1)."""

    def on_timer(self, what: object, now: float) -> None:
        """A timer of ours; `what` is its letter."""
        self.layer.step(self, what, now, None)

    @property
    def finished(self) -> bool:
        """Whether a final response came or none is waited for any more."""
        return self.state not in (CALLING, TRYING, PROCEEDING)


class ServerTransaction(msgspec.Struct, eq=False):
    """A request that came in. `flow` is the way back. `owner` is the core's to use until the final response.

    `to_tag` is the tag for our responses: the request's own To tag inside a dialog, else one made for this transaction.
    """

    layer: Transactions
    table: Table
    key: str
    method: str
    flow: Flow
    to_tag: str
    via_top: str | None
    """The top Via with received and rport, where it had to be changed."""
    _request: Request | None
    state: str
    digest: int = 0
    """Recognises the same datagram without reading it; 0 for none."""
    merge: int = 0
    """Recognises the same request come by another way (8.2.2.2); 0 inside a dialog."""
    owner: Any = None
    timer: Timer | None = None
    timeout: Timer | None = None
    interval_s: float = 0.0
    response_bytes: bytes = b""

    def on_timer(self, what: object, now: float) -> None:
        """A timer of ours; `what` is its letter."""
        self.layer.step(self, what, now, None)

    @property
    def request(self) -> Request:
        """The request, until its final response is sent. Raises LocalProtocolError afterwards."""
        request = self._request
        if request is None:
            raise LocalProtocolError(f"the {self.method} has been answered, its request is gone")
        return request

    @property
    def finished(self) -> bool:
        """Whether a final response was sent or none can be sent any more."""
        return self._request is None


Transaction = ClientTransaction | ServerTransaction


class Counters(msgspec.Struct):
    """Plain integers, read at scrape."""

    requests: int = 0
    responses: int = 0
    retransmissions_in: int = 0
    retransmissions_out: int = 0
    malformed: int = 0
    refused: int = 0
    unmatched: int = 0
    timeouts: int = 0
    failures: int = 0


class Transactions:
    """All transactions of an endpoint, by key, and the one function that moves them."""

    __slots__ = (
        "clients", "counters", "digests", "merges", "out", "servers", "timers", "timings", "trace", "unfinished",
        "wait_d_s", "wait_s",
    )  # fmt: skip

    def __init__(self, timers: Timers, timings: Timings) -> None:
        self.timers = timers
        self.timings = timings
        self.wait_s = timings.wait
        self.wait_d_s = timings.wait_d
        self.out: list[Effect] = []
        self.clients: dict[str, ClientTransaction] = {}
        self.servers: dict[str, ServerTransaction] = {}
        self.digests: dict[int, ServerTransaction] = {}
        self.merges: dict[int, ServerTransaction] = {}
        # Who to tell when a flow breaks. Dicts, for their order.
        self.unfinished: dict[Flow, dict[Transaction, None]] = {}
        self.counters = Counters()
        self.trace: Callable[[Transaction, str, object, str], None] | None = None
        """Called as (transaction, state, event, next state) when set."""

    def step(self, txn: Transaction, event: Any, now: float, message: Any) -> bool:
        """`state -[event]-> state`. False when the state has no such event, and nothing was done."""
        state = txn.state
        row = txn.table[state].get(event)
        if row is None:
            return False
        txn.state, action = row
        if self.trace is not None:
            self.trace(txn, state, event, txn.state)
        action(self, txn, now, message)
        return True

    def add(self, txn: Transaction) -> None:
        """File an unfinished transaction under its flow."""
        peers = self.unfinished.get(txn.flow)
        if peers is None:
            self.unfinished[txn.flow] = {txn: None}
        else:
            peers[txn] = None

    def finish(self, txn: Transaction) -> None:
        """The outcome is known: no timer that repeats, no interest in the flow."""
        peers = self.unfinished.get(txn.flow)
        if peers is not None and txn in peers:
            if len(peers) == 1:
                del self.unfinished[txn.flow]
            else:
                del peers[txn]
        stop(txn)

    def linger(self, txn: Transaction, letter: str, delay_s: float, now: float) -> None:
        """Absorb late copies for `delay_s`; on a reliable transport, where none come, for no time at all."""
        if txn.flow.reliable:
            self.step(txn, letter, now, None)
        else:
            txn.timeout = self.timers.after(delay_s, now, txn, letter)


def stop(txn: Transaction) -> None:
    if txn.timer is not None:
        txn.timer.cancel()
        txn.timer = None
    if txn.timeout is not None:
        txn.timeout.cancel()
        txn.timeout = None


# -- actions that clients and servers share


def forget_request(txn: ClientTransaction) -> None:
    txn.request_bytes = b""
    txn.uri = ""
    txn.lines = ()
    txn.cancel_lines = None


def timed_out(layer: Transactions, txn: Transaction, now: float, _: None) -> None:
    """17.1.1.2, 17.1.2.2, 17.2.1: the core MUST (SHOULD) be told of a timeout, and the transaction ends."""
    layer.counters.timeouts += 1
    layer.out.append(TimedOut(txn))
    end(layer, txn, now, None)


def failed(layer: Transactions, txn: Transaction, now: float, _: None) -> None:
    """17.1.4, 17.2.4: the core SHOULD be told of a transport failure, and the transaction ends."""
    layer.counters.failures += 1
    layer.out.append(Failed(txn))
    end(layer, txn, now, None)


def end(layer: Transactions, txn: Transaction, now: float, _: None) -> None:
    """Terminated: "it MUST be destroyed immediately" (17.1.1.2)."""
    layer.finish(txn)
    if isinstance(txn, ClientTransaction):
        forget_request(txn)
        layer.clients.pop(txn.key, None)
        return
    txn._request = None
    layer.servers.pop(txn.key, None)
    if txn.digest:
        layer.digests.pop(txn.digest, None)
    if txn.merge and layer.merges.get(txn.merge) is txn:
        del layer.merges[txn.merge]
