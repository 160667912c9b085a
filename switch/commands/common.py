"""What the verbs share: options, asking the exchange, and how things look."""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from switch.control import ControlClient

View = TypeVar("View")

EXIT_REFUSED = 1
EXIT_BAD_ARGUMENTS = 2
EXIT_NOT_RUNNING = 3

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration: a YAML file or a folder.", show_default=False, metavar="PATH"
    ),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="The folder of journal and records.", show_default=False, metavar="FOLDER")
]
RuntimeOption = Annotated[
    Path | None,
    typer.Option(
        "--runtime", help="The folder of the running exchange's sockets.", show_default=False, metavar="FOLDER"
    ),
]
CallArgument = Annotated[
    str, typer.Argument(help="A call, as `ringplan calls` names it; its beginning is enough.", metavar="CALL")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable.", metavar="")]


def fail(message: str, status: int = EXIT_REFUSED, details: tuple[str, ...] = ()) -> NoReturn:
    """Say on standard error what is wrong, and end."""
    for line in details:
        typer.echo(line, err=True)
    typer.echo(f"ringplan: {message}", err=True)
    raise typer.Exit(status)


@contextlib.contextmanager
def exchange(runtime: Path | None, timeout_s: float = 30.0) -> Iterator[ControlClient]:
    """The running exchange; its refusals and its absence become a message and an exit status."""
    from switch.arguments import Places

    with _asking(Places.find(runtime=runtime).control, timeout_s) as client:
        yield client


@contextlib.contextmanager
def supervisor(runtime: Path | None, timeout_s: float) -> Iterator[ControlClient]:
    """The same for the supervisor's socket."""
    from switch.arguments import Places

    with _asking(Places.find(runtime=runtime).supervisor, timeout_s) as client:
        yield client


@contextlib.contextmanager
def _asking(socket: Path, timeout_s: float) -> Iterator[ControlClient]:
    from switch.control import ControlClient, NotRunning, Refused

    try:
        with ControlClient(socket, timeout_s) as client:
            yield client
    except NotRunning as error:
        fail(str(error), EXIT_NOT_RUNNING)
    except Refused as refused:
        fail(refused.message, EXIT_REFUSED, tuple(map(from_here, refused.details)))


def ask(runtime: Path | None, json: bool, command: str, kind: type[View], **args: Any) -> View:
    """What the running exchange answers, to be shown to a person; with `json` it is written out, and the verb ends."""
    with exchange(runtime) as client:
        view = client.ask(command, kind, **args)
    if json:
        write_json(view)
        raise typer.Exit
    return view


def from_here(line: str) -> str:
    """A line that begins with a path, as the one who typed the path sees it: the exchange knows whole paths only."""
    return line.removeprefix(f"{Path.cwd()}{os.sep}")


def write_json(value: Any) -> None:
    """Indented JSON on standard output."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def console() -> Console:
    """Where tables go. Through a pipe they have the width of 120 columns, or what COLUMNS says."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or 120)
    return Console(highlight=False, width=width, emoji=False)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table in the house style: one rule under the head, no box around. Columns in `right` are figures."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="ellipsis", no_wrap=True)
    return made


GAP, LEAST_WIDTH = 2, 3


def keep_whole(made: Table, *names: str, beside: int = 0) -> None:
    """Never shorten these columns (what one copies into the next command), once their rows are there; of the others
    the widest gives way. `beside`: columns of the screen that the table does not have."""
    from rich.cells import cell_len

    widths = [max(cell_len(str(each)) for each in (column.header, *column.cells)) for column in made.columns]
    room = console().width - beside - GAP * (len(widths) - 1)
    others = [at for at, column in enumerate(made.columns) if column.header not in names]
    while sum(widths) > room and others:
        widest = max(others, key=widths.__getitem__)
        if widths[widest] <= LEAST_WIDTH:
            break
        widths[widest] -= 1
    for column, width in zip(made.columns, widths, strict=True):
        column.min_width = column.max_width = width


def short_path(file: str) -> str:
    """As seen from here, where that is shorter: a long absolute path leaves no room for what matters."""
    try:
        here = os.path.relpath(file)
    except OSError:  # where we stand is gone
        return file
    return here if len(here) < len(file) else file


def common_folder(files: Iterable[str]) -> str:
    """The folder that all of these lie in, told once so that there is room for what matters; empty for none. A
    carrier's list is named as the configuration names it, in its own folder."""
    folders = {str(Path(file).parent) for file in files if _has_folder(file)}
    try:
        return os.path.commonpath(folders)
    except ValueError:  # none, or whole paths beside others
        return ""


def within(file: str, folder: str) -> str:
    """The file as it is called in that folder."""
    return os.path.relpath(file, folder or ".") if _has_folder(file) else file


def _has_folder(file: str) -> bool:
    return len(Path(file).parts) > 1


def duration(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, what: str) -> str:
    """`1 call`, `2 calls`, `2 later entries`: the last word as it is of one, put into the plural for others."""
    if number == 1:
        return f"1 {what}"
    return f"{number} {what[:-1]}ies" if what.endswith("y") else f"{number} {what}s"


def since(seconds: float) -> str:
    """`42 s`, `12 min`, `3 h 05 min`, `4 d 3 h`: for reading, not for reckoning."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def local_time(at: datetime.datetime, now: datetime.datetime) -> str:
    """The time of day here; with the date unless it is today."""
    here = at.astimezone()
    return here.strftime("%H:%M:%S" if here.date() == now.astimezone().date() else "%Y-%m-%d %H:%M")


def own_version() -> str:
    """The version that is installed here."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ringplan")
    except PackageNotFoundError:
        return "(not installed)"


def utc_now() -> datetime.datetime:
    """The wall clock."""
    return datetime.datetime.now(datetime.UTC)
