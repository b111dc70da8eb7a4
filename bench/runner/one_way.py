"""Datagrams one way: what a sender and a receiver cost, each by itself, and what gets lost.

Every program sends to one of its own kind, and then sends to and receives from the bare loop: where
both ends are Torc, several datagrams go as one message from the one socket to the other.
"""
import os
import struct
import time

from . import processes
from .compare import present
from .report import Table

SIZES = {"64 B": 64, "1200 B": 1200}
AMONG, BARE = "own kind", "with bare"
LIMITS = {"bare": 1.15, "libuv": 0.6}


class Stream:
    """A sender and a receiver that talk to each other, and their counters."""

    def __init__(self, bench, size):
        self.bench = bench
        self.size = size
        self.port = processes.free_port()
        self.children = {}

    def start(self, peer, role, cpu):
        path = self._counter(role)
        with open(path, "wb") as file:
            file.write(bytes(8))
        self.children[role] = processes.Child(
            peer.before + peer.command(role, self.port, self.size, path), cpu,
            os.path.join(self.bench.home, role + "-errors"), pipes=True)
        self.children[role].expect("ready")

    def _counter(self, role):
        return os.path.join(self.bench.home, "one-way-" + role)

    def count(self, role):
        with open(self._counter(role), "rb") as file:
            return struct.unpack("=Q", file.read(8))[0]

    def figures(self):
        return (self.children["send"].cpu_seconds(), self.children["receive"].cpu_seconds(),
                self.count("send"), self.count("receive"), time.monotonic())

    def lost(self):
        """Of a million. Ends the sender, and lets the receiver take what is still under way."""
        self.children["send"].end()
        received, last = self.count("receive"), -1
        while received != last:
            time.sleep(0.05)
            received, last = self.count("receive"), received
        # One that is ended right after sending has not counted its last.
        return max(0.0, (1 - received / self.count("send")) * 1e6)

    def end(self):
        for child in self.children.values():
            child.end()


def _await_flow(stream):
    end = time.monotonic() + processes.PATIENCE
    while stream.count("receive") < 1000:
        if time.monotonic() > end:
            raise stream.children["receive"].failure("it received next to nothing")
        time.sleep(0.01)


def _measure(bench, sender, receiver, size):
    """CPU seconds per million sent, and per million received; lost of a million; sent a second."""
    stream = Stream(bench, size)
    try:
        stream.start(receiver, "receive", bench.server_cpu)
        stream.start(sender, "send", bench.load_cpu)
        _await_flow(stream)
        before = stream.figures()
        time.sleep(bench.seconds / 2)
        after = stream.figures()
        lost = stream.lost()
    finally:
        stream.end()
    send_cpu, receive_cpu, sent, received, seconds = (b - a for a, b in zip(before, after))
    if not sent or not received:
        raise processes.Failed("nothing was sent, or nothing received")
    return send_cpu / sent * 1e6, receive_cpu / received * 1e6, lost, sent / seconds


class Figures:
    """Samples of one case, by the name of the peer."""

    def __init__(self):
        self.send, self.receive, self.lost, self.rates = {}, {}, {}, {}

    def add(self, name, send=None, receive=None, lost=None, rate=None):
        for samples, value in ((self.send, send), (self.receive, receive), (self.lost, lost),
                               (self.rates, rate)):
            if value is not None:
                samples.setdefault(name, []).append(value)

    def drop(self, name):
        for samples in (self.send, self.receive, self.lost, self.rates):
            samples.pop(name, None)


def _visit(bench, figures, peer, other, size):
    if other is None:
        send, receive, lost, rate = _measure(bench, peer, peer, size)
    else:
        send, _, lost, rate = _measure(bench, peer, other, size)
        _, receive, lost_too, _ = _measure(bench, other, peer, size)
        lost = max(lost, lost_too)
    figures.add(peer.name, send, receive, lost, rate)


def _compare(bench, case, peers, other, size):
    """As compare.compare, with two costs from one run."""
    figures = Figures()
    failed = set()
    for _ in range(bench.rounds):
        for peer in peers:
            if peer.name in failed:
                continue
            try:
                _visit(bench, figures, peer, other, size)
            except processes.Failed as failure:
                bench.report.note("one way, %s: %s failed: %s" % (case, peer.name, failure))
                failed.add(peer.name)
    for name in failed:
        figures.drop(name)
    return figures


def one_way(bench):
    peers = present(bench, bench.peers.udp_one_way())
    names = [peer.name for peer in peers]
    bare = next((peer for peer in peers if peer.name == "bare"), None)
    tables = {"sends": Table("sender's CPU time per million datagrams", "s", names),
              "receives": Table("receiver's CPU time per million datagrams", "s", names),
              "loses": Table("datagrams lost", "of a million", names)}
    for kind, other in ((AMONG, None), (BARE, bare)):
        if kind == BARE and bare is None:
            continue
        for length, size in SIZES.items():
            case = "%s, %s" % (length, kind)
            figures = _compare(bench, case, peers, other, size)
            if figures.send:
                tables["sends"].add(case, figures.send, figures.rates)
                tables["receives"].add(case, figures.receive)
                tables["loses"].add(case, figures.lost)
    for name, table in tables.items():
        table.print(0 if name == "loses" else 2)
        bench.report.keep("udp_one_way", table)
    for name in ("sends", "receives"):
        limits = {(row["case"], other): limit for row in tables[name].rows
                  for other, limit in LIMITS.items()}
        bench.report.ratios("udp_one_way %s" % name, tables[name], limits)
        bench.report.scale("udp_one_way %s" % name, tables[name], "bare", "libuv")
