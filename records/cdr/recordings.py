"""What of a call was recorded into a file."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import Changes
from records.cdr.record import CallRecord, Instant, Recorded
from records.events import RecordingEnded, RecordingPaused, RecordingStarted


def _recording_started(record: CallRecord, event: RecordingStarted, at: Instant) -> CallRecord:
    recordings = record.recordings
    if not recordings or recordings[-1].file != event.file:
        recordings = (*recordings, Recorded(at, event.file, event.by))
    last = recordings[-1]
    legs = last.legs if event.leg in last.legs else (*last.legs, event.leg)
    announced = (*last.announced, event.leg) if event.announced and event.leg not in last.announced else last.announced
    last = replace(last, legs=legs, announced=announced)
    return replace(record, n=event.n + 1, last_at=at, recordings=(*recordings[:-1], last))


def _recording_paused(record: CallRecord, event: RecordingPaused, at: Instant) -> CallRecord:
    recordings = record.recordings
    if recordings and event.paused:
        recordings = (*recordings[:-1], replace(recordings[-1], pauses=recordings[-1].pauses + 1))
    return replace(record, n=event.n + 1, last_at=at, recordings=recordings)


def _recording_ended(record: CallRecord, event: RecordingEnded, at: Instant) -> CallRecord:
    recordings = record.recordings
    if event.file and recordings and recordings[-1].file == event.file:
        over = replace(recordings[-1], why=event.why, detail=event.detail, over_at=at)
        recordings = (*recordings[:-1], over)
    else:
        recordings = (*recordings, Recorded(at, "", event.by, why=event.why, detail=event.detail, over_at=at))
    return replace(record, n=event.n + 1, last_at=at, recordings=recordings)


CHANGES: Changes = {
    RecordingStarted: _recording_started,
    RecordingPaused: _recording_paused,
    RecordingEnded: _recording_ended,
}
