"""The requests of one dialog that their far end may challenge, and their next copies (RFC 3261 section 22.2).

    sent, with the credentials that are known already -> 401, 407: sent again, another CSeq and another branch
                                                      -> any other final response, a CANCEL: of no more interest

What to say to a challenge is the account's to know (`account.py`). The ACK of a 2xx repeats the credentials of its
INVITE, as nobody can challenge an ACK (22.1). A usage without an account has none of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from switch.sip.account import Account, Shown
from switch.sip.dialog import Dialog
from switch.sip.endpoint import Endpoint
from switch.sip.flow import Flow
from switch.sip.message import Response
from switch.sip.transaction import ClientTransaction

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage


CREDENTIALS = ("Authorization:", "Proxy-Authorization:")


class Asked(msgspec.Struct):
    """A request of ours that may be challenged yet: all that another copy of it needs."""

    dialog: Dialog
    flow: Flow
    lines: list[str]
    body: bytes
    shown: Shown


class Challenges:
    """Answers the challenges to the requests of one usage."""

    __slots__ = ("_account", "_asked", "_endpoint", "_owner", "invited")

    def __init__(self, account: Account, endpoint: Endpoint, owner: InviteUsage) -> None:
        self._account = account
        self._endpoint = endpoint
        self._owner = owner
        self._asked: dict[str, Asked] = {}
        """By branch."""
        self.invited: tuple[str, ...] = ()
        """The credentials of our latest INVITE, which its ACK repeats."""

    def request(
        self, dialog: Dialog, flow: Flow, method: str, lines: list[str], body: bytes, now: float, branch: str | None
    ) -> ClientTransaction:
        """Send a request that may be challenged; it takes along what is known of its far end."""
        shown = Shown()
        credentials = self._account.lines(method, dialog.request_uri(), shown)
        return self._send(Asked(dialog, flow, lines, body, shown), method, credentials, now, branch)

    def resume(self, txn: ClientTransaction, dialog: Dialog, lines: list[str], body: bytes) -> None:
        """After a hand-over: an INVITE of a former process, with what it had shown, may be challenged yet."""
        shown = [line for line in lines if line.startswith(CREDENTIALS)]
        self.invited = tuple(shown)
        self._asked[txn.branch] = Asked(dialog, txn.flow, [line for line in lines if line not in shown], body, Shown())

    def answered(
        self, txn: ClientTransaction, response: Response, now: float, wanted: bool
    ) -> ClientTransaction | None:
        """A final response. When it is a challenge that we answer, and the request is still `wanted`: its next copy."""
        asked = self._asked.pop(txn.branch, None)
        if asked is None or not wanted or response.status not in (401, 407):
            return None
        credentials = self._account.answer(txn.method, asked.dialog.request_uri(), response, asked.shown)
        if credentials is None:
            return None
        cseq = f"CSeq: {asked.dialog.next_cseq()} {txn.method}"
        asked.lines = [cseq if line.startswith("CSeq:") else line for line in asked.lines]
        return self._send(asked, txn.method, credentials, now)

    def forget(self, txn: ClientTransaction) -> None:
        """The request is given up: it is not sent again."""
        self._asked.pop(txn.branch, None)

    def _send(
        self, asked: Asked, method: str, credentials: list[str], now: float, branch: str | None = None
    ) -> ClientTransaction:
        if method == "INVITE":
            self.invited = tuple(credentials)
        lines = asked.lines + credentials
        uri = asked.dialog.request_uri()
        txn = self._endpoint.request(asked.flow, method, uri, lines, asked.body, now, self._owner, branch)
        self._asked[txn.branch] = asked
        return txn
