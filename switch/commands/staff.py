"""Whom the configuration of today knows: for histories and reports, which take names and sites from it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from config.compiled import Compiled
    from dialplan.model import Model
    from records.reports import Person
    from records.reports.queues import Target
    from records.viewer import Viewer

T = TypeVar("T")


def people(compiled: Compiled | None) -> tuple[Person, ...]:
    """All users, and the telephones of common areas; nobody where the configuration cannot be read."""
    from records.reports import Person

    lines = compiled.model.lines.values() if compiled is not None else ()
    return tuple(
        Person(
            user=line.id,
            name=line.name,
            extension=line.extension,
            group=line.group,
            site=line.site,
            common_area=line.common,
            automatic=bool(line.policy.record),
            on_demand=line.policy.on_demand,
        )
        for line in lines
    )


def queues(compiled: Compiled | None) -> tuple[Target, ...]:
    """All queues; what each aims at is said by the calls themselves."""
    from records.reports.queues import Target

    known = compiled.model.queues.values() if compiled is not None else ()
    return tuple(Target(queue=queue.id, name=queue.name) for queue in known)


def names(compiled: Compiled | None) -> dict[str, str]:
    """How users are called, where they have a name."""
    lines = compiled.model.lines.values() if compiled is not None else ()
    return {line.id: line.name for line in lines if line.name}


def viewer(compiled: Compiled | None, user: str) -> Viewer:
    """A user who looks at the own history, with the lines that are shared with others (DCH-1)."""
    from records.viewer import Viewer

    return Viewer(user, shares=shared(compiled.model, user) if compiled is not None else frozenset())


def shared(model: Model, user: str) -> frozenset[str]:
    """The lines that the user is a delegate for, and has accepted to be (DEL-9)."""
    return frozenset(
        delegator
        for delegator in model.serves.get(user, ())
        if any(each.line == user and not each.pending for each in model.lines[delegator].delegates)
    )


def doubt(compiled: Compiled | None, user: str) -> str:
    """What to add when nothing was found of a user whom the configuration of today does not have; else nothing."""
    there = [each.user for each in people(compiled)]
    if user in there or not there:
        return ""
    near = difflib.get_close_matches(user, there, n=1, cutoff=0.6)
    return "There is no such user today" + (f": did you mean {near[0]}?" if near else ".")


def doubted(found: Iterable[T], compiled: Compiled | None, user: str | None) -> Iterator[T]:
    """What was found of that user, if it is of one; when there is none of it, the `doubt` goes to standard error."""
    nothing = True
    for each in found:
        nothing = False
        yield each
    if nothing and user is not None and doubt(compiled, user):
        typer.echo(f"ringplan: {nothing_of(compiled, user)}", err=True)


def nothing_of(compiled: Compiled | None, user: str) -> str:
    """That nothing was found of that user, and the `doubt`."""
    return f"nothing is known of {user}. {doubt(compiled, user)}".strip()


def known(compiled: Compiled | None, name: str) -> str:
    """The user's id: by it, or by the extension. Whoever is not known today may have a history all the same."""
    found = next((each for each in people(compiled) if name in (each.user, each.extension)), None)
    return found.user if found is not None else name
