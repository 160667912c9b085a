"""The server transactions: INVITE and non-INVITE. `transaction.py` tells what the letters and states mean."""

from __future__ import annotations

from switch.sip import writer
from switch.sip.effects import AckReceived, Cancelled, Send
from switch.sip.transaction import (
    ACCEPTED,
    COMPLETED,
    CONFIRMED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    ServerTransaction,
    Table,
    Transactions,
    end,
    failed,
    stop,
    timed_out,
)


def _send(layer: Transactions, txn: ServerTransaction, now: float, data: bytes) -> None:
    """A provisional response of the core's; the latest one answers copies of the request (17.2.1, 17.2.2)."""
    if txn.timer is not None:
        txn.timer.cancel()
        txn.timer = None
    txn.response_bytes = data
    layer.out.append(Send(txn.flow, data))


def _send_100(layer: Transactions, txn: ServerTransaction, now: float, _: None) -> None:
    """17.2.1: the server MUST send 100 unless it knows that the core will answer within 200 ms."""
    _send(layer, txn, now, writer.response(txn.request, 100, None, None, via_top=txn.via_top))


def _again(layer: Transactions, txn: ServerTransaction, now: float, _: None) -> None:
    """17.2.1, 17.2.2: a copy of the request MUST get the latest response again, if there was any."""
    layer.counters.retransmissions_in += 1
    if txn.response_bytes:
        layer.counters.retransmissions_out += 1
        layer.out.append(Send(txn.flow, txn.response_bytes))


def _absorb(layer: Transactions, txn: ServerTransaction, now: float, _: None) -> None:
    layer.counters.retransmissions_in += 1


def _forget(txn: ServerTransaction) -> None:
    """The final response is known: nothing but copies can come, and the core's objects are not ours to keep alive."""
    txn._request = None
    txn.owner = None


def _cancelled(layer: Transactions, txn: ServerTransaction, now: float, reasons: tuple[str, ...]) -> None:
    layer.out.append(Cancelled(txn, reasons))


def _answer_2xx(layer: Transactions, txn: ServerTransaction, now: float, data: bytes) -> None:
    """RFC 6026 section 8.7: on a 2xx from the core the server MUST enter Accepted and start timer L."""
    layer.finish(txn)
    _forget(txn)
    txn.timeout = layer.timers.after(layer.wait_s, now, txn, "L")
    txn.response_bytes = data
    layer.out.append(Send(txn.flow, data))


def _answer_again(layer: Transactions, txn: ServerTransaction, now: float, data: bytes) -> None:
    """RFC 6026 section 8.7: a 2xx that the core repeats MUST be sent, but is not the transaction's to repeat."""
    layer.counters.retransmissions_out += 1
    layer.out.append(Send(txn.flow, data))


def _refuse(layer: Transactions, txn: ServerTransaction, now: float, data: bytes) -> None:
    """17.2.1: a refusal is repeated by timer G on an unreliable transport, until the ACK or timer H on any."""
    layer.finish(txn)
    _forget(txn)
    txn.response_bytes = data
    layer.out.append(Send(txn.flow, data))
    if not txn.flow.reliable:
        txn.interval_s = layer.timings.t1
        txn.timer = layer.timers.after(txn.interval_s, now, txn, "G")
    txn.timeout = layer.timers.after(layer.wait_s, now, txn, "H")


def _answer_once(layer: Transactions, txn: ServerTransaction, now: float, data: bytes) -> None:
    """26.3.2.4: what a stranger is told is sent once and nothing is kept, so that nobody can have us repeat it to
    somebody else's address or fill our memory. If it is lost, the client's copy of the request is answered anew."""
    layer.out.append(Send(txn.flow, data))
    txn.owner = None
    end(layer, txn, now, None)


def _repeat_refusal(layer: Transactions, txn: ServerTransaction, now: float, _: None) -> None:
    """17.2.1: timer G doubles up to T2."""
    txn.interval_s = min(txn.interval_s * 2, layer.timings.t2)
    txn.timer = layer.timers.after(txn.interval_s, now, txn, "G")
    layer.counters.retransmissions_out += 1
    layer.out.append(Send(txn.flow, txn.response_bytes))


def _confirm(layer: Transactions, txn: ServerTransaction, now: float, _: AckReceived) -> None:
    """17.2.1: the ACK for a refusal ends the repeats; it MUST NOT reach the core. Timer I absorbs its copies."""
    stop(txn)
    txn.response_bytes = b""
    layer.linger(txn, "I", layer.timings.t4, now)


def _pass_ack(layer: Transactions, txn: ServerTransaction, now: float, received: AckReceived) -> None:
    """RFC 6026 section 8.7: an ACK that meets Accepted (a client that used the INVITE's branch) goes to the core."""
    layer.out.append(received)


def _answer(layer: Transactions, txn: ServerTransaction, now: float, data: bytes) -> None:
    """17.2.2: any final response completes it; timer J absorbs, and answers, copies of the request."""
    layer.finish(txn)
    _forget(txn)
    txn.response_bytes = data
    layer.out.append(Send(txn.flow, data))
    layer.linger(txn, "J", layer.wait_s, now)


#: RFC 3261 figure 7, RFC 6026 figure 2. `1xx`, `2xx`, `3xx+`, `once` are what the core sends; `request` is a copy.
#: A flow that breaks after the 2xx is the dialog's affair: a TCP telephone may come back on another connection.
INVITE_SERVER: Table = {
    PROCEEDING: {
        "request": (PROCEEDING, _again),
        "100": (PROCEEDING, _send_100),
        "1xx": (PROCEEDING, _send),
        "2xx": (ACCEPTED, _answer_2xx),
        "3xx+": (COMPLETED, _refuse),
        "once": (TERMINATED, _answer_once),
        "cancel": (PROCEEDING, _cancelled),
        "broken": (TERMINATED, failed),
    },
    COMPLETED: {
        "request": (COMPLETED, _again),
        "ACK": (CONFIRMED, _confirm),
        "G": (COMPLETED, _repeat_refusal),
        "H": (TERMINATED, timed_out),
    },
    CONFIRMED: {
        "request": (CONFIRMED, _absorb),
        "ACK": (CONFIRMED, _absorb),
        "I": (TERMINATED, end),
    },
    ACCEPTED: {
        "request": (ACCEPTED, _absorb),
        "ACK": (ACCEPTED, _pass_ack),
        "2xx": (ACCEPTED, _answer_again),
        "L": (TERMINATED, end),
    },
    TERMINATED: {},
}

#: RFC 3261 figure 8.
NON_INVITE_SERVER: Table = {
    TRYING: {
        "request": (TRYING, _absorb),
        "1xx": (PROCEEDING, _send),
        "2xx": (COMPLETED, _answer),
        "3xx+": (COMPLETED, _answer),
        "once": (TERMINATED, _answer_once),
        "broken": (TERMINATED, failed),
    },
    PROCEEDING: {
        "request": (PROCEEDING, _again),
        "1xx": (PROCEEDING, _send),
        "2xx": (COMPLETED, _answer),
        "3xx+": (COMPLETED, _answer),
        "broken": (TERMINATED, failed),
    },
    COMPLETED: {
        "request": (COMPLETED, _again),
        "J": (TERMINATED, end),
    },
    TERMINATED: {},
}
