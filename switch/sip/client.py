"""The client transactions: INVITE, non-INVITE and CANCEL. `transaction.py` tells what the letters and states mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from switch.sip import writer
from switch.sip.effects import Answered, Send, Stray
from switch.sip.errors import LocalProtocolError
from switch.sip.flow import Flow
from switch.sip.message import Response
from switch.sip.transaction import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    ClientTransaction,
    Table,
    Transaction,
    Transactions,
    end,
    failed,
    forget_request,
    stop,
    timed_out,
)


def start_invite_client(layer: Transactions, txn: ClientTransaction, now: float) -> None:
    """Section 17.1.1.2: send, start timer A on an unreliable transport, and timer B, where there is A with its first
    repeat: most INVITEs are heard of before."""
    if txn.flow.reliable:
        txn.timeout = layer.timers.after(layer.wait_s, now, txn, "B")
    else:
        txn.timer = layer.timers.after(txn.interval_s, now, txn, "A")


def start_client(layer: Transactions, txn: ClientTransaction, now: float) -> None:
    """Section 17.1.2.2: send, start timer E on an unreliable transport, and timer F, where there is E with its first
    repeat."""
    if txn.flow.reliable:
        txn.timeout = layer.timers.after(layer.wait_s, now, txn, "F")
    else:
        txn.timer = layer.timers.after(txn.interval_s, now, txn, "E")


def _repeat_invite(layer: Transactions, txn: ClientTransaction, now: float, _: None) -> None:
    """17.1.1.2: timer A "MUST" double each time; B ends it after seven copies."""
    if txn.timeout is None:
        txn.timeout = layer.timers.after(layer.wait_s - txn.interval_s, now, txn, "B")
    txn.interval_s *= 2
    txn.timer = layer.timers.after(txn.interval_s, now, txn, "A")
    layer.counters.retransmissions_out += 1
    layer.out.append(Send(txn.flow, txn.request_bytes))


def _repeat_request(layer: Transactions, txn: ClientTransaction, now: float, _: None) -> None:
    """17.1.2.2: timer E doubles up to T2 while trying; in Proceeding it MUST be T2."""
    if txn.timeout is None:
        txn.timeout = layer.timers.after(layer.wait_s - txn.interval_s, now, txn, "F")
    t2 = layer.timings.t2
    txn.interval_s = t2 if txn.state is PROCEEDING else min(txn.interval_s * 2, t2)
    txn.timer = layer.timers.after(txn.interval_s, now, txn, "E")
    layer.counters.retransmissions_out += 1
    layer.out.append(Send(txn.flow, txn.request_bytes))


def _first_provisional(layer: Transactions, txn: ClientTransaction, now: float, response: Response) -> None:
    """17.1.1.2: no copies of the INVITE after this, and timer B has no meaning any more (it guards Calling)."""
    stop(txn)
    layer.out.append(Answered(txn, response))
    if txn.cancel_lines is not None:
        _send_cancel(layer, txn, now, txn.cancel_lines)


def _pass(layer: Transactions, txn: ClientTransaction, now: float, response: Response) -> None:
    layer.out.append(Answered(txn, response))


def _accepted(layer: Transactions, txn: ClientTransaction, now: float, response: Response) -> None:
    """RFC 6026 section 8.4: on a 2xx the client MUST enter Accepted and start timer M, on every transport."""
    layer.finish(txn)
    txn.timeout = layer.timers.after(layer.wait_s, now, txn, "M")
    forget_request(txn)
    layer.out.append(Answered(txn, response))


def _refused(layer: Transactions, txn: ClientTransaction, now: float, response: Response) -> None:
    """17.1.1.2: a 300 to 699 MUST be passed up, and the transaction MUST generate the ACK, even over TCP."""
    layer.finish(txn)
    txn.ack_bytes = _ack(txn, response)
    layer.out.append(Send(txn.flow, txn.ack_bytes))
    layer.out.append(Answered(txn, response))
    forget_request(txn)
    layer.linger(txn, "D", layer.wait_d_s, now)


def _repeat_ack(layer: Transactions, txn: ClientTransaction, now: float, response: Response) -> None:
    """17.1.1.2: a repeated final response MUST cause the ACK again, and MUST NOT be passed up."""
    layer.counters.retransmissions_in += 1
    layer.out.append(Send(txn.flow, txn.ack_bytes))


def _stray(layer: Transactions, txn: ClientTransaction, now: float, response: Response) -> None:
    """A 2xx of a fork after another's refusal: a dialog that somebody has to end, though no transaction wants it."""
    layer.out.append(Stray(response, txn.flow))


def _completed(layer: Transactions, txn: ClientTransaction, now: float, response: Response) -> None:
    """17.1.2.2: final response up, timer K for the late copies."""
    layer.finish(txn)
    forget_request(txn)
    layer.out.append(Answered(txn, response))
    layer.linger(txn, "K", layer.timings.t4, now)


def _cancel_done(layer: Transactions, txn: ClientTransaction, now: float, _: Response) -> None:
    """The answer to a CANCEL means nothing to the core: the INVITE's does."""
    layer.finish(txn)
    forget_request(txn)
    layer.linger(txn, "K", layer.timings.t4, now)


def _nothing(layer: Transactions, txn: Transaction, now: float, _: Any) -> None:
    pass


def _cancel_later(layer: Transactions, txn: ClientTransaction, now: float, lines: Sequence[str]) -> None:
    """9.1: without a provisional response the CANCEL MUST NOT be sent; it waits for one."""
    txn.cancel_lines = lines


def _cancel_now(layer: Transactions, txn: ClientTransaction, now: float, lines: Sequence[str]) -> None:
    if txn.cancel_lines is None:
        txn.cancel_lines = lines
        _send_cancel(layer, txn, now, lines)


def _send_cancel(layer: Transactions, txn: ClientTransaction, now: float, lines: Sequence[str]) -> None:
    """9.1: a transaction of its own with the INVITE's branch; after 64*T1 without a final response, give up."""
    txn.timeout = layer.timers.after(layer.wait_s, now, txn, "X")
    data = writer.request("CANCEL", txn.uri, [_via(txn), *_copied(txn.lines, "CANCEL"), *lines])
    cancel_alone(layer, txn.flow, txn.branch, data, now)


def _ack(txn: ClientTransaction, response: Response) -> bytes:
    """The ACK for a refusal, 17.1.1.3: the INVITE's own Via, Request-URI, Route, From, Call-ID; the response's To."""
    lines = [line for line in _copied(txn.lines, "ACK") if not line.startswith("To:")]
    return writer.request("ACK", txn.uri, [_via(txn), *lines, f"To: {response.to_value}"])


def _via(txn: ClientTransaction) -> str:
    return txn.request_bytes.split(b"\r\n", 2)[1].decode("utf-8", "surrogateescape")


def _copied(lines: Sequence[str], method: str) -> list[str]:
    """The header lines that ACK and CANCEL take over from their INVITE (9.1, 17.1.1.3)."""
    copied = [line for line in lines if line.startswith(("Route:", "Max-Forwards:", "From:", "To:", "Call-ID:"))]
    for line in lines:
        if line.startswith("CSeq:"):
            copied.append(f"CSeq: {line[5:].split()[0]} {method}")
            return copied
    raise LocalProtocolError("an INVITE without CSeq")


def cancel_alone(layer: Transactions, flow: Flow, branch: str, data: bytes, now: float) -> ClientTransaction:
    """Send a CANCEL, made before, in a transaction of its own with the INVITE's branch."""
    key = branch + "/CANCEL"
    txn = ClientTransaction(
        layer, CANCEL_CLIENT, key, branch, "CANCEL", flow, None, data, "", (), layer.timings.t1, TRYING
    )
    layer.clients[key] = txn
    layer.add(txn)
    layer.out.append(Send(flow, data))
    start_client(layer, txn, now)
    return txn


#: RFC 3261 figure 5, RFC 6026 figure 1. `cancel` is the core's; the rest are responses, timers and a broken flow.
INVITE_CLIENT: Table = {
    CALLING: {
        "1xx": (PROCEEDING, _first_provisional),
        "2xx": (ACCEPTED, _accepted),
        "3xx+": (COMPLETED, _refused),
        "A": (CALLING, _repeat_invite),
        "B": (TERMINATED, timed_out),
        "cancel": (CALLING, _cancel_later),
        "broken": (TERMINATED, failed),
    },
    PROCEEDING: {
        "1xx": (PROCEEDING, _pass),
        "2xx": (ACCEPTED, _accepted),
        "3xx+": (COMPLETED, _refused),
        "cancel": (PROCEEDING, _cancel_now),
        "X": (TERMINATED, timed_out),
        "broken": (TERMINATED, failed),
    },
    COMPLETED: {
        "2xx": (COMPLETED, _stray),
        "3xx+": (COMPLETED, _repeat_ack),
        "D": (TERMINATED, end),
    },
    ACCEPTED: {
        "2xx": (ACCEPTED, _pass),
        "M": (TERMINATED, end),
    },
    TERMINATED: {},
}

#: RFC 3261 figure 6.
NON_INVITE_CLIENT: Table = {
    TRYING: {
        "1xx": (PROCEEDING, _pass),
        "2xx": (COMPLETED, _completed),
        "3xx+": (COMPLETED, _completed),
        "E": (TRYING, _repeat_request),
        "F": (TERMINATED, timed_out),
        "broken": (TERMINATED, failed),
    },
    PROCEEDING: {
        "1xx": (PROCEEDING, _pass),
        "2xx": (COMPLETED, _completed),
        "3xx+": (COMPLETED, _completed),
        "E": (PROCEEDING, _repeat_request),
        "F": (TERMINATED, timed_out),
        "broken": (TERMINATED, failed),
    },
    COMPLETED: {
        "K": (TERMINATED, end),
    },
    TERMINATED: {},
}

#: The same for a CANCEL, of whose outcome nobody hears.
CANCEL_CLIENT: Table = {
    TRYING: {
        "1xx": (PROCEEDING, _nothing),
        "2xx": (COMPLETED, _cancel_done),
        "3xx+": (COMPLETED, _cancel_done),
        "E": (TRYING, _repeat_request),
        "F": (TERMINATED, end),
        "broken": (TERMINATED, end),
    },
    PROCEEDING: {
        "2xx": (COMPLETED, _cancel_done),
        "3xx+": (COMPLETED, _cancel_done),
        "E": (PROCEEDING, _repeat_request),
        "F": (TERMINATED, end),
        "broken": (TERMINATED, end),
    },
    COMPLETED: {
        "K": (TERMINATED, end),
    },
    TERMINATED: {},
}
