"""`ringplan upgrade`: new code, and settings that are read at a start, without a call lost."""

from __future__ import annotations

from typing import Any

from switch.commands.common import JsonOption, RuntimeOption, counted, supervisor, write_json

PATIENCE_S = 180.0


def upgrade(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """Put the code on disk, and the configuration, into the place of the exchange that runs.

    Calls go on, those that ring as well; nobody is refused. TLS telephones connect anew. Media workers go on with the
    code that they have. What cannot be taken over is told, and changes nothing: then the status is 1.
    """
    import typer

    from switch.views import UpgradeView

    report: dict[str, Any] = {}
    with supervisor(runtime, PATIENCE_S) as client:
        for step in client.follow("upgrade", UpgradeView):
            report = step.report or report
            if not json and not step.report:
                typer.echo(step.text)
    if json:
        write_json(report)
        return
    version, process = report.get("version"), report.get("process")
    if "version_before" in report:
        before, former = report["version_before"], report["process_before"]
        typer.echo(f"exchange: version {before} to {version}, process {former} to {process}")
    else:
        went_on = f"version {version} goes on from the journal, process {process}"
        typer.echo(f"exchange: the one that ran died before it could hand over; {went_on}")
    up = f"{counted(report.get('calls', 0), 'call')} taken over, {report.get('being_set_up')} being set up"
    typer.echo(f"{up}; {counted(report.get('connections', 0), 'TCP connection')}")
    if "gap_ms" in report:
        typer.echo(f"nobody listened for {report['gap_ms']} ms; what came waited")
