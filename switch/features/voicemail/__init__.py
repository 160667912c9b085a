"""Voicemail: messages are left in a mailbox, and fetched from it by telephone.

wording     what is said, as rows of prompts
deposit     a caller hears the greeting and leaves a message: the executor of `Voicemail` steps
retrieval   somebody fetches messages: the features `voicemail` and `mailbox`, and `*` during a greeting
listening   the part of that in which messages are heard, saved, deleted and answered
greetings   the part in which greetings and the name are recorded

What both do with mailboxes is done by `switch.mailbox_desk.Desk`.
"""
