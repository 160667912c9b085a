"""SIPp as the telephones: scenarios written out for one run, and what it counted.

SIPp 3.6 reads the first challenge only and knows MD5 only, so its exchange is configured with `algorithms: md5`.
"""

from __future__ import annotations

import csv
import re
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.e2e.kit.house import PATIENCE, House, secret, wait_for
from tests.e2e.kit.wire import Text

MESSAGE = re.compile(r"^-{40,} .*\n\w+ message (?:received|sent) .*\n\n", re.MULTILINE)

SDP = """v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""


class Count(NamedTuple):
    """What SIPp counted over its whole run."""

    made: int
    good: int
    failed: int


def request(
    method: str, cseq: int, uri: str, to: str, more: str = "", body: str = "", line: str = "alice", back: int = 0
) -> str:
    """One request. A new branch, or for the ACK of a refusal that of the message `back` steps before."""
    kind = "Content-Type: application/sdp\n" if body else ""
    branch = f"[branch-{back}]" if back else "[branch]"
    return (
        f"{method} {uri} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}\nMax-Forwards: 70\n"
        f"From: <sip:{line}@[remote_ip]>;tag=[pid]f[call_number]\nTo: {to}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
        f"Contact: <sip:{line}@[local_ip]:[local_port];transport=[transport]>\n"
        f"{more}{kind}Content-Length: [len]\n\n{body}"
    )


def send(text: str, options: str = "") -> str:
    """A <send> element."""
    return f"<send {options}><![CDATA[\n{text}\n]]></send>\n"


def scenario(*elements: str) -> str:
    """The whole file."""
    return f'<?xml version="1.0"?>\n<scenario name="e2e">\n{"".join(elements)}</scenario>\n'


def proof(line: str) -> str:
    """The keyword that answers a challenge."""
    return f"[authentication username={line}-phone password={secret(line)}]\n"


def registering(line: str) -> str:
    """REGISTER, with the password when asked for one."""
    ask = ("REGISTER", "sip:[remote_ip]:[remote_port]", f"<sip:{line}@[remote_ip]>")
    first = request(ask[0], 1, ask[1], ask[2], "Expires: 300\n", line=line)
    second = request(ask[0], 2, ask[1], ask[2], "Expires: 300\n" + proof(line), line=line)
    return scenario(
        send(first, 'retrans="500"'),
        '<recv response="401" auth="true"/>\n',
        send(second, 'retrans="500"'),
        '<recv response="200"/>\n',
    )


def calling(number: str, line: str, talk_ms: int = 200, final: int = 200) -> str:
    """A call that ends after `talk_ms` (0: when the other side hangs up), or is refused with `final`. CSeq 1 is the
    INVITE without the password."""
    uri = f"sip:{number}@[remote_ip]:[remote_port]"
    invite = request("INVITE", 1, uri, f"<{uri}>", body=SDP, line=line)
    ack = request("ACK", 1, uri, f"<{uri}>[peer_tag_param]", line=line, back=2)
    again = request("INVITE", 2, uri, f"<{uri}>", proof(line), SDP, line=line)
    steps = [
        send(invite, 'retrans="500"'),
        '<recv response="407" auth="true"/>\n',
        send(ack),
        send(again, 'retrans="500"'),
        '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n',
    ]
    if final == 200:
        to = f"<{uri}>[peer_tag_param]"
        steps += [
            '<recv response="200" rrs="true"/>\n',
            send(request("ACK", 2, "[next_url]", to, line=line)),
        ]
        steps += (
            [
                f'<pause milliseconds="{talk_ms}"/>\n',
                send(request("BYE", 3, "[next_url]", to, line=line), 'retrans="500"'),
                '<recv response="200"/>\n',
            ]
            if talk_ms
            else ['<recv request="BYE" timeout="60000"/>\n', send(ENDING)]
        )
    else:
        steps += [
            f'<recv response="{final}"/>\n',
            send(request("ACK", 2, uri, f"<{uri}>[peer_tag_param]", line=line, back=4)),
        ]
    return scenario(*steps)


def calling_with_timer(number: str, line: str) -> str:
    """A call whose session timer is too short at first (422, RFC 4028), then is refreshed by an UPDATE."""
    uri = f"sip:{number}@[remote_ip]:[remote_port]"
    to = f"<{uri}>[peer_tag_param]"

    def timer(seconds: int) -> str:
        return f"Supported: timer\nSession-Expires: {seconds};refresher=uac\n"

    def agreed(more: str = "") -> str:
        return (
            f'<recv response="200" {more}><action><ereg regexp="90;refresher=uac" search_in="hdr" '
            'header="Session-Expires:" check_it="true" assign_to="timer"/><log message="[$timer]"/></action></recv>\n'
        )

    return scenario(
        send(request("INVITE", 1, uri, f"<{uri}>", timer(30), SDP, line), 'retrans="500"'),
        '<recv response="407" auth="true"/>\n',
        send(request("ACK", 1, uri, to, line=line, back=2)),
        send(request("INVITE", 2, uri, f"<{uri}>", timer(30) + proof(line), SDP, line), 'retrans="500"'),
        '<recv response="100" optional="true"/>\n<recv response="422"/>\n',
        send(request("ACK", 2, uri, to, line=line, back=3)),
        send(request("INVITE", 3, uri, f"<{uri}>", timer(90) + proof(line), SDP, line), 'retrans="500"'),
        '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n',
        agreed('rrs="true"'),
        send(request("ACK", 3, "[next_url]", to, line=line)),
        '<pause milliseconds="100"/>\n',
        send(request("UPDATE", 4, "[next_url]", to, timer(90), line=line), 'retrans="500"'),
        agreed(),
        send(request("BYE", 5, "[next_url]", to, line=line), 'retrans="500"'),
        '<recv response="200"/>\n',
    )


def _response(status: str, body: str = "") -> str:
    kind = "Content-Type: application/sdp\n" if body else ""
    return (
        f"SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]t[call_number]\n"
        "[last_Call-ID:]\n[last_CSeq:]\n"
        f"Contact: <sip:bob@[local_ip]:[local_port];transport=[transport]>\n{kind}Content-Length: [len]\n\n{body}"
    )


ENDING = "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n"


def watching(number: str, line: str) -> str:
    """A busy lamp: subscribed, told that the line is idle, given back, told that it ends (RFC 6665, RFC 4235)."""
    uri = f"sip:{number}@[remote_ip]:[remote_port]"

    def ask(cseq: int, expires: int, more: str = "") -> str:
        to = f"<{uri}>[peer_tag_param]" if cseq > 2 else f"<{uri}>"
        wish = f"Event: dialog\nAccept: application/dialog-info+xml\nExpires: {expires}\n"
        return send(request("SUBSCRIBE", cseq, uri, to, wish + more, line=line), 'retrans="500"')

    def told(state: str) -> str:
        checks = (("hdr", 'header="Subscription-State:" ', state), ("msg", "", "state>terminated</state"))
        actions = (
            "".join(
                f'<ereg regexp="{wanted}" search_in="{place}" {header}check_it="true" assign_to="{state}-{place}"/>'
                f'<log message="[${state}-{place}]"/>'
                for place, header, wanted in checks
            )
            .replace("</state", "&lt;/state")
            .replace("state>", "state&gt;")
        )
        return f'<recv request="NOTIFY"><action>{actions}</action></recv>\n{send(ENDING)}'

    return scenario(
        ask(1, 600),
        '<recv response="401" auth="true"/>\n',
        ask(2, 600, proof(line)),
        '<recv response="200"/>\n',
        told("active"),
        ask(3, 0),
        '<recv response="401" auth="true"/>\n',
        ask(4, 0, proof(line)),
        '<recv response="200"/>\n',
        told("terminated"),
    )


def answering(final: str = "200 OK", ringing: bool = True, ring_ms: int = 0) -> str:
    """Ring, for `ring_ms`, then answer with `final`; without a final, wait for the CANCEL."""
    steps = ['<recv request="INVITE"/>\n']
    steps += [send(_response("180 Ringing"))] if ringing else []
    steps += [f'<pause milliseconds="{ring_ms}"/>\n'] if ring_ms else []
    if final.startswith("200"):
        steps += [
            send(_response(final, SDP), 'retrans="500"'),
            '<recv request="ACK"/>\n<recv request="BYE"/>\n',
            send(ENDING),
        ]
    elif final:
        steps += [send(_response(final), 'retrans="500"'), '<recv request="ACK"/>\n']
    else:
        steps += [
            '<recv request="CANCEL"/>\n',
            send(ENDING),
            send(_response("487 Request Terminated").replace("[last_CSeq:]", "CSeq: 1 INVITE"), 'retrans="500"'),
            '<recv request="ACK"/>\n',
        ]
    return scenario(*steps)


def answering_reliably() -> str:
    """Early media in a reliable 183 (RFC 3262), and an answer without SDP once the PRACK for it has come."""
    kept = "".join(
        f'<ereg regexp="[^ ].*" search_in="hdr" header="{name}:" assign_to="{name.lower()}"/>' for name in ("Via", "To")
    )
    final = _response("200 OK").replace("[last_Via:]", "Via: [$via]").replace("[last_To:]", "To: [$to]")
    return scenario(
        f'<recv request="INVITE"><action>{kept}</action></recv>\n',
        send(_response("183 Session Progress", SDP).replace("Contact:", "Require: 100rel\nRSeq: 4711\nContact:")),
        '<recv request="PRACK"><action><ereg regexp="4711 1 INVITE" search_in="hdr" header="RAck:" check_it="true" '
        'assign_to="rack"/><log message="[$rack]"/></action></recv>\n',
        send(ENDING),
        send(final.replace("[last_CSeq:]", "CSeq: 1 INVITE"), 'retrans="500"'),
        '<recv request="ACK"/>\n<recv request="BYE"/>\n',
        send(ENDING),
    )


class Sipp:
    """One SIPp that runs: `calls` times the scenario, `rate` of them a second when it is the caller."""

    def __init__(
        self,
        house: House,
        text: str,
        name: str,
        *,
        port: int = 0,
        calls: int = 1,
        rate: int = 10,
        tcp: bool = False,
        dials: str = "",
        echo: bool = False,
        seconds: int = 40,
    ) -> None:
        """Ends after `seconds`, with all patience, at the latest. With `echo` it sends back the sound that it gets. One
        whose `port` is given, because it is called there, listens when this is done: the next SIPp may be quicker."""
        folder = house.folder / "sipp"
        folder.mkdir(exist_ok=True)
        self.port = port or house.port()
        self._stem = folder / f"{name}-{self.port}"
        self._file("xml").write_text(text)
        self._file("csv").unlink(missing_ok=True)
        self._out = self._file("out").open("w")
        argv = [
            "sipp",
            f"127.0.0.1:{house.sip}",
            "-sf",
            str(self._file("xml")),
            "-i",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        argv += ["-m", str(calls), "-r", str(rate), "-nostdin", "-t", "t1" if tcp else "u1"]
        argv += ["-timeout", f"{seconds * PATIENCE:g}s"]
        argv += ["-trace_stat", "-stf", str(self._file("csv")), "-trace_err", "-error_file", str(self._file("err"))]
        if dials:  # what SIPp puts into uri= of its proof; by itself it would leave the number out
            argv += ["-auth_uri", f"{dials}@127.0.0.1:{house.sip}"]
        patient_ms = (15 if seconds <= 40 else seconds) * PATIENCE * 1000
        argv += ["-mp", str(house.media_port()), "-recv_timeout", f"{patient_ms:.0f}"]
        argv += ["-rtp_echo"] if echo else []
        argv += ["-trace_msg", "-message_file", str(self._file("messages"))]
        house.at_end.append(self.stop)
        self.process = subprocess.Popen(argv, stdout=self._out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if port:
            try:
                wait_for(lambda: _listens(port, tcp) or self.process.poll() is not None, 5, f"{name} to listen")
            except BaseException:
                self.stop()
                raise

    def _file(self, kind: str) -> Path:
        return self._stem.with_suffix(f".{kind}")

    def wait(self, seconds: float = 45.0) -> Count:
        """Until all its calls are over."""
        try:
            self.process.wait(seconds * PATIENCE)
        finally:
            self.stop()
        with self._file("csv").open() as file:
            row = list(csv.DictReader(file, delimiter=";"))[-1]
        return Count(int(row["TotalCallCreated"]), int(row["SuccessfulCall(C)"]), int(row["FailedCall(C)"]))

    def finish(self) -> None:
        """No more new calls; it ends with the last of those that are up."""
        self.process.send_signal(signal.SIGUSR1)

    def trouble(self) -> str:
        """What it complained about."""
        error = self._file("err")
        return (error.read_text(errors="replace") if error.exists() else "") + self._file("out").read_text()[-1500:]

    def received(self, method: str) -> list[Text]:
        """The requests of that method that it has got, word for word."""
        path = self._file("messages")
        parts = MESSAGE.split(path.read_text(errors="replace")) if path.exists() else []
        texts = [Text(part.strip("\n").replace("\n", "\r\n").encode()) for part in parts[1:]]
        return [text for text in texts if text.start.startswith(f"{method} ")]

    def stop(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._out.close()


def _listens(port: int, tcp: bool) -> bool:
    """Whether somebody listens there; looked up and not tried, which could take the port from SIPp."""
    lines = Path("/proc/net/tcp" if tcp else "/proc/net/udp").read_text().splitlines()[1:]
    rows = (line.split() for line in lines)
    return any(row[1].endswith(f":{port:04X}") and (row[3] == "0A" or not tcp) for row in rows)


def register(house: House, line: str, *, tcp: bool = False) -> int:
    """Register a line at a port where the next SIPp will answer; the port."""
    sipp = Sipp(house, registering(line), f"register-{line}", tcp=tcp)
    count = sipp.wait(15)
    assert count.good == 1, sipp.trouble()
    return sipp.port
