"""One comparison: the same measurement on each peer in turn, A B C A B C …, for some rounds.

The server is started afresh for each measurement, so that the luck of one start is not the figure,
and what drifts in the machine meets all peers alike.
"""
import os

from . import processes


def present(bench, peers):
    """The peers that are installed; a note for each that is not."""
    found = []
    for peer in peers:
        reason = peer.missing()
        if reason:
            bench.report.note(reason)
        else:
            found.append(peer)
    return found


def compare(bench, table, case, peers, measure):
    """MEASURE(peer) gives (cost per operation, operations per second). A peer that fails is left
    out of this case and said so."""
    costs = {}
    rates = {}
    failed = set()
    for _ in range(bench.rounds):
        for peer in peers:
            if peer.name in failed:
                continue
            try:
                cost, rate = measure(peer)
            except processes.Failed as failure:
                bench.report.note("%s: %s failed: %s" % (case, peer.name, failure))
                failed.add(peer.name)
                continue
            costs.setdefault(peer.name, []).append(cost)
            rates.setdefault(peer.name, []).append(rate)
    for name in failed:
        costs.pop(name, None)
        rates.pop(name, None)
    if costs:
        table.add(case, costs, rates)


def echo_load(bench, server, port, *options, wait=10, program="echo_load"):
    """Runs the load on a server and gives (server's CPU seconds, messages, seconds)."""
    command = [bench.program(program), port, "--wait"] + list(options)
    with processes.Child(command, bench.load_cpu, os.path.join(bench.home, "load-errors"),
                         pipes=True) as load:
        load.expect("ready")
        before = server.cpu_seconds()
        load.say()
        messages = int(load.expect("messages"))
        seconds = float(load.expect("seconds"))
        used = server.cpu_seconds() - before
        load.say()
        try:
            load.process.wait(wait)
        except processes.subprocess.TimeoutExpired:
            raise load.failure("it did not end") from None
    return used, messages, seconds


def wrk_load(bench, server, port, path, depth=1):
    """The same with wrk: 64 connections, each with DEPTH requests under way."""
    command = ["wrk", "-t1", "-c64", "-d%gs" % bench.wrk_seconds, "-s",
               os.path.join(bench.here, "wrk", "load.lua"),
               "http://127.0.0.1:%d%s" % (port, path), "--", depth]
    before = server.cpu_seconds()
    output = processes.run(command, bench.load_cpu, os.path.join(bench.home, "load-errors"),
                           bench.wrk_seconds + processes.PATIENCE)
    used = server.cpu_seconds() - before
    figures = {}
    for line in output.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in ("messages", "seconds", "errors"):
            figures[words[0]] = float(words[1])
    if figures.get("errors", 1) or not figures.get("messages"):
        raise processes.Failed("wrk saw errors:\n" + output)
    return used, int(figures["messages"]), figures["seconds"]
