"""`ringplan backup` and `ringplan restore`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from switch.commands.common import (
    ConfigOption,
    DataOption,
    JsonOption,
    console,
    fail,
    local_time,
    own_version,
    short_path,
    utc_now,
    write_json,
)


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The archive to write; else one named after host and time, here.", show_default=False, metavar="FILE"
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Write configuration, state, journal and records into one file, while the exchange runs.

    The file is for its owner alone (0600): it holds passwords and call records. Records that are kept in a database of
    their own are not in it.
    """
    from switch.arguments import Places
    from switch.backup import BackupError, save

    places = Places.find(config, data)
    at = utc_now()
    target = file or Path(f"ringplan-{socket.gethostname()}-{at:%Y%m%dT%H%M%SZ}.tar.gz")
    try:
        manifest = save(places, target, own_version(), at, _has_database(places.data))
    except BackupError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or target}: {error.strerror}")
    if json:
        write_json(
            {
                "file": str(target),
                "size": target.stat().st_size,
                "members": len(manifest.members),
                "left_out": manifest.left_out,
            }
        )
        return
    out = console()
    size = target.stat().st_size / 1024
    shown = f"{size:.0f} KiB" if size < 1000 else f"{size / 1024:.1f} MiB"
    out.print(f"[bold green]●[/] {short_path(str(target))}: {len(manifest.members)} files, {shown}", soft_wrap=True)
    for said in manifest.left_out:
        out.print(f"[bold yellow]●[/] not in it: {said}", soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="An archive of `ringplan backup`.", metavar="FILE")],
    config: ConfigOption = None,
    data: DataOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Set aside what stands there; nothing is deleted.", metavar="")
    ] = False,
) -> None:
    """Put a backup's files into place. The exchange must not run. All of it is checked before anything is touched."""
    from switch.arguments import Places
    from switch.backup import BackupError
    from switch.backup import restore as put_back

    places = Places.find(config, data)
    now = utc_now()
    try:
        done = put_back(places, file, now, replace)
    except BackupError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    out = console()
    made = f"made {local_time(done.manifest.made_at, now)} on {done.manifest.host} by version {done.manifest.version}"
    out.print(f"[bold green]●[/] restored {len(done.manifest.members)} files, {made}", soft_wrap=True)
    for folder in done.set_aside:
        out.print(f"[bold yellow]●[/] what stood there is in {short_path(str(folder))}", soft_wrap=True)
    for said in done.manifest.left_out:
        out.print(f"[bold yellow]●[/] was not in it: {said}", soft_wrap=True)
    out.print("Next: ringplan check, ringplan doctor, and start it again", style="dim")


def _has_database(data: Path) -> bool:
    """Whether the configuration in force keeps its records elsewhere than in the data folder."""
    import msgspec

    from config.packed import decode
    from switch.configuration import KEPT

    try:
        url = decode((data / KEPT).read_bytes()).records.url
    except (OSError, msgspec.DecodeError):
        return False
    return bool(url) and not url.startswith("sqlite")
