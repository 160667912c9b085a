"""baresip as Debian ships it, in a folder of its own, driven over its control socket (netstrings of JSON)."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.kit import sound
from tests.e2e.kit.house import PATIENCE, House, secret, wait_for
from tests.e2e.kit.wire import Text

MODULES = ("g711.so", "aubridge.so", "sndfile.so", "aufile.so", "account.so", "menu.so", "ctrl_tcp.so")

SENT = re.compile(rb"#\r\n(?:UDP|TCP|TLS) \S+ -> \S+\r\n(?!SIP/2\.0)(.*?)\x1b\[;m", re.DOTALL)
"""A request in what baresip says with -s, its own ones too."""


def literal(address: str) -> str:
    """As it stands in a URI."""
    return f"[{address}]" if ":" in address else address


def modules() -> Path | None:
    """Where the modules of the installed baresip are."""
    library = Path("/usr/lib")
    found = [*library.glob("baresip/modules"), *library.glob("*/baresip/modules")]
    return found[0] if found and shutil.which("baresip") else None


class Baresip:
    """One baresip telephone. It says a sine of `hz`, and what it hears goes into WAV files in its folder."""

    def __init__(
        self,
        house: House,
        line: str,
        *,
        hz: int = 440,
        answer: str = "manual",
        transport: str = "udp",
        address: str = "127.0.0.1",
        server: str = "",
        inside: Sequence[str] = (),
        call: Callable[[Callable[[], Any]], Any] = lambda function: function(),
        ca: str = "",
        flows: Sequence[str] = (),
    ) -> None:
        """`address` is its own, `server` the host where it registers (the same when left out). `inside` begins the
        command that puts it into a network namespace, and `call` calls a function in there. `flows` are transports over
        which it registers at once (RFC 5626)."""
        place = modules()
        assert place is not None
        self.control, own, _ = house.port(), house.port(), house.port()  # one behind its own it listens for TLS
        self.folder = house.folder / f"baresip-{line}-{self.control}"
        self.folder.mkdir()
        first = house.first + 20 + 10 * (line == "bob")
        # ausine of this version makes 48 kHz only, and Debian's build cannot resample.
        said = sound.write(self.folder / "says.wav", sound.sine(hz, -14, 15, 8000), rate=8000)
        lines = [
            "poll_method epoll",
            f"sip_listen {literal(address)}:{own}",
            f"net_interface {address}",
            f"rtp_ports {first}-{first + 9}",
            "audio_player aubridge,nowhere",
            f"audio_source aufile,{said}",
            "audio_alert none,none",
            "ausrc_srate 8000",
            "auplay_srate 8000",
            "ausrc_channels 1",
            "auplay_channels 1",
            f"module_path {place}",
            "snd_path .",
            *(["module uuid.so"] if flows else []),
            *(f"module {name}" for name in MODULES if (place / name).exists()),
            *([f"sip_cafile {ca}"] if ca else []),
            f"ctrl_tcp_listen 127.0.0.1:{self.control}",
        ]
        (self.folder / "config").write_text("\n".join(lines) + "\n")
        (self.folder / "contacts").write_text("")
        (self.folder / "uuid").write_text("00000000-0000-4000-8000-00000000000b" if flows else "")
        port = house.tls if transport == "tls" else house.sip
        ways = ";sipnat=outbound" if flows else ""
        for number, each in enumerate(flows, 1):
            ways += f';outbound{number}="sip:{server or literal(address)}:{port};transport={each}"'
        (self.folder / "accounts").write_text(
            f"<sip:{line}@{server or literal(address)}:{port};transport={transport}>"
            f";auth_user={line}-phone;auth_pass={secret(line)}"
            f";regint=60;answermode={answer};audio_codecs=pcmu{ways}\n"
        )
        self._out = (self.folder / "out").open("w")
        self.process = subprocess.Popen(
            [*inside, "baresip", "-f", str(self.folder), "-s"],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
        )
        self.events: list[dict[str, Any]] = []
        self._pending = b""
        self._socket = wait_for(lambda: call(self._connect), 5, "baresip's control socket")
        # Whoever else has the port would take the connection, and all that is told to this one.
        assert "failed to listen" not in self.output(), self.output()

    def _connect(self) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", self.control), 1)
        except OSError:
            return None

    def output(self) -> str:
        """What it has said."""
        return (self.folder / "out").read_text(errors="replace")

    def received(self, method: str) -> list[Text]:
        """The requests of that method that it has got, word for word."""
        said = self.output().replace("\n", "\r\n").encode()
        return [text for text in map(Text, SENT.findall(said)) if text.method == method]

    def do(self, command: str, params: str = "") -> None:
        """A command of its menu: `dial`, `accept`, `hangup`, `hold`, `resume`."""
        text = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))

    def expect(self, kind: str, seconds: float = 8.0) -> dict[str, Any]:
        """The next event of that type: REGISTER_OK, CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            for event in self.events:
                if event.get("type") == kind:
                    self.events.remove(event)
                    return event
            left = deadline - time.monotonic()
            assert left > 0, f"waited in vain for {kind}; there were {self.events}\n{self.output()[-3000:]}"
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            assert data, f"baresip ended\n{self.output()[-3000:]}"
            self._pending += data
            while b":" in self._pending:
                size, _, rest = self._pending.partition(b":")
                if len(rest) <= int(size):
                    break
                self.events.append(json.loads(rest[: int(size)]))
                self._pending = rest[int(size) + 1 :]

    def registered(self) -> None:
        """Wait until its line is registered."""
        wait_for(lambda: "200 OK" in self.output() or "binding" in self.output(), 8, f"a registration\n{self.output()}")

    def heard(self) -> Path:
        """The recording of what came. sndfile writes one for each direction, where baresip runs: of a long path it
        would leave the end away."""
        found = sorted(self.folder.glob("dump-*dec*"))
        assert found, list(self.folder.iterdir())
        return found[-1]

    def switch_off(self) -> None:
        """Let it end by itself: it takes its registration back."""
        with contextlib.suppress(OSError):
            self.do("quit")

    def close(self) -> None:
        """Switch it off, and wait for its end."""
        self.switch_off()
        try:
            self.process.wait(5 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._socket.close()
        self._out.close()


@contextlib.contextmanager
def baresips(house: House, *lines: str, **options: Any) -> Iterator[list[Baresip]]:
    """One for each line, registered."""
    made: list[Baresip] = []
    try:
        for number, line in enumerate(lines):
            made.append(Baresip(house, line, hz=440 + 360 * number, **options))
            made[-1].registered()
        yield made
    finally:
        for phone in made:
            phone.switch_off()
        for phone in made:
            phone.close()
