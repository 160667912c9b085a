"""The relay: RTP and RTCP between port pairs, over epoll with connected sockets and one buffer for everything.

`poll` is the hot loop: one event, one `recv_into`, four comparisons, one `send`; no clock, no object, no call of ours.
It serves a leg that is bridged, has learned its source and knows its SSRC. Anything else (first packets, RTCP,
telephone-events, odd headers, legs with a player) goes the slow way below, where every check is spelled out.

A pair of sockets stays in the epoll from call to call, so that a leg costs no system call as long as no sound comes.
Where something comes between two legs, the socket is taken out at once, and emptied and put back when the next leg
opens.

Events are level-triggered and one packet is taken per event: a read that would only find the socket empty costs more
than being told again, and no far end can keep the loop to itself.

Time comes in through `tick`, so that tests move it. Not thread-safe.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from media import rtp
from media.engine import Digit, Lease, LegLost, MediaEvent, Part, Remote, Silent, Spool, Stats, Tune, known_already
from media.leg import Idle, Leg, Port, Ready, Source
from media.pipe import Pipe
from media.playing import Players
from media.ports import Pair, PortPool
from media.recorder import Spools
from media.rooms import Rooms
from media.routes import COMFORT, TRANSCODE

MAX_PACKET_BYTES = 4096
FRAME_S = 0.02
_CHECK_S = 1.0
_LATE_S = 0.5
_MOST_LEFT = 128


class Spare:
    """Stands for a socket without a leg: the first packet that comes takes it out of the epoll."""

    __slots__ = ("_fd", "_mute")
    fast = False

    def __init__(self, fd: int, mute: Callable[[int], None]) -> None:
        self._fd = fd
        self._mute = mute

    def ready(self, mask: int) -> None:
        """Something has come for which there is no leg."""
        self._mute(self._fd)


class Ticking(Protocol):
    """What does something every 20 ms: a room, a player, two legs that are transcoded."""

    def tick(self, now: float, tick: int) -> None:
        """The next 20 ms. `now` is when they are due, `tick` their number; both go up evenly, late or not."""


class Relay:
    """The media legs of one process. `ids` gives the ids of new legs, never the same twice, over restarts too.

    Of `pools` there is one for each address; a lease names the address of its own. Events go to `on_event`. `clock`
    gives the instants of recorded packets, by default that of the last tick; `thread`: recordings are written in one.
    """

    def __init__(
        self,
        pools: Sequence[PortPool],
        ids: Iterator[int],
        on_event: Callable[[MediaEvent], None],
        *,
        index: int = 0,
        max_events: int = 512,
        clock: Callable[[], float] | None = None,
        thread: bool = False,
    ) -> None:
        self.on_event = on_event
        self.legs: dict[int, Leg] = {}
        self.left: dict[int, Pair] = {}
        """Leases of an exchange that is gone. One that it has put into a description may yet be opened by the next."""
        self.leases: dict[int, Lease] = {}
        self.now = 0.0
        self.pools = tuple(pools)
        self._ids = ids
        self._index = index
        self._max_events = max_events
        self._epoll = select.epoll()
        # Port and Ready: only a Port is ever fast, which the type system cannot be told without a call a packet.
        self._table: dict[int, Any] = {}
        self._idle = Idle()
        self._spares: dict[int, Spare] = {}
        self._muted: set[int] = set()
        self._buffer = bytearray(MAX_PACKET_BYTES)
        view = memoryview(self._buffer)
        self._halves = view.cast("H")
        self._words = view.cast("I")
        # A slice for each length, made once: a packet of n bytes is sent as views[n].
        self._views = [view[:size] for size in range(MAX_PACKET_BYTES + 1)]
        self._players = Players(self._tell, self._wire)
        self._ticking: dict[object, Ticking] = {}
        self.ticks = 0
        """The number of the last tick of 20 ms."""
        self._rooms = Rooms()
        self._next_frame = 0.0
        self._next_check = 0.0
        self._spools = Spools(self._tell, clock or self._then, self._tap, thread=thread)

    # --- the loop ---

    def fileno(self) -> int:
        """The epoll's own descriptor, readable when `poll(0)` has work: for another loop to wait on."""
        return self._epoll.fileno()

    def watch(self, fd: int, handler: Ready, mask: int = select.EPOLLIN) -> None:
        """Have `handler.ready` called from `poll` for a descriptor that is not a leg's (the control socket)."""
        self._table[fd] = handler
        self._epoll.register(fd, mask)

    def rewatch(self, fd: int, mask: int) -> None:
        """Change what is waited for on a descriptor given to `watch`."""
        self._epoll.modify(fd, mask)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor given to `watch`, before it is closed."""
        self._epoll.unregister(fd)
        self._table[fd] = self._idle

    def poll(self, timeout: float) -> int:
        """Wait up to `timeout` seconds, then handle what is ready, one packet a socket. Returns how many there were."""
        table, buffer, halves, words, views = self._table, self._buffer, self._halves, self._words, self._views
        ready = self._epoll.poll(timeout, self._max_events)
        for fd, mask in ready:
            port = table[fd]
            if port.fast:
                try:
                    # Taken into a local first: called as a method, a slot's value is looked up the slow way.
                    recv_into, forward = port.recv_into, port.forward
                    size = recv_into(buffer)
                    if words[2] == port.ssrc and halves[0] in port.words and size > 11:
                        port.packets += 1
                        port.octets += size
                        forward(views[size])
                    else:
                        self._packet(port, size, None)
                except OSError:
                    # The socket was read before we came, or an ICMP error of the far end is reported: nothing to relay.
                    continue
            else:
                port.ready(mask)
        return len(ready)

    def tick(self, now: float) -> float:
        """Do what is due at `now` (monotonic seconds). Returns in how many seconds to come back at the latest."""
        self.now = now
        sounding = bool(self._players or self._ticking)
        if now >= self._next_frame:
            behind_s = now - self._next_frame
            if not sounding or behind_s > _LATE_S:
                # Nothing has sounded for a while, or the process was stopped; what was missed is not made up for.
                missed = int(behind_s / FRAME_S)
                self.ticks += missed
                self._next_frame += missed * FRAME_S
            while sounding and now >= self._next_frame:
                due = self._next_frame
                self._next_frame = due + FRAME_S
                self.ticks += 1
                self._players.tick(self.ticks)
                for what in list(self._ticking.values()):
                    what.tick(due, self.ticks)
        if now >= self._next_check:
            self._next_check = now + _CHECK_S
            self._check_silence(now)
        if now >= self._spools.due:
            self._spools.tick(now)
        due = min(self._next_frame, self._next_check) if sounding else self._next_check
        return max(min(due, self._spools.due) - now, 0.0)

    def start_ticking(self, key: object, what: Ticking) -> None:
        """Have `what.tick` called every 20 ms until `stop_ticking(key)`, in the order of the first start."""
        self._ticking[key] = what

    def stop_ticking(self, key: object) -> None:
        """No more of it. Harmless for one that has not been started."""
        self._ticking.pop(key, None)

    # --- leases and commands; unknown legs are reported lost, known ones take any command again without harm ---

    def grant(self, count: int, hurry: bool = False, pool: PortPool | None = None) -> list[Lease]:
        """Up to `count` new leases of a pool, the first one by default; fewer when ports are short. `hurry` shortens
        their rest. Raises OSError if the address cannot be bound."""
        leases: list[Lease] = []
        pool = pool or self.pools[0]
        for _ in range(count):
            try:
                pair = pool.take(self.now, hurry)
            except OSError:
                if leases:
                    break  # whoever asks next hears of it
                raise
            if pair is None:
                break
            if pair.rtp.fileno() not in self._spares:
                self._keep(pair)
            lease = Lease(next(self._ids), self._index, pool.address, pair.port)
            pool.fresh[lease.leg] = pair
            self.leases[lease.leg] = lease
            leases.append(lease)
        return leases

    def open(self, leg_id: int, silence_s: float) -> None:
        """Start the leg of a lease."""
        leg = self.legs.get(leg_id)
        if leg is None:
            pair = self._unopened(leg_id)
            if pair is None:
                self.on_event(LegLost(leg_id))
                return
            leg = Leg(leg_id, pair, self._rtp_ready, self._rtcp_ready)
            self.legs[leg_id] = leg
            for port in (leg.rtp, leg.rtcp):
                fd = port.sock.fileno()
                self._table[fd] = port
                if fd in self._muted:
                    port.drain()
                    self._muted.remove(fd)
                    self._epoll.register(fd, select.EPOLLIN)
        leg.silence_s = silence_s
        leg.quiet_since = self.now

    def reopen(self, lease: Lease, silence_s: float) -> None:
        """Start the leg of a lease that the worker before us had given, at its ports. Raises OSError if they cannot be
        bound."""
        if lease.leg not in self.legs:
            pair = self._claimed(lease)
            if pair is None:
                self.on_event(LegLost(lease.leg))
                return
            if pair.rtp.fileno() not in self._spares:
                self._keep(pair)
            pair.pool.fresh[lease.leg] = pair
            self.leases[lease.leg] = lease
        self.open(lease.leg, silence_s)

    def update(self, leg_id: int, remote: Remote, again: bool = False) -> None:
        """A new description of the far end; `again`: unless it is the one that the leg has."""
        leg = self._leg(leg_id)
        if leg is not None and not (again and known_already(leg.remote, remote)):
            leg.settle()
            leg.point(remote)
            if leg.tap is not None:
                self._spools.update(leg_id, remote)
            if leg.room:
                self._rooms.described(leg)
            self._listen(leg)
            self._wire(leg)

    def bridge(self, first_id: int, second_id: int) -> None:
        """Relay between the two."""
        first, second = self._leg(first_id), self._leg(second_id)
        if first is None or second is None or first is second:
            return
        for leg in (first, second):
            self._listen(leg)
        if first.peer is second:
            return
        self._part(first)
        self._part(second)
        first.peer, second.peer = second, first
        self._wire(first)

    def play(self, leg_id: int, tune: Tune, again: bool = False) -> None:
        """Play a tune (see `MediaEngine.play`) to the leg; `again`: unless it is what it was told to play last."""
        leg = self._leg(leg_id)
        if leg is None or (again and self._players.has(leg, tune)):
            return
        if not tune.over:
            self._part(leg)
            self._listen(leg)
        if tune.sources == ("echo",) and not tune.over:
            self._players.note(leg, tune)
            leg.peer = leg
            leg.wire()
        else:
            self._players.play(leg, tune)

    def stop(self, leg_id: int, over: bool = False) -> None:
        """End the leg's bridge, room, echo and tunes; `over`: the one that plays over alone."""
        leg = self._leg(leg_id)
        if leg is not None:
            self._players.end_over(leg)
            if not over:
                self._part(leg)

    def mix(self, leg_id: int, room: str, part: Part) -> None:
        """See `MediaEngine.mix`."""
        leg = self._leg(leg_id)
        if leg is None:
            return
        if leg.room != room:
            self._part(leg)
            self._listen(leg)
        self._rooms.enter(leg, room, part)
        self._ticking[self._rooms] = self._rooms

    def record(self, leg_id: int, spool: Spool) -> None:
        """See `MediaEngine.record`."""
        leg = self._leg(leg_id)
        if leg is not None:
            self._spools.record(leg_id, spool, leg.remote)

    def pause(self, leg_id: int, path: str) -> None:
        """See `MediaEngine.pause`."""
        self._spools.pause(leg_id, path)

    def end_record(self, leg_id: int, path: str) -> None:
        """See `MediaEngine.end_record`."""
        self._spools.end_record(leg_id, path)

    def send_digits(self, leg_id: int, digits: str) -> None:
        """See `MediaEngine.send_digits`."""
        leg = self._leg(leg_id)
        if leg is not None:
            self._players.dial(leg, digits)

    def close(self, leg_id: int) -> None:
        """Close the leg, or give an unused lease back. Unknown ids are closed already."""
        self.leases.pop(leg_id, None)
        leg = self.legs.pop(leg_id, None)
        if leg is None:
            pair = self._unopened(leg_id)
            if pair is not None:
                pair.pool.give_back_unused(pair)
            return
        self._part(leg)
        if leg.playing is not None:
            self._players.close(leg)
        if leg.tap is not None:
            self._spools.close(leg_id)
        for port in (leg.rtp, leg.rtcp):
            fd = port.sock.fileno()
            self._table[fd] = self._spares[fd]
            port.unlock()
            port.leg = None  # type: ignore[assignment]  # leg and port held each other, and nobody collects cycles here
        leg.pair.pool.give_back(leg.pair, self.now)
        self.on_event(
            Stats(leg_id, leg.packets_in, leg.packets_out, leg.octets_in, leg.octets_out, leg.dropped),
        )

    def leave(self) -> None:
        """Another exchange comes. The leases that the last one used next, the oldest, wait to be opened or closed;
        the others go back, so that there are enough for new calls at once."""
        for leg_id in list(self.left):
            self.close(leg_id)
        for pool in self.pools:
            oldest = list(pool.fresh)[: min(len(pool.fresh) // 4, _MOST_LEFT)]
            self.left.update((leg_id, pool.fresh.pop(leg_id)) for leg_id in oldest)
            for leg_id in list(pool.fresh):
                self.close(leg_id)

    def retell(self) -> None:
        """Tell a new exchange what the old one may have missed: players that have ended, and silence that goes on."""
        for leg in self.legs.values():
            leg.told_silent = False
            self._players.retell(leg)

    def end(self) -> None:
        """Close everything, sockets included."""
        for leg_id in list(self.leases):
            self.close(leg_id)
        self._spools.end()
        self._players.stop()
        for pool in self.pools:
            pool.close()
        self._epoll.close()

    # --- inside ---

    def _tell(self, event: MediaEvent) -> None:
        self.on_event(event)

    def _then(self) -> float:
        return self.now

    def _tap(self, leg_id: int) -> None:
        """Other packets of the leg are to be kept than before."""
        leg = self.legs.get(leg_id)
        if leg is not None:
            leg.tap = self._spools.tap(leg_id)
            leg.wire()

    def _keep(self, pair: Pair) -> None:
        """Have its sockets in the epoll from the first lease on."""
        for fd in (pair.rtp.fileno(), pair.rtcp.fileno()):
            self._table[fd] = self._spares[fd] = Spare(fd, self._mute)
            self._epoll.register(fd, select.EPOLLIN)

    def _mute(self, fd: int) -> None:
        self._epoll.unregister(fd)
        self._muted.add(fd)

    def _claimed(self, lease: Lease) -> Pair | None:
        """The pair of a lease's ports, taken back from whoever was granted them and has not opened them."""
        for pool in self.pools:
            if pool.address == lease.address:
                granted = next((leg for leg, pair in pool.fresh.items() if pair.port == lease.port), None)
                if granted is None:
                    return pool.claim(lease.port)
                del self.leases[granted]
                return pool.fresh.pop(granted)
        return None

    def _unopened(self, leg_id: int) -> Pair | None:
        for pool in self.pools:
            pair = pool.fresh.pop(leg_id, None)
            if pair is not None:
                return pair
        return self.left.pop(leg_id, None)

    def _leg(self, leg_id: int) -> Leg | None:
        leg = self.legs.get(leg_id)
        if leg is None:
            self.on_event(LegLost(leg_id))
        return leg

    def _listen(self, leg: Leg) -> None:
        """Start the watch for silence anew."""
        leg.quiet_since = self.now
        leg.told_silent = False

    def _part(self, leg: Leg) -> None:
        """Take the leg out of its bridge, echo, room or player."""
        if leg.peer is None and leg.playing is None and not leg.room:
            return
        leg.settle()
        self._rooms.leave(leg)
        if not self._rooms:
            self._ticking.pop(self._rooms, None)
        peer = leg.peer
        self._players.end(leg)
        self._take_up(leg)
        if peer is not None and peer is not leg:
            self._take_up(peer)
            peer.settle()
            peer.peer = None
            peer.wire()
        leg.peer = None
        leg.wire()

    def _wire(self, leg: Leg) -> None:
        leg.wire()
        if leg.peer is not None and leg.peer is not leg:
            leg.peer.wire()

    def _rtp_ready(self, port: Port) -> None:
        try:
            size, source = port.sock.recvfrom_into(self._buffer)
        except OSError:
            return
        self._received(port, size, source)

    def _received(self, port: Port, size: int, source: Source) -> None:
        """A packet from a socket that looks at each itself: SRTP is deciphered first of all, and rubbish ends here."""
        shield = port.leg.shield
        if shield is not None:
            data = bytes(self._views[size])
            report = size > 1 and 192 <= data[1] <= 223
            plain = shield.open_report(data) if report else shield.open(data)
            if plain is None:
                port.leg.dropped += 1
                return
            size = len(plain)
            self._buffer[:size] = plain
        self._packet(port, size, source)

    def _packet(self, port: Port, size: int, source: Source | None) -> None:
        """A packet on an RTP port that the loop did not relay by itself; `source` None: from the learned one."""
        leg, buffer = port.leg, self._buffer
        what = rtp.kind(buffer, size)
        if what == rtp.RTCP:
            # A far end that multiplexes without having been asked to (RFC 5761): as if it had come to the RTCP port.
            if port.locked is not None and (source is None or source == port.locked):
                self._control(leg, size)
            else:
                leg.dropped += 1
            return
        remote, number = leg.remote, buffer[1] & 0x7F
        if what == rtp.BAD or remote is None or number not in remote.payloads:
            leg.dropped += 1
            return
        learned = False
        if port.locked is None:
            if source is None or not leg.learn(port, source):
                leg.dropped += 1
                return
            learned = True
        elif source is not None and source != port.locked:
            leg.dropped += 1
            return
        known = port.ssrc
        if not port.believe(self._words[2], rtp.sequence(buffer)):
            leg.dropped += 1
            return
        if learned or known == -1:
            self._wire(leg)
        leg.heard += 1
        leg.packets_in += 1
        leg.octets_in += size
        event = number in leg.events
        if event:
            if leg.digits is None:
                leg.digits = rtp.DigitReader()
            for digit, duration_ms in leg.digits.read(buffer, size):
                self.on_event(Digit(leg.id, digit, duration_ms))
                peer = leg.peer
                # Of one that has not been described `numbers` says nothing: they are of an earlier bridge.
                if peer is not None and peer.remote is not None and number not in leg.numbers:
                    self._players.dial(peer, digit)  # which takes no events: as tones
        if leg.tap is not None and not event:
            leg.tap.keep(self._views[size])
        peer = leg.peer
        if peer is None:
            if leg.ear is not None and not event:
                leg.ear.take(buffer, size, self.now)
        elif port.forward is not None:
            self._onward(leg, peer, number, event, size)
        if learned:
            self._drain_others(port)

    def _onward(self, leg: Leg, peer: Leg, number: int, event: bool, size: int) -> None:
        """A packet to the other leg of the bridge: as bytes if that takes it, else through samples."""
        to, buffer, pipe = leg.numbers.get(number), self._buffer, leg.pipe
        if to is None:
            leg.dropped += 1
            return
        if event and pipe is not None:
            pipe.event(buffer, size, to, self.ticks)
            return
        if to == TRANSCODE or (to == COMFORT and pipe is not None):
            if pipe is None:
                leg.pipe = pipe = Pipe(leg, peer)
                self.start_ticking(pipe, pipe)
            if leg.ear is not None:
                leg.ear.take(buffer, size, self.now)
            return
        if to == COMFORT:
            return
        if pipe is not None and not event:
            self._take_up(leg)
        if to != number:
            buffer[1] = buffer[1] & 0x80 | to
        forward = leg.rtp.forward if leg.tap is None else leg.tap.onward
        if forward is None:
            return
        try:
            forward(self._views[size])
        except OSError:
            peer.dropped += 1
        else:
            peer.packets_out += 1
            peer.octets_out += size

    def _take_up(self, leg: Leg) -> None:
        """What comes from the leg is transcoded no more."""
        if leg.pipe is not None:
            self.stop_ticking(leg.pipe)
            leg.pipe = None
            leg.deafen()

    def _drain_others(self, port: Port) -> None:
        """Take what other sources sent before the socket was connected: the kernel leaves it in the queue."""
        for _ in range(1024):
            try:
                size, source = port.sock.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                continue
            self._received(port, size, source)

    def _rtcp_ready(self, port: Port) -> None:
        leg = port.leg
        try:
            size, source = port.sock.recvfrom_into(self._buffer)
        except OSError:
            return
        if leg.shield is not None:
            plain = leg.shield.open_report(bytes(self._views[size]))
            size = len(plain) if plain is not None else 0
            self._buffer[:size] = plain or b""
        if rtp.kind(self._buffer, size) != rtp.RTCP or leg.remote is None:
            leg.dropped += 1
            return
        if port.locked is None:
            if not leg.learn(port, source):
                leg.dropped += 1
                return
            self._wire(leg)
        elif source != port.locked:
            leg.dropped += 1
            return
        self._control(leg, size)

    def _control(self, leg: Leg, size: int) -> None:
        leg.heard += 1
        peer = leg.peer
        if leg.pipe is not None or (peer is not None and peer.pipe is not None):
            return  # what it reports is of a stream that the other side does not know
        if leg.rtcp.forward is not None:
            try:
                leg.rtcp.forward(self._views[size])
            except OSError:
                return

    def _check_silence(self, now: float) -> None:
        for leg in self.legs.values():
            total = leg.heard + leg.rtp.packets + leg.packets_in
            if total != leg.seen:
                leg.seen = total
                leg.quiet_since = now
                leg.told_silent = False
            elif not leg.told_silent and leg.watched() and now - leg.quiet_since >= leg.silence_s:
                leg.told_silent = True
                self.on_event(Silent(leg.id, now - leg.quiet_since))
