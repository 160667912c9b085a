"""The catalogue of prompts in English: by id, what is said. Another language has the same ids, each in a file of its
own (`LANG/ID.wav`); `docs/prompts.md` lists them.

Numbers below a hundred are one prompt each, so that languages in which 21 or 77 is no plain row of words can be
recorded as they are said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

LANGUAGE = "en"

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = MappingProxyType({1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth"})
_LETTERS = MappingProxyType({"a": "ay", "z": "zed"})


def cardinal(number: int) -> str:
    """A number below a hundred in words."""
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]} {_ONES[ones]}" if ones else _TENS[tens]


def ordinal(number: int) -> str:
    """The same as a day of a month: 1 to 31."""
    if number in _ORDINALS:
        return _ORDINALS[number]
    if number < 20:
        return f"{_ONES[number]}th"
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]} {ordinal(ones)}" if ones else f"{_TENS[tens][:-1]}ieth"


def _spoken() -> Iterator[tuple[str, str]]:
    for number in range(100):
        yield f"number_{number}", cardinal(number)
    yield from (("hundred", "hundred"), ("thousand", "thousand"), ("million", "million"), ("minus", "minus"))
    for letter in "abcdefghijklmnopqrstuvwxyz":
        yield f"letter_{letter}", _LETTERS.get(letter, letter.upper())
    yield from (("star", "star"), ("pound", "pound"), ("plus", "plus"), ("at", "at"), ("dot", "dot"), ("dash", "dash"))
    for index, name in enumerate(_MONTHS, 1):
        yield f"month_{index}", name
    for index, name in enumerate(_DAYS, 1):
        yield f"weekday_{index}", name
    for day in range(1, 32):
        yield f"day_{day}", ordinal(day)
    yield from (("today", "today"), ("yesterday", "yesterday"), ("midnight", "midnight"), ("noon", "noon"))
    yield from (("am", "A M"), ("pm", "P M"), ("oh", "oh"), ("o_clock", "o'clock"))
    yield from (("second", "second"), ("seconds", "seconds"), ("minute", "minute"), ("minutes", "minutes"))


_SAID = {
    # anything
    "welcome": "Welcome.",
    "goodbye": "Goodbye.",
    "thank_you": "Thank you.",
    "please_wait": "Please wait.",
    "invalid_choice": "That is not one of the choices.",
    "try_again": "Please try again.",
    "nothing_entered": "Nothing was entered.",
    "done": "Done.",
    "cancelled": "Cancelled.",
    "failed": "That could not be done.",
    "press": "Press",
    "for": "for",
    "to_confirm_press": "To confirm, press",
    "to_cancel_press": "To cancel, press",
    "to_go_back_press": "To go back, press",
    "number_enter": "Please enter the number, followed by the pound key.",
    "extension_enter": "Please enter the extension, followed by the pound key.",
    "extension_unknown": "There is no such extension.",
    "extension": "extension",
    # PINs and codes
    "pin_enter": "Please enter your PIN, followed by the pound key.",
    "pin_wrong": "That PIN is not correct.",
    "pin_locked": "Too many wrong PINs. Please try again later.",
    "pin_new": "Please enter your new PIN, followed by the pound key.",
    "pin_again": "Please enter it once more, followed by the pound key.",
    "pin_differs": "The two did not match.",
    "pin_too_short": "That PIN is too short.",
    "pin_too_simple": "That PIN is too easy to guess.",
    "pin_changed": "Your PIN has been changed.",
    "pin_none": "No PIN has been set. Please ask your administrator.",
    "account_code_enter": "Please enter the account code, followed by the pound key.",
    "account_password_enter": "Please enter the password of the account, followed by the pound key.",
    # mailboxes: whoever leaves a message
    "vm_greeting": "The person you are calling is not available. Please leave a message after the tone.",
    "vm_greeting_busy": "The person you are calling is on another call. Please leave a message after the tone.",
    "vm_person_at_extension": "The person at extension",
    "vm_is_not_available": "is not available.",
    "vm_mailbox": "The mailbox of",
    "vm_leave_message": "Please leave a message after the tone.",
    "vm_press_pound": "When you are done, hang up, or press pound for more choices.",
    "vm_full": "This mailbox is full. A message cannot be left now.",
    "vm_not_recorded": "Your message could not be recorded.",
    "vm_too_short": "Your message was too short.",
    "vm_saved": "Your message has been left.",
    "vm_deposit_menu": "To send the message, press 1. To listen to it, press 2. To record it again, press 3.",
    "vm_deposit_urgent": "To mark it as urgent, press 4.",
    "vm_deposit_marked": "The message is marked as urgent.",
    "vm_deposit_unmarked": "The message is not urgent.",
    # mailboxes: whoever fetches them
    "vm_mailbox_enter": "Please enter your mailbox number, followed by the pound key.",
    "vm_mailbox_unknown": "There is no such mailbox.",
    "vm_you_have": "You have",
    "vm_no_messages": "You have no messages.",
    "vm_no_more": "There are no more messages.",
    "vm_and": "and",
    "vm_new_message": "new message.",
    "vm_new_messages": "new messages.",
    "vm_saved_message": "saved message.",
    "vm_saved_messages": "saved messages.",
    "vm_first_message": "First message.",
    "vm_next_message": "Next message.",
    "vm_message": "Message",
    "vm_message_from": "Message from",
    "vm_unknown_caller": "an unknown caller",
    "vm_received": "received",
    "vm_for": "For",
    "vm_main_menu": "For new messages, press 1. For saved messages, press 2. For greetings, press 3. To change your "
    "PIN, press 4. To end, press star.",
    "vm_main_shared": "For another mailbox that you share, press 5.",
    "vm_urgent": "Urgent.",
    "vm_message_menu": "To hear the message again, press 1. To save it, press 2. To delete it, press 3. To call back, "
    "press 4. To forward it, press 5. For the next message, press 6. For the one before, press 7. For who left it, and "
    "when, press 8. To go back, press star.",
    "vm_message_restore": "This message is deleted. To restore it, press 3.",
    "vm_message_deleted": "The message has been deleted.",
    "vm_message_kept": "The message has been saved.",
    "vm_message_restored": "The message has been restored.",
    "vm_message_forwarded": "The message has been forwarded.",
    "vm_message_gone": "This message has been deleted meanwhile.",
    "vm_forward_to": "Please enter the number of the mailbox to forward it to, followed by the pound key.",
    "vm_call_back_unknown": "The caller's number is not known.",
    "vm_calling_back": "Calling back.",
    "vm_greeting_menu": "To listen to a greeting, press 1. To record one, press 2. For the standard greeting, press 3. "
    "For your own greetings again, press 4. To delete one, press 5. To go back, press star.",
    "vm_greeting_which": "For all calls, press 1. For when you are on another call, press 2. For when you do not "
    "answer, press 3.",
    "vm_greeting_none": "There is no such greeting.",
    "vm_greeting_own": "Your own greetings are used now.",
    "vm_greeting_deleted": "The greeting has been deleted.",
    "vm_greeting_record": "Please record your greeting after the tone, followed by the pound key.",
    "vm_greeting_saved": "Your greeting has been saved.",
    "vm_greeting_standard": "The standard greeting is used now.",
    "vm_not_allowed": "This mailbox cannot be opened from here.",
    # park
    "park_parked_at": "The call is parked at",
    "park_lot_full": "There is no free slot.",
    "park_slot_taken": "This slot is in use.",
    "park_slot_empty": "No call is parked there.",
    "park_returned": "A parked call returns.",
    # conferences
    "conf_pin_enter": "Please enter the PIN of the conference, followed by the pound key.",
    "conf_number_enter": "Please enter the number of the conference, followed by the pound key.",
    "conf_unknown": "There is no such conference.",
    "conf_alone": "You are the first one in this conference.",
    "conf_wait_chair": "The conference begins when the chair arrives.",
    "conf_chair_left": "The chair has left the conference.",
    "conf_joined": "has joined the conference.",
    "conf_left": "has left the conference.",
    "conf_someone_joined": "Someone has joined the conference.",
    "conf_someone_left": "Someone has left the conference.",
    "conf_people": "people are in this conference.",
    "conf_muted": "You are muted.",
    "conf_unmuted": "You are not muted any more.",
    "conf_locked": "This conference is locked.",
    "conf_opened": "This conference is open again.",
    "conf_full": "This conference is full.",
    "conf_ended": "The conference has ended.",
    # recording
    "rec_announcement": "This call is being recorded.",
    "rec_started": "Recording has started.",
    "rec_paused": "Recording is paused.",
    "rec_resumed": "Recording goes on.",
    "rec_stopped": "Recording has stopped.",
    "rec_failed": "This call is not recorded.",
    # limits
    "limit_warning": "This call ends in a few seconds.",
    "limit_reached": "The time of this call is over.",
    "limit_seconds_left": "seconds are left.",
    # transfer
    "transfer_enter": "Please enter the number to transfer to, followed by the pound key.",
    "transfer_failed": "The transfer has failed.",
    "transfer_busy": "That number is busy.",
    "transfer_no_answer": "Nobody answers there.",
    # menus
    "menu_timeout": "No choice was made.",
    "menu_dial_extension": "If you know the extension, you may dial it now.",
    "name_enter": "Please spell the last name with the keys of your telephone, followed by the pound key.",
    "name_enter_first": "Please spell the first name with the keys of your telephone, followed by the pound key.",
    "name_unknown": "There is nobody of that name.",
    "name_too_many": "Too many names begin like this. Please enter more letters.",
    "name_press": "Press",
    "name_for": "for",
    "name_more": "For more names, press 9.",
    "transferring": "Please hold while you are connected.",
    # refusals (K.8)
    "refused_not_permitted": "This call is not permitted.",
    "refused_quota": "The quota of your telephone is used up.",
    "refused_locked": "This telephone is locked.",
    "refused_line": "You may not use this line.",
    "refused_set_up": "This telephone is not set up yet. It can make internal and emergency calls.",
    "refused_account": "This account code is not correct.",
    "refused_unknown_code": "There is no such feature code.",
    "refused_not_found": "The number you have dialled does not exist.",
    "refused_incomplete_number": "The number you have dialled does not exist, or is not complete.",
    "refused_unavailable": "The person you are calling is not available.",
    "refused_closed": "We are closed now. Please call again during business hours.",
    "refused_congestion": "All lines are busy. Please try again later.",
    "refused_no_route": "Your call cannot be connected.",
    # features
    "feature_on": "The feature has been switched on.",
    "feature_off": "The feature has been switched off.",
    "feature_not_available": "This feature is not available.",
}

TEXTS: Mapping[str, str] = MappingProxyType(_SAID | dict(_spoken()))
"""What is said in English, by id."""


def table() -> str:
    """The end of `docs/prompts.md`: what is said by whole sentences."""
    rows = "".join(f"| `{name}` | {text} |\n" for name, text in _SAID.items())
    return f"| name | in English |\n|---|---|\n{rows}"


REFUSALS = tuple(each for each in _SAID if each.startswith("refused_"))
"""What may be announced by any exchange, whatever else it serves."""
_ALSO_MAILBOXES = frozenset(
    (
        *("goodbye", "invalid_choice", "failed", "extension", "nothing_entered", "feature_not_available"),
        *("today", "yesterday", "at", "am", "pm", "oh", "noon", "midnight"),
    )
)
MAILBOX_PROMPTS = tuple(
    each
    for each in TEXTS
    if each.startswith(("vm_", "pin_", "number_", "month_", "day_", "weekday_")) or each in _ALSO_MAILBOXES
)
"""What mailboxes say."""
RECORDING_PROMPTS = tuple(each for each in TEXTS if each.startswith("rec_"))
"""What recordings say. An announcement that is not there keeps them from beginning."""
CONFERENCE_PROMPTS = (*(each for each in TEXTS if each.startswith("conf_")), "pin_wrong", "pin_locked")
"""What conferences say, but for numbers."""
