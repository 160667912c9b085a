"""Mailboxes that surely do not work as they were meant: e-mail that reaches nobody, greetings that nobody hears."""

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
        path = _where(loaded, levels, each, "greeting")
        if each.greeting and path not in told and not (loaded.folder / each.greeting).is_file():
            told.add(path)
            message = f"there is no file `{each.greeting}`: callers hear spoken words"
            hint = "it is looked for in the configuration's folder"
            yield Problem("missing-sound", loaded.mark(*path), message, hint)
        if each.notify == "none":
            continue
        path = _where(loaded, levels, each, "notify")
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


def _where(loaded: Loaded, levels: Levels, box: MailboxSettings, key: str) -> tuple[str | int, ...]:
    """Where that was said."""
    if box.owner:
        return levels.of(box.owner).setting(f"mailbox.{key}").path
    if key in loaded.settings.mailboxes[box.id].model_fields_set:
        return "mailboxes", box.id, key
    return levels.account.setting(f"mailbox.{key}").path
