"""`ringplan init`: a first configuration, and the sheet of what to type into the telephones."""

from __future__ import annotations

import enum
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialplan.destinations import To
from switch.commands.common import console, fail, keep_whole, table
from switch.sip.uri import literal

if TYPE_CHECKING:
    from config.compiled import Compiled
    from config.examples import Example

SERVICES = {"echo": "an echo test: you hear yourself"}


BORDER = 6
"""The columns of the screen that the sheet's frame takes."""


class Which(enum.StrEnum):
    """The examples that are shipped."""

    OFFICE = "office"
    COMPANY = "company"


def init(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="The folder; else the one that `serve` takes its configuration from.",
            show_default=False,
            metavar="FOLDER",
        ),
    ] = None,
    example: Annotated[
        Which, typer.Option(help="office: two telephones; company: two sites and all that there is.", metavar="NAME")
    ] = Which.OFFICE,
) -> None:
    """Write a first configuration with fresh passwords, and show what to type into the telephones.

    It is that of a small office, or the example of a whole company, to be changed to yours. What stands in the folder
    already is left as it is, so calling it again shows the same passwords once more.
    """
    from config.problems import ConfigError
    from switch.arguments import Places

    folder = path or Places.find().config
    try:
        written, compiled = prepare(folder, example.value)
    except ConfigError as error:
        fail(f"{folder} holds a configuration with errors", details=tuple(map(str, error.problems)))
    except OSError as error:
        fail(f"{folder} cannot be written: {error.strerror}")
    show(written, compiled, "check it and begin: ringplan check, ringplan serve")


def prepare(folder: Path, example: str = "office") -> tuple[Example, Compiled]:
    """Write what is not there yet, and compile it. Raises ConfigError and OSError."""
    from config import compile as compiling
    from config import examples
    from config.problems import ConfigError, Mark, Problem

    others = sorted(folder.glob("*.y*ml")) if folder.is_dir() else []
    if others and not (folder / examples.FIRST_FILES[example]).exists():
        said = "a configuration stands here already, and it was not made by this `ringplan init`"
        raise ConfigError(
            [Problem("conflicting-keys", Mark(str(others[0]), 1, 1), said, "ringplan check tells whether it is good")]
        )
    return examples.write(folder, example), compiling.compile(folder)


def show(example: Example, compiled: Compiled, then: str) -> None:
    """Print the sheet; `then` is what to do next."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.text import Text

    phones = table("Telephone", "User", "Authentication name", "Password", "Number")
    lines = {credentials.device: credentials.lines[0] for credentials in compiled.devices if credentials.lines}
    for device in example.devices:
        phones.add_row(
            Text(device.name),
            Text(lines.get(device.device, "")),
            Text(device.username),
            Text(device.password, "bold"),
            Text(device.extension),
        )
    keep_whole(phones, "User", "Authentication name", "Password", "Number", beside=BORDER)
    numbers = table("Dial", "to hear")
    for number, what in dialled(example, compiled):
        numbers.add_row(Text(number, "bold"), Text(what))
    where: dict[str, dict[str, None]] = {}
    for each in compiled.listeners:
        where.setdefault(_address(each.address) + f":{each.port}", {})[each.transport.upper()] = None
    server = Text("SIP server  ")
    for at, (place, spoken) in enumerate(where.items()):
        server += Text.assemble("\n            " if at else "", (place, "bold"), f"  over {' and '.join(spoken)}")
    sheet = Group(
        server,
        Text(),
        phones,
        Text(),
        numbers,
        Text(),
        Text(f"Configuration: {example.config}", "dim", overflow="fold"),
        Text(f"Next: {then}", "dim"),
        Text("How to fill these into a telephone's menus: README.md", "dim"),
    )
    console().print(Padding(Panel(sheet, title="Ringplan", expand=False, padding=(1, 2)), (1, 0)))


def dialled(example: Example, compiled: Compiled) -> list[tuple[str, str]]:
    """Every internal number and what happens when it is dialled: telephones, ring lists, services."""
    single = {device.extension: device.name for device in example.devices if device.extension}
    found = [(number, f"{name}'s telephone ring") for number, name in single.items()]
    model = compiled.model
    for number, to in model.extensions.items():
        group = model.ring_groups.get(to.name) if to.kind is To.RING_GROUP else None
        if number not in single and group is not None:
            names = [model.lines[each.line].name or each.line for each in group.members]
            found.append((number, f"{', '.join(names)} ring"))
    for number, what in example.services.items():
        kind, _, hertz = what.partition(":")
        found.append((number, SERVICES.get(kind) or f"a tone of {hertz} Hz"))
    return found


def own_address() -> str:
    """This machine's address as others in the network see it, most likely; no packet is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _address(listening: str) -> str:
    return own_address() if listening in ("0.0.0.0", "::") else literal(listening)  # noqa: S104  (compared, not bound)
