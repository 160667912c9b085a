"""The few moving things that decisions see, kept up to date by the events of the journal: `LiveFacts`.

    record(event)     one event has happened; the fold that everything here follows from
    at(instant, draw) -> dialplan.facts.Facts

Nothing is searched for a decision: a line that the planner asks for is looked up, and its sums are at hand. After a
crash the fold begins with what the state file kept (`restore`, `switch/state/facts.py`) and goes on with the journal.

What counts as what:

- A line has an **active** call from the moment it calls, or answers, until its leg ends. A telephone that only rings is
  not busy. The end of a line's last leg is since when it is **idle**.
- An **external** call is a leg to a carrier, from its INVITE on; who pays is the line that calls, or forwards it. Its
  minutes and cost count from the answer on, also while it is up; whole calls go into the minute in which they end.
  Emergency calls count for nothing (OUT-6).
- The **cursor** of a rotating group moves by one when the group begins to ring (`GroupRung`), so two calls at the same
  time begin with different members, whoever answers.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from dialplan.facts import QUIET, Facts, Helped, LineFacts
from dialplan.groups import Strategy
from dialplan.lines import Line, Quotas
from dialplan.model import Model
from dialplan.rates import NO_RATES, Rate, RateTable
from records import events as e
from switch import quota
from switch.spending import Paying, Spending
from switch.state import wishes
from switch.state.facts import CURSOR, HELPED, IDLE, QUOTA, RESET, SHOWN, SPENT, Kept, Row
from switch.state.wishes import Wishes

HELP_MS = 3_600_000
"""EMG-8: so long after an emergency call a call back reaches who made it."""
CALLER = 0


_FIGURES = frozenset((CURSOR, IDLE, HELPED, RESET, SHOWN, SPENT))


class _Line:
    """One line, or all of them together. Instants in Unix milliseconds."""

    __slots__ = (
        "active",
        "helped_ms",
        "idle_ms",
        "said",
        "spent",
        "told",
        "values",
        "wishes",
    )

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.said: dict[str, e.LineSet] = {}
        self.wishes: Wishes = wishes.NONE
        self.active = 0
        self.idle_ms = 0
        self.helped_ms = 0
        self.spent = Spending()
        self.told: dict[tuple[str, int], int] = {}
        """When somebody was told how much of a quota is used, by what is limited and the per cent."""


class _Call(msgspec.Struct):
    """What is remembered of a call that is up, by leg: the lines that ring, those that talk, and who pays. Of an
    emergency call, the lines that are called back, and the numbers that were shown."""

    line: str
    number: str
    emergency: bool
    ringing: dict[int, str] = {}
    talking: dict[int, str] = {}
    payers: dict[int, str] = {}
    helped: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    by: str = ""
    """The line that has shown them."""
    sending: bool = False
    """Whether it became one by a transfer that is under way."""


def _raised(error: BaseException, where: str) -> None:
    raise error


class LiveFacts:
    """The facts of now. `append` is where events go on to, the journal; `on_error` hears of bugs of ours."""

    def __init__(
        self,
        append: Callable[[e.AnyEvent], object] = lambda event: None,
        on_error: Callable[[BaseException, str], object] = _raised,
    ) -> None:
        self.cursors: dict[str, int] = {}
        self.shown: dict[str, Helped] = {}
        """By the number that was shown: who called for help last (EMG-8)."""
        self._append = append
        self._on_error = on_error
        self._lines: dict[str, _Line] = {}
        self._all = _Line()
        self._calls: dict[str, _Call] = {}
        self._rates: RateTable = NO_RATES
        self._counts_all = False
        self._total = Quotas()
        self._known_lines: Mapping[str, Line] = {}
        self._ranked: frozenset[str] = frozenset()
        self._own: dict[str, str] = {}
        self._known = False
        self._rows: dict[tuple[str, str, int], Row] = {}
        self._settings: dict[tuple[str, str], e.LineSet] = {}

    def use(self, model: Model) -> None:
        """Another version of the configuration: what a minute costs, and which of the figures anybody asks for."""
        self._rates = model.rates
        self._counts_all = any(msgspec.structs.astuple(model.quotas))
        self._total, self._known_lines = model.quotas, model.lines
        for known in (self._all, *self._lines.values()):
            known.spent.stale()  # the rates may be others
        groups = [each for each in model.ring_groups.values() if each.strategy is Strategy.LONGEST_IDLE]
        self._own = {each.id: each.lines[0] for each in model.devices.values() if each.lines}
        self._ranked = frozenset(member.line for group in groups for member in group.members)

    # -- what decisions see -------------------------------------------------------------------------------------

    def at(self, at: datetime.datetime, draw: float = 0.0) -> Facts:
        """The facts as of that instant. They are looked up when they are asked for: use them at once."""
        now_ms = _ms(at)
        account = self._facts(self._all, "", now_ms) if self._counts_all else QUIET
        return Facts(lines=Lines(self, now_ms), cursors=self.cursors, account=account, draw=draw, shown=self.shown)

    def line(self, name: str, now_ms: int) -> LineFacts:
        """What is so with one line at that instant."""
        known = self._lines.get(name)
        return self._facts(known, name, now_ms) if known is not None else QUIET

    def _facts(self, known: _Line, name: str, now_ms: int) -> LineFacts:
        said, spent = known.wishes, known.spent
        idle = known.idle_ms if name in self._ranked else 0
        helped = known.helped_ms if known.helped_ms and now_ms - known.helped_ms <= HELP_MS else 0
        if spent.day.buckets:
            spent.turn(now_ms)
        if not (spent.day.buckets or spent.paying):
            if said is wishes.NONE and not (known.active or helped or idle):
                return QUIET
            hour_ms = hour_cost = day_ms = day_cost = 0
        else:
            hour_ms, hour_cost, day_ms, day_cost = spent.sums(now_ms, self._rates)
        return LineFacts(
            dnd=said.dnd,
            forwards=said.forwards,
            after_s=said.after_s,
            active=known.active,
            idle_since=idle / 1000,
            external=len(spent.paying),
            minutes_hour=hour_ms / 60_000,
            minutes_day=day_ms / 60_000,
            cost_hour=hour_cost,
            cost_day=day_cost,
            out_of=said.out_of,
            helped_at=_instant(helped) if helped else None,
            locked=said.locked,
        )

    # -- quotas -------------------------------------------------------------------------------------------------

    def look(self, at: datetime.datetime) -> None:
        """To be called every few seconds: calls that are up use quotas, too."""
        if self._all.spent.paying:
            now_ms = _ms(at)
            for name in {payer for call in self._calls.values() for payer in call.payers.values() if payer}:
                self._alarm(self._line(name), name, now_ms)
            self._alarm(self._all, "", now_ms)

    def _alarm(self, known: _Line, name: str, now_ms: int) -> None:
        """Tell, once for each window, that a quota is used to 80 or 100 per cent."""
        quotas = self._quotas_of(name)
        if quotas is None:
            return
        for what, percent, used, limit in quota.reached(quotas, self._facts(known, name, now_ms)):
            told = max(known.told.get((what, each), 0) for each in (percent, quota.REACHED))
            if not told or now_ms - told >= quota.WINDOWS_MS[what]:
                self.record(e.QuotaReached(name, what, percent, used, limit, _instant(now_ms)))

    def _quotas_of(self, name: str) -> Quotas | None:
        if not name:
            return self._total if self._counts_all else None
        line = self._known_lines.get(name)
        return line.outside.quotas if line is not None else None

    def used(self, at: datetime.datetime) -> Iterator[tuple[str, list[tuple[str, float, int]]]]:
        """Who uses how much of which quota: lines by name, all together as ""; nobody who has used nothing."""
        now_ms = _ms(at)
        for name, known in [("", self._all), *sorted(self._lines.items())]:
            quotas = self._quotas_of(name)
            if quotas is not None and (known.spent.paying or known.spent.day.buckets):
                found = list(quota.used(quotas, self._facts(known, name, now_ms)))
                if any(amount for _, amount, _ in found):
                    yield name, found

    def _told(self, event: e.QuotaReached) -> None:
        self._payer(event.line).told[event.what, event.percent] = _ms(event.at)

    def _figures(self, event: e.FiguresTold) -> None:
        """What was told anew: it stands, whatever was found before it."""
        if event.kind == QUOTA:
            what, percent, name = event.name.split(" ", 2)
            self._payer(name).told[what, int(percent)] = event.rows[0][1]
        elif self._known or event.kind not in _FIGURES:
            return
        elif event.kind == SPENT:
            spent = self._payer(event.name).spent
            for minute in {each for each, _, _ in spent.day.buckets} - {each for each, _, _ in event.rows}:
                self._keep(SPENT, event.name, minute, 0)
            spent.put(event.rows)
            for row in event.rows:
                self._keep(SPENT, event.name, *row)
        else:
            amount = event.rows[0][1]
            self._figure(event.kind, event.name, amount)
            self._keep(event.kind, event.name, 0, amount)

    def _reset(self, event: e.QuotaReset) -> None:
        known = self._payer(event.line)
        known.told.clear()
        if self._known:
            return
        at_ms = _ms(event.at)
        for minute in known.spent.reset(at_ms):
            self._keep(SPENT, event.line, minute, 0)
        self._keep(RESET, event.line, 0, at_ms)

    # -- what carriers' legs cost -------------------------------------------------------------------------------

    @property
    def rates(self) -> bool:
        """Whether any rates are configured."""
        return bool(self._rates.decks)

    def currency(self, trunk: str) -> str:
        """That of the carrier's rates; empty without any."""
        deck = self._rates.decks.get(trunk) or self._rates.decks.get("")
        return deck.currency if deck is not None else ""

    def payers(self, call: str) -> Mapping[int, str]:
        """Who pays for the carriers' legs of that call, by leg. None of an emergency call."""
        known = self._calls.get(call)
        return known.payers if known is not None else {}

    def rate(self, call: str, leg: int, at: datetime.datetime) -> tuple[str, datetime.datetime, Rate | None]:
        """Which number that leg was sent to, since when it is answered, and what it costs. Raises KeyError for one for
        which nobody pays. `at` is now, the very instant of the answer but for calls of a former version."""
        paying = self._all.spent.paying[call, leg]
        since = at if paying.since_ms >= _ms(at) else _instant(paying.since_ms)
        return paying.number, since, self._rates.rate(paying.trunk, paying.number, at.date()) if self.rates else None

    def settings(self, line: str) -> Mapping[str, str]:
        """What that line's user has set, by key (`switch.state.wishes`)."""
        known = self._lines.get(line)
        return known.values if known is not None else {}

    # -- the fold -----------------------------------------------------------------------------------------------

    def record(self, event: e.AnyEvent) -> None:
        """An event has been decided: it counts from now on, and goes to the journal. A bug in what is only known about
        calls ends none, least of all a call for help (OUT-6)."""
        fold = _FOLD.get(event.__class__)
        payer = None
        try:
            payer = fold(self, event) if fold is not None else None
        except Exception as error:  # noqa: BLE001
            self._on_error(error, f"facts of {event.__class__.__name__}")
        self._append(event)
        if payer is not None:
            try:
                self._warn(payer, _ms(event.at))
            except Exception as error:  # noqa: BLE001
                self._on_error(error, "quota alarms")

    def _warn(self, payer: str, now_ms: int) -> None:
        if payer:
            self._alarm(self._line(payer), payer, now_ms)
        self._alarm(self._all, "", now_ms)

    def hand_on(self, append: Callable[[e.AnyEvent], object]) -> None:
        """Events go on to that one from now on."""
        self._append = append

    def restore(self, kept: Kept) -> None:
        """What the state file holds, at a start."""
        for event in kept.settings:
            self._line_set(event)
        for row in sorted(kept.rows, key=lambda row: row.bucket):
            if row.kind == SPENT:
                if row.amount or row.cost:  # else it was taken back
                    self._payer(row.name).spent.add(row.bucket, row.amount, row.cost)
            else:
                self._figure(row.kind, row.name, row.amount)
        self._rows.clear()
        self._settings.clear()

    def replay(self, events: Iterable[e.AnyEvent], *, known: bool) -> None:
        """Events out of the journal, after `restore`. Those that are `known` count in what was restored: only who is
        in a call is taken from them."""
        self._known = known
        for event in events:
            fold = _FOLD.get(event.__class__)
            if fold is not None:
                fold(self, event)
        self._known = False

    def _payer(self, name: str) -> _Line:
        return self._line(name) if name else self._all

    def _figure(self, kind: str, name: str, amount: int) -> None:
        if kind == CURSOR:
            self.cursors[name] = amount
        elif kind == IDLE:
            self._line(name).idle_ms = amount
        elif kind == HELPED:
            self._line(name).helped_ms = amount
        elif kind == RESET:
            self._payer(name).spent.reset_ms = amount
        elif kind == SHOWN:
            number, _, who = name.partition(" ")
            self._show(number, Helped(who, _instant(amount)))

    def told(self, at: Callable[[], datetime.datetime]) -> Iterator[e.LineSet | e.FiguresTold]:
        """All that stands now beyond calls, as events that say so anew; each is looked up when it is asked for."""

        def figure(kind: str, name: str, *rows: tuple[int, int, int]) -> e.FiguresTold:
            return e.FiguresTold(kind, name, rows, at())

        for group in list(self.cursors):
            yield figure(CURSOR, group, (0, self.cursors[group], 0))
        for number in list(self.shown):
            if (shown := self.shown.get(number)) is not None:
                yield figure(SHOWN, f"{number} {shown.line}", (0, _ms(shown.at), 0))
        for name in ("", *list(self._lines)):
            known = self._payer(name)
            for key in list(known.said):
                if (said := known.said.get(key)) is not None:
                    yield said
            if known.idle_ms:
                yield figure(IDLE, name, (0, known.idle_ms, 0))
            if known.helped_ms:
                yield figure(HELPED, name, (0, known.helped_ms, 0))
            if known.spent.reset_ms:
                yield figure(RESET, name, (0, known.spent.reset_ms, 0))
            known.spent.turn(_ms(at()))
            if known.spent.day.buckets or known.spent.counted:
                yield figure(SPENT, name, *known.spent.day.buckets)
            for what, percent in list(known.told):
                if (told_ms := known.told.get((what, percent), 0)) + quota.WINDOWS_MS[what] > _ms(at()):
                    yield figure(QUOTA, f"{what} {percent} {name}", (0, told_ms, 0))

    def take(self) -> tuple[list[e.LineSet], list[Row]]:
        """What has changed since the last time, for the state file."""
        taken = list(self._settings.values()), list(self._rows.values())
        self._settings, self._rows = {}, {}
        return taken

    def give_back(self, settings: Iterable[e.LineSet], rows: Iterable[Row]) -> None:
        """The state file could not be written: what is newer meanwhile stays."""
        self._settings = {(each.line, each.key): each for each in settings} | self._settings
        self._rows = {(row.kind, row.name, row.bucket): row for row in rows} | self._rows

    def _line(self, name: str) -> _Line:
        known = self._lines.get(name)
        if known is None:
            known = self._lines[name] = _Line()
        return known

    def _keep(self, kind: str, name: str, bucket: int, amount: int, cost: int = 0) -> None:
        self._rows[kind, name, bucket] = Row(kind, name, bucket, amount, cost)

    def _started(self, event: e.CallStarted) -> None:
        line = event.line or ""
        self._calls[event.call] = call = _Call(line, event.number, event.emergency)
        if event.emergency:
            # Help is shown the telephone's own number, so its first line is called back, too (XRL-5).
            call.helped = tuple(sorted({line, self._own.get(event.device or "") or ""} - {""}))
            call.by = line
            self._help(call, event.at)
        if line:
            call.talking[CALLER] = line
            self._line(line).active += 1

    def _help(self, call: _Call, at: datetime.datetime) -> None:
        """The hour of the call back (EMG-8) begins: when help is called, and once more when that call is over."""
        if self._known:
            return
        at_ms = _ms(at)
        for line in call.helped:
            self._line(line).helped_ms = at_ms
            self._keep(HELPED, line, 0, at_ms)
        for number in call.shown:
            self._show(number, Helped(call.by, _instant(at_ms)))
            self._keep(SHOWN, f"{number} {call.by}", 0, at_ms)

    def _replanned(self, event: e.CallReplanned) -> None:
        """Somebody was sent on to an emergency number: it is a call for help from now on."""
        call, asked = self._calls.get(event.call), event.help
        if call is None or asked is None or (call.emergency and not call.sending):
            return
        call.emergency, call.by, call.sending = True, asked.line, event.step == "transfer"
        call.helped = tuple(sorted({asked.line, self._own.get(asked.device) or ""} - {""}))
        self._help(call, event.at)

    def _transferred(self, event: e.TransferOver) -> None:
        """Where the transfer has come to nothing, it is what it was. Who asked for help may be called back still."""
        call = self._calls.get(event.call)
        if call is not None and call.sending:
            call.sending = False
            call.emergency = event.outcome == "done"

    def _leg_started(self, event: e.LegStarted) -> str | None:
        call = self._calls.get(event.call)
        if call is None:
            return None
        kind, _, name = event.target.partition(":")
        if kind == "line":
            call.ringing[event.leg] = name
        elif call.emergency:
            if event.shown and call.by:
                call.shown = tuple({*call.shown, event.shown})
                self._help(call, event.at)
        else:
            payer = call.payers[event.leg] = event.payer or call.line
            paying = Paying(name, event.number or call.number)
            for line in self._pay(payer):
                line.spent.paying[event.call, event.leg] = paying
            return payer
        return None

    def _show(self, number: str, by: Helped) -> None:
        """The latest counts; what is too old to matter goes."""
        known = self.shown.get(number)
        if known is None or known.at <= by.at:
            latest = max([by.at, *(each.at for each in self.shown.values())])
            oldest = latest - datetime.timedelta(milliseconds=HELP_MS)
            after = self.shown | {number: by}
            self.shown = {each: helped for each, helped in after.items() if helped.at >= oldest}

    def _pay(self, payer: str) -> tuple[_Line, ...]:
        return (self._line(payer), self._all) if payer else (self._all,)

    def _leg_answered(self, event: e.LegAnswered) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        line = call.ringing.pop(event.leg, None)
        if line is not None:
            call.talking[event.leg] = line
            self._line(line).active += 1
        elif event.leg in call.payers:
            paying = self._all.spent.paying[event.call, event.leg]
            if paying.since_ms:
                return  # it counts from the first answer on, whatever is told of it afterwards
            paying.since_ms = _ms(event.at)
            for each in self._pay(call.payers[event.leg]):
                if paying.since_ms < each.spent.as_of_ms:
                    each.spent.stale()  # a clock that was set back

    def _leg_rated(self, event: e.LegRated) -> None:
        """What it costs from its answer on, to its end: as in its record, whatever rates come into force meanwhile."""
        paying = self._all.spent.paying.get((event.call, event.leg))
        if paying is None or paying.told:
            return
        paying.told, paying.rate = True, _rate_of(event.tariff) if event.tariff is not None else None
        for each in self._pay(self._calls[event.call].payers[event.leg]):
            if paying.since_ms < each.spent.as_of_ms:
                each.spent.stale()  # it was counted by another one

    def _leg_taken(self, event: e.LegTaken) -> None:
        """The leg goes on in another call: nothing has ended for its line, and who pays goes on paying."""
        before, after = self._calls.get(event.of), self._calls.get(event.call)
        if before is None or after is None:
            return
        if event.was in before.talking:
            after.talking[event.leg] = before.talking.pop(event.was)
        if event.was in before.payers:
            payer = after.payers[event.leg] = before.payers.pop(event.was)
            for line in self._pay(payer):
                line.spent.paying[event.call, event.leg] = line.spent.paying.pop((event.of, event.was))

    def _leg_ended(self, event: e.LegEnded) -> str | None:
        call = self._calls.get(event.call)
        return self._over(call, event.leg, event) if call is not None else None

    def _ended(self, event: e.CallEnded) -> None:
        call = self._calls.pop(event.call, None)
        if call is not None:
            if call.emergency:
                self._help(call, event.at)
            for leg in (*call.talking, *call.payers):
                self._over(call, leg, event)

    def _over(self, call: _Call, leg: int, event: e.LegEnded | e.CallEnded) -> str | None:
        call.ringing.pop(leg, None)
        name = call.talking.pop(leg, None)
        if name is not None:
            line = self._line(name)
            line.active -= 1
            if name in self._ranked and not self._known:
                line.idle_ms = _ms(event.at)
                self._keep(IDLE, name, 0, line.idle_ms)
            return None
        payer = call.payers.pop(leg, None)
        if payer is None:
            return None
        now_ms = _ms(event.at)
        for line, name in zip(self._pay(payer), (payer, "") if payer else ("",), strict=True):
            kept = line.spent.over((event.call, leg), now_ms, self._rates, counts=not self._known)
            if kept is not None:
                self._keep(SPENT, name, now_ms // 60_000, *kept)
        return payer

    def _rung(self, event: e.GroupRung) -> None:
        if not self._known:
            self.cursors[event.group] = event.cursor
            self._keep(CURSOR, event.group, 0, event.cursor)

    def _line_set(self, event: e.LineSet) -> None:
        line = self._line(event.line)
        if self._known:
            return
        if event.value:
            line.values[event.key] = event.value
            line.said[event.key] = event
        else:
            line.values.pop(event.key, None)
            line.said.pop(event.key, None)
        line.wishes = wishes.read(line.values) if line.values else wishes.NONE
        self._settings[event.line, event.key] = event


# Of a leg to outside that begins or ends, with the line that pays for it.
_FOLD: Mapping[type, Callable[..., str | None]] = {
    e.CallStarted: LiveFacts._started,
    e.CallReplanned: LiveFacts._replanned,
    e.TransferOver: LiveFacts._transferred,
    e.LegStarted: LiveFacts._leg_started,
    e.LegAnswered: LiveFacts._leg_answered,
    e.LegRated: LiveFacts._leg_rated,
    e.LegTaken: LiveFacts._leg_taken,
    e.LegEnded: LiveFacts._leg_ended,
    e.CallEnded: LiveFacts._ended,
    e.GroupRung: LiveFacts._rung,
    e.LineSet: LiveFacts._line_set,
    e.QuotaReached: LiveFacts._told,
    e.QuotaReset: LiveFacts._reset,
    e.FiguresTold: LiveFacts._figures,
}


class Lines(Mapping[str, LineFacts]):
    """The lines as of one instant, each looked up once."""

    __slots__ = ("_facts", "_found", "_now_ms", "silent")

    def __init__(self, facts: LiveFacts, now_ms: int) -> None:
        self._facts = facts
        self._now_ms = now_ms
        self._found: dict[str, LineFacts] = {}
        self.silent = True
        """Whether there was nothing to say of any line that was asked for."""

    def get(self, name: str, default: LineFacts = QUIET) -> LineFacts:  # type: ignore[override]
        """QUIET where there is nothing to say."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._facts.line(name, self._now_ms)
            self.silent = self.silent and found is QUIET
        return found if found is not QUIET else default

    def __getitem__(self, name: str) -> LineFacts:
        found = self.get(name)
        if found is QUIET:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not QUIET

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._facts._lines if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _rate_of(tariff: e.Tariff) -> Rate:
    return Rate(
        "",
        tariff.destination,
        tariff.per_minute,
        tariff.minimum_s,
        tariff.increment_s,
        tariff.fee,
        tariff.currency,
        tariff.place,
        tariff.unit,
        tariff.unit_ms,
        tariff.rounding,
        tariff.decimals,
    )


def _ms(at: datetime.datetime) -> int:
    return round(at.timestamp() * 1000)


def _instant(ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
