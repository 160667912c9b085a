"""Who looks at records, and what that may be. Whoever shows records to people (commands, a web console) says who asks;
the functions that give records out ask here. Nothing here knows of passwords: who somebody is has been proven before.
"""

from __future__ import annotations

import enum

import msgspec


class Role(enum.StrEnum):
    """What somebody may see: their own calls (REP-2), reports too (REP-3), everybody's history as well."""

    USER = "user"
    MANAGER = "manager"
    ADMIN = "admin"


class NotPermitted(PermissionError):  # noqa: N818  (it is an answer: a web page says 403)
    """This viewer may not see that."""


class Viewer(msgspec.Struct, frozen=True):
    """`user` is a user's line, empty for an operator who is none. `shares` are the lines of others that the user is a
    delegate for, at the moment (DCH-1)."""

    user: str
    role: Role = Role.USER
    shares: frozenset[str] = frozenset()


def may_see_history(viewer: Viewer, user: str) -> None:
    """The history of `user`. Raises NotPermitted."""
    if viewer.role is not Role.ADMIN and (not viewer.user or viewer.user != user):
        raise NotPermitted("only the own history")


def may_see_reports(viewer: Viewer) -> None:
    """Reports of use (REP-1). Raises NotPermitted."""
    if viewer.role is Role.USER:
        raise NotPermitted("usage reports are for managers and administrators")
