"""Messages to a next hop that a carrier named instead of giving its address (RFC 3263 for requests within a dialog).

A flow with a `hop` says: to whom that name belongs, else to where we hear the dialog from. The name is looked up when
the first message goes there, which waits for the answer, but not for long; what is known needs no waiting. Of several
addresses the one that we hear from already is taken, then the best one that is no nearer to us than the far end itself
is (`as_near`): a name is no way into a network that a number would not lead into. When nothing is found the message
goes where the dialog's messages come from, so that no call is lost for want of a name server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from switch.net.guard import Recent
from switch.net.targets import Target, Wish
from switch.sip.flow import Flow
from switch.sip.next_hop import as_near

WAITING = 1000
"""Flows whose name is being looked up at once; a message beyond that goes where we hear the dialog from."""
EACH = 8
REMEMBERED = 4096

Known = Callable[[Wish], Sequence[Target] | None]
"""The targets as known now, best first; empty when there are none, None when that has to be asked."""
Ask = Callable[[Wish, Callable[[Sequence[Target]], None]], None]
"""Look a name up and call back, once and soon, with what was found."""


class Hops:
    """Sends along flows with a hop. `flow_to(transport, address, port, local)` makes ways, `send` takes a message."""

    def __init__(
        self,
        known: Known,
        ask: Ask,
        flow_to: Callable[..., Flow | None],
        send: Callable[[Flow, bytes], None],
    ) -> None:
        self._known = known
        self._ask = ask
        self._flow_to = flow_to
        self._send = send
        self._waiting: dict[Flow, list[bytes]] = {}
        self._led: Recent[Flow, tuple[Flow, ...]] = Recent(REMEMBERED)
        """By the way that was taken: the flows that it stands for."""

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a message, now or when the name is known."""
        waiting = self._waiting.get(flow)
        if waiting is not None:
            if data not in waiting and len(waiting) < EACH:
                waiting.append(data)
            return
        wish = wish_of(flow)
        targets = self._known(wish)
        if targets is None and len(self._waiting) < WAITING:
            self._waiting[flow] = [data]
            self._ask(wish, lambda found: self._found(flow, found))
            return
        self._send(self._way(flow, targets or ()), data)

    def lost(self, flow: Flow) -> tuple[Flow, ...]:
        """The flows that are lost when this one is."""
        return self._led.get(flow) or ()

    def _found(self, flow: Flow, targets: Sequence[Target]) -> None:
        waiting = self._waiting.pop(flow, ())
        way = self._way(flow, targets)
        for data in waiting:
            self._send(way, data)

    def _way(self, flow: Flow, targets: Sequence[Target]) -> Flow:
        way = self._best(flow, targets) or Flow(flow.transport, flow.local, flow.remote, flow.connection)
        known = self._led.get(way) or ()
        if flow not in known:
            # Of many dialogs over one way the last ones hear of its loss; the others have their timers.
            self._led.put(way, (*known[-63:], flow))
        return way

    def _best(self, flow: Flow, targets: Sequence[Target]) -> Flow | None:
        host = flow.remote[0]
        near = [each for each in targets if each.transport == flow.transport and as_near(each.address, host)]
        for target in sorted(near, key=lambda each: each.address != host):
            if target.address == host and (flow.reliable or target.port == flow.remote[1]):
                return None
            way = self._flow_to(target.transport, target.address, target.port, flow.local)
            if way is not None:
                return way
        return None


def wish_of(flow: Flow) -> Wish:
    """Whom a flow's hop names."""
    host, _, port = flow.hop.partition(":")
    return Wish(host, int(port or 0), flow.transport)
