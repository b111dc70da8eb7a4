"""Endpoints that are no sockets, with real programs behind them: the example relay connects to
commands (process:), among them `openssl s_client`, and serves its own standard input and output
(stdio:); the example tls_ask speaks TLS over the pipes of a command."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

EXAMPLES = os.environ["EXAMPLES"]
RELAY = os.path.join(EXAMPLES, "relay")
ASK = os.path.join(EXAMPLES, "tls_ask")
PATIENCE = 20


def quoted(text):
    return re.sub(r"([\\:=])", r"\\\1", text)


class Program:
    """The relay; where it listens on a port its log says which."""

    def __init__(self, listen, to):
        self.process = subprocess.Popen([RELAY, listen, to], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.log = ""
        self.address = None
        for line in self.process.stderr:
            self.log += line.decode()
            found = re.search(r" starting on (\S+)$", line.decode())
            if found:
                self.address = found[1]
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)

    def connect(self):
        port = int(self.address.rsplit(":", 1)[1])
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        return client


def read_all(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


class Commands(unittest.TestCase):
    def through(self, endpoint, data):
        with Program("tcp:0:interface=127.0.0.1", endpoint) as relay, relay.connect() as client:
            sender = threading.Thread(target=client.sendall, args=(data,))
            sender.start()
            sender.join(0.2)
            if sender.is_alive():
                receiver = []
                reader = threading.Thread(target=lambda: receiver.append(read_all(client)))
                reader.start()
                sender.join(PATIENCE)
                client.shutdown(socket.SHUT_WR)
                reader.join(PATIENCE)
                return receiver[0]
            client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def test_a_command_answers_and_its_end_is_the_connections(self):
        self.assertEqual(self.through("process:tr:a-z:A-Z", b"hello\n"), b"HELLO\n")
        self.assertEqual(self.through("process:sort:-r", b"a\nc\nb\n"), b"c\nb\na\n")

    def test_much_is_carried_both_ways(self):
        data = os.urandom(1 << 22)
        self.assertEqual(self.through("process:cat", data), data)

    def test_a_command_that_is_not_there_is_told(self):
        with Program("tcp:0:interface=127.0.0.1", "process:torc-no-such-command") as relay:
            with relay.connect() as client, self.assertRaises(ConnectionResetError):
                client.recv(1)
            self.assertIn(b"No such file or directory", relay.process.stderr.readline())


class StandardStreams(unittest.TestCase):
    def test_stdio_is_a_connection_to_elsewhere(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            with Program("stdio:", "tcp:127.0.0.1:%d" % server.getsockname()[1]) as relay:
                upstream = server.accept()[0]
                relay.process.stdin.write(b"question")
                relay.process.stdin.flush()
                self.assertEqual(upstream.recv(100), b"question")
                upstream.sendall(b"answer")
                upstream.close()
                self.assertEqual(relay.process.stdout.read(6), b"answer")

    def test_stdio_and_a_command_are_a_pipeline(self):
        with Program("stdio:", "process:rev") as relay:
            relay.process.stdin.write(b"torc\n")
            relay.process.stdin.close()
            self.assertEqual(relay.process.stdout.read(5), b"crot\n")
            relay.process.stdin = open(os.devnull, "wb")


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl")
class Encrypted(unittest.TestCase):
    """A TLS server of Python's, which sends back one line in capitals."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="torc-endpoints-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.certificate = os.path.join(cls.folder, "site.pem")
        key = os.path.join(cls.folder, "site.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cls.certificate],
            check=True, capture_output=True)
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cls.certificate, key)

    def setUp(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(PATIENCE)
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self.serve_one, daemon=True)
        self.thread.start()

    def tearDown(self):
        self.thread.join(PATIENCE)
        self.server.close()

    def serve_one(self):
        plain = self.server.accept()[0]
        plain.settimeout(PATIENCE)
        with self.context.wrap_socket(plain, server_side=True) as connection:
            line = connection.recv(1000)
            connection.sendall(line.upper())
            try:
                connection.unwrap()
            except (OSError, ssl.SSLError):
                pass # s_client may close at once

    def test_openssl_s_client_is_a_process_endpoint(self):
        command = "process:openssl:s_client:-quiet:-verify_return_error:-CAfile:%s:-connect:%s" % (
            quoted(self.certificate), quoted("127.0.0.1:%d" % self.port))
        with Program("tcp:0:interface=127.0.0.1", command) as relay, relay.connect() as client:
            client.sendall(b"hello\n")
            self.assertEqual(client.recv(100), b"HELLO\n")

    @unittest.skipUnless(os.path.exists(ASK), "this build has no TLS")
    def test_tls_stands_on_the_pipes_of_a_command(self):
        command = "process:%s:stdio:%s" % (
            quoted(RELAY), quoted("tcp:127.0.0.1:%d" % self.port))
        endpoint = "tls:name=localhost:authorities=%s:endpoint=%s" % (
            quoted(self.certificate), quoted(command))
        done = subprocess.run([ASK, endpoint, "hello"], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^TLSv1\.3, .*\nHELLO\n$")


if __name__ == "__main__":
    unittest.main()
