"""`ringplan`: one file a verb. What is heavy is imported inside a verb, so that `--help` and completion are quick."""

from __future__ import annotations

import typer

from switch.commands import (
    backup,
    billable,
    calls,
    check,
    diff,
    doctor,
    explain,
    extension,
    guard,
    hangup,
    history,
    init,
    mailbox,
    parked,
    phones,
    quota,
    record,
    records,
    records_forget,
    records_listen,
    records_verify,
    reload,
    report,
    schema,
    serve,
    show,
    status,
    subscriptions,
    tell,
    test,
    trace,
    transfer,
    trunks,
    upgrade,
    wishes,
)
from switch.commands.common import own_version

app = typer.Typer(
    name="ringplan",
    help="A SIP softswitch that says for every call why it went where it went.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # paragraphs are filled to the width
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ringplan {own_version()}")
        raise typer.Exit


@app.callback()
def _options(
    _version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Say which version.", metavar=""
    ),
) -> None:
    pass


for _name, _verb, _panel in (
    ("serve", serve.serve, "Running"),
    ("reload", reload.reload, "Running"),
    ("upgrade", upgrade.upgrade, "Running"),
    ("hangup", hangup.hangup, "Running"),
    ("record", record.record, "Running"),
    ("transfer", transfer.transfer, "Running"),
    ("set", wishes.wishes, "Running"),
    ("backup", backup.backup, "Running"),
    ("restore", backup.restore, "Running"),
    ("init", init.init, "Configuring"),
    ("check", check.check, "Configuring"),
    ("diff", diff.diff, "Configuring"),
    ("show", show.show, "Configuring"),
    ("explain", explain.explain, "Configuring"),
    ("tell", tell.tell, "Configuring"),
    ("test", test.run, "Configuring"),
    ("schema", schema.schema, "Configuring"),
    ("doctor", doctor.doctor, "Configuring"),
    ("status", status.status, "Watching"),
    ("phones", phones.phones, "Watching"),
    ("trunks", trunks.trunks, "Watching"),
    ("subscriptions", subscriptions.subscriptions, "Watching"),
    ("calls", calls.calls, "Watching"),
    ("parked", parked.parked, "Watching"),
    ("trace", trace.trace, "Watching"),
    ("history", history.history, "Watching"),
):
    app.command(_name, rich_help_panel=_panel)(_verb)
app.add_typer(extension.app, name="extension", rich_help_panel="Configuring")
app.add_typer(mailbox.app, name="mailbox", rich_help_panel="Running")
app.add_typer(billable.app, name="billable", rich_help_panel="Running")
app.add_typer(quota.app, name="quota", rich_help_panel="Running")
app.add_typer(report.app, name="report", rich_help_panel="Watching")
records.app.command("verify")(records_verify.verify)
records.app.command("forget")(records_forget.forget)
records.app.command("listen")(records_listen.listen)
app.add_typer(records.app, name="records", rich_help_panel="Watching")
app.add_typer(guard.app, name="guard", rich_help_panel="Watching")


def main() -> None:
    """The entry point of the `ringplan` command."""
    app()
