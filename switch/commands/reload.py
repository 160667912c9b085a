"""`ringplan reload`: take the configuration as it is on disk now."""

from __future__ import annotations

from switch.commands.common import JsonOption, RuntimeOption, exchange, from_here, write_json

PATIENCE_S = 120.0


def reload(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """Make the running exchange take its configuration anew, and wait until it has.

    A configuration with errors is refused: they are printed, the status is 1, and nothing changes. Calls that are up
    go on as they began.
    """
    import typer

    from switch.views import ReloadView

    with exchange(runtime, PATIENCE_S) as client:
        view = client.ask("reload", ReloadView)
    if json:
        write_json(view)
        return
    for warning in view.warnings:
        typer.echo(from_here(warning), err=True)
    same = f"the same as before, still version {view.version}; certificates, if there are any, were read anew"
    typer.echo(f"taken: version {view.version}" if view.changed else same)
