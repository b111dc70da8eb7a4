"""What is measured: a function a section, with its goals. README.md says what each figure means."""
import http.client
import multiprocessing
import os
import re
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

from . import processes
from .compare import compare, echo_load, present, wrk_load
from .one_way import one_way
from .report import Table
from .tls import tls

SMALL, MEDIUM, LARGE = "13 B", "10 KiB", "1 MiB"
FILES = {SMALL: ("/small.txt", 13), MEDIUM: ("/medium.bin", 10 * 1024),
         LARGE: ("/large.bin", 1024 * 1024)}
PIPELINE_DEPTH = 16
PIPELINED = "13 B, %d deep" % PIPELINE_DEPTH
LOGGED = "13 B, access log on"

ECHO_LIMITS = {"bare": 1.10, "libuv": 0.75, "libuv-guide": 0.75}
WEB_LIMITS = {
    (SMALL, "nginx"): 0.75, (SMALL, "h2o"): 0.95, (MEDIUM, "nginx"): 0.85, (MEDIUM, "h2o"): 0.90,
    (LARGE, "nginx"): 1.0, (PIPELINED, "nginx"): 0.25, (LOGGED, "nginx"): 0.85,
}
MEMORY_LIMITS = {"echo": 400, "web": 512}
TIMER_LIMIT = 1.2
THREAD_LIMITS = {("one_way", "libuv"): 0.33, ("round_trip", "libuv"): 0.33}
SPAWN_LIMIT = 1.2
NAMES_LIMIT = 0.5
RELAY_LIMITS = {"haproxy": 0.8, "nginx": 0.8}


def make_files(directory):
    """The files that the web servers serve."""
    for path, size in FILES.values():
        with open(directory + path, "wb") as file:
            file.write(bytes(ord("a") + index % 26 for index in range(size)))


# -- echo --------------------------------------------------------------------------------------

def echo(bench):
    peers = present(bench, bench.peers.echo())
    table = Table("server CPU time per 64-byte message", "µs", [peer.name for peer in peers])
    limits = {}
    for connections in (1, 64, 1000):
        case = "%d connection%s" % (connections, "s" if connections > 1 else "")

        def measure(peer):
            with peer.running(bench) as (server, port):
                used, messages, seconds = echo_load(
                    bench, server, port, "--spin", "--connections", connections,
                    "--seconds", bench.seconds)
            return used / messages * 1e6, messages / seconds

        compare(bench, table, case, peers, measure)
        limits.update({(case, other): limit for other, limit in ECHO_LIMITS.items()})
    table.print()
    bench.report.keep("echo", table)
    bench.report.ratios("echo", table, limits)
    for other in ("libuv", "libuv-guide"):
        bench.report.scale("echo", table, "bare", other)


# -- datagrams ---------------------------------------------------------------------------------

# Case -> how many sockets send, how many datagrams each has under way, and how long they are.
UDP_CASES = {"1 peer, 1 under way": (1, 1, 64), "1 peer, 64 under way": (1, 64, 64),
             "64 peers, 1 each": (64, 1, 64), "1 peer, 64 of 1200 B": (1, 64, 1200)}
UDP_LIMITS = {"bare": 1.15, "libuv": 0.6}


def udp(bench):
    peers = present(bench, bench.peers.udp_echo())
    table = Table("server CPU time per datagram", "µs", [peer.name for peer in peers])
    limits = {}
    for case, (sockets, window, size) in UDP_CASES.items():

        def measure(peer):
            with peer.running(bench) as (server, port):
                used, messages, seconds = echo_load(
                    bench, server, port, "--sockets", sockets, "--window", window, "--size", size,
                    "--seconds", bench.seconds, program="udp_load")
            return used / messages * 1e6, messages / seconds

        compare(bench, table, case, peers, measure)
        limits.update({(case, other): limit for other, limit in UDP_LIMITS.items()})
    table.print()
    bench.report.keep("udp", table)
    bench.report.ratios("udp", table, limits)
    bench.report.scale("udp", table, "bare", "libuv")


# -- relays ------------------------------------------------------------------------------------

RELAY_CASES = {"1 connection": 1, "8 connections": 8}
PIECE = bytes(256 * 1024)


def _drain(listener, stopped):
    """Reads what comes by any connection, and drops it."""
    buffer = bytearray(1024 * 1024)
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    while not stopped.is_set():
        for key, _ in ready.select(0.1):
            if key.fileobj is listener:
                ready.register(listener.accept()[0], selectors.EVENT_READ)
            elif not _received(key.fileobj, buffer):
                ready.unregister(key.fileobj)
                key.fileobj.close()
    for key in list(ready.get_map().values()):
        key.fileobj.close()
    ready.close()


def _received(connection, buffer):
    try:
        return connection.recv_into(buffer)
    except OSError:
        return 0


def _relay_load(bench, relay, port, connections):
    """Sends as much as goes, and gives (the relay's CPU seconds, bytes, seconds)."""
    senders = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    ready = selectors.DefaultSelector()
    for sender in senders:
        sender.setblocking(False)
        ready.register(sender, selectors.EVENT_WRITE)
    sent, before, start = 0, relay.cpu_seconds(), time.monotonic()
    while time.monotonic() - start < bench.seconds:
        for key, _ in ready.select(1):
            sent += key.fileobj.send(PIECE)
    used, seconds = relay.cpu_seconds() - before, time.monotonic() - start
    for sender in senders:
        sender.close()
    ready.close()
    return used, sent, seconds


def relay(bench):
    """One way, through the relay to a reader of ours in a process of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    stopped = multiprocessing.Event()
    reader = multiprocessing.Process(target=_drain, args=(listener, stopped), daemon=True)
    reader.start()
    try:
        peers = present(bench, bench.peers.relay(listener.getsockname()[1]))
        table = Table("relay's CPU time per GiB", "ms", [peer.name for peer in peers])
        limits = {}
        for case, connections in RELAY_CASES.items():

            def measure(peer):
                with peer.running(bench) as (child, port):
                    used, sent, seconds = _relay_load(bench, child, port, connections)
                return used * 1e3 / (sent / 2**30), sent / 2**30 / seconds

            compare(bench, table, case, peers, measure)
            limits.update({(case, other): limit for other, limit in RELAY_LIMITS.items()})
        table.print()
        bench.report.keep("relay", table)
        bench.report.ratios("relay", table, limits)
    finally:
        stopped.set()
        reader.join(processes.PATIENCE)
        listener.close()


# -- web ---------------------------------------------------------------------------------------

def _check_file(peer, port, path, size):
    """A server that answers wrongly is not measured."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=processes.PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise processes.Failed("%s: GET %s: %s" % (peer.name, path, error)) from None
    finally:
        connection.close()
    if response.status != 200 or len(body) != size:
        raise processes.Failed("%s: GET %s gives status %d and %d bytes, not 200 and %d" % (
            peer.name, path, response.status, len(body), size))


def _measure_web(bench, peer, path, size, depth=1):
    if peer.log and os.path.exists(peer.log):
        os.unlink(peer.log)
    with peer.running(bench) as (server, port):
        _check_file(peer, port, path, size)
        used, messages, seconds = wrk_load(bench, server, port, path, depth)
    if peer.log:
        with open(peer.log, "rb") as log:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: log.read(1 << 20), b""))
        if lines < messages:
            raise processes.Failed("%s logged %d lines for %d requests" % (
                peer.name, lines, messages))
    return used / messages * 1e6, messages / seconds


def web(bench):
    if not bench.has("wrk", "apt-get install wrk"):
        return
    plain = present(bench, bench.peers.web())
    logging = present(bench, bench.peers.web_with_log())
    names = [peer.name for peer in plain]
    table = Table("server CPU time per request, 64 connections", "µs", names)
    for case in FILES:
        path, size = FILES[case]
        compare(bench, table, case, plain,
                lambda peer: _measure_web(bench, peer, path, size))
    path, size = FILES[SMALL]
    compare(bench, table, PIPELINED, plain,
            lambda peer: _measure_web(bench, peer, path, size, PIPELINE_DEPTH))
    table.print()
    log_table = Table("the same, each request logged to a file", "µs",
                      [peer.name for peer in logging])
    compare(bench, log_table, LOGGED, logging,
            lambda peer: _measure_web(bench, peer, path, size))
    log_table.print()
    for each in (table, log_table):
        bench.report.keep("web", each)
        bench.report.ratios("web", each, WEB_LIMITS)


# -- memory ------------------------------------------------------------------------------------

def _settled_private_bytes(server):
    """What a server frees, it may free a little later: waits until the figure stands still."""
    last = -1
    for _ in range(100):
        now = server.private_bytes()
        if now == last:
            break
        last = now
        time.sleep(0.1)
    return last


def _bytes_per_connection(bench, peer, mode, *path):
    """The first connection pays for what the server makes once; it is not counted."""
    with peer.running(bench) as (server, port):
        command = [bench.program("idle_connections"), mode, port, 1, bench.idle_connections, *path]
        with processes.Child(command, bench.load_cpu, os.path.join(bench.home, "load-errors"),
                             pipes=True) as load:
            load.expect("open")
            before = _settled_private_bytes(server)
            load.say()
            load.expect("open")
            after = _settled_private_bytes(server)
    return (after - before) / (bench.idle_connections - 1)


def memory(bench):
    report = bench.report
    cases = (("echo", "idle after one echo", bench.peers.echo(), ("echo",)),
             ("web", "idle after one GET", bench.peers.web(), ("http", FILES[SMALL][0])))
    for name, case, peers, arguments in cases:
        peers = present(bench, peers)
        table = Table("private memory per connection, %d connections" % bench.idle_connections,
                      "bytes", [peer.name for peer in peers])
        compare(bench, table, case, peers,
                lambda peer: (_bytes_per_connection(bench, peer, *arguments), 0))
        table.print(0)
        report.keep("memory", table)
        for row in table.rows:
            if "torc" in row["median"]:
                report.goal("memory, %s: torc" % case, MEMORY_LIMITS[name], row["median"]["torc"],
                            0, "B")
        report.scale("memory", table, "torc-uring", "torc")
    print()


# -- timers and deferreds ----------------------------------------------------------------------

def _own_program(bench, name, *arguments):
    """Runs one of torc's own benchmarks for the rounds; gives name -> (median, unit), or None."""
    program = bench.program(name)
    if not os.path.exists(program):
        bench.report.note("%s is not built" % name)
        return None
    samples = {}
    for _ in range(bench.rounds):
        output = processes.run([program, *arguments], bench.server_cpu,
                               os.path.join(bench.home, "server-errors"), 300)
        for line in output.splitlines():
            match = re.fullmatch(r"(\S+)\s+([0-9.eE+-]+)(?:\s+(\S+))?", line.strip())
            if match:
                samples.setdefault((match[1], match[3] or ""), []).append(float(match[2]))
    figures = {}
    for (figure, unit), values in samples.items():
        table = Table("", unit, ["torc"])
        table.add(figure, {"torc": values})
        bench.report.keep(name, table)
        figures[figure] = statistics.median(values)
        print("  %-40s %12.2f %s" % (figure, figures[figure], unit))
    print()
    return figures


def timers(bench):
    figures = _own_program(bench, "torc_timers") or {}
    armed = {int(match[1]): value for name, value in figures.items()
             for match in [re.fullmatch(r"arm_cancel_(\d+)", name)] if match}
    if 10 in armed and len(armed) > 1:
        most = max(armed)
        bench.report.goal("timers: arm+cancel with %d armed / with 10" % most, TIMER_LIMIT,
                          armed[most] / armed[10])
        print()


UNBOUND = """
server:
  interface: 127.0.0.1
  port: %(port)d
  do-daemonize: no
  use-syslog: no
  chroot: ""
  username: ""
  directory: "%(home)s"
  pidfile: "%(home)s/unbound.pid"
  access-control: 127.0.0.0/8 allow
  local-zone: "bench.test." redirect
  local-data: "bench.test. 300 A 192.0.2.1"
  local-data: "bench.test. 300 AAAA 2001:db8::1"
"""


def _wait_for_port(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise processes.Failed("unbound does not listen")
            time.sleep(0.05)


def names(bench):
    """Look-ups of hosts, each for IPv4 and IPv6, of a server on this machine that knows them all."""
    if not bench.has("unbound", "apt-get install unbound"):
        return
    port = processes.free_port()
    config = os.path.join(bench.home, "unbound.conf")
    with open(config, "w") as file:
        file.write(UNBOUND % {"port": port, "home": bench.home})
    with processes.Child([shutil.which("unbound"), "-d", "-c", config], bench.load_cpu,
                         os.path.join(bench.home, "unbound-errors")):
        _wait_for_port(port)
        count = 20000 if bench.seconds < 1 else 100000
        ours = _own_program(bench, "torc_resolve", port, count) or {}
        theirs = _own_program(bench, "cares_resolve", port, count) or {}
    if "resolve" in ours and "resolve" in theirs:
        bench.report.goal("names: CPU per look-up / c-ares", NAMES_LIMIT,
                          ours["resolve"] / theirs["resolve"])
        print()


def deferred(bench):
    figures = _own_program(bench, "torc_deferreds") or {}
    for name, value in figures.items():
        if "allocation" in name:
            bench.report.goal("deferred: %s" % name, 0, value)
    waiting(bench)


PYTHON = "/usr/bin/python3"  # the system's, for which its packages are
CHAINS = {
    "callbacks_10": "10 callbacks", "wait_for_another": "one waits for another",
    "gather_of_3": "gather of 3", "gather_of_100": "gather of 100",
}


def _chain_peers(bench):
    """Name -> command, of those that are there."""
    script = os.path.join(bench.here, "python_deferreds.py")
    commands = {"torc": [bench.program("torc_chains")]}
    if not os.path.exists(commands["torc"][0]):
        bench.report.note("torc_chains is not built")
        return {}
    for name, module in (("twisted", "twisted.internet.defer"), ("asyncio", "asyncio")):
        found = os.path.exists(PYTHON) and subprocess.run(
            [PYTHON, "-c", "import " + module], stderr=subprocess.DEVNULL, check=False)
        if found and found.returncode == 0:
            commands[name] = [PYTHON, script, name]
        else:
            bench.report.note("no %s (apt-get install python3 python3-twisted)" % name)
    return commands


def waiting(bench):
    """The same waits on Torc, Twisted and asyncio: a table, with rounds interleaved."""
    commands = _chain_peers(bench)
    samples = {}
    for _ in range(bench.rounds if commands else 0):
        for peer, command in commands.items():
            output = processes.run(command, bench.server_cpu,
                                   os.path.join(bench.home, "server-errors"), 300)
            for case, value in re.findall(r"^(\w+) ([0-9.]+) ns$", output, re.MULTILINE):
                samples.setdefault(case, {}).setdefault(peer, []).append(float(value))
    if not samples:
        return
    table = Table("one wait, its making and its end counted in", "ns", list(commands))
    for case, title in CHAINS.items():
        table.add(title, samples.get(case, {}))
    table.print(0)
    bench.report.keep("deferred", table)
    bench.report.ratios("deferred", table, {})


# -- threads -----------------------------------------------------------------------------------

def _thread_figures(bench, peer):
    """Both processors: what is measured goes from one thread to another."""
    output = processes.run(peer.before + peer.command(None),
                           "%d,%d" % (bench.server_cpu, bench.load_cpu),
                           os.path.join(bench.home, "server-errors"), 300)
    return [line.split() for line in output.splitlines()]


def thread(bench):
    peers = present(bench, bench.peers.thread())
    samples = {}
    for _ in range(bench.rounds):
        for peer in list(peers):
            try:
                figures = _thread_figures(bench, peer)
            except processes.Failed as failure:
                bench.report.note("thread: %s failed: %s" % (peer.name, failure))
                peers.remove(peer)
                continue
            for case, value, _ in figures:
                samples.setdefault(case, {}).setdefault(peer.name, []).append(float(value))
    table = Table("time per message, per round trip, per job and per job of 64 at once", "ns",
                  [peer.name for peer in peers])
    for case, of_peers in samples.items():
        table.add(case, of_peers)
    table.print(1)
    bench.report.keep("thread", table)
    bench.report.ratios("thread", table, THREAD_LIMITS)


SWITCH_LIMIT = 1.5
AWAIT_LIMIT = 15.0


def coroutine(bench):
    figures = _own_program(bench, "torc_coroutine") or {}
    if "switch_per_bare_switch" in figures:
        bench.report.goal("coroutine: a switch / a bare one", SWITCH_LIMIT,
                          figures["switch_per_bare_switch"])
    if "await_of_ready_on_top" in figures:
        bench.report.goal("coroutine: await of a ready deferred, on top of it", AWAIT_LIMIT,
                          figures["await_of_ready_on_top"], 1, "ns")
    print()


def spawn(bench):
    """They take turns, round by round, since a busy machine slows all of them alike."""
    peers = present(bench, bench.peers.spawn())
    table = Table("time to run true and to be told how it exited", "µs",
                  [peer.name for peer in peers])

    def measure(peer):
        output = processes.run(peer.before + peer.command(None), bench.server_cpu,
                               os.path.join(bench.home, "server-errors"), 300)
        return float(output.split()[1]), 0

    compare(bench, table, "one after another", peers, measure)
    table.print()
    bench.report.keep("spawn", table)
    bench.report.ratios("spawn", table, {("one after another", "posix_spawn"): SPAWN_LIMIT})


# -- system calls ------------------------------------------------------------------------------

def _trace(bench, server, run_load):
    """Counts the system calls of a server while RUN_LOAD() runs. Gives name -> count."""
    summary = os.path.join(bench.home, "strace-summary")
    errors = os.path.join(bench.home, "strace-errors")
    command = ["strace", "-c", "-f", "-o", summary]
    members = server.members()
    for pid in members:
        command += ["-p", pid]
    with processes.Child(command, bench.load_cpu, errors) as tracer:
        end = time.monotonic() + processes.PATIENCE
        while open(errors).read().count("attached") < len(members):
            if tracer.process.poll() is not None or time.monotonic() > end:
                raise tracer.failure("strace could not attach")
            time.sleep(0.01)
        run_load()
        tracer.end(signal.SIGINT)
    counts = {}
    with open(summary) as file:
        for line in file:
            words = line.split()
            if len(words) >= 5 and words[0][0].isdigit() and words[-1] != "total":
                counts[words[-1]] = int(words[3])
    return counts


def _print_calls(case, peer, messages, counts):
    parts = ["%s %.2f" % (name, count / messages)
             for name, count in sorted(counts.items(), key=lambda item: -item[1])
             if count / messages >= 0.005]
    print("  %-22s %-10s %6.2f   %s" % (
        case, peer, sum(counts.values()) / messages, ", ".join(parts)))


def syscalls(bench):
    if not bench.has("strace", "apt-get install strace"):
        return
    messages = bench.counted_messages
    echo_peers = present(bench, bench.peers.echo())
    web_peers = present(bench, bench.peers.web())
    print("  system calls of the server per message or request (%d of them)" % messages)
    for kind, peers, options in (("echo", echo_peers, ()),
                                 ("GET 13 B", web_peers, ("--http", FILES[SMALL][0]))):
        for connections in (1, 64):
            case = "%s, %d conn." % (kind, connections)
            table = Table("system calls", "calls", [peer.name for peer in peers])
            samples = {}
            for peer in peers:
                try:
                    with peer.running(bench) as (server, port):
                        counts = _counted_calls(bench, server, port, messages, connections, options)
                except processes.Failed as failure:
                    bench.report.note(str(failure))
                    continue
                _print_calls(case, peer.name, messages, counts)
                samples[peer.name] = [sum(counts.values()) / messages]
            table.add(case, samples)
            bench.report.keep("syscalls", table)
    print()


def _counted_calls(bench, server, port, messages, connections, options):
    """Only what happens between the two waits of the load is traced: no set-up, no closing."""
    command = [bench.program("echo_load"), port, "--wait", "--messages", messages,
               "--connections", connections, *options]
    with processes.Child(command, bench.load_cpu, os.path.join(bench.home, "load-errors"),
                         pipes=True) as load:
        load.expect("ready")

        def run_load():
            load.say()
            load.expect("messages")
            load.expect("seconds")

        return _trace(bench, server, run_load)


# -- instructions ------------------------------------------------------------------------------

def _instructions(bench, peer, messages, options):
    """All instructions that a server executes in user space, from its start to its end. Of a server
    of several processes, those of the one that works: it has by far the most."""
    outputs = tempfile.mkdtemp(dir=bench.home)
    under = ["valgrind", "--tool=callgrind", "--callgrind-out-file=%s/%%p" % outputs]
    with peer.running(bench, under, patience=60) as (server, port):
        echo_load(bench, server, port, "--messages", messages, *options)
    totals = [0]
    for name in os.listdir(outputs):
        with open(os.path.join(outputs, name)) as file:
            totals += [int(line.split()[1]) for line in file if line.startswith("totals:")]
    if not max(totals):
        raise processes.Failed("%s: callgrind left no total" % peer.name)
    return max(totals)


def instructions(bench):
    """The difference between two numbers of messages: what a start and an end take falls out."""
    if not bench.has("valgrind", "apt-get install valgrind"):
        return
    few, many = bench.counted_messages // 10, bench.counted_messages
    web_peers = [bench.peers.torcd(), bench.peers.nginx()]
    get = ("--http", FILES[SMALL][0])
    # A server that waits in io_uring_enter() gets no signal under valgrind, and so leaves no figures.
    echo_peers = [peer for peer in bench.peers.echo() if not peer.before]
    for case, peers, options in (("echo, 1 connection", echo_peers, ()),
                                 ("GET 13 B, 1 connection", web_peers, get)):
        peers = present(bench, peers)
        table = Table("instructions of the server per message, in user space", "instructions",
                      [peer.name for peer in peers])
        samples = {}
        for peer in peers:
            try:
                samples[peer.name] = [(_instructions(bench, peer, many, options) -
                                       _instructions(bench, peer, few, options)) / (many - few)]
            except processes.Failed as failure:
                bench.report.note(str(failure))
        table.add(case, samples)
        table.print(0)
        bench.report.keep("instructions", table)
        bench.report.ratios("instructions", table, {})


def tls_section(bench):
    tls(bench, _settled_private_bytes)


SECTIONS = {"echo": echo, "udp": udp, "udp_one_way": one_way, "relay": relay, "web": web,
            "tls": tls_section, "memory": memory, "timers": timers, "names": names,
            "deferred": deferred, "coroutine": coroutine, "thread": thread, "spawn": spawn,
            "syscalls": syscalls, "instructions": instructions}
