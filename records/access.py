"""Who may hear a recording, and who opens a mailbox: pure, over the record and the viewer.

A recording is heard by its owner alone (`records.owners`): on a shared line that is the one who recorded, and not the
delegator or delegate beside (DRE-1 to 3). Whoever may not hear it does not learn that there is one either: `NotFound`,
not `NotPermitted`; a web page says 404. An administrator may hear every recording (ACC-2), and each time is an audit
event (`RecordingAccessed`): `heard` says when that is due. What belongs to a queue, a menu or a group is
administrators' only.

A mailbox is opened by its owner and those who share it, all with the same rights (DVM-1). Administrators see how many
messages lie in it, and hear none: messages are played to those whom they were left for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from records.cdr import CallRecord, Recorded
from records.owners import may_hear
from records.viewer import NotPermitted, Role, Viewer


class NotFound(LookupError):  # noqa: N818  (it is an answer: a web page says 404)
    """There is no such thing for this viewer."""


class Heard(NamedTuple):
    """A recording that a viewer may hear. `audited`: that it is heard has to be told (`RecordingAccessed`)."""

    recorded: Recorded
    audited: bool


def recordings(record: CallRecord, viewer: Viewer) -> Sequence[Heard]:
    """Those of the call that the viewer may hear; of the others nothing is told."""
    found = ((each, may_hear(record, each, viewer)) for each in record.recordings if each.file)
    return [Heard(each, not own) for each, own in found if own or viewer.role is Role.ADMIN]


def recording(record: CallRecord, file: str, viewer: Viewer) -> Heard:
    """One of them, by its file. Raises NotFound, whether there is none or it is somebody else's."""
    found = next((each for each in recordings(record, viewer) if each.recorded.file == file), None)
    if found is None:
        raise NotFound(f"no recording {file}")
    return found


def for_viewer(record: CallRecord, viewer: Viewer) -> CallRecord:
    """The record as the viewer may be given it: without recordings that are not the viewer's."""
    kept = tuple(each.recorded for each in recordings(record, viewer))
    return record if len(kept) == len(record.recordings) else replace(record, recordings=kept)


def may_open(owner: str, members: Collection[str], viewer: Viewer) -> None:
    """The messages of a mailbox of the line `owner` (empty for one that is nobody's own) that `members` share. Raises
    NotFound."""
    if not viewer.user or (viewer.user != owner and viewer.user not in members):
        raise NotFound("no such mailbox")


def may_count(owner: str, members: Collection[str], viewer: Viewer) -> None:
    """How many messages lie there, and who shares it (ACC-1). Raises NotPermitted."""
    if viewer.role is not Role.ADMIN and viewer.user != owner and viewer.user not in members:
        raise NotPermitted("only those who share the mailbox")
