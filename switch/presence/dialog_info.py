"""`application/dialog-info+xml` (RFC 4235): the calls of a line, a park slot or a room, for a busy lamp.

Each document is a whole one (state="full"), so one that is lost does no harm. When there is no call it names one
that is terminated: telephones switch their lamps off by that, and not all of them by an empty document.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

import msgspec

CONTENT_TYPE = "application/dialog-info+xml"
_HEAD = '<?xml version="1.0"?>\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info"'
MOST_DIALOGS = 8
"""So many calls of one resource are told: a lamp is on with the first."""


class Stage(enum.StrEnum):
    """Where a dialog stands (RFC 4235 section 3.7.1)."""

    TRYING = "trying"
    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Party(msgspec.Struct, frozen=True):
    """One side of a dialog: address and name; empty where it is not to be shown."""

    uri: str = ""
    name: str = ""


class DialogState(msgspec.Struct, frozen=True):
    """One call of the resource. `initiator`: it calls; else it is called. `held`: it has put the other side on hold."""

    ident: str
    stage: Stage
    initiator: bool
    held: bool = False
    remote: Party = Party()


def write(entity: str, version: int, dialogs: Sequence[DialogState]) -> bytes:
    """The document about the address `entity`."""
    parts = [f'{_HEAD} version="{version}" state="full" entity={_attribute(entity)}>']
    for dialog in dialogs[:MOST_DIALOGS]:
        parts += _dialog(entity, dialog)
    if not dialogs:
        parts.append(f'<dialog id="idle"><state>{Stage.TERMINATED}</state></dialog>')
    parts.append("</dialog-info>\n")
    return "\n".join(parts).encode("utf-8", "replace")


def _dialog(entity: str, dialog: DialogState) -> list[str]:
    direction = "initiator" if dialog.initiator else "recipient"
    parts = [f"<dialog id={_attribute(dialog.ident)} direction={direction!r}>".replace("'", '"')]
    parts.append(f"<state>{dialog.stage}</state>")
    parts += ["<local>", _identity(Party(entity)), _target(entity, held=dialog.held), "</local>"]
    remote = dialog.remote
    if remote.uri:
        parts += ["<remote>", _identity(remote), _target(remote.uri), "</remote>"]
    parts.append("</dialog>")
    return parts


def _identity(party: Party) -> str:
    display = f" display={_attribute(party.name)}" if party.name else ""
    return f"<identity{display}>{escape(_plain(party.uri))}</identity>"


def _target(uri: str, *, held: bool = False) -> str:
    """`+sip.rendering` says whether what comes is heard (RFC 4235 section 4.1.6): "no" is on hold."""
    if not held:
        return f"<target uri={_attribute(uri)}/>"
    return f'<target uri={_attribute(uri)}><param pname="+sip.rendering" pval="no"/></target>'


def _attribute(text: str) -> str:
    return quoteattr(_plain(text))


def _plain(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else "?" for c in text)
