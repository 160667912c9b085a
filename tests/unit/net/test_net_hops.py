"""Next hops with a name: which address is taken, what waits, and what is bounded (RFC 3263; docs/network.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from switch.net import hops as module
from switch.net.hops import Hops, wish_of
from switch.net.targets import Target, Wish
from switch.sip.flow import Flow

HERE = ("192.0.2.10", 5060)
FAR = ("198.51.100.1", 5060)


class Stage:
    """A name server that answers when it is told to, and what was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, Sequence[Target]] = {}
        self.asked: list[tuple[Wish, Callable[[Sequence[Target]], None]]] = []
        self.sent: list[tuple[Flow, bytes]] = []
        self.hops = Hops(lambda wish: self.answers.get(wish.host), self.ask, self.flow_to, self.send)

    def ask(self, wish: Wish, found: Callable[[Sequence[Target]], None]) -> None:
        self.asked.append((wish, found))

    def flow_to(self, transport: str, host: str, port: int, local: tuple[str, int]) -> Flow | None:
        return Flow(transport, local, (host, port)) if host != "198.51.100.66" else None

    def send(self, flow: Flow, data: bytes) -> None:
        self.sent.append((flow, data))

    def places(self) -> list[tuple[str, int]]:
        return [flow.remote for flow, _ in self.sent]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def flow(hop: str = "edge.example.com", transport: str = "udp") -> Flow:
    return Flow(transport, HERE, FAR, 7 if transport == "tcp" else 0, hop)


def target(address: str, port: int = 5060, transport: str = "udp") -> Target:
    return Target(transport, address, port, "edge.example.com")


def test_the_hop_says_host_port_and_the_flow_the_transport() -> None:
    assert wish_of(flow("edge.example.com:5070")) == Wish("edge.example.com", 5070, "udp")
    assert wish_of(flow(transport="tcp")) == Wish("edge.example.com", 0, "tcp")


def test_what_is_known_is_sent_at_once(stage: Stage) -> None:
    stage.answers["edge.example.com"] = [target("198.51.100.2", 5070)]
    stage.hops.send(flow(), b"BYE")
    assert (stage.places(), stage.asked) == ([("198.51.100.2", 5070)], [])


def test_messages_wait_in_order_and_copies_do_not_pile_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EACH", 2)
    for data in (b"ACK", b"BYE", b"BYE", b"ACK", b"more"):
        stage.hops.send(flow(), data)
    assert (len(stage.asked), stage.sent) == (1, [])
    stage.asked[0][1]([target("198.51.100.2")])
    assert [data for _, data in stage.sent] == [b"ACK", b"BYE"]
    assert set(stage.places()) == {("198.51.100.2", 5060)}


def test_so_many_names_are_looked_up_at_once_and_no_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 3)
    for number in range(5):
        stage.hops.send(flow(f"n{number}.example.com"), b"BYE")
    assert len(stage.asked) == 3
    assert stage.places() == [FAR, FAR], "the others go where the dialog's messages come from"


@pytest.mark.parametrize(
    ("found", "source", "expected"),
    [
        ([], "8.8.8.1", "8.8.8.1"),
        (["8.8.8.2", "8.8.8.3"], "8.8.8.1", "8.8.8.2"),
        (["10.0.0.1"], "8.8.8.1", "8.8.8.1"),
        (["10.0.0.1"], "10.0.0.7", "10.0.0.1"),
        (["127.0.0.1", "8.8.8.2"], "8.8.8.1", "8.8.8.2"),
        (["127.0.0.1"], "10.0.0.7", "10.0.0.7"),
        (["8.8.8.2", "8.8.8.1"], "8.8.8.1", "8.8.8.1"),
        (["198.51.100.66", "10.0.0.2"], "10.0.0.7", "10.0.0.2"),
        (["2001:4860::1"], "8.8.8.1", "8.8.8.1"),
    ],
)
def test_which_of_the_addresses_is_taken(stage: Stage, found: list[str], source: str, expected: str) -> None:
    stage.answers["edge.example.com"] = [target(address) for address in found]
    stage.hops.send(Flow("udp", HERE, (source, 5060), 0, "edge.example.com"), b"BYE")
    assert stage.places() == [(expected, 5060)]


def test_the_port_of_the_host_that_we_hear_from_may_be_another(stage: Stage) -> None:
    stage.answers["edge.example.com"] = [target("198.51.100.2"), target("198.51.100.1", 5070)]
    stage.hops.send(flow(), b"BYE")
    assert stage.places() == [("198.51.100.1", 5070)]


def test_another_transport_than_the_dialogs_is_not_taken(stage: Stage) -> None:
    stage.answers["edge.example.com"] = [target("198.51.100.2", transport="tcp")]
    stage.hops.send(flow(), b"BYE")
    assert stage.places() == [FAR]


def test_a_stream_that_stands_to_the_right_host_is_used(stage: Stage) -> None:
    stage.answers["edge.example.com"] = [target("198.51.100.1", 5099, "tcp")]
    stage.hops.send(flow(transport="tcp"), b"BYE")
    assert stage.sent[0][0] == Flow("tcp", HERE, FAR, 7)


def test_the_loss_of_a_way_is_the_loss_of_what_went_over_it(stage: Stage) -> None:
    stage.answers["edge.example.com"] = [target("198.51.100.2")]
    stage.hops.send(flow(), b"BYE")
    assert stage.hops.lost(stage.sent[0][0]) == (flow(),)
    assert stage.hops.lost(Flow("udp", HERE, FAR)) == ()
