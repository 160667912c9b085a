"""Small networks inside this machine: network namespaces, switches and routers that translate addresses.

    with network() as net:
        net.switch("wan")
        net.host("pbx", wan="198.51.100.1/24")
        net.host("home", wan="198.51.100.2/24", lan="10.9.1.1/24")     # two legs: it routes
        net.masquerade("home", "wan")                                  # and hides what is behind it
        run([*net.inside("pbx"), ...])

Needs root, `ip` (iproute2), `iptables` and `nsenter` (util-linux); `missing()` says what is not there. Everything is
gone at the end, processes of the test aside.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_NUMBERS = itertools.count()
_NEWNET = 0x40000000


def missing() -> str:
    """Why there can be no namespaces here; empty when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    programs = {"ip": "iproute2", "iptables": "iptables", "nsenter": "util-linux"}
    absent = [package for program, package in programs.items() if shutil.which(program) is None]
    if absent:
        return f"needs the Debian packages {' '.join(absent)}"
    name = f"rp{os.getpid()}-probe"
    try:
        _ip(f"netns add {name}")
    except RuntimeError as error:
        return f"no network namespace can be made here: {error}"
    try:
        _run(["ip", "netns", "exec", name, "iptables", "-t", "nat", "-L"])
    except RuntimeError as error:
        return f"addresses cannot be translated here: {error}"
    finally:
        _ip(f"netns del {name}")
    return ""


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")


def _ip(*lines: str) -> None:
    """Commands of `ip`, one after the other."""
    for line in lines:
        _run(["ip", *line.split()])


class Net:
    """One such network. Hosts are known by the names that the test gives them."""

    def __init__(self) -> None:
        self._prefix = f"rp{os.getpid()}n{next(_NUMBERS)}"
        self._names: dict[str, str] = {}
        self._links = itertools.count()

    def _add(self, name: str) -> str:
        full = self._names[name] = f"{self._prefix}-{name}"
        _ip(f"netns add {full}", f"-n {full} link set lo up")
        return full

    def switch(self, *names: str) -> None:
        """Segments that hosts are plugged into."""
        for name in names:
            full = self._add(name)
            _ip(f"-n {full} link add sw0 type bridge", f"-n {full} link set sw0 up")

    def host(self, name: str, gateway: str = "", **legs: str) -> None:
        """A machine, with an address (or several, apart by a space) on each segment: `wan="198.51.100.1/24"`. With more
        than one leg it forwards."""
        full = self._add(name)
        lines = []
        for segment, addresses in legs.items():
            there, end = self._names[segment], f"rp{os.getpid() % 100000}x{next(self._links)}{self._prefix[-1]}"
            lines += [
                f"link add {segment} netns {full} type veth peer name {end} netns {there}",
                f"-n {there} link set {end} master sw0 up",
                f"-n {full} link set {segment} up",
            ]
            for address in addresses.split():
                lines.append(f"-n {full} addr add {address} dev {segment}{' nodad' if ':' in address else ''}")
        for way in gateway.split():
            lines.append(f"-n {full} route add default via {way}")
        _ip(*lines)
        if len(legs) > 1:
            self.run(name, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def masquerade(self, router: str, out: str) -> None:
        """The router hides what is behind it: its address and fresh ports stand for all, and only answers come in."""
        self.run(router, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", out, "-j", "MASQUERADE", "--random")
        established = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"]
        self.run(router, "iptables", "-A", "FORWARD", "-i", out, *established)
        self.run(router, "iptables", "-A", "FORWARD", "-i", out, "-j", "DROP")

    def map(self, router: str, out: str, public: str, private: str) -> None:
        """The router stands for one machine behind it, with all ports, both ways: a cloud's public address."""
        table = ["iptables", "-t", "nat", "-A"]
        self.run(router, *table, "PREROUTING", "-i", out, "-d", public, "-j", "DNAT", "--to-destination", private)
        self.run(router, *table, "POSTROUTING", "-o", out, "-s", private, "-j", "SNAT", "--to-source", public)

    def run(self, name: str, *command: str) -> None:
        """Run something to its end on a machine. Raises RuntimeError when it fails."""
        _run([*self.inside(name), *command])

    def inside(self, name: str) -> list[str]:
        """The beginning of a command that is to run on a machine; the process keeps its id."""
        return ["nsenter", f"--net=/run/netns/{self._names[name]}"]

    def call(self, name: str, function: Callable[[], T]) -> T:
        """Call something on a machine: sockets that it makes stay there, wherever they are used later."""
        results: list[T] = []
        errors: list[BaseException] = []

        def work() -> None:
            # A namespace belongs to a thread, which ends with it.
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/run/netns/{self._names[name]}").open("rb") as there:
                if libc.setns(there.fileno(), _NEWNET) != 0:
                    errors.append(OSError(ctypes.get_errno(), "setns"))
                    return
            try:
                results.append(function())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def close(self) -> None:
        """Take it all away."""
        for full in self._names.values():
            with contextlib.suppress(RuntimeError):
                _ip(f"netns del {full}")


@contextlib.contextmanager
def network() -> Iterator[Net]:
    """A network for one test."""
    net = Net()
    try:
        yield net
    finally:
        net.close()
