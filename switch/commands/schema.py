"""`ringplan schema`: the configuration's JSON Schema, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(
    path: Annotated[
        Path | None,
        typer.Argument(help="Where to write it; else standard output.", show_default=False, metavar="PATH"),
    ] = None,
) -> None:
    """Write the JSON Schema of the configuration: editors complete keys with it and mark errors while you type.

    A YAML file names it in its first line: # yaml-language-server: $schema=ringplan.schema.json
    """
    from config import jsonschema

    if path is None:
        typer.echo(jsonschema.text(), nl=False)
    else:
        path.write_text(jsonschema.text(), encoding="utf-8")
        typer.echo(f"written: {path}", err=True)
