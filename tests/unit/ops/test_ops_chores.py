"""What nobody waits for is done all the same, and its failures are told."""

from __future__ import annotations

import asyncio
import gc

from switch.chores import Chores


async def test_a_chore_that_fails_is_told_of_and_done_again() -> None:
    told: list[tuple[str, str]] = []
    chores = Chores(lambda error, name: told.append((str(error), name)))
    third = asyncio.Event()
    count = 0

    async def work() -> None:
        nonlocal count
        count += 1
        if count == 3:
            third.set()
        raise RuntimeError(f"number {count}")

    chores.repeat("carriers", lambda: 0.0, work)
    async with asyncio.timeout(60):
        await third.wait()
    assert told[:2] == [("number 1", "carriers"), ("number 2", "carriers")]
    chores.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(chores) == 0


async def test_a_chore_is_held_until_it_ends() -> None:
    chores = Chores(lambda error, name: None)
    done = asyncio.Event()

    async def work() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            gc.collect()
        done.set()

    chores.begin("reload", work())
    assert len(chores) == 1
    async with asyncio.timeout(60):
        await done.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(chores) == 0


async def test_what_led_to_a_chore_is_written_down_before_it_begins() -> None:
    """A letter of a call that no journal knows would be told of once more, or of nothing."""
    order: list[str] = []
    chores = Chores(lambda error, name: None, lambda: order.append("written"))

    async def work() -> None:
        order.append("letter")

    chores.begin("mail", work())
    while len(chores):
        await asyncio.sleep(0)
    assert order == ["written", "letter"]
