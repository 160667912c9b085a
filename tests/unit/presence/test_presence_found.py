"""What an address names, and who may see it (IDN-2)."""

from __future__ import annotations

import pytest
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text, ring_group
from dialplan.lines import BusyLamp, Delegate
from switch.mailboxes import Counts
from switch.presence.dialogs import Dialogs
from switch.presence.lamps import Lamps
from switch.presence.message_summary import MessageSummary
from switch.presence.package import Refusal, Watcher
from tests.support.exchange import changed, house

ALICE = Watcher("wall", "alice", ("alice",), "alice-signs-in")


def model() -> m.Model:
    """The house with everything that has a lamp, and some that has none."""
    base = changed(
        house(),
        alice={"mailbox": "alice"},
        bob={"mailbox": "bob", "busy_lamp": BusyLamp.NOBODY},
        carol={"mailbox": "carol", "busy_lamp": BusyLamp.DELEGATES, "delegates": (Delegate(line="alice"),)},
    )
    extensions = {"290": "voicemail:sales", "700": "conference:board", "710": "park:main", "120": "attendant:menu"}
    return structs.replace(
        base,
        serves={"alice": ("carol",)},
        features={"*97": "voicemail", "*98": "mailbox", "*78": "dnd_on"},
        mailboxes={"sales": groups.Mailbox(id="sales", extension="290")},
        conferences={"board": groups.Conference(id="board", extension="700")},
        park_lots={"main": groups.ParkLot(id="main", extension="710", first="711", last="719")},
        extensions={
            **base.extensions,
            **{number: of_text(to) for number, to in extensions.items()},
            "111": ring_group("110"),
        },
    )


def line_of(user: str) -> str | None:
    """By name or extension."""
    names = {line.extension: name for name, line in model().lines.items()} | {name: name for name in model().lines}
    return names.get(user)


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("101", "line:alice"),
        ("alice", "line:alice"),
        ("103", "line:carol"),
        ("104", "line:dave"),
        ("102", 403),
        ("711", "slot:main/711"),
        ("719", "slot:main/719"),
        ("720", 404),
        ("700", "conference:board"),
        ("710", 404),
        ("110", 404),
        ("111", 404),
        ("120", 404),
        ("290", 404),
        ("wall", "line:alice"),
        ("alice-signs-in", "line:alice"),
        ("", 404),
        ("+16695550100", 404),
    ],
)
def test_what_has_a_busy_lamp(user: str, found: str | int) -> None:
    package = Dialogs(Lamps({}, lambda event: None), model, line_of)
    answer = package.find(user, ALICE)
    assert (answer.status if isinstance(answer, Refusal) else answer) == found
    if isinstance(answer, str):
        assert package.may(answer, ALICE)


@pytest.mark.parametrize("resource", ["line:bob", "line:gone", "slot:main/720", "slot:other/711", "conference:none"])
def test_what_may_not_be_seen_any_more(resource: str) -> None:
    assert not Dialogs(Lamps({}, lambda event: None), model, line_of).may(resource, ALICE)


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("101", "mailbox:alice"),
        ("", "mailbox:alice"),
        ("wall", "mailbox:alice"),
        ("*97", "mailbox:alice"),
        ("*98", "mailbox:alice"),
        ("*98103", "mailbox:carol"),
        ("103", "mailbox:carol"),
        ("102", 403),
        ("*98102", 403),
        ("104", 404),
        ("290", 403),
        ("700", 404),
        ("999", 404),
    ],
)
def test_what_has_a_voicemail_lamp(user: str, found: str | int) -> None:
    package = MessageSummary(lambda mailbox: Counts(), model, line_of)
    answer = package.find(user, ALICE)
    assert (answer.status if isinstance(answer, Refusal) else answer) == found
    package.shared = lambda line: ("sales",)
    assert package.find("290", ALICE) == "mailbox:sales"
