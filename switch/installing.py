"""Where features are put into the call layer: executors of steps, services that outlive a crash, keys during a call,
and who is told when a call changes.

The one list of all features. The composition root calls `install` with what they need of the process around them; the
exchange of the flow tests does the same, so that both are made of the same parts. No feature imports another: what one
has to know of another is handed to it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from dialplan.model import Model
from dialplan.plan import Attendant, Collect, Conference, Feature, Park, Retrieve, Voicemail
from media.engine import RecordEnded
from switch.account_tries import Check, Tell, Tries
from switch.calls import identity, rating, transfer
from switch.calls.context import Context
from switch.calls.keying import Keying
from switch.calls.limiting import Limiting
from switch.calls.services import BUILT_IN
from switch.features import account_keys, announcements, billable, conference, three_way, transfer_keys
from switch.features.account_codes import AccountCodes
from switch.features.account_keys import AccountKeys
from switch.features.announcements import Announcements
from switch.features.attendant import Attendants
from switch.features.billable import BillableTime
from switch.features.call_keys import CallKeys
from switch.features.call_keys import Feature as Key
from switch.features.codes import FeatureCodes
from switch.features.conference import Conferences
from switch.features.park import services as park
from switch.features.park.parking import Parking
from switch.features.recording.keeping import Keeping
from switch.features.recording.recording import Recording
from switch.features.transfer_keys import TransferKeys
from switch.features.voicemail.deposit import Deposits
from switch.features.voicemail.retrieval import Retrievals
from switch.features.voicemail.wording import Wording
from switch.mailbox_desk import Desk
from switch.prompts.words import Words


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What features need of the process. `model` gives the dialplan of the moment; `wish` sets something for a line
    (`Wishing.change`); `prompts` are the words that services say; the others are as in `AccountCodes`
    and `Conferences`."""

    model: Callable[[], Model]
    wish: Callable[[str, Sequence[str], str], None]
    check_account: Check
    account_refused: Tell
    words: Words
    """The prompts."""
    desk: Desk
    """The mailboxes."""
    check_conference: conference.Check
    recordings: Keeping
    """The files of recorded calls."""


class Installed(msgspec.Struct, frozen=True):
    """What the process asks of features that are in place."""

    parking: Parking
    recording: Recording
    billable: BillableTime


def install(context: Context, house: House) -> Installed:
    """Put all features into the call layer."""
    wording = Wording(house.words)
    retrievals = Retrievals(house.desk, wording, house.model)
    deposits = Deposits(house.desk, wording, retrievals.instead)
    parking = Parking(house.model, lambda: context.calls(), house.words)
    codes = FeatureCodes(house.wish, {"voicemail": retrievals, "mailbox": retrievals, "park": parking.code})
    recording = Recording(house.recordings, house.words.sources)
    limiting = Limiting()
    keying = Keying(lambda: house.words.sources("number_enter"))
    three = three_way.ThreeWay(keying)
    sending = TransferKeys(keying)
    tries, billing = Tries(), BillableTime(house.model)
    check, refused = house.check_account, house.account_refused
    charging = AccountKeys(keying, house.words, house.model, check, refused, tries, recording.secret)
    keys: Mapping[str, Key] = MappingProxyType(
        {
            three_way.FEATURE: three.add,
            "park": parking.key,
            "record": recording.key,
            "record_pause": recording.pause_key,
            transfer_keys.BLIND: sending.blind,
            transfer_keys.ATTENDED: sending.attended,
            account_keys.FEATURE: charging.key,
            billable.FEATURE: billing.key,
        }
    )
    pressed = CallKeys(lambda: house.model().call_keys, keys)
    conferences = Conferences(house.model, house.check_conference, house.words)
    refusals = Announcements(house.words)
    attendants = Attendants(house.model, house.words)

    def recorded(event: RecordEnded, now: float) -> None:
        house.desk.recorded(event)
        recording.recorded(event, now)

    context.executors = {
        **BUILT_IN,
        Attendant: attendants,
        Feature: codes,
        Collect: AccountCodes(check, refused, tries),
        Voicemail: deposits,
        Conference: conferences,
        Park: parking.park,
        Retrieve: parking.retrieve,
    }
    context.resumes = {
        "attendant": attendants.resume,
        announcements.NAME: refusals.resume,
        transfer.SERVICE: transfer.resume,
        three_way.NAME: three_way.resume,
        conference.PREFIX: conferences.resume,
        "voicemail": deposits.resume,
        "mailbox": retrievals.resume,
        park.PARK: parking.resume,
        park.RETRIEVE: parking.resume_fetch,
        park.SAY: parking.resume_saying,
    }
    context.announce = refusals
    context.played = recording.played
    context.recorded, context.lost = recorded, recording.lost
    context.digit = pressed
    context.answered = (rating.joined, limiting.joined, recording.answered)
    context.joined = (
        rating.joined,
        identity.joined,
        transfer.joined,
        parking.joined,
        three.joined,
        limiting.joined,
        charging.over,
        recording.joined,
    )
    context.over = (
        transfer.over,
        keying.over,
        charging.over,
        parking.over,
        pressed.over,
        limiting.over,
        attendants.over,
        recording.over,
    )
    context.overdue = limiting.overdue
    return Installed(parking, recording, billing)
