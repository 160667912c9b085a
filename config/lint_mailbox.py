"""Mailboxes that surely do not work as they were meant: e-mail that reaches nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from config.compiled import MailboxSettings
from config.inherit import Levels
from config.problems import Problem
from config.validate import Loaded


def warnings(loaded: Loaded, levels: Levels, boxes: Iterable[MailboxSettings]) -> Iterator[Problem]:
    """All of them, each place once."""
    told = set()
    for each in boxes:
        if each.notify == "none":
            continue
        path = _where(loaded, levels, each)
        if path in told:
            continue
        if loaded.settings.mail is None:
            told.add(path)
            message = "nobody can be told by e-mail: there is no `mail:`"
            yield Problem("no-mail", loaded.mark(*path), message, "write how it is sent under `mail`")
        elif not each.email:
            told.add(path)
            message = f"nobody is told of messages for `{each.id}`: there is no e-mail address"
            yield Problem("no-mail", loaded.mark(*path), message, "write `email` there, or `notify: none`")


def _where(loaded: Loaded, levels: Levels, box: MailboxSettings) -> tuple[str | int, ...]:
    if box.owner:
        return levels.of(box.owner).setting("mailbox.notify").path
    if "notify" in loaded.settings.mailboxes[box.id].model_fields_set:
        return "mailboxes", box.id, "notify"
    return levels.account.setting("mailbox.notify").path
