"""`ringplan explain`: what would happen if somebody called somebody, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.arguments import Places
from switch.commands.common import (
    EXIT_BAD_ARGUMENTS,
    ConfigOption,
    DataOption,
    JsonOption,
    RuntimeOption,
    fail,
    utc_now,
    write_json,
)

if TYPE_CHECKING:
    from dialplan.explanation import Explanation
    from dialplan.model import Model
    from switch.explaining import Words


def explain(
    from_: Annotated[
        str,
        typer.Option("--from", help="A user, a line, an extension, a device, or a trunk.", metavar="NAME"),
    ] = "",
    to: Annotated[str, typer.Option("--to", help="What is dialled.", metavar="DIGITS")] = "",
    at: Annotated[
        str, typer.Option("--at", help="When, as 2026-12-24T18:05, in the caller's zone; else now.", metavar="TIME")
    ] = "",
    phones: Annotated[
        str,
        typer.Option(
            "--phones",
            help="What telephones and trunks do: anna=busy,ben=answers/5s,trunk:carrier=503. All others ring.",
            metavar="WHO=WHAT",
        ),
    ] = "",
    facts: Annotated[
        str, typer.Option("--facts", help="What is so: anna.dnd=on,ben.calls=1,sales.cursor=2.", metavar="FACT=VALUE")
    ] = "",
    line: Annotated[
        str, typer.Option("--line", help="The line that is called on; else the telephone's first.", metavar="NAME")
    ] = "",
    caller: Annotated[
        str, typer.Option("--caller", help="The caller's number, as the carrier sends it.", metavar="NUMBER")
    ] = "",
    anonymous: Annotated[bool, typer.Option("--anonymous", help="The caller hides.", metavar="")] = False,
    attested: Annotated[bool, typer.Option("--attested", help="The number has attestation A.", metavar="")] = False,
    presses: Annotated[
        str, typer.Option("--presses", help="Keys in menus, one after the other: 1,2,timeout.", metavar="KEYS")
    ] = "",
    account: Annotated[
        str, typer.Option("--account", help="The account code that is given when asked for.", metavar="CODE")
    ] = "",
    draw: Annotated[
        float, typer.Option("--draw", min=0.0, max=0.999999, help="The call's random number.", metavar="0-1")
    ] = 0.0,
    hangs_up: Annotated[
        float | None, typer.Option("--hangs-up", min=0.0, help="The caller gives up, in seconds.", metavar="SECONDS")
    ] = None,
    call: Annotated[
        str,
        typer.Option(
            "--call",
            help="A past call instead, as `history` names it: decided again with the configuration, facts and instant"
            " that it had; its telephones do what they did.",
            metavar="CALL",
        ),
    ] = "",
    config: ConfigOption = None,
    data: DataOption = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask the running exchange: its dialplan, its facts, its telephones.", metavar=""),
    ] = False,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Explain a call: every rule that is asked, with its place and what it says; who rings, when and how long; what
    holds of the call; how it ends.

    The configuration is read as `check` reads it, and no exchange is asked but with `--live`.
    """
    from switch.explaining import Words

    if call:
        _past(call, Places.find(config, data), json=json)
        return
    if not from_:
        raise typer.BadParameter("--from and --to say who calls whom; or --call names a past call")
    words = Words(
        from_=from_,
        to=to,
        line=line,
        at=at,
        phones=phones,
        facts=facts,
        caller=caller,
        anonymous=anonymous,
        attested=attested,
        presses=tuple(filter(None, presses.split(","))),
        account=account,
        draw=draw,
        hangs_up_s=hangs_up,
    )
    found = _live(runtime, words) if live else _offline(config, words)
    if json:
        write_json(found)
    else:
        from switch.commands.explained import show

        show(found)


def _offline(config: Path | None, words: Words) -> Explanation:
    from dialplan.question import QuestionError
    from switch.explaining import ask

    model = read_model(config)
    try:
        return ask(model, words, utc_now())[1]
    except QuestionError as error:
        fail(str(error), EXIT_BAD_ARGUMENTS)


def _live(runtime: Path | None, words: Words) -> Explanation:
    import msgspec

    from dialplan.explanation import Explanation
    from switch.commands.common import exchange
    from switch.views import ExplainedView

    with exchange(runtime) as client:
        view = client.ask("explain", ExplainedView, words=msgspec.to_builtins(words))
    if view.wrong:
        fail(view.wrong, EXIT_BAD_ARGUMENTS)
    return msgspec.json.decode(view.explanation, type=Explanation)


def _past(call: str, places: Places, *, json: bool) -> None:
    from switch import models
    from switch.commands import decision, explained
    from switch.commands.stored import one_ended, reading, record_store
    from switch.retold import retold

    with record_store(places) as store, reading():
        record = one_ended(store, call)
    model = models.find(places.data, record.model)
    if model is None:
        why = f"the configuration that it was decided with ({record.model or 'not recorded'}) is not known any more"
        fail(f"call {record.call} cannot be decided again: {why}", details=tuple(decision.reasons(record, places)))
    told = retold(record, model)
    if json:
        write_json(told)
    else:
        explained.show(told.explanation)
        explained.show_past(told)


def read_model(config: Path | None) -> Model:
    """The dialplan of a configuration, which has to be sound but for its secrets; else its errors, and the end."""
    from config import validate
    from config.compile import model_of
    from config.problems import ConfigError
    from switch.commands.check import show_problems

    path = config or Places.find().config
    try:
        return model_of(validate.load(path))
    except ConfigError as error:
        show_problems(error.problems, "error", "bold red")
        raise typer.Exit(1) from None
