"""The registrar's side of SIP outbound (RFC 5626): a telephone registers over several flows, by instance and reg-id.

Which binding replaces which is the registrar's (`switch/registrar.py`), which flow a call takes the directory's and the
Ringer's. Here: whether outbound holds for a REGISTER, and what the answer says of it.
"""

from __future__ import annotations

from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.headers import NameAddr
from switch.sip.message import Request
from switch.sip.uri import Uri

FLOW_TIMER_S = {"udp": 30}
STREAM_TIMER_S = 120
"""How long a flow may be silent: over UDP as routers forget soon, else as long as 4.4.1 has telephones wait anyway."""


def is_wanted(request: Request) -> bool:
    """Whether the telephone asks for it: a reg-id, and the option named."""
    return "reg-id" in (request.header("Contact") or "") and supports(request, "outbound")


def check(request: Request) -> None:
    """Section 6. Raises 400 for several contacts of which one has a reg-id, and 439 where outbound is *required* and
    the first hop is a proxy that does not know it.

    A telephone that merely supports it registers through such a proxy without outbound, and is told so by the missing
    Require; the RFC wants 439 there as well, by which many telephones would stay unregistered for good.
    """
    contacts = request.contacts
    if not any(each.param("reg-id") and each.param("+sip.instance") for each in contacts):
        return
    usual = request.header("Expires")
    if sum((each.param("expires") or usual) != "0" for each in contacts) > 1:
        raise RemoteProtocolError(400, "One Contact With reg-id")
    if any(each.lower() == "outbound" for each in request.values("Require")) and not _first_hop_knows(request):
        raise RemoteProtocolError(439, "First Hop Lacks Outbound Support")


def reply_lines(request: Request, flow: Flow) -> list[str]:
    """What the 200 says where outbound holds. Flow-Timer is the word of the first hop, so a proxy says it itself."""
    contacts = request.contacts
    if len(contacts) != 1 or not contacts[0].param("+sip.instance") or not contacts[0].param("reg-id"):
        return []
    if not _first_hop_knows(request):
        return []
    if len(request.vias) > 1:
        return ["Require: outbound"]
    return ["Require: outbound", f"Flow-Timer: {FLOW_TIMER_S.get(flow.transport, STREAM_TIMER_S)}"]


def supports(request: Request, option: str) -> bool:
    """Whether the sender knows an extension."""
    return any(value.lower() == option for value in request.values("Supported") + request.values("Require"))


def _first_hop_knows(request: Request) -> bool:
    """We are it; or the first proxy has put `ob` into its Path, the last in the list."""
    if len(request.vias) == 1:
        return True
    path = request.values("Path")
    try:
        return bool(path) and Uri.parse(NameAddr.parse(path[-1]).uri).param("ob") is not None
    except RemoteProtocolError:
        return False
