"""What a carrier's INVITE says: which number was called, who calls, whether that is to be shown, and who forwarded it.

A header that a carrier may put anything into is only looked at where the operator names it. P-Asserted-Identity and
Remote-Party-ID are believed of a trusted trunk alone, and only while its calls come from where it is known to be
(IDN-3). Forwards are told by a trusted trunk as well; but how many there were is heard from any, since a loop that
nobody ends costs more than a call that a stranger ends for himself.
"""

from __future__ import annotations

import msgspec

from dialplan import forms
from records.events import Forwarded
from switch.calls.dialect import Dialect
from switch.sip import diversion
from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import NameAddr, split_list
from switch.sip.message import Request
from switch.sip.privacy import HIDING_IN_NETWORKS, is_anonymous, withheld
from switch.sip.uri import Uri

HEADERS = {
    "pai": "P-Asserted-Identity",
    "ppi": "P-Preferred-Identity",
    "rpid": "Remote-Party-ID",
}


class Heard(msgspec.Struct, frozen=True):
    """`called` as the carrier wrote it. `number` and `name` are the caller's; both empty when he is `hidden`.

    `believed`: the carrier is, and calls from where it is known to be. `forwards` came before, the latest first.
    """

    called: str
    number: str
    name: str
    hidden: bool = False
    believed: bool = False
    forwards: tuple[Forwarded, ...] = ()


def answered(dialect: Dialect, value: str) -> tuple[str, str] | None:
    """The number and name of who has answered at that carrier, out of the P-Asserted-Identity in its 2xx; None where
    the carrier is not believed, or it cannot be read."""
    if not dialect.settings.trusted:
        return None
    try:
        address = NameAddr.parse(split_list(value)[0])
        number = _shown(dialect, _user(Uri.parse(address.uri)))
    except (RemoteProtocolError, IndexError):
        return None
    return (number, address.display) if number else None


def hear(dialect: Dialect, request: Request, known_place: bool = True) -> Heard:
    """Read an INVITE from that carrier. `known_place`: it came from one of its addresses, not by our token alone.

    Raises RemoteProtocolError 400 where From or the Request-URI cannot be read.
    """
    believed = dialect.settings.trusted and known_place
    number, name, hidden = _caller(dialect, request, believed)
    forwards = _forwards(dialect, request) if request.has_any(diversion.HEADERS) else ()
    return Heard(_called(dialect, request), number, name, hidden, believed, forwards)


# Who was called


def _called(dialect: Dialect, request: Request) -> str:
    uri = Uri.parse(request.uri)
    if uri.scheme == "urn":
        return request.uri
    where = dialect.settings.did_from
    by_token = bool(dialect.token) and _user(uri) == dialect.token
    if where == "request-uri" and not by_token:
        return uri.dialled()
    # Called by our token, the number stands in what the carrier received.
    names = ("P-Called-Party-ID", "To") if where != "to" else ("To",)
    for header in names:
        user = _user_in(request.header(header))
        if user and user != dialect.token:
            return user
    return "" if by_token else _user(uri)


def _user_in(value: str | None) -> str:
    if not value:
        return ""
    try:
        return _user(Uri.parse(NameAddr.parse(value).uri))
    except RemoteProtocolError:
        return ""


def _user(uri: Uri) -> str:
    """The user part as a number where it is one: parameters within it (`;npdi`, `;phone-context`) are left out."""
    text = uri.number() if uri.scheme == "tel" else uri.user_text
    return text.partition(";")[0]


# Who calls


def _caller(dialect: Dialect, request: Request, believed: bool) -> tuple[str, str, bool]:
    settings = dialect.settings
    private = withheld(request, HIDING_IN_NETWORKS)
    for each in settings.caller_in:
        if each == "from":
            value = request.from_
            uri = Uri.parse(value.uri)
            if private:
                return "", "", True
            return _shown(dialect, _user(uri)), value.display or "", False
        found = _identity(request, HEADERS[each]) if believed or each == "ppi" else None
        if found is not None:
            value, hidden = found
            if hidden or private:
                return "", "", True
            uri = Uri.parse(value.uri)
            return _shown(dialect, _user(uri)), value.display or request.from_.display or "", False
    return "", "", private


def _identity(request: Request, header: str) -> tuple[NameAddr, bool] | None:
    """The first address in that header that can be read; and whether it says itself that it is not to be shown."""
    for value in request.values(header):
        try:
            address = NameAddr.parse(value)
            uri = Uri.parse(address.uri)
        except RemoteProtocolError:
            continue
        if header == "Remote-Party-ID" and (address.param("party") or "calling").lower() != "calling":
            continue
        if not uri.user and uri.scheme != "tel":
            continue
        privacy = (address.param("privacy") or "off").lower() if header == "Remote-Party-ID" else "off"
        return address, privacy not in ("off", "name") or is_anonymous(uri)
    return None


def _shown(dialect: Dialect, user: str) -> str:
    settings = dialect.settings
    return forms.read(user, settings.numbers_in, settings.country) if user else ""


# Who forwarded it


def _forwards(dialect: Dialect, request: Request) -> tuple[Forwarded, ...]:
    return tuple(
        Forwarded(_shown(dialect, _user(Uri.parse(each.uri))), each.name, each.reason, each.count, each.private)
        for each in diversion.forwards_of(request)
    )
