"""Calls on hold, and calls for help: whether anybody is there still.

Who holds a call sends no sound, so silence says nothing there, and calls for help are not ended by it; and where both
telephones have lost their power, nobody hangs up. A leg that has a session timer (RFC 4028) is seen to end by that. The
others are asked by OPTIONS in their dialog (RFC 3261 section 11, RFC 5057) every quarter of an hour:

    any answer                        ->  it lives
    481                               ->  the dialog is gone: the call ends
    silence of every leg of a call    ->  the call ends; one that lives will hang up by itself

Of a call for help, 481 is no more than silence: a carrier that only knows no such question must not end it.

Nothing here has to outlive a crash, and all other calls cost nothing but a look.
"""

from __future__ import annotations

from collections.abc import Iterable

from switch.calls.call import Call
from switch.calls.leg import Leg
from switch.sip.leg_events import Lost
from switch.sip.message import Response
from switch.sip.transaction import ClientTransaction

EVERY_S = 900.0
GONE = 481


class Watch:
    """The legs of all such calls, by their tag."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        """When the leg was asked last, or seen first."""
        self._silent: set[str] = set()
        """Those that did not answer."""

    def look(self, calls: Iterable[Call], now: float) -> None:
        """To be called every few seconds."""
        since: dict[str, float] = {}
        for call in calls:
            if call.state.answered_at is None:
                continue
            if not call.for_help and not any(leg.sound.held for leg in call.legs.values()):
                continue
            for leg in call.legs.values():
                tag = leg.tag
                since[tag] = self._since.get(tag, now)
                if now - since[tag] >= EVERY_S and _may_ask(leg):
                    since[tag] = now
                    self._silent.discard(tag)
                    self._ask(leg, now)
        self._since = since
        self._silent &= since.keys()

    def silent(self, leg: Leg, now: float) -> None:
        """A leg did not answer."""
        self._silent.add(leg.tag)
        if all(each.tag in self._silent for each in leg.call.legs.values()):
            leg.heard(Lost(408), now)

    def _ask(self, leg: Leg, now: float) -> None:
        leg.reach(now)
        usage = leg.usage
        dialog = usage.dialog
        lines = [*dialog.lines("OPTIONS", dialog.next_cseq()), "Accept: application/sdp"]
        usage.endpoint.request(usage.flow, "OPTIONS", dialog.request_uri(), lines, b"", now, Asked(self, leg))
        # The number has to outlive a crash: the far end would refuse a lower one.
        leg.record_move()


class Asked:
    """One question, as the owner of its transaction."""

    __slots__ = ("_leg", "_watch")

    def __init__(self, watch: Watch, leg: Leg) -> None:
        self._watch = watch
        self._leg = leg

    def on_response(self, txn: ClientTransaction, response: Response, now: float) -> None:
        """An answer: whatever it says, but 481, somebody is there."""
        if response.status == GONE and self._asks_still():
            if self._leg.call.for_help:
                self._watch.silent(self._leg, now)
            else:
                self._leg.heard(Lost(GONE), now)

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> None:
        """No answer, or no connection."""
        if self._asks_still():
            self._watch.silent(self._leg, now)

    def _asks_still(self) -> bool:
        leg = self._leg
        return leg.call.legs.get(leg.index) is leg


def _may_ask(leg: Leg) -> bool:
    usage = leg.usage
    return usage.session is None and usage.confirmed and not usage.offer_pending and not usage.needs_ack
