"""The example relay, as its users run it: bytes, ends and losses between two plain sockets."""
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20
MEBIBYTE = 1024 * 1024


class Relay:
    """The example in front of a listening socket of ours; its log says where it listens."""

    def __init__(self, listen, **environment):
        self.upstream = socket.create_server(("127.0.0.1", 0))
        self.upstream.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, "relay"), listen,
             "tcp:127.0.0.1:%d" % self.upstream.getsockname()[1]],
            stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r" starting on (\S+)$", line)
            if found:
                self.address = found[1]
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.upstream.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)

    def connect(self, path=None):
        client = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        client.settimeout(PATIENCE)
        client.connect(path or ("127.0.0.1", int(self.address.rsplit(":", 1)[1])))
        return client

    def pair(self, path=None):
        client = self.connect(path)
        server = self.upstream.accept()[0]
        server.settimeout(PATIENCE)
        return client, server


def read_all(connection):
    pieces = []
    while True:
        piece = connection.recv(65536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


class RelayTest(unittest.TestCase):
    def assert_carries(self, one, other, data):
        sender = threading.Thread(target=one.sendall, args=(data,))
        sender.start()
        got = b""
        while len(got) < len(data):
            piece = other.recv(65536)
            self.assertTrue(piece)
            got += piece
        sender.join()
        self.assertEqual(got, data)

    def test_bytes_both_ways_then_ends(self):
        data = os.urandom(4 * MEBIBYTE)
        for driver in ("epoll", "uring", "poll", "select", ""):
            environment = {"TORC_REACTOR": driver} if driver else {}
            with self.subTest(driver=driver), Relay(
                    "tcp:0:interface=127.0.0.1", **environment) as relay:
                client, server = relay.pair()
                with client, server:
                    self.assert_carries(client, server, data)
                    self.assert_carries(server, client, data)
                    client.sendall(b"request")
                    client.shutdown(socket.SHUT_WR)
                    self.assertEqual(read_all(server), b"request")
                    server.sendall(b"answer")
                    server.close()
                    self.assertEqual(read_all(client), b"answer")

    def test_a_unix_client(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "relay.sock")
            with Relay("unix:" + path) as relay:
                client, server = relay.pair(path)
                with client, server:
                    self.assert_carries(client, server, os.urandom(MEBIBYTE))
                    self.assert_carries(server, client, os.urandom(MEBIBYTE))

    def test_a_reset_is_passed_on(self):
        with Relay("tcp:0:interface=127.0.0.1") as relay:
            client, server = relay.pair()
            with server:
                client.sendall(b"x")
                self.assertEqual(server.recv(1), b"x")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                self.assertRaises(ConnectionResetError, server.recv, 1)

    def test_a_reader_that_stops_does_not_fill_the_relay(self):
        with Relay("tcp:0:interface=127.0.0.1") as relay:
            client, server = relay.pair()
            with client, server:
                client.settimeout(1)
                sent = 0
                try:
                    while sent < 512 * MEBIBYTE:
                        sent += client.send(bytes(MEBIBYTE))
                except TimeoutError:
                    pass
                self.assertLess(sent, 256 * MEBIBYTE)
                with open("/proc/%d/status" % relay.process.pid, encoding="ascii") as status:
                    resident = re.search(r"VmRSS:\s+(\d+) kB", status.read())
                self.assertLess(int(resident[1]), 64 * 1024)

    def test_nobody_listens_upstream(self):
        with Relay("tcp:0:interface=127.0.0.1") as relay:
            relay.upstream.close()
            with relay.connect() as client:
                self.assertRaises(ConnectionResetError, client.recv, 1)


if __name__ == "__main__":
    unittest.main()
