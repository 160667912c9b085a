"""`/events`: who may listen, what is told first, what is told later, and who is too slow for it."""

from __future__ import annotations

import asyncio
import datetime
import json
import stat
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from records import events as e
from switch import live as told
from switch.live import Listener, Live
from switch.mailboxes import Counts
from switch.metrics import Counters
from switch.private import private_token
from switch.views import CallView
from switch.watch_server import WatchServer
from tests.support.call_events import answered_call, bound, unbound

NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)


class House:
    """Calls that are up, and the loop's later, which the test lets come."""

    def __init__(self) -> None:
        self.up: dict[str, CallView] = {}
        self.due: list[Any] = []
        self.phones = [bound()]
        self.asked = 0
        self.live = Live(
            self.up.keys,
            self._view,
            self._contacts,
            lambda mailbox: Counts(new=2, old=1),
            lambda _, what: self.due.append(what),
            lambda: ["desk"],
        )

    def _view(self, call: str) -> CallView | None:
        self.asked += 1
        return self.up.get(call)

    def _contacts(self) -> Iterator[e.Bound]:
        for each in self.phones:
            self.asked += 1
            yield each

    def show(self, call: str, state: str) -> None:
        """As `ringplan calls` would."""
        self.up[call] = CallView(call=call, started_at=NOW, caller="201", called="202", state=state)

    def later(self) -> None:
        """The tenth of a second is over."""
        due, self.due = self.due, []
        for each in due:
            each()


def read(block: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream."""
    found = []
    for each in block.decode().split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in each.split("\n") if line)
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_a_listener_begins_with_everything_as_it_is() -> None:
    house = House()
    house.show("c1", "talking")
    listener = house.live.listen()
    assert listener is not None
    (call, view), (phone, there), (box, counts), (ready, _) = read(await listener.get())
    assert (call, view["call"], view["state"]) == ("call", "c1", "talking")
    assert (phone, there["line"], there["there"]) == ("phone", bound().line, True)
    assert (box, counts["mailbox"], counts["new"]) == ("mailbox", "desk", 2)
    assert ready == "ready"


async def whole(listener: Listener) -> list[bytes]:
    """The beginning, in its pieces."""
    pieces = []
    while not pieces or b"event: ready" not in pieces[-1]:
        pieces.append(await listener.get())
    return pieces


async def test_a_large_exchange_is_told_in_pieces_with_turns_of_the_loop_between_them() -> None:
    """Who has just come is not too slow for what there is, and nobody's call waits for it."""
    house = House()
    for number in range(200):
        house.show(f"c{number}", "talking")
    house.phones = [bound(uri=f"sip:{number}@192.0.2.7") for number in range(30_000)]
    listener = house.live.listen()
    assert listener is not None
    assert house.asked == 0
    asked_for: list[int] = []

    async def others() -> None:
        while True:
            asked_for.append(house.asked)
            await asyncio.sleep(0)

    turns = asyncio.create_task(others())
    pieces = await whole(listener)
    turns.cancel()
    asked_for.append(house.asked)
    assert len(read(b"".join(pieces))) == 200 + 30_000 + 2
    assert max(later - before for before, later in pairwise(asked_for)) <= told.PIECE
    assert max(map(len, pieces)) < told.PIECE * 1000
    assert not listener.over


async def test_what_changes_during_the_beginning_is_told_after_it() -> None:
    house = House()
    for number in range(100):
        house.show(f"c{number}", "ringing")
    listener = house.live.listen()
    assert listener is not None
    first = read(await listener.get())
    house.up.pop("c0")  # told already
    house.up.pop("c99")  # not yet
    house.show("c50", "talking")
    house.show("late", "ringing")
    for call in ("c0", "c99"):
        house.live.add(answered_call(call)[-1:])
    house.live.add([*answered_call("c50")[:2], *answered_call("late")[:1], unbound()])
    house.later()
    rest = read(b"".join(await whole(listener)))
    assert rest[-1][0] == "ready"
    begun = {data["call"] for kind, data in (*first, *rest) if kind == "call"}
    assert begun == {f"c{number}" for number in range(99)}
    then = [(kind, data.get("call"), data.get("state", data.get("there"))) for kind, data in read(await listener.get())]
    assert then == [
        ("ended", "c0", None),
        ("ended", "c99", None),
        ("call", "c50", "talking"),
        ("call", "late", "ringing"),
        ("phone", None, False),
    ]


async def test_who_is_slow_during_the_beginning_is_let_go_and_nothing_of_it_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(told, "MOST_WAITING", 5000)
    house = House()
    for number in range(100):
        house.show(f"c{number}", "ringing")
    listener = house.live.listen()
    assert listener is not None
    await listener.get()
    for number in range(100):
        house.live.add(answered_call(f"c{number}")[:2])
    house.later()
    assert listener.over
    assert await listener.get() == b""


async def test_a_call_that_changes_much_is_told_once_and_its_end_is_the_last_word() -> None:
    house = House()
    listener = house.live.listen()
    assert listener is not None
    await listener.get()
    events = answered_call("c1")
    house.show("c1", "ringing")
    house.live.add(events[:2])
    house.live.add(events[2:4])
    house.show("c1", "talking")
    house.later()
    [(kind, view)] = read(await listener.get())
    assert (kind, view["state"]) == ("call", "talking")
    house.live.add(events[4:])
    house.up.clear()
    house.later()
    [(kind, end)] = read(await listener.get())
    assert (kind, end["call"], end["result"]) == ("ended", "c1", "answered")


async def test_telephones_settings_mailboxes_and_help_are_told_and_secrets_are_not() -> None:
    house = House()
    listener = house.live.listen()
    assert listener is not None
    await listener.get()
    house.live.add(
        [
            unbound(),
            e.LineSet("anna", "dnd", "on", "operator:root", NOW),
            e.MessageLeft("anna", "m1", NOW, "c1"),
            e.HelpTold("c1", "line:guard", "answered", "", NOW),
            e.MailboxSet("anna", "pin", "$argon2id$hash", "device:anna", NOW),
        ]
    )
    house.later()
    block = await listener.get()
    assert b"argon2" not in block
    found = dict(read(block))
    assert found["phone"]["there"] is False
    assert found["set"]["key"] == "dnd"
    assert found["mailbox"] == {"mailbox": "anna", "new": 2, "old": 1, "urgent_new": 0, "urgent_old": 0}
    assert found["told"]["outcome"] == "answered"


async def test_nobody_listening_keeps_nothing() -> None:
    house = House()
    house.live.add(answered_call("c1"))
    assert not house.due
    listener = house.live.listen()
    assert listener is not None
    house.live.leave(listener)
    house.live.add(answered_call("c2"))
    assert not house.due


async def test_who_does_not_read_is_let_go_and_the_others_hear_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "MOST_WAITING", 5000)
    house = House()
    slow, quick = house.live.listen(), house.live.listen()
    assert slow is not None
    assert quick is not None
    for number in range(50):
        house.show(f"c{number}", "ringing")
        house.live.add(answered_call(f"c{number}")[:2])
        house.later()
        await quick.get()
    assert slow.over
    assert not quick.over
    assert sum(house.live.listen() is not None for _ in range(50)) == told.MOST_LISTENERS - 2


async def test_over_http_with_the_token_alone(tmp_path: Any) -> None:
    token = private_token(tmp_path / "events.token")
    assert private_token(tmp_path / "events.token") == token
    assert stat.S_IMODE((tmp_path / "events.token").stat().st_mode) == 0o600
    house = House()
    server = WatchServer(Counters(), {}, list, house.live, token)
    port = await server.start("127.0.0.1", 0)

    async def ask(authorization: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /events HTTP/1.1\r\nHost: x\r\n{authorization}\r\n".encode())
        return reader, writer, await reader.readuntil(b"\r\n\r\n")

    for wrong in ("", "Authorization: Bearer x\r\n", "Authorization: Bearer \r\n", f"Authorization: Basic {token}\r\n"):
        reader, writer, head = await ask(wrong)
        assert head.startswith(b"HTTP/1.1 401 ")
        assert await reader.read() == b""
        writer.close()
    reader, writer, head = await ask(f"authorization: bearer {token}\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"text/event-stream" in head
    await reader.readuntil(b"event: ready")
    house.show("c1", "ringing")
    house.live.add(answered_call("c1")[:2])
    house.later()
    await reader.readuntil(b"event: call\ndata: ")
    assert json.loads(await reader.readuntil(b"\n\n"))["call"] == "c1"
    await server.stop()
    assert await reader.read() == b""
    writer.close()
    house.live.add(answered_call("c2"))
    assert not house.due


async def test_the_beginning_is_told_to_its_end_also_when_all_calls_of_a_piece_are_over() -> None:
    house = House()
    for number in range(told.PIECE * 3):
        house.show(f"c{number}", "talking")
    listener = house.live.listen()
    assert listener is not None
    first = read(await listener.get())
    house.up.clear()
    async with asyncio.timeout(10):
        rest = read(b"".join(await whole(listener)))
    assert {kind for kind, _ in first} == {"call"}
    assert [kind for kind, _ in rest] == ["phone", "mailbox", "ready"]
