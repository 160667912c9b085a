"""Writing out what other programs read: forms, a new file for its owner alone, or standard output."""

from __future__ import annotations

import contextlib
import enum
import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from switch.commands.common import fail

CsvOption = Annotated[bool, typer.Option("--csv", help="For a spreadsheet.", metavar="")]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", help="A new file, for you alone to read; else standard output.", metavar="FILE", show_default=False
    ),
]


class Form(enum.StrEnum):
    """How records are written."""

    CSV = "csv"
    JSONL = "jsonl"


def print_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """On standard output."""
    from records.export import csv_text

    for text in csv_text(rows, columns):
        typer.echo(text, nl=False)


def write_out(texts: Iterable[str], out: Path | None) -> None:
    """To standard output, or into a `new_file`. Ends the verb where that cannot be had."""
    if out is not None:
        with new_file(out) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as to:
            to.writelines(texts)
        return
    with _failing("standard output"):
        sys.stdout.writelines(texts)
        sys.stdout.flush()


@contextlib.contextmanager
def new_file(out: Path) -> Iterator[BinaryIO]:
    """For its owner alone, and taken away when it cannot be completed. Where it cannot be had, or what goes into it
    cannot be read, the verb ends."""
    with _failing(str(out)):
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
        except BaseException:
            out.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _failing(where: str) -> Iterator[None]:
    """What the system refuses becomes a message and an exit status."""
    try:
        yield
    except BrokenPipeError:  # whoever read it has enough: Typer ends the verb then
        raise
    except FileExistsError:
        fail(f"{where} is there already")
    except OSError as error:
        fail(f"{error.filename or where}: {error.strerror or error}")
