"""The example tunnel between two network namespaces: ping through it over TCP, UDP and the pipes
of a child, and iperf3 where it is installed, while a timer that has nothing to do with it is
watched."""
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

TUNNEL = os.path.join(os.environ["EXAMPLES"], "tunnel")
# AddressSanitizer keeps what is freed, which would look as if it were not.
ENVIRONMENT = {
    **os.environ, "TUNNEL_DELAYS": "1",
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1",
}
PATIENCE = 20
SKIPPED = 77

# A device that holds up the loop does so for as long as it is sent to: for seconds. A busy machine
# holds it up, too, and is no fault of the tunnel's.
FROZEN = 500

FLOOD = """
import socket, time
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
until = time.monotonic() + 2
while time.monotonic() < until:
    try:
        to.sendto(bytes(1300), ("10.9.0.1", 9))
    except OSError:
        time.sleep(0.001)
"""


def run(*command, check=True):
    return subprocess.run(command, check=check, timeout=PATIENCE + 10, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Program:
    """A tunnel in a namespace; its log is read as it comes."""

    def __init__(self, namespace, *arguments):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, TUNNEL, *arguments], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.lines = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line)
                self.news.notify()

    def wait_for(self, text, count=1):
        """Until so many lines have the text; gives them."""
        def found():
            return [line for line in self.lines if text in line]
        with self.news:
            if not self.news.wait_for(lambda: len(found()) >= count, PATIENCE):
                raise AssertionError("no '%s' in:\n%s" % (text, "".join(self.lines)))
            return found()

    def delays(self):
        return [float(found[1]) for line in list(self.lines)
                if (found := re.search(r"delay of 99 in 100: ([0-9.]+) ms", line))]

    def resident(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])

    def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stderr.close()


class Tunnel(unittest.TestCase):
    def setUp(self):
        unique = "torc-%d-%d" % (os.getpid(), time.monotonic_ns() % 1000000)
        self.far, self.near = unique + "-far", unique + "-near"
        for name in (self.far, self.near):
            run("ip", "netns", "add", name)
            self.addCleanup(run, "ip", "netns", "del", name, check=False)
        run("ip", "-n", self.far, "link", "add", "wire", "type", "veth", "peer", "name", "wire",
            "netns", self.near)
        for name, address in ((self.far, "192.0.2.1/24"), (self.near, "192.0.2.2/24")):
            run("ip", "-n", name, "address", "add", address, "dev", "wire")
            run("ip", "-n", name, "link", "set", "wire", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")

    def start(self, namespace, *arguments):
        program = Program(namespace, *arguments)
        self.addCleanup(program.stop)
        return program

    def assert_pings(self):
        output = ""
        for _ in range(PATIENCE):
            answer = run("ip", "netns", "exec", self.near, "ping", "-c", "1", "-W", "1",
                         "10.9.0.1", check=False)
            output = answer.stdout
            if answer.returncode == 0:
                break
        self.assertIn(" 0% packet loss", output)
        large = run("ip", "netns", "exec", self.near, "ping", "-c", "3", "-i", "0.2", "-s", "1372",
                    "-M", "do", "10.9.0.1", check=False)
        self.assertIn(" 0% packet loss", large.stdout)

    def measure(self, near, what):
        """Figures to be read; what is judged is only that nothing freezes."""
        if not shutil.which("iperf3"):
            return
        near.wait_for("delay of", len(near.delays()) + 1)
        idle = near.delays()[-1]
        server = subprocess.Popen(
            ["ip", "netns", "exec", self.far, "iperf3", "-s", "-1", "--forceflush"],
            stdout=subprocess.PIPE, text=True)
        try:
            while "listening" not in server.stdout.readline():
                self.assertIsNone(server.poll())
            before = len(near.delays())
            result = run("ip", "netns", "exec", self.near, "iperf3", "-c", "10.9.0.1", "-t", "3",
                         check=False)
            self.assertEqual(result.returncode, 0, result.stdout)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        busy = max(near.delays()[before:] or [0.0])
        rate = re.findall(r"([0-9.]+ .bits/sec).*receiver", result.stdout)
        print("%s: %s; a timer's delay, 99 in 100: idle %.3f ms, saturated %.3f ms (goal %.3f)" % (
            what, rate[0] if rate else "?", idle, busy, 2 * idle + 5))
        self.assertLess(busy, 2 * idle + 5 + FROZEN)

    def open(self, kind):
        far = self.start(self.far, "torc0", "10.9.0.1/24", "listen", kind + ":9000")
        far.wait_for("starting on")
        near = self.start(self.near, "torc0", "10.9.0.2/24", "connect", kind + ":192.0.2.1:9000")
        self.assert_pings()
        return far, near

    def assert_stays_small(self, kind):
        """What is sent while the peer stands still is dropped before it takes memory."""
        far, near = self.open(kind)
        before = near.resident()
        far.process.send_signal(signal.SIGSTOP)
        run("ip", "netns", "exec", self.near, sys.executable, "-c", FLOOD)
        self.assertLess(near.resident(), before + 8 * 1024)
        far.process.send_signal(signal.SIGCONT)
        self.assert_pings()
        self.assertLess(far.resident(), before + 8 * 1024)

    def test_over_tcp(self):
        self.measure(self.open("tcp")[1], "tcp")

    def test_over_udp(self):
        self.measure(self.open("udp")[1], "udp")

    def test_a_peer_that_stands_still_costs_no_memory(self):
        for kind in ("tcp", "udp"):
            with self.subTest(kind=kind):
                self.assert_stays_small(kind)
                self.doCleanups()
                self.setUp()

    def test_the_end_of_the_peer_is_noticed(self):
        far, near = self.open("tcp")
        far.process.send_signal(signal.SIGTERM)
        near.wait_for("the peer is gone")
        self.assertEqual(near.process.wait(PATIENCE), 0)
        self.assertEqual(far.process.wait(PATIENCE), 0)

    def test_who_listens_takes_the_next_peer(self):
        far, near = self.open("tcp")
        near.stop()
        far.wait_for("the peer is gone")
        self.start(self.near, "torc0", "10.9.0.2/24", "connect", "tcp:192.0.2.1:9000")
        self.assert_pings()

    def test_over_the_pipes_of_a_child(self):
        near = self.start(self.near, "torc0", "10.9.0.2/24", "run", "ip", "netns", "exec", self.far,
                          TUNNEL, "torc0", "10.9.0.1/24", "stdio")
        self.assert_pings()
        self.measure(near, "pipes")

    def test_a_name_that_is_too_long_is_told(self):
        far = self.start(self.far, "a-name-that-is-too-long", "10.9.0.1/24", "listen", "udp:9000")
        far.wait_for("at most 15 characters")


def may_run():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip") \
            or not shutil.which("ping"):
        return False
    name = "torc-%d-probe" % os.getpid()
    if run("ip", "netns", "add", name, check=False).returncode != 0:
        return False
    run("ip", "netns", "del", name, check=False)
    return True


if __name__ == "__main__":
    if not may_run():
        print("left out: it takes root, ip, ping, namespaces and /dev/net/tun")
        sys.exit(SKIPPED)
    unittest.main()
