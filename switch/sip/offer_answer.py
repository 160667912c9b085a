"""Whose offer of a session is open in a dialog, and what a further one is told (RFC 3264, 6337, 3311 section 5.2).

An offer may stand in an INVITE, a reliable 1xx or 2xx to an INVITE without one, a PRACK, or an UPDATE; its answer in
the reliable response to that request, in the PRACK for the 1xx, or in the ACK for the 2xx. Only one is open at a time:

               an offer of ours is sent        an offer of theirs comes
    STABLE     -> OURS                         -> THEIRS
    OURS       (we may not)                    491, and OURS goes on
    THEIRS     (we may not)                    500 with Retry-After, and THEIRS goes on

An answer, or a refusal of the request that brought the offer, leads back to STABLE; after a refusal the session is
what it was before the offer (section 3 of RFC 6337), which the call layer sees to. The standing is not kept anywhere:
it follows from which transactions are open, so the two cannot come apart.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage
    from switch.sip.reliable import EarlyDialog


class Standing(enum.Enum):
    """Whose offer waits for an answer."""

    STABLE = 0
    OURS = 1
    THEIRS = 2


GLARE: Mapping[Standing, int] = MappingProxyType({Standing.STABLE: 0, Standing.OURS: 491, Standing.THEIRS: 500})
"""What answers an UPDATE with an offer; 0: it may be taken. A PRACK's is held to the same."""


def standing(usage: InviteUsage, early: EarlyDialog | None = None) -> Standing:
    """Whose offer is open in the usage's dialog; `early` is the one of several early dialogs that is meant."""
    provisionals = usage.provisionals
    if usage.updating is not None and usage.updating.offered:
        return Standing.OURS
    if usage.accepted_offer or (provisionals is not None and provisionals.offering):
        return Standing.OURS
    if usage.asking is not None:
        return Standing.THEIRS
    if usage.inviting:
        # The answer in a reliable 1xx has closed the INVITE's offer in that early dialog.
        return Standing.STABLE if early is not None and early.description and not early.rack else Standing.OURS
    if usage.pending_request is not None:
        return Standing.STABLE if provisionals is not None and provisionals.settled else Standing.THEIRS
    return Standing.STABLE
