"""`ringplan records verify`: whether records and recordings are as they were stored. Needs no running exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from switch.arguments import Places
from switch.commands.common import EXIT_REFUSED, ConfigOption, DataOption, JsonOption, counted, fail, write_json
from switch.commands.stored import reading, record_store, recordings_folder

if TYPE_CHECKING:
    from records.chain import Head
    from records.store.verifying import Seen, Wrong

MOST_TOLD = 1000
"""So many findings are told one by one; all are counted."""


class VerifiedView(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` writes. `head` is the end of the chain: keep it elsewhere, for `--since-head`."""

    ok: bool
    head: str
    seen: Seen
    heads: dict[str, str]
    findings: int
    wrong: tuple[Wrong, ...]


def verify(
    since_head: Annotated[
        list[str] | None,
        typer.Option(
            help="An end of the chain that was kept elsewhere (NUMBER:HASH): the chain must go on from there.",
            metavar="HEAD",
            show_default=False,
        ),
    ] = None,
    recordings: Annotated[
        list[Path] | None,
        typer.Option(
            help="Where recordings lie; else where the configuration says. May be given several times.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    files: Annotated[bool, typer.Option("--files/--no-files", help="Whether the files of recordings are read.")] = True,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Walk through the chain of hashes, all records, and the files of recordings: whatever was changed, removed or
    edited other than by Ringplan is told, and the exit status is 1."""
    from records.chain import Head
    from records.store.verifying import Seen, Verifying

    places = Places.find(config, data)
    found: list[Wrong] = []
    findings, seen = 0, Seen(head=str(Head()))
    with record_store(places) as store, reading():
        heads = dict(_kept(places, since_head or []))
        if store is not None:
            folders = (recordings or [recordings_folder(places)]) if files else []
            walk = Verifying(store, heads.items(), folders)
            found, findings = _taken(walk)
            seen = walk.seen
        elif heads:
            fail(f"there are no records any more, and {next(iter(heads))} knows of some")
    if json:
        named = {where: str(each) for where, each in heads.items()}
        write_json(
            VerifiedView(ok=not findings, head=seen.head, seen=seen, heads=named, findings=findings, wrong=tuple(found))
        )
    else:
        _say(seen, found, findings)
    if findings:
        raise typer.Exit(EXIT_REFUSED)


def _kept(places: Places, given: list[str]) -> Iterator[tuple[str, Head]]:
    from records import anchor
    from records.chain import Head

    for path, head in anchor.kept(places.head):
        yield str(path), head
    for number, text in enumerate(given, 1):
        try:
            yield "--since-head" if len(given) == 1 else f"--since-head {number}", Head.parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--since-head") from None


def _taken(walk: Iterable[Wrong]) -> tuple[list[Wrong], int]:
    found: list[Wrong] = []
    findings = 0
    for each in walk:
        findings += 1
        if len(found) < MOST_TOLD:
            found.append(each)
    return found, findings


def _say(seen: Seen, found: list[Wrong], findings: int) -> None:
    for each in found:
        typer.echo(each.told)
    if findings > len(found):
        typer.echo(f"… and {findings - len(found)} more")
    kinds = (
        (seen.records, "record"),
        (seen.recordings, "recording"),
        (seen.others, "later entry"),
        (seen.links, "link"),
    )
    what = ", ".join(counted(number, kind) for number, kind in kinds)
    if seen.forgotten:
        tell = "tombstone says" if seen.tombstones == 1 else "tombstones say"
        what += f"; {seen.forgotten} of the links are of what was deleted, as {seen.tombstones} {tell}"
    if findings:
        typer.echo(f"{what}: {'1 thing is' if findings == 1 else f'{findings} things are'} wrong")
        return
    typer.echo(f"{what}: all as it was stored")
    typer.echo(f"head {seen.head}")
