"""What the exchange says in its log of what happens by itself: endings to look at, carriers that come and go, slow
turns of the loop, bugs. What telephones do by the dozen is gathered elsewhere (`reception.py`)."""

from __future__ import annotations

import structlog

from dialplan.plan import Service
from dialplan.rates import MICRO
from dialplan.termination import Reason
from records import events as e
from switch.metrics import Counters
from switch.net.targets import Target
from switch.quota import REACHED
from switch.registration import State
from switch.sip.uri import hostport
from switch.state.mailboxes import GREETING, PIN

SLOW_S = 0.05
"""A turn of the loop that takes longer is logged with its name."""
UNUSUAL = frozenset(
    (
        Reason.MEDIA_TIMEOUT,
        Reason.MEDIA_LOST,
        Reason.MEDIA_REFUSED,
        Reason.DIALOG_LOST,
        Reason.PROTOCOL_ERROR,
        Reason.INTERNAL_ERROR,
        Reason.CRASH_BEFORE_ANSWER,
        Reason.LOOP,
        Reason.OVERLOAD,
    )
)
"""Endings that somebody should look at get a line in the log; the others stand in `ringplan history`."""


class Notices:
    """Writes them. `verbose`: every call that ends has its line."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger, counters: Counters, verbose: bool) -> None:
        self._log = log
        self._counters = counters
        self._verbose = verbose

    def call_ended(self, event: e.CallEnded, talk_s: float) -> None:
        """A call is over."""
        if event.reason in UNUSUAL:
            self._log.warning("call ended", call=event.call, result=event.result, reason=event.reason, talk_s=talk_s)
        elif self._verbose:
            self._log.debug("call ended", call=event.call, result=event.result, reason=event.reason, talk_s=talk_s)

    def emergency(self, event: e.CallStarted) -> None:
        """EMG-7: somebody calls for help; told at once, whoever reads the log."""
        flow = event.flow
        self._log.warning(
            "emergency call",
            call=event.call,
            number=event.number,
            device=event.device,
            line=event.line,
            address=event.address,
            told=event.notify,
            calls_from=hostport(flow.remote_host, flow.remote_port),
        )

    def sent_for_help(self, call: str, asked: e.Help) -> None:
        """EMG-7: somebody was sent on to an emergency number, and so calls for help."""
        self._log.warning(
            "emergency call",
            call=call,
            number=asked.number,
            device=asked.device,
            line=asked.line,
            address=asked.address,
            told=asked.notify,
            sent_on=True,
        )

    def help_told(self, event: e.HelpTold) -> None:
        """EMG-7: what came of telling somebody."""
        say = self._log.info if event.outcome in ("answered", "sent") else self._log.warning
        say("emergency call told", call=event.call, to=event.to, outcome=event.outcome, why=event.why)

    def looped(self, event: e.CallForwarded) -> None:
        """FWD-9: forwards lead in a circle, or too far."""
        self._log.warning("forwards form a loop", call=event.call, by=event.by, ends_in=event.to)

    def unserved(self, call: str, step: Service) -> None:
        """A plan asks for what nothing does yet."""
        self._log.warning("nothing carries out this step", call=call, step=step.id, kind=type(step).__name__.lower())

    def set_for_line(self, event: e.LineSet) -> None:
        """Somebody has set what holds for a line."""
        self._log.info("set", line=event.line, key=event.key, value=event.value or "default", by=event.by)

    def quota_reached(self, event: e.QuotaReached) -> None:
        """A line, or all together, called much outside: toll fraud looks like this."""
        self._counters.quota_alarms += 1
        over = event.percent >= REACHED
        told = "quota reached: calls outside are refused" if over else "quota is used to 80 per cent"
        scale = MICRO if event.what.startswith("cost") else 1
        used, limit = round(event.used / scale, 2), event.limit / scale
        self._log.warning(told, line=event.line or "all", quota=event.what, used=used, limit=limit)

    def quota_reset(self, event: e.QuotaReset) -> None:
        """An operator lets a line call outside again."""
        self._log.warning("quota reset", line=event.line or "all", by=event.by)

    def account_code_refused(self, line: str, account: str, blocked: bool) -> None:
        """CST-4: a wrong password of an account code, or an account that there is not. What was tried is not told."""
        self._counters.account_codes_refused += 1
        told = "account codes of this line are refused for a while" if blocked else "account code refused"
        self._log.warning(told, line=line, account=account)

    def set_for_mailbox(self, event: e.MailboxSet) -> None:
        """Somebody has set a mailbox's PIN, which is not told, or its greeting."""
        if event.key == PIN:
            self._log.info("PIN set", mailbox=event.mailbox, by=event.by)
        elif event.key.startswith(GREETING):
            done = "greeting set" if event.value else "greeting taken back"
            self._log.info(done, mailbox=event.mailbox, key=event.key, by=event.by)

    def mailbox_locked(self, mailbox: str, tries: int) -> None:
        """PIN-5: somebody tries out PINs."""
        self._counters.mailbox_lockouts += 1
        self._log.warning("mailbox is locked after wrong PINs", mailbox=mailbox, tries=tries)

    def recording_ended(self, event: e.RecordingEnded) -> None:
        """REC-4: what was to be recorded is not, and nobody had wanted that."""
        self._counters.recordings[(event.why,)] += 1
        if event.why in ("failed", "announcement", "limit"):
            self._log.warning("a call is not recorded any more", call=event.call, why=event.why, detail=event.detail)

    def recording_made(self, event: e.RecordingRendered) -> None:
        """REC-7: its file is there, or cannot be made."""
        self._counters.recordings["made" if event.sha256 else "not_made",] += 1
        if event.wrong:
            self._log.warning("recording is not whole", call=event.call, file=event.file, why=event.wrong)

    def prompt(self, told: str, what: str) -> None:
        """A prompt is missing."""
        self._log.warning(told, prompt=what)

    def registration_changed(self, trunk: str, state: State) -> None:
        """A carrier has taken or refused our registration."""
        if state.state == "failed" or state.why:
            told = "trunk is not registered" if state.state == "failed" else "trunk cannot be renewed"
            self._log.warning(told, trunk=trunk, why=state.why)
        else:
            self._log.info("trunk is registered", trunk=trunk, expires_s=state.expires_s)

    def host_changed(self, trunk: str, target: Target, up: bool, why: str) -> None:
        """A carrier's host does not answer, or answers again."""
        place = f"{target.transport} {hostport(target.address, target.port)}"
        if up:
            self._log.info("trunk host is well again", trunk=trunk, host=place)
        else:
            self._log.warning("trunk host is avoided", trunk=trunk, host=place, why=why)

    def took(self, what: str, took_s: float) -> None:
        """So long a turn of the loop was busy."""
        if took_s > SLOW_S:
            self._counters.slow_callbacks += 1
            self._log.warning("slow", what=what, took_ms=round(took_s * 1000))

    def error(self, *about: object) -> None:
        """A bug of ours; the exchange goes on."""
        error = next((each for each in about if isinstance(each, BaseException)), None)
        where = next((each for each in about if isinstance(each, str)), "")
        self._log.error("internal error", where=where, exc_info=error)
