"""Long runs of one thing in every place of a message: reading it must take time linear to its length.

A pattern that goes through the same octets once for each of them takes seconds for one datagram of 30,000: enough
for a stranger to stop an exchange with a few packets a second.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator

from switch.clock import VirtualClock
from switch.net.overload import Overload
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.framing import StreamFramer
from switch.sip.parser import MAX_LINE
from tests.fuzz.fuzzer import TRIES
from tests.fuzz.live import House
from tests.support.exchange import HERE
from tests.support.network import Network

LENGTH = MAX_LINE - 400
RUNS = (
    " ", "\t", "a", ";", "; ", ";a", ";a=", ";a=b", ",", ", ", "a,", "a=", 'a="', '"', "\\", '\\"', "<", ">", "<>", "(",
    ":", "::", "1", "1.", "%", "%20", "@", "a@", "-", "=", "\r\n ", "\r\n\t", "\0", "\r", "sip:", "<sip:a@b>,",
)  # fmt: skip
BEFORE = {
    "Via": "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKq",
    "From": "<sip:a@example.com>;tag=1",
    "To": "<sip:101@example.com>",
    "Call-ID": "c",
    "CSeq": "1 {method}",
    "Contact": "<sip:a@198.51.100.7>",
    "Route": "<sip:192.0.2.10;lr>",
    "Record-Route": "<sip:192.0.2.10;lr>",
    "Authorization": 'Digest username="a", ',
    "Proxy-Authorization": 'Digest username="a", ',
    "User-Agent": "x",
    "Require": "a",
    "Supported": "a",
    "Path": "<sip:a@b>",
    "Content-Type": "application/sdp",
    "Expires": "1",
    "Max-Forwards": "70",
    "Session-Expires": "90",
    "Accept": "a/b",
    "Date": "x",
    "Content-Length": "0",
    "P-Asserted-Identity": "<sip:a@b>",
    "X-Other": "",
}
NEEDED = ("Via", "From", "To", "Call-ID", "CSeq")


def messages() -> Iterator[tuple[str, bytes]]:
    """Each with words that say what it is: a line of the greatest length that is read, seven times over."""
    for method in ("REGISTER", "INVITE"):
        usual = [f"{name}: {BEFORE[name].format(method=method)}" for name in NEEDED]
        first = f"{method} sip:101@example.com SIP/2.0"
        for run in RUNS:
            long = run * (LENGTH // len(run))
            yield f"{method} URI {run!r}", _message(f"{method} sip:{long[:2000]}@example.com SIP/2.0", *usual)
            for name, value in BEFORE.items():
                line = f"{name}: {value.format(method=method)}{long}x"
                others = [each for each in usual if not each.startswith(name)]
                yield f"{method} {name}: {run!r}, seven times", _message(first, *others, *[line] * 7)
                yield f"{method} {name} {run!r} and no end", _message(first, *others, f"{name}:{long}{long[:7000]}\rX")


def _message(*lines: str) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _ways() -> dict[str, Callable[[bytes], object]]:
    """Who reads, each with nothing before."""
    house = House(Network(VirtualClock()))
    flow = Flow("udp", HERE, ("198.51.100.7", 5060))
    load = Overload()
    return {
        "core": lambda data: house.core.receive(data, flow, house.clock.now()),
        "overload": lambda data: load.verdict(data, flow, 0.0),
        "stream": lambda data: StreamFramer().feed(data),
    }


def slow(limit_s: float = 0.1, every: int = 1) -> list[str]:
    """What took more of the processor than it may, however often it is tried; at most three. `every`: of so many
    messages one."""
    found: list[str] = []
    ways = _ways()
    for words, data in itertools.islice(messages(), None, None, every):
        for way, run in ways.items():
            took = _took(run, data)
            for _ in range(TRIES - 1):
                if took > limit_s:
                    took = min(took, _took(_ways()[way], data))
            if took > limit_s:
                found.append(f"{way}: {took:.2f} s for {words}")
        if len(found) >= 3:
            break
    return found


def _took(run: Callable[[bytes], object], data: bytes) -> float:
    began = time.thread_time()
    with contextlib.suppress(RemoteProtocolError):
        run(data)
    return time.thread_time() - began
