"""What is recorded of a call, what became of the file, and who has heard it."""

from __future__ import annotations

import datetime

import msgspec

from records.events.values import Event


class RecordingStarted(Event, frozen=True, array_like=True, gc=False, tag=30):
    """What comes from leg `leg` is kept from now on, in `spool` (a name in the folder of spools), for `side` 0 (left)
    or 1 of `file`, a WAV file in the folder of recordings. Told for each leg; the same `file` for those of one
    recording. `by` is who asked for it: `policy` (automatic), a line's telephone (`device:anna-desk`) or
    `operator:root`. `announced`: the leg has heard the announcement to its end."""

    leg: int
    file: str
    spool: str
    side: int
    by: str = ""
    announced: bool = False


class RecordingPaused(Event, frozen=True, array_like=True, gc=False, tag=31):
    """Nothing is kept until it goes on: `paused` False. For card data."""

    file: str
    paused: bool
    by: str = ""


class RecordingEnded(Event, frozen=True, array_like=True, gc=False, tag=32):
    """The recording into `file` has ended before the call, or has not begun (no file): `why` is off, failed (the disk
    is full, or refuses), limit, announcement (it could not be played to its end, so that nothing may be kept) or
    refused (`by` may not record). `detail` says more."""

    file: str
    why: str
    by: str = ""
    detail: str = ""


class RecordingRendered(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=33):
    """The WAV file of a recording of the call is there; mostly after the call's end, and perhaps told twice. `file` is
    relative to the folder of recordings. `sides` 1 or 2, the caller's on the left; `lost` packets never came. `wrong`
    says what could not be read; with an empty `sha256` there is no file."""

    call: str
    file: str
    sha256: str
    octets: int
    duration_s: float
    rate: int
    sides: int
    began_at: datetime.datetime
    packets: int
    lost: int
    at: datetime.datetime
    wrong: str = ""


class RecordingAccessed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=59):
    """An operator (`by`, as `operator:root`) was given a recording of the call to hear (DRE-1, ACC-2), for the reason
    `why`."""

    call: str
    file: str
    by: str
    why: str
    at: datetime.datetime
