"""The control socket: a server in a loop, blocking clients in threads, as in life."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
import stat

import msgspec
import pytest

from switch.control import MAX_REQUEST, ControlClient, ControlServer, NotRunning, Refused
from switch.views import WorkerView


@pytest.fixture
async def served(tmp_path):
    """A server with one handler of each kind, and its socket's path."""
    failures = []

    async def slow(args):
        await asyncio.sleep(0)
        return args["text"] * 2

    async def count(args):
        for number in range(args["to"]):
            yield number

    def refuse(_):
        raise Refused("the configuration was refused", ("a.yaml:3:1: unknown key", "a.yaml:9:4: no such line"))

    handlers = {
        "view": lambda _: WorkerView(1, True, 4),
        "slow": slow,
        "count": count,
        "refuse": refuse,
        "bug": lambda args: args["missing"],
        "who": lambda args: args["by"],
    }
    server = ControlServer(handlers, lambda do, error: failures.append((do, error)))
    path = tmp_path / "control.sock"
    await server.start(path)
    yield path, failures
    await server.stop()


def asking(path, do, kind, **args):
    with ControlClient(path) as client:
        return client.ask(do, kind, **args)


async def test_answers_arrive_as_the_values_they_were(served):
    path, _ = served
    assert await asyncio.to_thread(asking, path, "view", WorkerView) == WorkerView(1, True, 4)
    assert await asyncio.to_thread(asking, path, "slow", str, text="ab") == "abab"


async def test_who_asks_is_what_the_kernel_says(served):
    path, _ = served
    user = pwd.getpwuid(os.getuid()).pw_name
    assert await asyncio.to_thread(asking, path, "who", str, by="operator:somebody-else") == f"operator:{user}"


async def test_a_stream_comes_item_by_item(served):
    path, _ = served

    def follow():
        with ControlClient(path) as client:
            return list(client.follow("count", int, to=3))

    assert await asyncio.to_thread(follow) == [0, 1, 2]


async def test_a_refusal_carries_every_detail(served):
    path, _ = served
    with pytest.raises(Refused) as refused:
        await asyncio.to_thread(asking, path, "refuse", object)
    assert refused.value.details[1].startswith("a.yaml:9:4")


async def test_an_unknown_verb_and_a_bug_are_errors_and_the_server_lives(served):
    path, failures = served
    for do in ("nonsense", "bug"):
        with pytest.raises(Refused):
            await asyncio.to_thread(asking, path, do, object)
    assert [do for do, _ in failures] == ["bug"]
    assert await asyncio.to_thread(asking, path, "slow", str, text="x") == "xx"


async def test_what_was_done_is_settled_before_anybody_hears_of_it(tmp_path):
    """So that a crash in that instant takes nothing back."""
    done: list[str] = []
    answered: list[str] = []
    settled: list[list[str]] = []

    def settle() -> None:
        settled.append([*done, *answered])
        if done == ["set", "again"]:
            raise Refused("another exchange is just taking over: ask once more")

    async def slowly(_: object) -> None:
        await asyncio.sleep(0)
        done.append("again")

    server = ControlServer({"set": lambda _: done.append("set"), "again": slowly}, lambda *_: None, settle)
    path = tmp_path / "control.sock"
    await server.start(path)
    answered.append(await asyncio.to_thread(asking, path, "set", object) or "set")
    with pytest.raises(Refused, match="ask once more"):
        await asyncio.to_thread(asking, path, "again", object)
    await server.stop()
    assert settled == [["set"], ["set", "again", "set"]]


async def test_only_owner_and_group_may_use_it_and_a_stale_socket_is_replaced(served):
    path, _ = served
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    second = ControlServer({"who": lambda _: "second"}, lambda *_: None)
    await second.start(path)
    assert await asyncio.to_thread(asking, path, "who", str) == "second"
    await second.stop()


@pytest.mark.parametrize("sent", [b"x" * (MAX_REQUEST * 3) + b"\n", b"{not json}\n", b'{"do": 5}\n', b"\xff\xfe\n"])
async def test_bad_input_gets_an_error_and_bounded_memory(served, sent):
    path, _ = served

    def send():
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(path))
            try:
                raw.sendall(sent)
            except BrokenPipeError:
                pass
            return raw.makefile("rb").readline()

    assert json.loads(await asyncio.to_thread(send))["error"]


def test_no_exchange_is_said_plainly(tmp_path):
    with pytest.raises(NotRunning, match="ringplan serve"):
        ControlClient(tmp_path / "none.sock")


async def test_an_exchange_that_dies_before_it_answers_is_said_too(tmp_path):
    path = tmp_path / "c.sock"

    async def gone(_, writer):
        writer.close()

    server = await asyncio.start_unix_server(gone, path)
    with pytest.raises(NotRunning, match="went away"):
        await asyncio.to_thread(asking, path, "status", msgspec.Raw)
    server.close()
