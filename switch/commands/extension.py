"""`ringplan extension propose`: an internal number that is free."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.commands.common import ConfigOption, fail
from switch.commands.show import sound

app = typer.Typer(no_args_is_help=True, help="Internal numbers.")


@app.callback()
def _verbs() -> None:
    """Internal numbers."""


@app.command()
def propose(
    site: Annotated[str, typer.Option("--site", help="In whose range; needed.", metavar="SITE")] = "",
    config: ConfigOption = None,
) -> None:
    """The lowest free number in a site's range: no park slot, no emergency number, nothing that means a number outside.

    Nothing is reserved: it is free until somebody writes it into the configuration.
    """
    from config import propose as proposing
    from config.problems import Wrong

    loaded = sound(config)
    if not site:
        known = ", ".join(loaded.settings.sites)
        fail(
            f"at which site? write --site and one of {known}" if known else "there are no `sites`, which have ranges", 2
        )
    try:
        typer.echo(proposing.extension(loaded, site))
    except Wrong as wrong:
        fail(wrong.message + (f" ({wrong.hint})" if wrong.hint else ""))
