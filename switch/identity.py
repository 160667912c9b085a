"""Who is calling, or registering: the authenticated device and the one of its lines that the request chose (IDN-2).

A device may speak only for lines that it carries. What the request names is looked at in this order:

- REGISTER: To. A name that is no line at all is 404 (RFC 3261 section 10.3 step 5), another's line is 403.
- otherwise: P-Preferred-Identity when there is one, else From (RFC 3325 section 9.1). Anything else than a line of the
  device is 403, also when the device has one line only: a mistyped identity shall be seen, not repaired.

A call may also be on the line of a delegator whom a line of the device serves (SLN-1); whether that delegate may place
calls is the dialplan's to say. To register such a line, the device must carry it.

Two names stand for the device's default line, its first: its own digest user name, which most phones put into From and
To, unless that is also the name of some line; and an anonymous From (RFC 3323), which hides the caller from carriers,
as Privacy does (`switch/sip/privacy.py`), but never from us or from the other telephones of the house.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Protocol

from switch.auth import DeviceAuth, Refused
from switch.sip.headers import NameAddr
from switch.sip.message import Request
from switch.sip.privacy import is_anonymous
from switch.sip.uri import Uri


class Lines(Protocol):
    """Which addresses of record exist. The configuration implements it."""

    def line_of(self, user: str, host: str) -> str | None:
        """The id of the line whose AOR is user@host (`user` with its escapes undone; `host` empty for tel:), or None.

        The implementation decides which hosts are ours; phones also put the exchange's address there.
        """


Shared = Callable[[str], Container[str]]
"""Of a line, those on whose behalf it may be used (DEL-4)."""


def nobody(line: str) -> Container[str]:
    """Where no line is shared."""
    return ()


def identify(device: DeviceAuth, request: Request, lines: Lines, shared: Shared = nobody) -> str | Refused:
    """The line that the request speaks for, or the refusal. Raises RemoteProtocolError 400 for an unreadable header."""
    if not device.lines:
        return Refused(403, "No Line")
    if request.method == "REGISTER":
        return _choose(device, Uri.parse(request.to.uri), lines, nobody, unknown=404)
    preferred = request.values("P-Preferred-Identity")
    if not preferred:
        return _choose(device, Uri.parse(request.from_.uri), lines, shared, unknown=403)
    answer: str | Refused = Refused(403)
    for value in preferred:
        # There may be two, one sip: and one tel: (RFC 3325 section 9.2).
        answer = _choose(device, Uri.parse(NameAddr.parse(value).uri), lines, shared, unknown=403)
        if isinstance(answer, str):
            return answer
    return answer


def _choose(device: DeviceAuth, uri: Uri, lines: Lines, shared: Shared, unknown: int) -> str | Refused:
    user = uri.number() if uri.scheme == "tel" else uri.user_text or ""
    host = uri.host or ""
    line = lines.line_of(user, host)
    if line is not None:
        if line in device.lines or any(line in shared(own) for own in device.lines):
            return line
        return Refused(403, "Not Your Line")
    if user == device.user:
        return device.lines[0]
    if unknown == 403 and is_anonymous(uri):
        return device.lines[0]
    return Refused(unknown)
