"""The example udp_echo, as its users run it: over IPv4, IPv6 and UNIX datagrams, on each driver."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest

EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20


class Program:
    """An example that runs; its log is read until it says where it listens."""

    def __init__(self, endpoint, **environment):
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, "udp_echo"), endpoint], stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment})
        self.lines = []
        self.address = None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r" starting on (\S+)$", line)
            if found:
                self.address = found[1]
                break

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.lines += self.process.communicate(timeout=PATIENCE)[1].splitlines(True)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        self.process.stderr.close()


def client_of(family, address):
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(PATIENCE)
    client.connect(address)
    return client


class UdpEcho(unittest.TestCase):
    def assert_echoes(self, client, largest):
        sizes = (0, 1, 1000, 1472, 9000, largest)
        for size in sizes:
            data = os.urandom(size)
            client.send(data)
            self.assertEqual(client.recv(65536), data)

    def test_sends_back_what_it_receives_on_each_driver(self):
        for driver in ("epoll", "poll", "select"):
            with Program("udp:0:interface=127.0.0.1", TORC_REACTOR=driver) as echo:
                with client_of(socket.AF_INET, ("127.0.0.1", echo.port)) as client:
                    self.assert_echoes(client, 65507)
                self.assertEqual(echo.stop(), 0)

    def test_answers_several_that_ask_at_once_each_with_its_own(self):
        with Program("udp:0:interface=127.0.0.1") as echo:
            clients = [client_of(socket.AF_INET, ("127.0.0.1", echo.port)) for _ in range(20)]
            for number, client in enumerate(clients):
                for index in range(5):
                    client.send(b"%d,%d" % (number, index))
            for number, client in enumerate(clients):
                for index in range(5):
                    self.assertEqual(client.recv(100), b"%d,%d" % (number, index))
                client.close()

    def test_echoes_over_ipv6(self):
        with Program("udp6:0:interface=[::1]") as echo:
            with client_of(socket.AF_INET6, ("::1", echo.port)) as client:
                self.assert_echoes(client, 65507)

    def test_echoes_over_a_unix_socket_and_removes_its_path(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "echo")
            with Program("unix-datagram:" + path) as echo:
                client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                client.settimeout(PATIENCE)
                client.bind(os.path.join(directory, "client"))
                client.connect(path)
                self.assert_echoes(client, 65507)
                client.close()
                self.assertEqual(echo.stop(), 0)
            self.assertFalse(os.path.exists(path))

    def test_a_killed_one_leaves_a_path_that_the_next_takes_over(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "echo")
            with Program("unix-datagram:" + path) as echo:
                echo.stop(signal.SIGKILL)
            self.assertTrue(os.path.exists(path))
            with Program("unix-datagram:" + path) as echo:
                self.assertEqual(echo.address, path)
                self.assertEqual(os.listdir(directory), ["echo"])

    def test_a_port_in_use_is_one_clear_line_and_status_1(self):
        with Program("udp:0:interface=127.0.0.1") as echo:
            with Program("udp:%d:interface=127.0.0.1" % echo.port) as second:
                self.assertEqual(second.process.wait(PATIENCE), 1)
                self.assertEqual(len(second.lines), 1)
                self.assertIn("in use", second.lines[0])


if __name__ == "__main__":
    unittest.main()
