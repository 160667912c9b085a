"""The record store, for the verbs that read it: no exchange needs to run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from switch.commands.common import fail, utc_now
from switch.commands.moments import EXAMPLES, moment

if TYPE_CHECKING:
    from config.compiled import Compiled
    from records.cdr import CallRecord
    from records.store import Store
    from records.store.questions import Wanted
    from switch.arguments import Places


def checked_moment(text: str | None) -> str | None:
    """The option as it was typed. Raises typer.BadParameter where that is no moment."""
    if text is not None:
        try:
            moment(text, utc_now())
        except (ValueError, OverflowError):
            raise typer.BadParameter(f"write {EXAMPLES}") from None
    return text


SinceOption = Annotated[
    str | None,
    typer.Option("--since", help=f"From then on, local time: {EXAMPLES}.", metavar="WHEN", callback=checked_moment),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until", help="Until then, that moment left out; as --since.", metavar="WHEN", callback=checked_moment
    ),
]
LineOption = Annotated[str | None, typer.Option("--line", help="Only calls from or to this line.", metavar="LINE")]
NumberOption = Annotated[
    str | None, typer.Option("--number", help="Only calls of this number, calling or called.", metavar="NUMBER")
]
EndedArgument = Annotated[
    str, typer.Argument(help="A call, as `ringplan history` names it; its beginning is enough.", metavar="CALL")
]
MaskOption = Annotated[
    bool | None,
    typer.Option(
        "--mask/--no-mask",
        help="Numbers and names of those outside hidden or not; else as `records: mask` says.",
        show_default=False,
    ),
]


def unmasked(record: CallRecord) -> CallRecord:
    """As it is."""
    return record


def masking(
    places: Places, wanted: bool | None, *, export: bool = False, compiled: Compiled | None = None
) -> Callable[[CallRecord], CallRecord]:
    """What is done to records before anybody sees them. Without a word of the user's the configuration's counts, which
    is read where it is not given."""
    from records.masking import masked

    if wanted is None:
        compiled = compiled or configured(places)
        rule = compiled.records.mask if compiled is not None else "none"
        wanted = rule == "all" or (rule == "exports" and export)
    return masked if wanted else unmasked


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """What a store refuses becomes a message and an exit status."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        fail(f"the record store cannot be read: {getattr(error, 'orig', None) or error}")


def configured(places: Places) -> Compiled | None:
    """The configuration; None where it cannot be read: it may be for the service's eyes alone, or broken today."""
    from config import compile as compiling
    from config.problems import ConfigError

    try:
        return compiling.compile(places.config)
    except (ConfigError, OSError):
        return None


@contextlib.contextmanager
def record_store(places: Places, compiled: Compiled | None = None) -> Iterator[Store | None]:
    """The store that the configuration names, which is read where it is not given; None while there is no file yet.
    What is asked of it belongs into `reading`."""
    from records.store import Store
    from switch.blueprint import records_url

    compiled = compiled or configured(places)
    # Without a configuration the file in the data folder is the best guess.
    url = records_url(compiled, places) if compiled is not None else f"sqlite:///{places.records}"
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        yield None
        return
    with reading():
        store = Store(url)
    try:
        yield store
    finally:
        store.close()


def recordings_folder(places: Places) -> Path:
    """Where the files of recordings lie by the configuration; where that cannot be read, in the data folder."""
    from config.certificates import folder_of

    compiled = configured(places)
    folder = compiled.recordings.folder if compiled is not None else ""
    return folder_of(places.config) / folder if folder else places.data / "recordings"


def wanted(
    since: str | None,
    until: str | None,
    *,
    number: str | None = None,
    line: str | None = None,
    user: str | None = None,
) -> Wanted:
    """The calls between two moments as they were typed, of which either may be missing; and of these alone."""
    from records.store.questions import Wanted

    now = utc_now()
    begin, end = (moment(text, now) if text else None for text in (since, until))
    return Wanted(number=number, line=line, user=user, since=begin, until=end)


def one_ended(store: Store | None, call: str) -> CallRecord:
    """The one call that has ended whose id is, or begins with, what was typed; without it the verb ends."""
    found = store.history(2, call=call) if store is not None else []
    exact = [each for each in found if each.call == call] or found
    if not exact:
        none_ended(call)
    if len(exact) > 1:
        fail(f"several calls begin with {call}; say more of it")
    return exact[0]


def none_ended(call: str) -> NoReturn:
    """The verb ends, as there is no such call."""
    fail(f"no call {call} has ended (ringplan calls shows those that are up; records are some seconds behind)")


def read_records(places: Places, last: int, **wanted: Any) -> list[CallRecord]:
    """The newest calls that have ended; `wanted` is that of `records.store.Store.history`."""
    with record_store(places) as store, reading():
        return store.history(last, **wanted) if store is not None else []


def each_record(store: Store | None, wanted: Wanted) -> Iterator[CallRecord]:
    """All those wanted, the oldest first; read while they are taken."""
    with reading():
        yield from store.each(wanted) if store is not None else ()
