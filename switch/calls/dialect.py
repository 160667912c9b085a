"""How one carrier wants a call to be written: numbers, addresses, and where the caller stands.

All of it is applied here, when the INVITE is made; plans know E.164 alone (`dialplan.forms`). How a carrier's own
INVITE is read stands in `hearing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from config.compiled import TrunkSettings
from dialplan import forms
from dialplan.countries import main_emergency
from dialplan.emergency import SOS
from records.events import Forwarded
from switch.sip import diversion
from switch.sip.account import Account
from switch.sip.diversion import Forward
from switch.sip.headers import quote
from switch.sip.privacy import ANONYMOUS, PRIVACY
from switch.sip.uri import escape_user, hostport, literal

_GENERAL = ("911", "112")
"""Wherever these are emergency numbers at all, they are so for help of every kind."""


class Dialect:
    """One carrier's way, and what holds between it and us at the moment.

    `token` is the user part of the Contact that we registered there, `routes` the Service-Route that it gave us (RFC
    3608); both are empty where we do not register.
    """

    __slots__ = ("account", "routes", "settings", "token")

    def __init__(self, settings: TrunkSettings, account: Account | None = None, token: str = "") -> None:
        self.settings = settings
        self.account = account
        self.token = token
        self.routes: tuple[str, ...] = ()

    def called(self, number: str, place: str) -> str:
        """The Request-URI of a call to `number`, which may be a urn: as well; `place` is what stands behind the @."""
        if number.startswith("urn:"):
            return number
        return self._address(forms.write(number, self.settings.numbers, self.settings.country), place)

    def help(self, number: str, place: str) -> str:
        """The Request-URI of an emergency call: a service URN (RFC 5031) where the carrier takes it and the number
        means help of every kind; a number for the police alone stays what it is."""
        settings = self.settings
        if settings.emergency_urn and (number in _GENERAL or number == main_emergency(settings.country)):
            return SOS
        return self.called(number, place)

    def toward(self, uri: str, place: str) -> tuple[str, ...]:
        """The Route of a first request to that URI. A service URN says nothing of the way: the carrier's own address
        does."""
        return self.preloaded() or ((f"<sip:{place};lr>",) if uri.startswith("urn:") else ())

    def preloaded(self) -> tuple[str, ...]:
        """The Route of a request outside a dialog: the outbound proxy (RFC 3261 section 8.1.2), then the Service-Route
        (RFC 3608 section 6.1)."""
        first = self.proxy_route()
        if first and self.routes and self.routes[0].startswith(first[0].partition(";")[0].rstrip(">")):
            return self.routes  # the Service-Route begins with the proxy itself
        return (*first, *self.routes)

    def proxy_route(self) -> tuple[str, ...]:
        """The outbound proxy as a Route; nothing without one."""
        proxy = self.settings.proxy
        if proxy is None:
            return ()
        place = hostport(proxy.host, proxy.port) if proxy.port else literal(proxy.host)
        transport = "" if proxy.transport in ("udp", "") else f";transport={proxy.transport}"
        return (f"<sip:{place}{transport};lr>",)

    def own(self, number: str, name: str, host: str) -> str:
        """A number of ours as an address; `host` is our own."""
        written = forms.write(number, self.settings.numbers, self.settings.country)
        address = self._address(written, literal(self.settings.from_domain or host))
        return f"{quote(name)} <{address}>" if name else f"<{address}>"

    def caller(self, number: str, name: str, host: str, hidden: bool, asserted: bool = True) -> tuple[str, list[str]]:
        """From, without its tag, and the header lines that say who calls. `host` is our own address; `asserted`: we
        vouch for the caller.

        CID-2: who hides is anonymous in From, and is named, if at all, in P-Asserted-Identity to a carrier that is
        trusted to keep it to itself (RFC 3325 section 7).
        """
        settings = self.settings
        domain = literal(settings.from_domain or host)
        account = settings.account.user
        shown = f"{quote(name)} " if name else ""
        own = self.own(number, name, host) if number else ""
        if hidden:
            lines = [PRIVACY]
            if settings.trusted and own:
                lines += self._lines(own, {"pai", *settings.caller_out}, asserted, "full")
            return ANONYMOUS, lines
        outside = number.startswith("+") or not account
        lines = self._lines(own, settings.caller_out, asserted, "off") if own and outside else []
        # An extension says nothing to a carrier who knows us by an account, and a strict one refuses it.
        if outside and ("from" in settings.caller_out or not account):
            return own or f"{shown}<sip:anonymous@{domain}>", lines
        return f"{shown}<sip:{escape_user(account)}@{domain}>", lines

    def contact_user(self, number: str, hidden: bool) -> str:
        """The user part of our Contact, escaped: carriers want to see one."""
        if self.token:
            return self.token
        if hidden or not number:
            return "anonymous"
        return escape_user(forms.write(number, self.settings.numbers, self.settings.country))

    def forwards(self, forwards: Sequence[Forwarded], host: str, target: str = "") -> list[str]:
        """The header lines that say which forwards the call has behind it: Diversion (RFC 5806), or History-Info (RFC
        7044) when `target`, the Request-URI, is given. Who is not to be shown is named to a trusted carrier alone."""
        settings = self.settings
        domain = literal(settings.from_domain or host)
        told = []
        for each in forwards:
            known = bool(each.number) and (settings.trusted or not each.hidden)
            written = forms.write(each.number, settings.numbers, settings.country)
            uri = self._address(written, domain) if known else "sip:anonymous@anonymous.invalid"
            told.append(Forward(uri, each.name if known else "", each.reason, each.count, each.hidden))
        return diversion.history_info(told, target) if target else diversion.diversion(told)

    def _lines(self, own: str, where: Sequence[str] | set[str], asserted: bool, privacy: str) -> list[str]:
        lines = []
        if "pai" in where and asserted:
            lines.append(f"P-Asserted-Identity: {own}")
        if "ppi" in where:
            lines.append(f"P-Preferred-Identity: {own}")
        if "rpid" in where:
            screen = "yes" if asserted else "no"
            lines.append(f"Remote-Party-ID: {own};party=calling;screen={screen};privacy={privacy}")
        return lines

    def _address(self, user: str, place: str) -> str:
        phone = ";user=phone" if self.settings.user_phone and user.removeprefix("+").isdecimal() else ""
        return f"sip:{escape_user(user)}@{place}{phone}"


__all__ = ["Dialect"]
