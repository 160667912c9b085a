"""The Replaces header: an INVITE that is to take the place of a dialog (RFC 3891), or a REFER that asks for one.

It names the dialog as the one sees it who gets the header: `to-tag` is his own tag, `from-tag` the far end's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import find_param, parse_params
from switch.sip.message import Request
from switch.sip.usage_state import CANCELLING, CONFIRMED, ENDED

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

MAX_REPLACES = 1024


class Replaces(msgspec.Struct, frozen=True, gc=False):
    """The dialog to be replaced; with `early_only` not once it was answered."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @staticmethod
    def parse(text: str) -> Replaces:
        """Read a value. Raises RemoteProtocolError 400 where Call-ID or either tag is missing (section 6.1)."""
        call_id, semicolon, rest = text.partition(";")
        call_id = call_id.strip(" \t")
        if len(text) > MAX_REPLACES or not call_id or " " in call_id or "\t" in call_id:
            raise RemoteProtocolError(400, "Malformed Replaces")
        params = parse_params(semicolon + rest)
        to_tag, from_tag = find_param(params, "to-tag"), find_param(params, "from-tag")
        if not to_tag or not from_tag:
            raise RemoteProtocolError(400, "Malformed Replaces (tags)")
        return Replaces(call_id, to_tag, from_tag, find_param(params, "early-only") is not None)

    def names(self, usage: InviteUsage) -> bool:
        """Whether that dialog is the one named. The tag "0" stands for none too, as of RFC 2543 (section 3). Where our
        INVITE has no answer yet, several may ring by it: our own tag, which nobody can guess, names them all."""
        dialog = usage.dialog
        if dialog.call_id != self.call_id or dialog.local_tag != self.to_tag:
            return False
        if not dialog.remote_tag:
            return usage.inviting or self.from_tag == "0"
        return dialog.remote_tag == self.from_tag

    def verdict(self, usage: InviteUsage) -> int:
        """What an INVITE that would replace this dialog is refused with (section 3); 0: it may.

        481: it is another one, or rings here as somebody calls us; 603: it is over; 486: it was answered already.
        """
        if not self.names(usage):
            return 481
        if usage.state is ENDED or usage.state is CANCELLING:
            return 603
        if usage.state is CONFIRMED:
            return 486 if self.early_only else 0
        return 0 if usage.inviting else 481


def replaces_of(request: Request) -> Replaces | None:
    """The dialog that an INVITE is to replace. Raises RemoteProtocolError 400 for a header that cannot be read, or one
    beside Join (section 3)."""
    value = request.header("Replaces")
    if value is None:
        return None
    if request.header("Join") is not None or len(request.all("Replaces")) > 1:
        raise RemoteProtocolError(400, "More than one dialog to replace or join")
    return Replaces.parse(value)
