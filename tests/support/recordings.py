"""Who has the files of recordings in a flow test: a book of what was told, which objects to what cannot be."""

from __future__ import annotations

from switch.features.recording.keeping import RecordingSettings

FOLDER = "/recordings/"


class BookOfRecordings:
    """A `Keeping` of the recording feature. `open` are the spools that are on, by file; `finished` the files of which
    nothing more comes."""

    def __init__(self) -> None:
        self.settings = RecordingSettings()
        self.open: dict[str, set[str]] = {}
        self.finished: list[str] = []

    def forget(self) -> None:
        """The exchange has died: which spools are on is told anew."""
        for paths in self.open.values():
            paths.clear()

    def begun(self, call: str, file: str, spool: str) -> str:
        """See `Keeping`."""
        assert call in file and spool.startswith(file[:-4]), (call, file, spool)
        assert file not in self.finished, f"{file} is over"
        path = FOLDER + spool
        self.open.setdefault(file, set()).add(path)
        return path

    def opened(self, ending: str) -> list[str]:
        """See `Keeping`."""
        return [path for paths in self.open.values() for path in paths if path.endswith(ending)]

    def closed(self, path: str) -> None:
        """See `Keeping`."""
        for paths in self.open.values():
            paths.discard(path)

    def over(self, file: str) -> None:
        """See `Keeping`."""
        assert file in self.open and file not in self.finished, file
        self.finished.append(file)
