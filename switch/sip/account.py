"""The client's side of digest authentication: who we are at one peer, and what its challenges have told us.

    request  ->  401 or 407 with challenges  ->  the same request with credentials, a new CSeq and a new branch
                                                 (RFC 3261 section 22.2, 22.3)

A challenge is believed of one realm only. Whoever is called through a carrier can challenge our requests as well, with
a nonce of his choice, and would have material to guess the password with: another realm gets no answer. The realm is
the operator's word, or else the one that was met first.

A nonce that was good is used again, counted up (RFC 7616 section 3.4), so that the next request is not challenged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from switch.sip import digest
from switch.sip.errors import RemoteProtocolError
from switch.sip.message import Response

KINDS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
MAX_ANSWERS = 4
"""So many challenges are answered for one request; a peer that goes on asking does not want us."""


class _Known(msgspec.Struct):
    """A challenge that was answered, and how often since."""

    challenge: digest.Digest
    count: int = 0


class Shown(msgspec.Struct):
    """What one request has shown so far, over all its copies with another CSeq."""

    headers: set[str] = set()
    """Those with credentials in the last copy."""
    fresh: set[str] = set()
    """Those whose credentials were made for a challenge to this very request."""
    answers: int = 0


class Account:
    """Our account at one peer. `ids` makes client nonces nobody can guess."""

    __slots__ = ("_ids", "_known", "realms", "refused_realm", "secret", "user")

    def __init__(self, user: str, secret: str, realms: tuple[str, ...], ids: Callable[[], str]) -> None:
        self.user = user
        self.secret = secret
        self.realms = realms
        """The only realms whose challenges are answered; empty until one was met."""
        self.refused_realm = ""
        """A realm that was not answered, for the operator to see."""
        self._ids = ids
        self._known: dict[tuple[bool, str], _Known] = {}
        """By header, apart for REGISTER: a registrar and the proxy for calls may be two machines."""

    def __repr__(self) -> str:
        return f"Account(user={self.user!r}, realms={self.realms!r})"

    def lines(self, method: str, uri: str, shown: Shown) -> list[str]:
        """Header lines with credentials for a request that was not challenged yet, by what is known; often none."""
        register = method == "REGISTER"
        shown.headers |= {header for kind, header in self._known if kind is register}
        return self._lines(register, shown.headers, method, uri)

    def answer(self, method: str, uri: str, response: Response, shown: Shown) -> list[str] | None:
        """Header lines for the next copy of a challenged request; None when there is nothing to say to it.

        Credentials of the other kind that were shown before stay: a proxy and the far end may both have asked.
        """
        names = KINDS.get(response.status)
        if names is None or not self.secret or shown.answers >= MAX_ANSWERS:
            return None
        asked, header = names
        challenge = self._choose(response.all(asked))
        if challenge is None:
            return None
        stale = challenge.get("stale").lower() == "true"
        register = method == "REGISTER"
        if header in shown.fresh and not stale:
            # It has seen credentials for a challenge of its own a moment ago: they are wrong.
            self._known.pop((register, header), None)
            return None
        self.realms = self.realms or (challenge.get("realm"),)
        self._known[register, header] = _Known(challenge)
        shown.fresh.add(header)
        shown.answers += 1
        shown.headers.add(header)
        return self._lines(register, shown.headers, method, uri)

    def _lines(self, register: bool, headers: set[str], method: str, uri: str) -> list[str]:
        lines = []
        for (kind, header), known in self._known.items():
            if kind is register and header in headers:
                known.count += 1
                cnonce = self._ids()
                value = digest.authorization(known.challenge, self.user, self.secret, method, uri, known.count, cnonce)
                lines.append(f"{header}: {value}")
        return lines

    def _choose(self, values: Sequence[str]) -> digest.Digest | None:
        """The first challenge that we can answer and may: a peer puts its best algorithm first (RFC 8760 2.4)."""
        for value in values:
            try:
                challenge = digest.parse(value)
            except RemoteProtocolError:
                continue
            if challenge is None or not challenge.get("nonce") or not digest.supported(challenge.algorithm):
                continue
            if challenge.qops and "auth" not in challenge.qops:
                continue
            realm = challenge.get("realm")
            if self.realms and realm not in self.realms:
                self.refused_realm = realm[:64]
                continue
            return challenge
        return None
