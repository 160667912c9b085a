"""How mailboxes are set up: inherited key by key, locked, and of those that are nobody's own (PRO-3, PIN-5, VMN-1)."""

from __future__ import annotations

from pathlib import Path

from config import loader, validate
from config.compile import compile_loaded
from config.compiled import MailboxSettings
from dialplan.destinations import user

TEXT = """
country: US
time_zone: America/Los_Angeles
mail: {host: mail.example.com, from: pbx@example.com}
account:
  mailbox: {notify: notice, pin_length: 8, keep: 90d, silence: none, messages: 20}
  locked: [mailbox.pin_length]
sites:
  paris: {time_zone: Europe/Paris, voicemail: true, operator: ben, mailbox: {longest: 1m, greeting: paris.wav}}
groups:
  board: {site: paris, mailbox: {notify: notice_with_attachment, format: opus, delete_after_email: true}}
users:
  anna:
    extension: 201
    name: Anna
    email: anna@example.com
    group: board
    delegates: [ben, {user: carl, pending: true}]
    mailbox: {greeting: default, pin_length: 4, pin_tries: 3, pin_lockout: 1h}
  ben: {extension: 202, voicemail: true, mailbox: {email: all@example.com, keep: none, silence: 5s}}
  carl: {extension: 203}
mailboxes:
  sales: {extension: 290, members: [anna, ben], longest: 30s, notify: none, pin_length: 5}
"""


def boxes(text: str = TEXT) -> dict[str, MailboxSettings]:
    made = compile_loaded(validate.validate(loader.read(text, "a.yaml"), Path()), "a.yaml", {})
    return {each.id: each for each in made.mailboxes}


def test_the_nearest_level_counts_key_by_key_and_a_lock_above_it_before_it() -> None:
    found = boxes()
    assert list(found) == ["anna", "ben", "sales"], "carl has none"
    assert found["anna"] == MailboxSettings(
        id="anna",
        name="Anna",
        extension="201",
        owner="anna",
        lines=("anna", "ben"),
        greeting="",
        longest_s=60.0,
        silence_s=0.0,
        messages=20,
        keep_s=90 * 86400.0,
        email="anna@example.com",
        notify="notice_with_attachment",
        format="opus",
        delete_after_email=True,
        pin_length=8,
        pin_tries=3,
        pin_lockout_s=3600.0,
        time_zone="Europe/Paris",
        operator=user("ben"),
    )
    ben = found["ben"]
    assert (ben.email, ben.keep_s, ben.silence_s, ben.notify, ben.operator) == (
        "all@example.com",
        0.0,
        5.0,
        "notice",
        None,
    )
    assert ben.lines == ("ben",)


def test_a_mailbox_that_is_nobodys_own_has_what_the_account_says_and_its_members() -> None:
    sales = boxes()["sales"]
    assert (sales.owner, sales.lines, sales.extension) == ("", ("anna", "ben"), "290")
    assert (sales.longest_s, sales.notify, sales.messages, sales.keep_s) == (30.0, "none", 20, 90 * 86400.0)
    assert sales.pin_length == 8, "the account has locked it"
    assert sales.time_zone == "America/Los_Angeles"


def test_a_locked_greeting_keeps_users_from_recording_theirs() -> None:
    assert all(each.own_greeting for each in boxes().values())
    locked = boxes(TEXT.replace("[mailbox.pin_length]", "mailbox"))
    assert not any(each.own_greeting for each in locked.values())
    assert locked["anna"].greeting == ""
    assert locked["anna"].longest_s == 180.0, "of the whole section nothing below the lock counts"
