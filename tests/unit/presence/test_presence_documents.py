"""What is written into NOTIFYs: dialog-info by the schema of RFC 4235, message summaries by the grammar of RFC 3842."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.mailboxes import Counts
from switch.presence import dialog_info, message_summary
from switch.presence.dialog_info import DialogState, Party, Stage

NS = "{urn:ietf:params:xml:ns:dialog-info}"
# RFC 4235 section 4.4: by element, the children in their order, those that must be there, and the attributes.
SCHEMA = {
    "dialog-info": (("dialog",), (), {"version", "state", "entity"}, {"version", "state", "entity"}),
    "dialog": (
        ("state", "duration", "replaces", "referred-by", "local", "remote"),
        ("state",),
        {"id", "call-id", "local-tag", "remote-tag", "direction"},
        {"id"},
    ),
    "state": ((), (), {"event", "code"}, set()),
    "local": (("identity", "target", "session-description", "cseq"), (), set(), set()),
    "remote": (("identity", "target", "session-description", "cseq"), (), set(), set()),
    "identity": ((), (), {"display"}, set()),
    "target": (("param",), (), {"uri"}, {"uri"}),
    "param": ((), (), {"pname", "pval"}, {"pname", "pval"}),
}
VALUES = {
    ("dialog-info", "version"): r"\d+",
    ("dialog-info", "state"): r"full|partial",
    ("dialog", "direction"): r"initiator|recipient",
}
MANY = {"dialog", "param"}


def check(element: ET.Element) -> None:
    """The element is as the schema has it."""
    name = element.tag.removeprefix(NS)
    order, needed, attributes, wanted = SCHEMA[name]
    assert set(element.attrib) <= attributes
    assert wanted <= set(element.attrib)
    for key, value in element.attrib.items():
        assert re.fullmatch(VALUES.get((name, key), r"[\s\S]*"), value), (name, key, value)
    children = [child.tag.removeprefix(NS) for child in element]
    assert [order.index(child) for child in children] == sorted(order.index(child) for child in children)
    assert set(needed) <= set(children)
    assert all(children.count(child) == 1 for child in children if child not in MANY)
    if name == "state":
        assert element.text in ("trying", "proceeding", "early", "confirmed", "terminated")
    elif name == "identity":
        assert element.text and ":" in element.text
    for child in element:
        check(child)


def valid(document: bytes) -> ET.Element:
    """The document, which is valid; the ids of its dialogs are unique."""
    root = ET.fromstring(document)
    assert root.tag == f"{NS}dialog-info"
    check(root)
    idents = [each.attrib["id"] for each in root]
    assert len(set(idents)) == len(idents)
    return root


parties = st.builds(Party, st.sampled_from(["", "sip:101@pbx.example.com", "sip:a&b<c>@x"]), st.text(max_size=20))
states = st.builds(DialogState, st.uuids().map(str), st.sampled_from(Stage), st.booleans(), st.booleans(), parties)


@given(st.lists(states, max_size=12), st.integers(0, 2**31), st.text(max_size=30))
def test_every_document_is_valid_whatever_people_are_called(
    dialogs: list[DialogState], version: int, user: str
) -> None:
    root = valid(dialog_info.write(f"sip:{user}@pbx.example.com", version, dialogs))
    assert root.attrib["version"] == str(version)
    assert len(root) == max(1, min(len(dialogs), dialog_info.MOST_DIALOGS))


def test_a_call_is_told_with_its_direction_hold_and_the_other_side() -> None:
    other = Party("sip:102@pbx.example.com", 'Bob "B" & Söhne')
    state = DialogState("x", Stage.CONFIRMED, initiator=True, held=True, remote=other)
    (dialog,) = valid(dialog_info.write("sip:101@pbx.example.com", 3, [state]))
    assert dialog.attrib["direction"] == "initiator"
    assert dialog.findtext(f"{NS}state") == "confirmed"
    identity = dialog.find(f"{NS}remote/{NS}identity")
    assert identity is not None
    assert (identity.text, identity.attrib["display"]) == (other.uri, other.name)
    param = dialog.find(f"{NS}local/{NS}target/{NS}param")
    assert param is not None
    assert param.attrib == {"pname": "+sip.rendering", "pval": "no"}


def test_no_call_is_a_terminated_one() -> None:
    (dialog,) = valid(dialog_info.write("sip:101@pbx.example.com", 0, []))
    assert dialog.findtext(f"{NS}state") == "terminated"


def test_the_check_finds_what_is_wrong() -> None:
    good = dialog_info.write("sip:a@b", 1, [DialogState("x", Stage.EARLY, initiator=False)]).decode()
    for wrong, right in (
        ('state="full"', 'state="whole"'),
        (' id="x"', ""),
        ("<state>early</state>", ""),
        ("recipient", "callee"),
        ("<local>", "<remote/><local>"),
    ):
        with pytest.raises((AssertionError, ValueError)):
            valid(good.replace(wrong, right, 1).encode())


@pytest.mark.parametrize(
    ("counts", "waiting", "voice"),
    [
        (Counts(), "no", "0/0 (0/0)"),
        (Counts(0, 3, 0, 1), "no", "0/3 (0/1)"),
        (Counts(2, 8, 1, 2), "yes", "2/8 (1/2)"),
    ],
)
def test_a_summary_says_what_waits(counts: Counts, waiting: str, voice: str) -> None:
    text = message_summary.write("sip:anna@example.com", counts).decode()
    assert text == (
        f"Messages-Waiting: {waiting}\r\nMessage-Account: sip:anna@example.com\r\nVoice-Message: {voice}\r\n"
    )
