"""Who the users are today: what a report cannot know from records."""

from __future__ import annotations

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user, or a telephone in a common area, as it is configured now. `group` is the main one (UPR-17). `automatic`:
    calls are recorded by a rule (RRP-1); `on_demand`: they may be recorded when somebody asks for it (RRP-2)."""

    user: str
    name: str = ""
    extension: str = ""
    group: str = ""
    site: str = ""
    common_area: bool = False
    automatic: bool = False
    on_demand: bool = False
