"""What a scrape reads besides the exchange's own counters: the figures that others keep, taken where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from records.journal import Health
from switch.bounding import Bounding
from switch.core import Core
from switch.metrics import Labelled, Reading, Readings
from switch.net.transports import Transports
from switch.trunk_views import figures, registered


def readings(
    core: Core,
    transports: Transports,
    journal: Callable[[], Health],
    records_lag_s: Callable[[], float],
    certificates: Callable[[], Iterable[tuple[tuple[str, ...], float]]],
    now: Callable[[], float],
    bounding: Bounding,
) -> Readings:
    """By name, without the `ringplan_` in front."""
    calls, endpoint, asked = core.calls, core.endpoint, core.qualifier
    watch = core.subscriptions
    sip, net, guard, load = endpoint.counters, transports.counters, transports.guard, transports.load
    return {
        "calls": Reading("Calls that are up", lambda: len(calls.by_id)),
        "draining": Reading(
            "1 while the exchange was told to stop, takes no new calls and waits for those that are up",
            lambda: core.admission.draining is not None,
        ),
        "contacts": Reading("Registered contacts", lambda: len(core.registrar)),
        "contacts_unreachable": Reading("Contacts that do not answer OPTIONS any more", lambda: len(asked.lost)),
        "qualify_asked": Reading("OPTIONS sent to telephones", lambda: asked.asked, True),
        "qualify_unanswered": Reading("OPTIONS to telephones that got no answer", lambda: asked.unanswered, True),
        "open_transactions": Reading(
            "SIP transactions that are remembered", lambda: len(endpoint.clients) + len(endpoint.servers)
        ),
        "connections": Reading("TCP and TLS connections that stand", lambda: transports.connections),
        "journal_waiting": Reading("Events that wait for the disk", lambda: journal().waiting_events),
        "journal_sync_lag_seconds": Reading(
            "Age of the oldest event that a loss of power would take", lambda: journal().sync_lag_s
        ),
        "records_lag_seconds": Reading("How far the records are behind the journal", records_lag_s),
        "journal_lost": Reading("Events that could not be written and are lost", lambda: journal().lost_events, True),
        "journal_bytes": Reading("Size of the journal", lambda: bounding.octets),
        "journal_dropped": Reading(
            "Segments of the journal that went at its bound before the records had them", lambda: bounding.dropped, True
        ),
        "requests_in": Reading("SIP requests received, copies included", lambda: sip.requests, True),
        "responses_in": Reading("SIP responses received, copies included", lambda: sip.responses, True),
        "retransmissions_in": Reading("Copies recognised on arrival", lambda: sip.retransmissions_in, True),
        "retransmissions_out": Reading("Copies that we sent", lambda: sip.retransmissions_out, True),
        "malformed": Reading("Messages that were no valid SIP", lambda: sip.malformed, True),
        "transactions_timed_out": Reading("Transactions that got no answer", lambda: sip.timeouts, True),
        "guard_refused": Reading("Messages over their source's rate, not read", lambda: guard.refused, True),
        "guard_bans": Reading("Sources that are shut out", lambda: len(guard.bans.standing)),
        "guard_bans_made": Reading("Bans made, those of dry runs among them", lambda: guard.bans.made, True),
        "guard_dropped": Reading("Messages of banned sources and scanners, not read", lambda: guard.dropped, True),
        "overload": Reading("1 while new calls are refused as there is too much to do", lambda: load.refusing),
        "overloads": Reading("Times that an overload began", lambda: load.episodes, True),
        "overload_refused": Reading("Requests answered 503 in overload", lambda: load.refused, True),
        "overload_dropped": Reading(
            "Copies and requests given up by their senders, dropped unread in overload", lambda: load.dropped, True
        ),
        "oversize": Reading("Datagrams that were too long", lambda: net.oversize, True),
        "send_errors": Reading("Datagrams that the system did not take", lambda: net.send_errors, True),
        "connections_refused": Reading(
            "TCP and TLS connections refused for the limits of `guard`", lambda: net.connections_refused, True
        ),
        "connections_lost": Reading("TCP and TLS connections that ended in any way", lambda: net.lost, True),
        "unframed": Reading("TCP and TLS connections closed as no SIP came over them", lambda: net.unframed, True),
        "tls_handshakes_failed": Reading("TLS handshakes that came to nothing", lambda: net.tls_failed, True),
        "subscriptions": Labelled(
            "Subscriptions that stand, by event package",
            ("package",),
            lambda: (((name,), number) for name, number in watch.standing().items()),
        ),
        "subscriptions_asked": Labelled(
            "Subscriptions begun, and those refused to telephones that we know",
            ("package", "outcome"),
            watch.figures.asked.items,
            True,
        ),
        "subscriptions_ended": Labelled(
            "Subscriptions that ended; lost: the telephone knew nothing of it any more, or was silent",
            ("reason",),
            lambda: (((name,), number) for name, number in watch.figures.ended.items()),
            True,
        ),
        "notifies_sent": Labelled(
            "NOTIFYs sent, by event package; unasked: of messages, to telephones that have not subscribed",
            ("package",),
            lambda: (
                ((name,), sent) for name, sent in (*watch.figures.notified.items(), ("unasked", core.unasked.sent))
            ),
            True,
        ),
        "trunk_registered": Labelled(
            "1 while we are registered at a trunk, 0 while that fails", ("trunk",), lambda: registered(core)
        ),
        **figures(core, now),
        "certificate_ends_timestamp_seconds": Labelled(
            "When a certificate of ours ends, in seconds of Unix time", ("where", "name"), certificates
        ),
    }
