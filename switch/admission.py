"""The door of the exchange: a request that begins something is understood, its sender known, and it may go on or not.

    any        scheme, extensions and body are what we know           else 416, 420, 415
    REGISTER   credentials good, domain ours -> the registrar         else 401, 404
    INVITE     a carrier within its rate, or a device with good       else 407, 503, 404, 422
               credentials and a line -> the calls
    SUBSCRIBE  a package that we have, a device with good             else 489, 401, 403, 404
               credentials and a line -> the subscriptions
    others     OPTIONS is answered; what belongs into a dialog, or is not known, is refused

A call for help passes where others are stopped (OUT-6, EMG-6). What is refused is counted, told to the guard, and
remembered for `ringplan status`. Requests within a dialog need only the first line.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable

from media.sdp import NotAcceptable, SdpError
from records import events as e
from switch.auth import Accepted, Authenticator, Challenge, Refused
from switch.calls.calls import Calls, Source
from switch.directory import Directory
from switch.gate import Gate
from switch.identity import identify
from switch.metrics import Counters
from switch.presence.subscriptions import Held, Subscriptions
from switch.reception import Refusals
from switch.registrar import Registrar
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.message import Request
from switch.sip.methods import ACCEPT, CAPABILITIES, EXTENSIONS, SIPS_NOT_ALLOWED, refusal_of
from switch.sip.parts import understood as body_understood
from switch.sip.session_timer import too_small
from switch.sip.transaction import ServerTransaction
from switch.sip.uri import Uri
from switch.sip.writer import REASONS

SCHEMES = frozenset(("sip", "sips", "tel", "urn"))
IN_DIALOG = frozenset(("BYE", "UPDATE", "PRACK", "INFO"))
"""What makes sense in a dialog only: 481 outside of one."""
NOBODY_YET = Source()
"""Who calls before anybody has asked."""
LONGEST_S = 30
"""Nobody is told to stay away for longer than this, and 2 s, while we drain: the calls may end sooner."""
_REQUIRING = frozenset(("require", "proxy-require"))


class Admission:
    """`note` takes the events that an admitted REGISTER makes, `registered` tells who follows them; `at` is the wall
    time of the input at hand."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        registrar: Registrar,
        authenticator: Authenticator,
        directory: Directory,
        calls: Calls,
        registered: Callable[[Iterable[e.Bound | e.Unbound], float], None],
        subscriptions: Subscriptions,
        gate: Gate,
        refusals: Refusals,
        counters: Counters,
        at: Callable[[], datetime.datetime],
        note: Callable[[Iterable[e.AnyEvent]], None],
    ) -> None:
        self.gate = gate
        self.closing = False
        """The exchange stops in order: no call is begun any more."""
        self.draining: float | None = None
        """Until when the exchange waits for the calls that are up, and takes none but for help; None: it does not."""
        self._endpoint = endpoint
        self._registrar = registrar
        self._authenticator = authenticator
        self._directory = directory
        self._calls = calls
        self._registered = registered
        self._subscriptions = subscriptions
        self._refusals = refusals
        self._counters = counters
        self._at = at
        self._note = note

    def request(self, txn: ServerTransaction, request: Request, now: float) -> None:
        """A request outside of any dialog. Raises RemoteProtocolError when it cannot be read."""
        method = request.method
        refusal = self._subscriptions.refuses(request) if method == "SUBSCRIBE" else None
        if (
            method != "INVITE"
            and method != "REGISTER"
            and (method != "SUBSCRIBE" or refusal is not None)
            and self.gate.hides(txn.flow.remote[0], now)
        ):
            self._endpoint.forget(txn, now)
            return
        if method == "SUBSCRIBE":
            if refusal is not None:
                self._endpoint.answer_once(txn, refusal[0], now, lines=refusal[1])
            elif self.understood(txn, request, now):
                self.subscribe(txn, request, None, now)
            return
        if method == "INVITE" or method == "OPTIONS" or method == "REGISTER":
            if not self.understood(txn, request, now):
                return
            if method == "REGISTER":
                self.register(txn, request, now)
            elif method == "INVITE":
                self._invite(txn, request, now)
            elif self.draining is not None and self._directory.trunk_at(txn.flow) is not None:
                # RFC 3261 section 11.2: as an INVITE would be answered. The carrier takes its next host.
                self._endpoint.answer_once(txn, 503, now, lines=self._later(now))
            else:
                self._endpoint.answer_once(txn, 200, now, lines=(*CAPABILITIES, self._subscriptions.allowed))
            return
        status, lines = (481, []) if method in IN_DIALOG else refusal_of(method)
        self._endpoint.answer_once(txn, status, now, lines=lines)

    def understood(self, txn: ServerTransaction, request: Request, now: float) -> bool:
        """RFC 3261 8.2.2 and 8.2.3: scheme, extensions, and what the body is."""
        scheme = request.uri.partition(":")[0].lower()
        if scheme != "sip" and not self._scheme_fits(scheme, txn, request, now):
            return False
        if request.has_any(_REQUIRING):
            required = request.values("Require") + request.values("Proxy-Require")
            ours = EXTENSIONS.get(request.method, ())
            unknown = [each for each in required if each.lower() not in ours]
            if unknown and not self._helps(request):
                self._endpoint.answer_once(txn, 420, now, lines=[f"Unsupported: {', '.join(unknown)}"])
                return False
        if request.body and request.method != "REGISTER" and not body_understood(request):
            self._endpoint.answer_once(txn, 415, now, lines=[ACCEPT, "Accept-Encoding: identity"])
            return False
        return True

    def _scheme_fits(self, scheme: str, txn: ServerTransaction, request: Request, now: float) -> bool:
        """A scheme other than sip: is one that we know, and sips: comes by TLS (RFC 3261 section 26.2.2); a call for
        help is taken as it comes."""
        if scheme not in SCHEMES or (scheme != "sips" and request.method == "REGISTER"):
            self._endpoint.answer_once(txn, 416, now)
            return False
        if scheme == "sips" and txn.flow.transport != "tls":
            if self._helps(request):
                return True
            self._endpoint.answer_once(txn, 480, now, lines=[SIPS_NOT_ALLOWED])
            return False
        return True

    def _helps(self, request: Request) -> bool:
        """Whether it is a new call for help, which is taken as it comes, whatever the telephone wants besides: few try
        again without an extension that we do not have (OUT-6)."""
        return request.method == "INVITE" and request.to_tag is None and self._calls.is_emergency(request, NOBODY_YET)

    def without_password(self, request: Request, flow: Flow, now: float) -> tuple[int, Iterable[str]] | None:
        """Every other REGISTER brings no credentials, for it has no nonce yet. Its 401 needs no transaction, as nothing
        is remembered of it (26.3.2.4). What 10.3 asks before, about scheme and extensions, `request` asks."""
        if (
            request.method != "REGISTER"
            or request.header("Authorization") is not None
            or request.request_uri.scheme != "sip"
            or request.has_any(_REQUIRING)
        ):
            return None
        self.gate.challenged(flow.remote, "REGISTER", now)
        challenge = self._authenticator.challenge(request, now, "www", flow.remote[0])
        return challenge.status, challenge.lines

    def register(self, txn: ServerTransaction, request: Request, now: float) -> None:
        """A REGISTER whose scheme and extensions are understood."""
        verdict = self._authenticator.check(request, now, "www", txn.flow.remote[0])
        if isinstance(verdict, Accepted):
            if self.gate.refuses(txn.flow.remote, verdict.device.user):
                self._endpoint.forget(txn, now)
                return
            if not self._ours(request):  # RFC 3261 section 10.3 step 1
                self._refused(verdict.device.user, txn.flow, 404, "Not Our Domain")
                self._endpoint.respond(txn, 404, now, reason="Not Our Domain")
                return
            outcome = self._registrar.register(request, verdict.device, txn.flow, now, self._at())
            self._note(outcome.events)
            self._registered(outcome.events, now)
            if outcome.status == 200:
                self._counters.registrations += 1
                self._refusals.forgive(verdict.device.user)
                self.gate.welcome(txn.flow.remote, verdict.device.user, now)
            else:
                self._counters.registrations_refused += 1
                if outcome.status != 423:  # which the telephone mends by itself
                    self._refused(verdict.device.user, txn.flow, outcome.status, outcome.reason)
            self._endpoint.respond(txn, outcome.status, now, reason=outcome.reason, lines=outcome.lines)
            return
        self._not_accepted(txn, request, verdict, now)

    def subscribe(self, txn: ServerTransaction, request: Request, held: Held | None, now: float) -> None:
        """A SUBSCRIBE that is understood; `held` is the subscription in whose dialog it comes. Both need the
        telephone's password: it says where all that is told goes."""
        if self.closing:
            self._endpoint.respond(txn, 503, now, lines=["Retry-After: 2"])
            return
        verdict = self._authenticator.check(request, now, "www", txn.flow.remote[0])
        if not isinstance(verdict, Accepted):
            self._not_accepted(txn, request, verdict, now)
            return
        device = verdict.device
        if self._shut_out(txn, request, device.user, now):
            self._endpoint.forget(txn, now)
        elif held is not None:
            if held.watcher.device == device.device:
                self._subscriptions.refresh(held, txn, now)
            else:
                self._endpoint.respond(txn, 403, now)
        elif not self._ours(request):
            self._endpoint.respond(txn, 404, now, reason="Not Our Domain")
        else:
            line = identify(device, request, self._directory, self._directory.delegators)
            if isinstance(line, str):
                self._subscriptions.begin(txn, device, line, now)
            else:
                self._refused(device.user, txn.flow, line.status, line.reason)
                self._not_accepted(txn, request, line, now)

    def _invite(self, txn: ServerTransaction, request: Request, now: float) -> None:
        if self.closing:
            # An emergency call too: taken now, it would be cut off a second later. Another try meets our successor.
            self._endpoint.respond(txn, 503, now, lines=["Retry-After: 2"])
            return
        source = self._source(txn, request, now)
        if source is None:
            return
        if self.draining is not None and self._is_new(request, source):
            self._endpoint.answer_once(txn, 503, now, lines=self._later(now))
            return
        if source.trunk is not None and not self._calls.context.channels.in_time(source.trunk, "in", now):
            self._endpoint.answer_once(txn, 503, now, lines=["Retry-After: 1"])
            return
        # What carriers put there is theirs to know; telephones are to mean us.
        if not source.trunk and not self._ours(request) and not self._calls.is_emergency(request, source):
            self._endpoint.respond(txn, 404, now, reason="Not Our Domain")
            return
        brief = too_small(request, self._calls.context.settings.sessions)
        if brief and not self._calls.is_emergency(request, source):
            self._endpoint.respond(txn, 422, now, lines=brief)
            return
        try:
            self._calls.invite(txn, source, now)
        except NotAcceptable:
            self._endpoint.respond(txn, 488, now, lines=['Warning: 305 ringplan "Incompatible media format"'])
        except SdpError as error:
            raise RemoteProtocolError(400, "Bad Session Description") from error

    def _is_new(self, request: Request, source: Source) -> bool:
        """Whether an INVITE begins something that a drain stands before. Not one that calls for help (OUT-6), nor one
        that takes a leg's place in a call that is up, as a transfer ends with."""
        return request.header("Replaces") is None and not self._calls.is_emergency(request, source)

    def _later(self, now: float) -> tuple[str]:
        """When our successor will be there, as well as we know."""
        left_s = max(0.0, (self.draining or now) - now)
        return (f"Retry-After: {min(int(left_s), LONGEST_S) + 2}",)

    def _ours(self, request: Request) -> bool:
        """Whether the request is for this exchange, by its Request-URI (RFC 3261 section 8.2.2.1) and, of a REGISTER,
        the address of record, too (10.3 step 5)."""
        domains = self._directory.domains
        if not domains.names:
            return True
        uris = [request.request_uri]
        if request.method == "REGISTER":
            uris.append(Uri.parse(request.to.uri))
        return all(uri.scheme not in ("sip", "sips") or domains.include(uri.host) for uri in uris)

    def _source(self, txn: ServerTransaction, request: Request, now: float) -> Source | None:
        """Who calls; None when the request has been answered instead."""
        carrier = self._directory.carrier(txn.flow, request)
        if carrier is not None:
            return carrier
        verdict = self._authenticator.check(request, now, "proxy", txn.flow.remote[0])
        if not isinstance(verdict, Accepted):
            self._not_accepted(txn, request, verdict, now)
            return None
        device = verdict.device
        if self._shut_out(txn, request, device.user, now, Source(device=device.device)):
            self._endpoint.forget(txn, now)
            return None
        line = identify(device, request, self._directory, self._directory.delegators)
        if isinstance(line, str):
            return self._directory.caller(device.device, line)
        own = self._directory.caller(device.device, device.lines[0]) if device.lines else Source(device=device.device)
        if self._calls.is_emergency(request, own):
            # OUT-6: a telephone without a line, or one that names another's, may still call for help.
            return own
        self._refused(device.user, txn.flow, line.status, line.reason)
        self._not_accepted(txn, request, line, now)
        return None

    def _not_accepted(self, txn: ServerTransaction, request: Request, verdict: Challenge | Refused, now: float) -> None:
        if isinstance(verdict, Challenge):
            if verdict.failed:
                self._counters.registrations_refused += txn.method == "REGISTER"
                self._counters.logins_failed += 1
                known = self._authenticator.credentials.lookup(verdict.failed, self._authenticator.settings.realm)
                if self._shut_out(txn, request, verdict.failed, now):
                    self._endpoint.forget(txn, now)
                    return
                self.gate.failed(txn.flow.remote, verdict.failed, now, exists=known is not None)
                why = "wrong password" if known is not None else "no device has this authentication name"
                self._refusals.add(verdict.failed, txn.flow.remote[0], why, self._at().timestamp())
            else:
                self.gate.challenged(txn.flow.remote, txn.method, now)
            self._endpoint.answer_once(txn, verdict.status, now, lines=verdict.lines)
        else:
            self._counters.registrations_refused += txn.method == "REGISTER"
            self._endpoint.answer_once(txn, verdict.status, now, reason=verdict.reason or None)

    def _shut_out(
        self, txn: ServerTransaction, request: Request, user: str, now: float, source: Source = NOBODY_YET
    ) -> bool:
        """Whether what somebody says by that name gets no answer. An emergency call does (EMG-6): the name may be
        banned there for what others tried with it."""
        if not self.gate.refuses(txn.flow.remote, user):
            return False
        urgent = request.method == "INVITE" and self._calls.is_emergency(request, source)
        return not (urgent and self.gate.hears(txn.flow.remote[0], now))

    def _refused(self, user: str, flow: Flow, status: int, reason: str | None) -> None:
        why = f"{status} {reason or REASONS.get(status, '')}".rstrip()
        self._refusals.add(user, flow.remote[0], why, self._at().timestamp())
