"""The example hand_over: generations of a server take its port over from each other while clients
connect all the time. None is refused or cut short, and each client is served to its end by the
generation that took it."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

HAND_OVER = os.path.join(os.environ["EXAMPLES"], "hand_over")
PATIENCE = 20


class Generation:
    """One process; ready when its log says that it listens, on the port and for a successor. Not on
    io_uring, which accepts ahead: see torc_port_descriptor."""

    def __init__(self, endpoint, control):
        self.process = subprocess.Popen([HAND_OVER, endpoint, control], stderr=subprocess.PIPE,
                                        env={**os.environ, "TORC_REACTOR": "epoll"})
        self.address = None
        for line in self.process.stderr:
            found = re.search(r" starting on (\S+)", line.decode())
            if found and found[1].endswith(control):
                break
            if found:
                self.address = found[1]

    def ends(self):
        self.process.stderr.close()
        return self.process.wait(PATIENCE)


class Clients(threading.Thread):
    """Connects, asks, reads the answer, and again; notes who answered and what went wrong."""

    def __init__(self, connect):
        super().__init__(daemon=True)
        self.connect = connect
        self.served = {}
        self.wrong = []
        self.goes_on = True

    def run(self):
        while self.goes_on:
            try:
                with self.connect() as client:
                    client.sendall(b"who\n")
                    pid = int(client.makefile("rb").readline().split(b":")[0])
                    self.served[pid] = self.served.get(pid, 0) + 1
            except (OSError, ValueError) as error:
                self.wrong.append(repr(error))

    def wait_for(self, pid):
        until = time.monotonic() + PATIENCE
        while pid not in self.served and time.monotonic() < until:
            time.sleep(0.01)
        return pid in self.served


class HandOver(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="torc-hand-over-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.control = os.path.join(folder.name, "control")
        self.generations = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for each in self.generations:
            if each.process.poll() is None:
                each.process.send_signal(signal.SIGKILL)
                each.ends()

    def start(self, endpoint):
        self.generations.append(Generation(endpoint, self.control))
        return self.generations[-1]

    def hand_over_twice(self, endpoint, connect):
        first = self.start(endpoint)
        clients = [Clients(lambda: connect(first.address)) for _ in range(3)]
        for each in clients:
            each.start()
        self.assertTrue(clients[0].wait_for(first.process.pid))
        stays = connect(first.address)
        stays.sendall(b"before\n")
        answers = stays.makefile("rb")
        self.assertEqual(answers.readline(), b"%d: before\n" % first.process.pid)

        second = self.start(endpoint)
        self.assertTrue(all(each.wait_for(second.process.pid) for each in clients))
        stays.sendall(b"after\n")
        self.assertEqual(answers.readline(), b"%d: after\n" % first.process.pid)
        self.assertIsNone(first.process.poll())
        answers.close()
        stays.close()
        self.assertEqual(first.ends(), 0)

        third = self.start(endpoint)
        self.assertEqual(second.ends(), 0)
        self.assertTrue(all(each.wait_for(third.process.pid) for each in clients))
        for each in clients:
            each.goes_on = False
        for each in clients:
            each.join(PATIENCE)
            self.assertEqual(each.wrong, [])
        third.process.send_signal(signal.SIGTERM)
        self.assertEqual(third.ends(), 0)

    def test_nobody_is_refused_over_ipv4(self):
        self.hand_over_twice("tcp:0:interface=127.0.0.1", lambda address: socket.create_connection(
            ("127.0.0.1", int(address.rsplit(":", 1)[1])), PATIENCE))

    def test_nobody_is_refused_over_ipv6(self):
        if not socket.has_ipv6:
            self.skipTest("this machine has no IPv6")
        self.hand_over_twice("tcp6:0:interface=[::1]", lambda address: socket.create_connection(
            ("::1", int(address.rsplit(":", 1)[1])), PATIENCE))

    def test_nobody_is_refused_at_a_path(self):
        path = os.path.join(self.folder, "service")

        def connect(_):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(PATIENCE)
            client.connect(path)
            return client
        self.hand_over_twice("unix:" + path, connect)

    def test_a_successor_that_never_listens_changes_nothing(self):
        first = self.start("tcp:0:interface=127.0.0.1")
        port = int(first.address.rsplit(":", 1)[1])
        with socket.socket(socket.AF_UNIX) as asks:
            asks.settimeout(PATIENCE)
            asks.connect(self.control)
            _, descriptors, _, _ = socket.recv_fds(asks, 10, 1)
            for each in descriptors:
                os.close(each)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            client.sendall(b"still\n")
            self.assertEqual(client.makefile("rb").readline(), b"%d: still\n" % first.process.pid)


if __name__ == "__main__":
    unittest.main()
