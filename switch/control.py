"""The control socket: how the commands ask a running exchange, and hear its answer.

One Unix socket, readable and writable for owner and group (0660). The protocol is lines of JSON: a request
`{"do": "calls", "args": {...}}` and answers `{"value": ...}` (any number, for what streams) and at last
`{"done": true, "value": ...}` or `{"done": true, "error": "...", "details": [...]}`. One request at a time on a
connection; a connection may ask again.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import pwd
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

MAX_REQUEST = 64 * 1024
MAX_CONNECTIONS = 16
IDLE_S = 60.0
_CREDENTIALS = struct.Struct("3i")

Handler = Callable[[dict[str, Any]], Any]
"""Gets the request's `args`, and in them as `by` who asks (`operator:root`); returns what msgspec can encode, or an
awaitable of it, or an async iterator of items."""

Answer = TypeVar("Answer")


class Refused(Exception):  # noqa: N818  (it is an answer)
    """The exchange says no: `message` for the person who asked, `details` one line each (configuration errors, say)."""

    def __init__(self, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotRunning(Exception):  # noqa: N818
    """No exchange answers at this socket."""


_NULL = msgspec.Raw(b"null")


class Request(msgspec.Struct):
    """One line from a command."""

    do: str
    args: dict[str, Any] = {}


class Reply(msgspec.Struct, omit_defaults=True):
    """One line to a command: an item, or with `done` the result or error that ends the answer."""

    done: bool = False
    value: msgspec.Raw = _NULL
    error: str = ""
    details: tuple[str, ...] = ()


class ControlServer:
    """Serves the socket in the exchange's loop. `on_error` hears of handlers that failed by a bug of ours. `settle` is
    called when a handler is done and before the answer leaves, to make what it changed last; it may raise Refused.
    `before` is called before a handler is, so that nothing else waits for that then."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        on_error: Callable[[str, Exception], None],
        settle: Callable[[], object] = lambda: None,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        self._handlers = handlers
        self._on_error = on_error
        self._settle = settle
        self._before = before
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._decoder = msgspec.json.Decoder(Request)
        self._encoder = msgspec.json.Encoder()

    async def start(self, path: Path) -> None:
        """Listen at `path`; a socket that a crash left there is replaced. Raises OSError."""
        new = path.with_name(path.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o117)
        try:
            listening.bind(str(new))
        finally:
            os.umask(before)
        # The new socket listens before it gets its name, so nobody can meet it deaf.
        self._server = await asyncio.start_unix_server(self._connected, sock=listening, limit=MAX_REQUEST)
        new.rename(path)

    async def stop(self) -> None:
        """Close the socket and end the conversations."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        by = _peer(writer)
        try:
            if len(self._tasks) > MAX_CONNECTIONS:
                self._write(writer, Reply(done=True, error="too many commands at once"))
                return
            while line := await asyncio.wait_for(reader.readline(), IDLE_S):
                await self._answer(line, writer, by)
        except ValueError:
            self._write(writer, Reply(done=True, error="the request is too long"))
        except (TimeoutError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter, by: str) -> None:
        try:
            request = self._decoder.decode(line)
        except msgspec.DecodeError as error:
            self._write(writer, Reply(done=True, error=f"not a request: {error}"))
            return
        handler = self._handlers.get(request.do)
        if handler is None:
            self._write(writer, Reply(done=True, error=f"this exchange does not know “{request.do}”"))
            return
        try:
            self._before()
            found = handler(request.args | {"by": by})
            if inspect.isasyncgen(found):
                await self._stream(found, writer)
                found = None
            else:
                if inspect.isawaitable(found):
                    found = await found
                self._settle()
            self._write(writer, Reply(done=True, value=msgspec.Raw(self._encoder.encode(found))))
        except Refused as refused:
            self._write(writer, Reply(done=True, error=refused.message, details=refused.details))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  (a bug in one handler must not take the control socket away)
            self._on_error(request.do, error)
            self._write(writer, Reply(done=True, error=f"{type(error).__name__}: {error}"))
        await writer.drain()

    async def _stream(self, items: AsyncIterator[Any], writer: asyncio.StreamWriter) -> None:
        async for item in items:
            self._write(writer, Reply(value=msgspec.Raw(self._encoder.encode(item))))
            await writer.drain()

    def _write(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        if not writer.is_closing():
            writer.write(self._encoder.encode(reply) + b"\n")


def _peer(writer: asyncio.StreamWriter) -> str:
    """Who asks, as the kernel knows it: `operator:` and the user's name."""
    data = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(data)
    try:
        return f"operator:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"operator:{user}"


class ControlClient:
    """For the commands: blocking, one request at a time. Use it as a context manager."""

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except PermissionError:
            self._socket.close()
            raise NotRunning(f"{path} is not for you: be root, or in the group of the Ringplan service") from None
        except OSError:
            self._socket.close()
            raise NotRunning(f"no exchange answers at {path}: is it running (ringplan serve)?") from None
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, do: str, answer: type[Answer], **args: object) -> Answer:
        """The answer to one request, as a value of type `answer`. Raises Refused and NotRunning."""
        for reply in self._replies(do, args):
            if reply.done:
                return msgspec.json.decode(reply.value, type=answer)
        raise NotRunning("the exchange went away before it answered")

    def follow(self, do: str, item: type[Answer], **args: object) -> Iterator[Answer]:
        """The items of a request that streams, as they come. Raises Refused and NotRunning."""
        for reply in self._replies(do, args):
            if reply.done:
                return
            yield msgspec.json.decode(reply.value, type=item)
        raise NotRunning("the exchange went away")

    def _replies(self, do: str, args: dict[str, object]) -> Iterator[Reply]:
        try:
            self._socket.sendall(msgspec.json.encode({"do": do, "args": args}) + b"\n")
            for line in self._lines:
                reply = msgspec.json.decode(line, type=Reply)
                if reply.error:
                    raise Refused(reply.error, reply.details)
                yield reply
                if reply.done:
                    return
        except TimeoutError:
            raise NotRunning("the exchange does not answer") from None
        except ConnectionError:
            raise NotRunning("the exchange went away before it answered") from None
