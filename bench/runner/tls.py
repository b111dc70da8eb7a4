"""TLS: what a handshake, a MiB and an idle connection cost, beside other servers with the same library,
the same certificate (ECDSA P-256) and the same versions."""
import os
import subprocess

from . import processes
from .compare import compare, present
from .report import Table

BULK = "/bulk.bin"
BULK_MIB = 16
SMALL = "/small.txt"
CPU_LIMIT = 1.0
MEMORY_LIMIT = 1.1


def _prepare(bench):
    """The certificate and the large file, in this run's own folder."""
    home = bench.home
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-keyout", os.path.join(home, "tls.key"),
         "-out", os.path.join(home, "tls.crt")], check=True, capture_output=True)
    with open(os.path.join(bench.files_directory, BULK[1:]), "wb") as file:
        for _ in range(BULK_MIB):
            file.write(os.urandom(1 << 20))


def _load(bench, server, port, mode, path, count):
    before = server.cpu_seconds()
    output = processes.run([bench.program("tls_load"), mode, port, path, count], bench.load_cpu,
                           os.path.join(bench.home, "load-errors"), 60)
    used = server.cpu_seconds() - before
    figures = dict(line.split() for line in output.splitlines())
    return used, int(figures["messages"]), float(figures["seconds"])


def _measure(bench, peer, mode, path, count):
    with peer.running(bench) as (server, port):
        used, messages, seconds = _load(bench, server, port, mode, path, count)
    return used / messages * 1e6, messages / seconds


def _bytes_per_connection(bench, peer, settled):
    with peer.running(bench) as (server, port):
        command = [bench.program("tls_load"), "idle", port, SMALL, bench.idle_connections]
        with processes.Child(command, bench.load_cpu, os.path.join(bench.home, "load-errors"),
                             pipes=True) as load:
            load.expect("open")
            before = settled(server)
            load.say()
            load.expect("open")
            after = settled(server)
            load.say()
    return (after - before) / bench.idle_connections


def tls(bench, settled):
    report = bench.report
    if not os.path.exists(bench.program("tls_load")):
        report.note("no tls_load (libssl-dev, then configure and build again)")
        return
    if not bench.has("openssl", "apt-get install openssl"):
        return
    _prepare(bench)
    peers = present(bench, bench.peers.tls())
    names = [peer.name for peer in peers]
    handshakes = 300 if bench.rounds <= 3 else 1000
    table = Table("server CPU time per connection with one GET, or per MiB; TLS 1.3", "µs", names)
    for case, mode, path, count in (
            ("full handshake", "full", SMALL, handshakes),
            ("resumed handshake", "resumed", SMALL, handshakes),
            ("MiB of a file", "bulk", BULK, 8)):
        compare(bench, table, case, peers,
                lambda peer: _measure(bench, peer, mode, path, count))
    table.print()
    report.keep("tls", table)
    report.ratios("tls", table, {(row["case"], "nginx"): CPU_LIMIT for row in table.rows})
    idle = Table("private memory per idle TLS connection, %d connections" % bench.idle_connections,
                 "bytes", names)
    compare(bench, idle, "idle after one GET", peers,
            lambda peer: (_bytes_per_connection(bench, peer, settled), 0))
    idle.print(0)
    report.keep("tls", idle)
    report.ratios("tls", idle, {("idle after one GET", "nginx"): MEMORY_LIMIT})
    print()
