"""Sides with real sockets, closed and checked after each test."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable

import pytest

from switch.net.guard import Limits
from tests.support.sockets import Side


@pytest.fixture
async def sides() -> AsyncIterator[Callable[..., Side]]:
    made: list[Side] = []

    def make(limits: Limits | None = None) -> Side:
        made.append(Side(limits))
        return made[-1]

    yield make
    for side in made:
        side.net.close()
        assert side.net.connections == 0
        assert len(side.clock.timers) == 0
    gc.collect()  # a socket left open would be warned of here
