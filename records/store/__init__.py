"""The SQL side of the records: what has ended, for history and reports; fed from the journal."""

from records.store.store import Store

__all__ = ["Store"]
