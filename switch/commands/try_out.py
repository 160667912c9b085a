"""What `script/server` shows before it serves: the shipped example, written out, and all that a person needs to try it.

`python -P -m switch.commands.try_out FOLDER`.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from config import compile as compiling
from config import examples
from config.compiled import Compiled
from config.problems import ConfigError
from switch.commands.common import console, table

SERVICES = {"echo": "an echo test: you hear yourself"}


def main() -> int:
    """Write the example where there is none yet, and describe it."""
    folder = Path(sys.argv[1])
    try:
        example = examples.write(folder)
        compiled = compiling.compile(folder)
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    console().print(Padding(Panel(_sheet(example, compiled), title="Ringplan", expand=False, padding=(1, 2)), (1, 0)))
    return 0


def own_address() -> str:
    """This machine's address as others in the network see it, most likely; no packet is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _sheet(example: examples.Example, compiled: Compiled) -> Group:
    phones = table("Telephone", "User", "Authentication name", "Password", "Its number")
    lines = {credentials.device: credentials.lines[0] for credentials in compiled.devices if credentials.lines}
    for device in example.devices:
        phones.add_row(
            Text(device.name),
            Text(lines.get(device.device, "")),
            Text(device.username),
            Text(device.password, "bold"),
            Text(device.extension),
        )
    numbers = table("Dial", "to hear")
    for device in example.devices:
        if device.extension:
            numbers.add_row(Text(device.extension, "bold"), Text(f"{device.name}'s telephone ring"))
    for number, what in example.services.items():
        kind, _, hertz = what.partition(":")
        numbers.add_row(Text(number, "bold"), Text(SERVICES.get(kind) or f"a tone of {hertz} Hz"))
    where = dict.fromkeys(_address(each.address) + f":{each.port}" for each in compiled.listeners)
    spoken = " and ".join(dict.fromkeys(each.transport.upper() for each in compiled.listeners))
    return Group(
        Text.assemble("SIP server  ", (", ".join(where), "bold"), f"  over {spoken}"),
        Text(),
        phones,
        Text(),
        numbers,
        Text(),
        Text(f"Configuration: {example.config}", "dim", overflow="fold"),
        Text("In another terminal: .venv/bin/ringplan status, calls, history, trace CALL", "dim"),
        Text("How to fill these into a telephone's menus: README.md", "dim"),
    )


def _address(listening: str) -> str:
    return own_address() if listening in ("0.0.0.0", "::") else listening  # noqa: S104  (compared, not bound)


if __name__ == "__main__":
    sys.exit(main())
