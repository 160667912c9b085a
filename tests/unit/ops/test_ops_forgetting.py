"""What the exchange does when somebody is to be forgotten: files and messages first, then it is told, in a new
segment; whatever cannot be done leaves all as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from records.events import Forgotten, MessageChanged, MessageLeft, RecordingAccessed
from switch.control import Refused
from switch.forgetting import Forgetting
from switch.mailbox_files import MailboxFiles
from switch.mailboxes import Mailboxes
from tests.support.call_events import at
from tests.unit.ops.test_ops_recordings import Room, left

WHO = {"by": "operator:root", "name": "Anna Berg", "why": "letter of 3 March"}


class Desk:
    """A desk's mailboxes and files."""

    def __init__(self, folder: Path, journal: list[Any]) -> None:
        self.mailboxes = Mailboxes(journal.append)
        self.files = MailboxFiles(folder)
        for number, (call, caller, open_) in enumerate(
            (
                ("a1", "+16695550101", False),
                ("b2", "+16695550102", False),
                ("", "+16695550101", False),
                ("c3", "", True),
            )
        ):
            self.mailboxes.leave(MessageLeft("anna", f"m{number}", at(number), call, caller, "", 5.0, open=True))
            if not open_:
                self.mailboxes.leave(MessageLeft("anna", f"m{number}", at(number), call, caller, "", 5.0))
            path = Path(self.files.sound("anna", f"m{number}"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


class House:
    """The handlers on a folder; `journal` is what was told, with a word for each new segment."""

    def __init__(self, folder: Path) -> None:
        self.journal: list[Any] = []
        self.room = Room(folder)
        self.core = SimpleNamespace(calls=SimpleNamespace(by_id={"up": object()}))
        self.desk = Desk(folder / "voicemail", self.journal)
        self.journal.clear()
        self.forgot: list[str] = []
        self.begun: list[str] = []
        recent = SimpleNamespace(forget=self.forgot.append)
        chores = SimpleNamespace(begin=lambda name, work: (self.begun.append(name), work.close()))
        core: Any = self.core
        given: Any = (self.room.made, self.desk, recent, chores, folder / "state")
        note: Callable[[Any], object] = self.journal.extend
        self.made = Forgetting(core, *given, lambda: self.journal.append("segment"), lambda: at(100), note)

    def forget(self, *calls: str, **more: str) -> Any:
        return asyncio.run(self.made.forget({"calls": list(calls), **WHO, **more}))

    def messages(self) -> list[str]:
        return [each.id for each in self.desk.mailboxes.all()]


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    for name in ("2026-11-22/a1-1.wav", "2026-11-22/b2-1.wav", "spools/2026-11-22/a1-2.0.0.9.spool"):
        path = made.room.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return made


def test_a_call_goes_with_its_recordings_and_messages(house: House) -> None:
    view = house.forget("a1", "x9")
    assert (view.calls, view.files, view.messages) == (2, 2, 1)
    assert left(house.room.folder) == ["2026-11-22/b2-1.wav"]
    assert house.messages() == ["m1", "m2", "m3"] and not Path(house.desk.files.sound("anna", "m0")).exists()
    segment, gone, told = house.journal
    assert segment == "segment" and gone == MessageChanged("anna", "m0", "gone", "operator:root Anna Berg", at(100))
    assert told == Forgotten(("a1", "x9"), (), "operator:root Anna Berg", "letter of 3 March", at(100))
    assert house.forgot == ["a1", "x9"] and house.begun == ["forgetting"]


def test_of_a_number_all_messages_go_that_were_left_in_that_time(house: House) -> None:
    assert house.forget(number="+16695550101", since=at(1).isoformat()).messages == 1
    assert house.messages() == ["m0", "m1", "m3"] and len(house.journal) == 2
    assert house.forget(number="+16695550101", until=at(0).isoformat()).messages == 0
    assert house.forget(number="+16695550101").messages == 1


def test_what_is_under_way_is_not_forgotten(house: House) -> None:
    house.room.write((0, 0), file="2026-11-22/d4-1.wav", call="d4")
    for calls, why in ((("a1", "up"), "still up, such as up"), (("a1", "d4"), "2026-11-22/d4-1.wav is being made")):
        with pytest.raises(Refused, match=why):
            house.forget(*calls)
    assert not house.journal and len(house.messages()) == 4
    assert house.forget("c3").messages == 0, "somebody speaks on it yet"


def test_a_file_that_cannot_be_deleted_leaves_all_untold(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(Refused, match=r"nothing was forgotten: .*Permission denied"):
        house.forget("a1")
    assert not house.journal


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"calls": ["../a"]}, "whole ids"),
        ({"calls": "a1"}, "at most 1000"),
        ({"calls": ["a1"] * 1001}, "at most 1000"),
        ({"calls": ["a1"], "name": " "}, "`name` is to be said"),
        ({"calls": ["a1"], "why": "x" * 501}, "`why` is to be said"),
        ({"calls": ["a1"], "until": "soon"}, "`until` is an instant"),
    ],
)
def test_what_cannot_be_meant_is_refused(house: House, args: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        asyncio.run(house.made.forget(WHO | args))
    assert not house.journal


def test_who_was_given_a_recording_is_in_the_journal(house: House) -> None:
    """DRE-1, ACC-2."""
    house.made.accessed({"call": "a1", "file": "2026-11-22/a1-1.wav", **WHO})
    told = RecordingAccessed("a1", "2026-11-22/a1-1.wav", "operator:root", "letter of 3 March", at(100))
    assert house.journal == [told]
    for file in ("2026-11-22/b2-1.wav", "../a1-1.wav", "2026-11-22/a1-1.wav/..", ""):
        with pytest.raises(Refused, match="is no recording of call"):
            house.made.accessed({"call": "a1", "file": file, **WHO})
    with pytest.raises(Refused, match="`why`"):
        house.made.accessed({"call": "a1", "file": "2026-11-22/a1-1.wav", **WHO, "why": ""})
