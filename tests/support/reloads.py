"""Configurations that follow each other: of the house of the flow tests, each different from all before, some broken.

Who is registered and talks in the tests stays in all of them; everything else comes, changes and goes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

from config import loader, validate
from config.compile import compile_loaded
from config.compiled import Compiled, TrunkSettings
from config.packed import encode, unpacking
from config.problems import ConfigError
from switch import swapping
from switch.net.targets import Group, Place, Target
from switch.trunk_hosts import TrunkHost
from tests.support.exchange import CARRIER, NUMBERS, REALM, Exchange

BROKEN = (
    "users: {x: {extension: 20x}}\n",
    "users: {x: {extension: 900, forward: {always: y}}, y: {extension: 901, forward: {always: x}}}\n",
    "default_trunk: nobody\n",
    "hours: {h: {week: {mon: 25:00-26:00}}}\n",
    "users: {x: {extension: 101}}\n",
    "nonsense: [\n",
    "tests: [{name: red, from: alice, dial: 102, expect: {rings: [carol]}}]\n",
)
ENVIRON = {"SECRET": "a-long-secret-of-a-telephone"}
_KEPT = "  {name}: {{extension: {number}, permission: international, ring: 20s, caller_id: none}}\n"


def text(n: int, seed: int = 0) -> str:
    """The n-th configuration; every seventh or so is broken."""
    chance = random.Random(seed * 100_003 + n)
    guests = [f"guest{each}" for each in chance.sample(range(900), chance.randint(1, 8))]
    trunks = [f"t{each}" for each in chance.sample(range(90), chance.randint(0, 3))]
    hours = [f"h{each}" for each in chance.sample(range(90), chance.randint(1, 3))]
    parts = [f"country: US\narea_code: '669'\nregistrar: {{realm: {REALM}, qualify: 0s}}\n"]
    parts.append(
        f"calls: {{unreachable: {4 + n % 3}s}}\naccount: {{call_limit: {2 + n % 9}h, quotas: {{calls: none}}}}\n"
    )
    parts.append("users:\n" + "".join(_KEPT.format(name=name, number=number) for name, number in NUMBERS.items()))
    for each in guests:
        forward = f", forward: {{busy: alice, after: {chance.randint(10, 60)}s}}" if chance.random() < 0.5 else ""
        opens = f", hours: {chance.choice(hours)}, closed: bob" if chance.random() < 0.5 else ""
        parts.append(f"  {each}: {{extension: 5{each[5:]:0>3}{forward}{opens}}}\n")
    parts.append("devices:\n")
    parts += [f"  {name}: {{secret: env:SECRET, lines: {name}}}\n" for name in (*NUMBERS, *guests)]
    parts.append("hours:\n")
    parts += [f"  {each}: {{week: {{mon-fri: 0{chance.randint(6, 9)}:00-1{n % 10}:30}}}}\n" for each in hours]
    # The carrier of the running calls is taken away at times, too.
    there = [("carrier", CARRIER[0])] if n % 5 else []
    there += [(name, f"198.51.100.{at + 1}") for at, name in enumerate(trunks)]
    if there:
        parts.append("trunks:\n")
        parts += [f"  {name}: {{host: {host}, from: [{host}], channels: {20 + n % 40}}}\n" for name, host in there]
        parts.append(f"default_trunk: {there[0][0]}\nroutes:\n")
        parts += [
            f"  r{at}: {{prefix: +{chance.randint(30, 49)}, trunk: {chance.choice(there)[0]}, priority: {at}}}\n"
            for at in range(chance.randint(1, 4))
        ]
    if n % 7 == 3:
        parts.append(chance.choice(BROKEN))
    return "".join(parts)


class Reloader:
    """Reloads of one exchange. `longest_s` is the most CPU time that one turn of the loop took for it; `taken` and
    `refused` count."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.longest_s = 0.0
        self.spent: list[float] = []
        self.taken = 0
        self.refused = 0

    def reload(self, written: str) -> bool:
        """What `ringplan reload` does, without a process of its own. False: refused, and nothing has changed."""
        try:
            data = encode(compile_loaded(validate.validate(loader.read(written, "a.yaml"), Path()), "a.yaml", ENVIRON))
        except ConfigError:
            self.refused += 1
            return False
        self.take(data)
        return True

    def take(self, data: bytes) -> Compiled:
        """What the loop does with the compiler's bytes: read them piece by piece, and swap."""
        longest = 0.0
        work = unpacking(data)
        while True:
            began = time.thread_time()
            try:
                next(work)
            except StopIteration as done:
                compiled: Compiled = done.value
                break
            finally:
                longest = max(longest, time.thread_time() - began)
        exchange = self.exchange
        trunks = {each.id: _found(each) for each in compiled.trunks}
        began = time.thread_time()
        exchange.model = compiled.model
        swapping.swap(exchange.core, exchange.accounts, compiled, trunks, exchange.clock.now())
        longest = max(longest, time.thread_time() - began)
        exchange.trunks = trunks
        exchange.models[compiled.model.version] = compiled.model
        self.taken += 1
        self.spent.append(longest)
        self.longest_s = max(self.longest_s, longest)
        return compiled


def _found(trunk: TrunkSettings) -> TrunkHost:
    """The trunk where its addresses stand in the configuration themselves."""
    places = tuple(
        Place(at, 1, (Group(0, 0, (Target(host.transport, host.host, host.port or 5060, host.host),)),))
        for at, host in enumerate(trunk.hosts)
    )
    return TrunkHost(trunk, places, trunk.sources)


def texts(count: int, seed: int = 0) -> Iterator[str]:
    """So many, one after the other."""
    return (text(n, seed) for n in range(count))
