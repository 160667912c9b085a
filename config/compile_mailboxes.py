"""How each mailbox works: those of users and lines as the levels have it, the others as they say, else as the
account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from config.compile_people import FILES_OWN, destination
from config.compiled import MailboxSettings
from config.inherit import Effective, Levels
from config.schema import Configuration
from config.schema_called import Mailbox
from config.schema_mailbox import MailboxKeys
from config.schema_people import Line, User

PREFIX = "mailbox."


def mailboxes(settings: Configuration, levels: Levels) -> tuple[MailboxSettings, ...]:
    """All of them, those of users first."""
    return (*_own(settings, levels), *(_common(settings, levels, *each) for each in settings.mailboxes.items()))


def _own(settings: Configuration, levels: Levels) -> Iterator[MailboxSettings]:
    people: dict[str, User | Line] = {**settings.users, **settings.lines}
    for name, each in people.items():
        found = levels.of(name)
        if not found.get("voicemail"):
            continue
        user = settings.users.get(name)
        delegates = [other.user for other in user.delegates if not other.pending] if user is not None else []
        site = settings.sites.get(levels.site_of(name))
        made = _made(name, {key: found.get(PREFIX + key) for key in MailboxKeys.model_fields}, found)
        yield msgspec.structs.replace(
            made,
            name=each.name,
            extension=each.extension or "",
            owner=name,
            lines=tuple(dict.fromkeys((name, *delegates))),
            email=made.email or (user.email if user is not None else "") or "",
            time_zone=found.get("time_zone") or "UTC",
            operator=destination(site.operator) if site is not None else None,
        )


def _common(settings: Configuration, levels: Levels, name: str, each: Mailbox) -> MailboxSettings:
    account = levels.account
    values = {
        key: getattr(each, key)
        if key in each.model_fields_set and PREFIX + key not in account.locks
        else account.get(PREFIX + key)
        for key in MailboxKeys.model_fields
    }
    made = _made(name, values, account)
    return msgspec.structs.replace(
        made,
        name=each.name,
        extension=each.extension or "",
        lines=tuple(each.members),
        time_zone=settings.time_zone or "UTC",
    )


def _made(name: str, values: dict[str, Any], found: Effective) -> MailboxSettings:
    greeting = values["greeting"]
    return MailboxSettings(
        id=name,
        greeting="" if greeting in (None, FILES_OWN) else greeting,
        own_greeting=PREFIX + "greeting" not in found.locks,
        longest_s=values["longest"],
        silence_s=values["silence"],
        messages=values["messages"],
        keep_s=values["keep"],
        email=values["email"] or "",
        notify=values["notify"],
        format=values["format"],
        delete_after_email=values["delete_after_email"],
        pin_length=values["pin_length"],
        pin_tries=values["pin_tries"],
        pin_lockout_s=values["pin_lockout"],
    )
