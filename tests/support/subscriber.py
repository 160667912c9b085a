"""A subscription of a telephone of text, kept by hand: SUBSCRIBE with its challenge, and what its NOTIFYs say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from switch.sip.flow import Flow
from tests.support.raw_phone import DOMAIN, RawPhone, Text

INFO = "{urn:ietf:params:xml:ns:dialog-info}"


class Subscriber:
    """One dialog in which a telephone watches `user`. `wait` lets the answer come."""

    def __init__(
        self,
        phone: RawPhone,
        user: str,
        wait: Callable[[float], None],
        event: str = "dialog",
        expires: int | None = 600,
    ) -> None:
        self.phone = phone
        self.uri = f"sip:{user}@{DOMAIN}" if user else f"sip:{DOMAIN}"
        self.target = self.uri
        self.wait = wait
        self.event = event
        self.expires = expires
        self.call_id = phone.token()
        self.local = f"<sip:{phone.user}@{DOMAIN}>;tag={phone.token()}"
        self.remote = f"<{self.uri}>"
        self.cseq = 0
        self.routes: list[str] = []
        self.cseqs: list[int] = []
        self.versions: list[int] = []

    def ask(self, expires: int | None = None, headers: tuple[str, ...] = ()) -> Text:
        """SUBSCRIBE, the challenge met; the final answer. A 2xx is remembered."""
        self._send(expires, headers)
        self.wait(0.03)
        challenged = self.phone.take(401)
        return self.answer(self.proven(challenged, expires, headers))

    def refused(self, status: int, headers: tuple[str, ...] = (), expires: int | None = None) -> Text:
        """SUBSCRIBE; the answer is that status."""
        self._send(expires, headers)
        self.wait(0.03)
        challenged = self.phone.take(401)
        self.proven(challenged, expires, headers)
        return self.phone.take(status)

    def proven(self, challenged: Text, expires: int | None = None, headers: tuple[str, ...] = ()) -> None:
        """The same with credentials."""
        proof = self.phone.digest(self.phone.challenge_in(challenged), "SUBSCRIBE", self.target)
        self._send(expires, (f"Authorization: {proof}", *headers))
        self.wait(0.03)

    def answer(self, _: None = None) -> Text:
        """The 200, remembered."""
        answer = self.phone.take(200)
        self.remote = answer.get("To")
        self.target = answer.contact
        self.routes = list(reversed(answer.all("Record-Route")))
        return answer

    def take(self, status: int = 200, headers: tuple[str, ...] = ()) -> Text:
        """The NOTIFY that has come, answered. Its numbers go up, and it is of this dialog."""
        notify = self.phone.take("NOTIFY")
        assert notify.get("Call-ID") == self.call_id
        assert notify.get("Event").split(";")[0] == self.event.split(";")[0]
        self.cseqs.append(int(notify.get("CSeq").split()[0]))
        assert self.cseqs == sorted(set(self.cseqs)), self.cseqs
        if "dialog-info" in notify.get("Content-Type"):
            self.versions.append(int(ET.fromstring(notify.body).attrib["version"]))
            assert self.versions == sorted(set(self.versions)), self.versions
        if status:
            self.phone.reply(notify, status, headers=headers)
        return notify

    def told(self, seconds: float = 0.7) -> list[Text]:
        """The NOTIFYs that come within so many seconds, each answered at once; not the copies."""
        came: list[Text] = []
        for _ in range(round(seconds / 0.05)):
            self.wait(0.03)
            came += self.answered()
            self.wait(0.02)
        return came

    def answered(self) -> list[Text]:
        """The NOTIFYs that have come, each answered; not the copies, and not those of another dialog, which are 481."""
        came: list[Text] = []
        while self.phone.has("NOTIFY"):
            first = next(each for each in self.phone.inbox if each.kind == "NOTIFY")
            if first.get("Call-ID") != self.call_id:
                self.phone.reply(self.phone.take("NOTIFY"), 481)
            elif int(first.get("CSeq").split()[0]) in self.cseqs:
                self.phone.reply(self.phone.take("NOTIFY"), 200)
            else:
                came.append(self.take())
        return came

    def states(self, seconds: float = 0.7) -> list[str]:
        """After a while: what the one NOTIFY that has come says of the calls, as `initiator confirmed`."""
        (notify,) = self.told(seconds)
        return dialogs(notify)

    def _send(self, expires: int | None, headers: tuple[str, ...]) -> None:
        self.cseq += 1
        expires = self.expires if expires is None else expires
        lines = [f"Via: {self.phone.via()}", "Max-Forwards: 70"]
        lines += [f"Route: {route}" for route in self.routes]
        lines += [
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} SUBSCRIBE",
            f"Contact: {self.phone.contact()}",
            *([f"Event: {self.event}"] if self.event else []),
            *([f"Expires: {expires}"] if expires is not None and expires >= 0 else []),
            *headers,
        ]
        self.phone.request("SUBSCRIBE", self.target, lines)


class AutoLamp(RawPhone):
    """A telephone with one busy lamp, which answers each NOTIFY by itself. `shows` is what it says."""

    shows: list[str] = []
    latest = 0
    tag = ""

    def _deliver(self, data: bytes, flow: Flow, now: float) -> None:
        super()._deliver(data, flow, now)
        while self.has("NOTIFY"):
            notify = self.take("NOTIFY")
            number = int(notify.get("CSeq").split()[0])
            if number > self.latest:
                self.latest, self.shows, self.tag = number, dialogs(notify), notify.tag("From")
            self.reply(notify, 200)


def dialogs(notify: Text) -> list[str]:
    """What a dialog-info document says, dialog by dialog."""
    root = ET.fromstring(notify.body)
    assert root.tag == f"{INFO}dialog-info"
    assert root.attrib["state"] == "full"
    return [
        " ".join(filter(None, (each.attrib.get("direction"), each.findtext(f"{INFO}state"))))
        for each in root.findall(f"{INFO}dialog")
    ]


def remotes(notify: Text) -> list[str]:
    """With whom, dialog by dialog."""
    root = ET.fromstring(notify.body)
    return [each.findtext(f"{INFO}remote/{INFO}identity") or "" for each in root.findall(f"{INFO}dialog")]


def state_of(notify: Text) -> tuple[str, str]:
    """Subscription-State: the state, and the reason or how long it lasts."""
    found = re.fullmatch(
        r"(active);expires=(\d+)|(terminated);reason=(\w+)(?:;retry-after=\d+)?", notify.get("Subscription-State")
    )
    assert found is not None, notify.get("Subscription-State")
    return (found[1], found[2]) if found[1] else (found[3], found[4])
