"""When more comes in than can be done: what goes on is served, what would begin is refused at little cost.

Packets that are not read yet wait in the kernel, in their order. How long the oldest one has waited is the measure of
overload (RFC 6357 speaks of queueing delay), since that is what callers feel: as long as it stays under T1 nobody sends
anything twice. Over `BEGIN_S` new calls are refused until it is under `END_S` again; that swings within fractions of a
second, so that the processor is never idle while calls are turned away. For people an overload lasts until nothing was
refused for `EPISODE_S`.

Nothing of this is measured, nor a packet looked at, until a socket could not be drained at one go (`full`). A pause
alone, such as a restart, is no overload: what waited is served when it is not too much for one turn. Streams keep what
is not read with their senders, where nobody can measure it; for them it is the loop's lateness that counts (`lags`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from switch.net.recent import Recent
from switch.sip import glance
from switch.sip.flow import Flow

BEGIN_S = 0.2
END_S = 0.1
STALE_S = 32.0
"""64*T1: whoever sent a request so long ago has given up (RFC 3261 timers B and F)."""
EPISODE_S = 5.0
RETRY_LEAST_S = 2
RETRY_SPREAD_S = 6
REMEMBERED = 8192
"""Refused requests of which copies are recognised."""

SERVE = None
"""The verdict on a packet that is to be read; else it is the answer and its way, or DROP."""
DROP = (b"", None)
Verdict = tuple[bytes, Flow | None] | None


class Overload:
    """The state of the queue, and a verdict on each packet while it is too long.

    `knows` tells whether telephones are registered at a host, `urgent` whether the number that an INVITE dials is an
    emergency number, `is_copy` whether a transaction has that packet already; `tell(event, **fields)` gets a line when
    an overload begins and ends. All are asked in overload alone.
    """

    __slots__ = (
        "_answered", "_backed_up", "_begun_at", "_late", "_refused_before", "_refusing_at", "_waits", "begin_s",
        "dropped", "end_s", "episodes", "is_copy", "knows", "refused", "refusing", "tell", "urgent", "waited_s",
        "watching",
    )  # fmt: skip

    def __init__(self) -> None:
        self.begin_s, self.end_s = BEGIN_S, END_S
        self.watching = True
        """Whether sockets are to say how long packets have waited. At the start some may have for very long."""
        self.refusing = False
        self.waited_s = 0.0
        """How long the packet that was read last had waited, when somebody last looked."""
        self.refused = 0
        """Requests answered 503."""
        self.dropped = 0
        """Copies of those, ACKs for them, and requests whose senders have given up."""
        self.episodes = 0
        self.knows: Callable[[str, float], bool] = lambda host, now: False
        self.urgent: Callable[[str], bool] = lambda dialled: False
        self.is_copy: Callable[[bytes, Flow], bool] = lambda data, flow: False
        self.tell: Callable[..., object] = lambda event, **fields: None
        self._backed_up = self._late = False
        self._waits: dict[Hashable, float] = {}
        self._answered: Recent[int, float] = Recent(REMEMBERED)
        self._begun_at: float | None = None
        self._refusing_at = 0.0
        self._refused_before = 0

    def full(self) -> None:
        """A socket had more than is read at one go."""
        self.watching = self._backed_up = True

    def lags(self, late_s: float, now: float) -> None:
        """The loop was so late. Once is a hiccup, twice in a row there is too much to do."""
        before, self._late = self._late, late_s > self.begin_s
        if self._late and before:
            self._backed_up = True
            self.waits("loop", late_s, now)
        elif "loop" in self._waits:
            self.waits("loop", 0.0, now)

    def waits(self, queue: Hashable, waited_s: float, now: float) -> None:
        """A packet was read from `queue` that had waited so long; 0 when the queue is empty."""
        waits = self._waits
        if waited_s > self.end_s:
            waits[queue] = waited_s
        else:
            waits.pop(queue, None)
        longest = max(waits.values(), default=0.0)
        self.waited_s = waited_s
        if self.refusing:
            self.refusing = bool(waits)
            self._refusing_at = now
        elif longest > self.begin_s and self._backed_up:
            self.refusing = True
            self._refusing_at = now
            if self._begun_at is None:
                self._begun_at = now
                self._refused_before = self.refused
                self.episodes += 1
                self.tell("overload begins: new calls are refused", waited_ms=round(longest * 1000))

    def drained(self, queue: Hashable, now: float) -> None:
        """`queue` is empty."""
        self.waits(queue, 0.0, now)
        if not self._waits:
            self.watching = self._backed_up = False

    def verdict(self, data: bytes, flow: Flow, now: float, waited_s: float = 0.0) -> Verdict:
        """What to do with a packet, to be asked while `refusing` and of what has waited for longer than STALE_S:
        SERVE, DROP, or an answer and its way."""
        kind = glance.glance(data)
        if kind == "response":
            return SERVE
        if kind == "following":
            return self._drop() if glance.acknowledges_refusal(data) else SERVE
        if waited_s > STALE_S:
            return self._drop()
        if kind == "invite":
            # A copy of what is being served already must not be refused as if it were another call.
            if self.urgent(glance.dialled(data)) or self.is_copy(data, flow):
                return SERVE
        elif self.knows(flow.remote[0], now):
            return SERVE
        key = hash((data, flow))
        at = self._answered.get(key)
        if at is not None and now - waited_s <= at:
            return self._drop()  # sent before its first copy's answer can have arrived
        answer = glance.refusal(data, flow, RETRY_LEAST_S, RETRY_SPREAD_S)
        if answer is None:
            return self._drop()
        self._answered.put(key, now)
        self.refused += 1
        return answer

    def _drop(self) -> Verdict:
        self.dropped += 1
        return DROP

    def sweep(self, now: float) -> None:
        """To be called every few seconds: an overload ends when nothing was refused for a while."""
        if self._begun_at is not None and not self.refusing and now - self._refusing_at >= EPISODE_S:
            refused = self.refused - self._refused_before
            self.tell("overload is over", lasted_s=round(self._refusing_at - self._begun_at, 1), refused=refused)
            self._begun_at = None
            self._answered.clear()

    def lasts_s(self, now: float) -> float | None:
        """For how long there has been an overload; None when there is none."""
        return None if self._begun_at is None else now - self._begun_at
