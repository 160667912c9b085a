"""Which forwards a call has behind it, as Diversion (RFC 5806) and History-Info (RFC 7044, and RFC 4244 before it) say.

Both tell the same: who sent the call on, why, and how often. `Forward` is one of them, `forwards_of` reads them out of
a request, `diversion` and `history_info` write them. The latest forward comes first, as in Diversion. Causes and
reasons are matched as RFC 7544 does. What comes is bounded: `MOST` forwards are kept, the oldest last, and
names and reasons are short.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import msgspec

from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import NameAddr, find_param, is_token, quote
from switch.sip.message import Request
from switch.sip.uri import Uri, unescape

HEADERS = frozenset(("diversion", "history-info"))
"""Header keys."""
MOST = 8
MOST_ENTRIES = 32
MAX_COUNT = 99
MAX_NAME = 64
UNKNOWN = "unknown"

_CAUSES = {
    "302": "unconditional",
    "408": "no-answer",
    "480": "deflection",
    "486": "user-busy",
    "487": "deflection",
    "503": "unavailable",
    "404": UNKNOWN,
}
_STATUS = {
    "unconditional": 302,
    "no-answer": 408,
    "deflection": 480,
    "time-of-day": 480,
    "user-busy": 486,
    "unavailable": 503,
}
_OPEN = frozenset(("", "off", "none"))


class Forward(msgspec.Struct, frozen=True, gc=False):
    """One forward: `uri` is whom the call was for. `reason` is a word of RFC 5806; `count`: it stands for so many.
    `private`: who forwarded is not to be shown."""

    uri: str
    name: str = ""
    reason: str = UNKNOWN
    count: int = 1
    private: bool = False


def forwards_of(request: Request) -> tuple[Forward, ...]:
    """The forwards that the request tells of, the latest first. Diversion where there is one, else History-Info, as
    who sends both means the same. What cannot be read is passed over."""
    try:
        diversions = request.values("Diversion")
        found = [_diversion(each) for each in diversions[:MOST_ENTRIES]] if diversions else _history(request)
    except RemoteProtocolError:
        return ()
    known = [each for each in found if each is not None]
    if len(known) > MOST:
        # The last and the first are those that matter; those between are told by their number.
        between = sum(each.count for each in known[MOST - 2 : -1])
        known = [*known[: MOST - 2], msgspec.structs.replace(known[MOST - 2], count=between), known[-1]]
    return tuple(known)


def count(forwards: Sequence[Forward]) -> int:
    """How often the call was forwarded."""
    return sum(each.count for each in forwards)


def _diversion(value: str) -> Forward | None:
    try:
        address = NameAddr.parse(value)
        Uri.parse(address.uri)
    except RemoteProtocolError:
        return None
    reason = (address.param("reason") or UNKNOWN).lower()
    digits = address.param("counter") or "1"
    times = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 1
    private = (address.param("privacy") or "").lower() not in _OPEN
    reason = reason if is_token(reason) and len(reason) <= MAX_NAME else UNKNOWN
    return Forward(address.uri, address.display[:MAX_NAME], reason, min(max(times, 1), MAX_COUNT), private)


class _Entry(msgspec.Struct):
    """One entry of History-Info. `cause` says why the call came to it, `refused` how it left it; `parent` from whom it
    came where that is written, `new`: by the words of RFC 7044."""

    uri: str
    name: str
    index: str
    parent: str
    new: bool
    cause: str
    refused: str
    private: bool


def _history(request: Request) -> list[Forward | None]:
    entries = [found for each in request.values("History-Info")[:MOST_ENTRIES] if (found := _entry(each)) is not None]
    by_index = {each.index: each for each in entries}
    new = any(each.new for each in entries)
    left: dict[str, tuple[str, int]] = {}
    for at, entry in enumerate(entries[1:], 1):
        above = entry.index.rpartition(".")[0]
        # Who was called before: `mp` names it (RFC 7044 section 5), else the entry above in the tree, else the last.
        parent = by_index.get(entry.parent) or by_index.get(above) or entries[at - 1]
        cause = entry.cause
        if not cause and entry.parent:
            cause = next(
                (each.refused for each in reversed(entries[:at]) if each.refused and _within(each, parent)), ""
            )
        elif not cause and not new:
            parent = entries[at - 1]
            cause = parent.refused
        if cause:
            left[parent.index] = cause, _steps(parent.index, entry.index, by_index)
    everybody = "history" in (request.header("Privacy") or "").lower()
    return [
        Forward(
            each.uri,
            each.name,
            _CAUSES.get(left[each.index][0], UNKNOWN),
            left[each.index][1],
            each.private or everybody,
        )
        for each in reversed(entries)
        if each.index in left
    ]


def _within(each: _Entry, parent: _Entry) -> bool:
    return each is parent or each.index.startswith(parent.index + ".")


def _steps(before: str, index: str, known: Container[str]) -> int:
    """How many forwards lie between two entries: those of a gap in the tree are not told (RFC 7544)."""
    steps = 1
    above = index.rpartition(".")[0]
    while above.startswith(before + ".") and above not in known:
        steps += 1
        above = above.rpartition(".")[0]
    return steps if above == before else 1


def _entry(value: str) -> _Entry | None:
    """An entry. The URI's own headers, `?Reason=…&Privacy=history`, belong to the entry and not to the address."""
    try:
        address = NameAddr.parse(value)
        uri = Uri.parse(address.uri)
    except RemoteProtocolError:
        return None
    headers = {}
    for part in (uri.headers or "").split("&"):
        name, _, text = part.partition("=")
        headers[name.lower()] = unescape(text).lower()
    cause = uri.param("cause") or ""
    mapped = address.param("mp")
    return _Entry(
        uri=address.uri.partition("?")[0],
        name=address.display[:MAX_NAME],
        index=(address.param("index") or "")[:MAX_NAME],
        parent=mapped or "",
        new=mapped is not None or address.param("rc") is not None or address.param("np") is not None,
        cause=cause if cause in _CAUSES else "",
        refused=_reason_cause(headers.get("reason", "")),
        private="history" in headers.get("privacy", ""),
    )


def _reason_cause(text: str) -> str:
    protocol, _, params = text.partition(";")
    if protocol.strip() != "sip":
        return ""
    found = [part.partition("=")[2].strip() for part in params.split(";") if part.strip().startswith("cause=")]
    return found[0] if found and found[0] in _CAUSES else ""


# Writing


def diversion(forwards: Sequence[Forward]) -> list[str]:
    """Diversion header lines, one for each forward."""
    return [
        f"Diversion: {_shown(each, each.uri)};reason={each.reason};counter={each.count}"
        f";privacy={'full' if each.private else 'off'}"
        for each in forwards
    ]


def history_info(forwards: Sequence[Forward], target: str) -> list[str]:
    """History-Info header lines: whom the call was for at first, and on through every forward to `target`, which is the
    Request-URI of the INVITE. Forwards that are known by number only leave a gap in the tree (RFC 7544)."""
    lines, index, cause, came = [], "1", "", ""
    for each in reversed(forwards):
        lines.append(_history_line(each, index, cause, came))
        came = index
        # Each forward is one step down; a count above 1 is that many steps of which we know no more.
        index += ".1" * each.count
        cause = str(_STATUS.get(each.reason, 404))
    lines.append(_history_line(Forward(target), index, cause, came))
    return lines


def _history_line(each: Forward, index: str, cause: str, came: str) -> str:
    uri = f"{each.uri};cause={cause}" if cause and find_param(Uri.parse(each.uri).params, "cause") is None else each.uri
    uri += "?Privacy=history" if each.private else ""
    mapped = f";mp={came}" if came else ""
    return f"History-Info: {_shown(each, uri)};index={index}{mapped}"


def _shown(each: Forward, uri: str) -> str:
    return f"{quote(each.name)} <{uri}>" if each.name else f"<{uri}>"
