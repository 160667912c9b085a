"""The flight recorder: the last SIP messages, kept in memory within bounds, and the ladder drawn from them.

`Tracer.add` stands on the hot path of every message, so it only appends a tuple: nothing is parsed, copied or redacted
before somebody asks for a call.
"""

from __future__ import annotations

import datetime
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from switch import redact
from switch.sip.uri import hostport
from switch.views import MessageView


class Path(Protocol):
    """What the tracer needs of a flow: switch.sip.flow.Flow has it."""

    @property
    def transport(self) -> str: ...
    @property
    def local(self) -> tuple[str, int]: ...
    @property
    def remote(self) -> tuple[str, int]: ...


Ours = Callable[[Any], tuple[str, int]]
"""The address by which we are known on a flow."""


class Traced(NamedTuple):
    """One message as it went over the wire. `at` is in Unix seconds; `call_id` the SIP Call-ID if it was known."""

    call_id: str | None
    incoming: bool
    flow: Path
    data: bytes
    at: float


class _Ring:
    """The latest messages, at most so many of so many bytes."""

    __slots__ = ("bytes", "entries", "max_bytes", "max_messages")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.entries: deque[tuple[str | None, bool, Path, bytes, float]] = deque()
        self.bytes = 0
        self.max_messages = max_messages
        self.max_bytes = max_bytes


class Tracer:
    """The messages of calls: at most `max_messages` and `max_bytes`, whichever is reached first; 0 messages switches it
    off. What telephones say without anybody calling, REGISTER and OPTIONS, comes without end and has a smaller ring of
    its own, an eighth of each, so that it pushes no call out."""

    __slots__ = ("_calls", "_idle", "forgotten")

    def __init__(self, max_messages: int = 50_000, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._calls = _Ring(max_messages, max_bytes)
        self._idle = _Ring(max_messages // 8, max_bytes // 8)
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._calls.entries) + len(self._idle.entries)

    def add(self, call_id: str | None, incoming: bool, flow: Path, data: bytes, at: float) -> None:
        """Remember one message. `call_id` may be None: it is then read from the message when somebody asks."""
        ring = self._idle if _is_idle(data) else self._calls
        entries = ring.entries
        entries.append((call_id, incoming, flow, data, at))
        size = ring.bytes + len(data)
        while size > ring.max_bytes or len(entries) > ring.max_messages:
            size -= len(entries.popleft()[3])
            self.forgotten += 1
        ring.bytes = size

    def find(self, call_ids: Collection[str]) -> list[Traced]:
        """Every message of these SIP Call-IDs (all legs of a call), oldest first. Walks both rings."""
        wanted = frozenset(call_ids)
        found = [
            Traced(*entry)
            for ring in (self._calls, self._idle)
            for entry in ring.entries
            if (entry[0] or sip_call_id(entry[3])) in wanted
        ]
        return sorted(found, key=lambda traced: traced.at)

    def registrations(self, user: str) -> set[str]:
        """The SIP Call-IDs of the REGISTERs of this name that are remembered: as authentication name, or as the user
        of the address that it wants to be reached by. Whether they were accepted or not."""
        name = user.encode("utf-8", "surrogateescape")
        marks = (b'username="%b"' % name, b":%b@" % name)
        return {
            call_id
            for known, incoming, _, data, _ in self._idle.entries
            if incoming and data.startswith(b"REGISTER ") and any(mark in data for mark in marks)
            if (call_id := known or sip_call_id(data))
        }

    def views(self, names: Mapping[str, str], ours: Ours | None = None) -> tuple[MessageView, ...]:
        """The same, redacted and ready for the control socket. `names`: by SIP Call-ID, who is at the other end."""
        found = self.find(names)
        return tuple(view(each, ours, names.get(each.call_id or sip_call_id(each.data) or "", "")) for each in found)


_IDLE = (b"REGISTER ", b"OPTIONS ")
_ANSWERED = (b"REGISTER\r", b"OPTIONS\r")
_IDLE_CSEQ = re.compile(rb"\nCSeq[ \t]*:[ \t]*[0-9]+[ \t]+(?:REGISTER|OPTIONS)[ \t]*\r", re.IGNORECASE)


def _is_idle(data: bytes) -> bool:
    """Whether a message is a REGISTER or OPTIONS, or answers one."""
    if data[:7] != b"SIP/2.0":
        return data.startswith(_IDLE)
    # As nearly everybody writes it; the longer search is for the others.
    _, usual, rest = data.partition(b"\nCSeq: ")
    if usual:
        return rest.partition(b" ")[2].startswith(_ANSWERED)
    return _IDLE_CSEQ.search(data) is not None


_CALL_ID = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def sip_call_id(data: bytes) -> str | None:
    """The Call-ID of raw bytes, good enough to find a message by; None when there is none."""
    found = _CALL_ID.search(data)
    return found[1].rstrip().decode("utf-8", "surrogateescape") if found else None


def view(traced: Traced, ours: Ours | None = None, who: str = "") -> MessageView:
    """One message for a person: text instead of bytes, secrets out. `ours` says what others call us on a flow, as a
    socket that listens everywhere has no address of its own."""
    flow = traced.flow
    return MessageView(
        at=datetime.datetime.fromtimestamp(traced.at, datetime.UTC),
        incoming=traced.incoming,
        transport=flow.transport,
        local=hostport(*(ours(flow) if ours is not None else flow.local)),
        remote=hostport(*flow.remote),
        text=redact.sip(traced.data.decode("utf-8", "replace")),
        who=who,
    )


# -- the ladder ------------------------------------------------------------------------------------------------------

US = "Ringplan"
TIME_WIDTH = 9
MIN_LANE = 18


class Rung(NamedTuple):
    """One line of a ladder: when, from which lane to which, and what."""

    offset_s: float
    source: int
    target: int
    label: str
    resent: bool


class Ladder(NamedTuple):
    """Lanes from left to right (the peers and ourselves), and the messages between them."""

    lanes: tuple[str, ...]
    rungs: tuple[Rung, ...]


def ladder(messages: Sequence[MessageView]) -> Ladder:
    """Who sent what to whom: the first peer to the left, then ourselves, then everybody else as they appear."""
    peers = list(dict.fromkeys((message.who, message.remote) for message in messages))
    known = [who for who, _ in peers]
    names = [_lane(who, remote, known.count(who)) for who, remote in peers]
    lanes = (*names[:1], US, *names[1:])
    us = min(1, len(peers))
    lane_of = {peer: index + (index >= us) for index, peer in enumerate(peers)}
    seen: set[tuple[str, str, bool, str]] = set()
    rungs = []
    for message in messages:
        peer = lane_of[message.who, message.remote]
        key = (message.who, message.remote, message.incoming, message.text)
        source, target = (peer, us) if message.incoming else (us, peer)
        offset = (message.at - messages[0].at).total_seconds()
        rungs.append(Rung(offset, source, target, label(message.text), key in seen))
        seen.add(key)
    return Ladder(lanes, tuple(rungs))


def _lane(who: str, remote: str, times: int) -> str:
    """By name where there is one; with the address besides where several have it."""
    return remote if not who else who if times == 1 else f"{who} {remote}"


def label(text: str) -> str:
    """`INVITE +SDP`, `180 Ringing`, `200 OK · BYE`: a first line short enough for an arrow. Answers without a method
    answer INVITE."""
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    if first.startswith("SIP/2.0 "):
        cseq = next((line for line in lines if line[:5].lower() == "cseq:"), "")
        method = cseq.split()[-1] if cseq else "?"
        status = first[8:].strip()
        short = status if method == "INVITE" else f"{status} · {method}"
    else:
        short = first.split(" ", 1)[0]
    return short + (" +SDP" if body.startswith("v=") else "")


def draw(drawn: Ladder, width: int) -> list[str]:
    """The ladder as lines of at most `width` columns, where the lanes fit; a plain list of arrows where they do not."""
    count = len(drawn.lanes)
    lane = min(34, (width - TIME_WIDTH) // count) if count else 0
    if lane < MIN_LANE:
        return _draw_list(drawn, width)
    centres = [TIME_WIDTH + lane * index + lane // 2 for index in range(count)]
    title = " " * TIME_WIDTH + "".join(_shorten(name, lane - 1).center(lane) for name in drawn.lanes)
    lines = [title.rstrip()]
    for rung in drawn.rungs:
        cells = list(" " * (TIME_WIDTH + lane * count))
        for centre in centres:
            cells[centre] = "│"
        left, right = sorted((centres[rung.source], centres[rung.target]))
        room = right - left - 1
        text = rung.label + (" ↻" if rung.resent else "")
        text = f" {_shorten(text, room - 4)} ".center(room, "─")
        text = text[:-1] + "▶" if rung.source < rung.target else "◀" + text[1:]
        cells[left + 1 : right] = text
        stamp = f"{rung.offset_s:8.3f}"
        lines.append((stamp + "".join(cells)[len(stamp) :]).rstrip())
    return lines


def _draw_list(drawn: Ladder, width: int) -> list[str]:
    us = drawn.lanes.index(US)
    lines = []
    for rung in drawn.rungs:
        incoming = rung.target == us
        peer = drawn.lanes[rung.source if incoming else rung.target]
        text = (
            f"{rung.offset_s:8.3f} {peer:>21} {'──▶' if incoming else '◀──'} {rung.label}{' ↻' if rung.resent else ''}"
        )
        lines.append(_shorten(text, width))
    return lines


def _shorten(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
