"""The example programs, as their users run them: echo, chat, coroutine_chat, ask, two_reactors."""
import io
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20


class Program:
    """An example that runs; its log is read until it says where it listens."""

    def __init__(self, name, endpoint, **environment):
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, name), endpoint], stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment})
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r" starting on (\S+)$", line)
            if found:
                self.address = found[1]
                break
        else:
            raise AssertionError(f"{name} {endpoint} does not start: {self.lines}")

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

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


def read_exactly(client, size):
    parts = []
    while size > 0:
        part = client.recv(min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def echoed(client, data):
    """Sends from a thread and reads meanwhile, so that neither side's buffers bound the size."""
    sender = threading.Thread(target=client.sendall, args=(data,), daemon=True)
    sender.start()
    answer = read_exactly(client, len(data))
    sender.join(PATIENCE)
    return answer


def drivers():
    """Those that work on this machine: io_uring may be forbidden."""
    try:
        with Program("echo", "tcp:0:interface=127.0.0.1", TORC_REACTOR="uring"):
            return ("epoll", "uring", "poll", "select")
    except AssertionError as error:
        if "does not work here" not in str(error):
            raise
        print(f"skipped: {error}")
        return ("epoll", "poll", "select")


class Echo(unittest.TestCase):
    def test_sends_back_what_it_receives_on_each_driver(self):
        data = os.urandom(8 << 20)
        for driver in drivers():
            with Program("echo", "tcp:0:interface=127.0.0.1", TORC_REACTOR=driver) as echo:
                with echo.connect() as client:
                    self.assertEqual(echoed(client, data), data)
                self.assertEqual(echo.stop(), 0)

    def test_listens_on_ipv6_and_on_a_path(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "echo")
        with Program("echo", r"tcp6:0:interface=\:\:1") as echo:
            with socket.create_connection(("::1", echo.port), timeout=PATIENCE) as client:
                self.assertEqual(echoed(client, b"six"), b"six")
            with self.assertRaises(OSError):
                echo.connect()
        with Program("echo", f"unix:{path}:mode=600") as echo:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PATIENCE)
                client.connect(path)
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
                self.assertEqual(echoed(client, b"path"), b"path")
            self.assertEqual(echo.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_an_inherited_socket_is_listened_on(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.set_inheritable(True)
            process = subprocess.Popen(
                [os.path.join(EXAMPLES, "echo"), f"fd:{listener.fileno()}"],
                stderr=subprocess.DEVNULL, close_fds=False)
            self.addCleanup(process.kill)
            with socket.create_connection(listener.getsockname(), timeout=PATIENCE) as client:
                self.assertEqual(echoed(client, b"inherited"), b"inherited")
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)

    def test_a_port_in_use_is_one_line_and_status_1(self):
        with Program("echo", "tcp:0:interface=127.0.0.1") as echo:
            second = subprocess.run(
                [os.path.join(EXAMPLES, "echo"), f"tcp:{echo.port}:interface=127.0.0.1"],
                stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertEqual(second.stderr.count("\n"), 1, second.stderr)
        self.assertIn("in use", second.stderr)

    def test_an_unknown_driver_is_told_with_the_choice(self):
        run = subprocess.run([os.path.join(EXAMPLES, "echo")], stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "TORC_REACTOR": "magic"}, timeout=PATIENCE,
                             check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(run.stderr.count("\n"), 1)
        for word in ("magic", "epoll", "uring", "poll", "select"):
            self.assertIn(word, run.stderr)


class Chat(unittest.TestCase):
    def enter(self, chat, name):
        client = chat.connect()
        self.addCleanup(client.close)
        lines = client.makefile("rwb", buffering=0)
        self.assertEqual(lines.readline(), b"What is your name?\n")
        lines.write(name + b"\n")
        return lines

    def test_what_one_says_the_others_read(self):
        with Program("chat", "tcp:0:interface=127.0.0.1") as chat:
            ann = self.enter(chat, b"ann")
            self.assertTrue(ann.readline().startswith(b"Welcome, ann."))
            impostor = self.enter(chat, b"ann")
            self.assertIn(b"taken", impostor.readline())
            bob = self.enter(chat, b"bob")
            self.assertTrue(bob.readline().startswith(b"Welcome, bob."))
            self.assertEqual(ann.readline(), b"bob has come.\n")
            bob.write(b"hello\n")
            self.assertEqual(ann.readline(), b"bob: hello\n")
            bob.write(b"quit\n")
            self.assertEqual(bob.readline(), b"")
            self.assertEqual(ann.readline(), b"bob has left.\n")
            self.assertEqual(chat.stop(), 0)


class CoroutineChat(unittest.TestCase):
    def ask_to_enter(self, chat, name, receive_buffer=None):
        client = socket.socket()
        self.addCleanup(client.close)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", chat.port))
        lines = client.makefile("rwb", buffering=0)
        self.assertEqual(lines.readline(), b"What is your name?\n")
        lines.write(name + b"\r\n")
        return client, lines


    def test_what_one_says_the_others_read(self):
        with Program("coroutine_chat", "tcp:0:interface=127.0.0.1") as chat:
            _, ann = self.ask_to_enter(chat, b"ann")
            for name in (b"ann", b"", b"n" * 21):
                _, impostor = self.ask_to_enter(chat, name)
                self.assertEqual(impostor.readline(), b"What is your name?\n")
            client, bob = self.ask_to_enter(chat, b"bob")
            self.assertEqual(ann.readline(), b"bob has come.\n")
            bob.write(b"hello\nagain\n")
            self.assertEqual(ann.readline(), b"bob: hello\n")
            self.assertEqual(ann.readline(), b"bob: again\n")
            ann.write(b"hello, bob\n")
            self.assertEqual(bob.readline(), b"ann: hello, bob\n")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(bob.readline(), b"")
            self.assertEqual(ann.readline(), b"bob has left.\n")
            self.assertEqual(chat.stop(), 0)
        self.assertFalse([line for line in chat.lines if "error" in line.lower()], chat.lines)

    def test_one_whose_connection_is_reset_has_left(self):
        with Program("coroutine_chat", "tcp:0:interface=127.0.0.1") as chat:
            _, ann = self.ask_to_enter(chat, b"ann")
            client, bob = self.ask_to_enter(chat, b"bob")
            self.assertEqual(ann.readline(), b"bob has come.\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            bob.close()
            client.close()
            self.assertEqual(ann.readline(), b"bob has left.\n")
            self.assertEqual(chat.stop(), 0)

    def test_one_that_does_not_read_is_cut_off_and_holds_up_nobody(self):
        with Program("coroutine_chat", "tcp:0:interface=127.0.0.1") as chat:
            _, ann = self.ask_to_enter(chat, b"ann")
            self.ask_to_enter(chat, b"deaf", receive_buffer=4096)
            self.assertEqual(ann.readline(), b"deaf has come.\n")
            _, bob = self.ask_to_enter(chat, b"bob")
            self.assertEqual(ann.readline(), b"bob has come.\n")
            ann = io.BufferedReader(ann)
            said = b"x" * 15000 + b"\n"
            for _ in range(2000):
                bob.write(said)
                if ann.readline() == b"deaf has left.\n":
                    break
            else:
                self.fail("who does not read is never cut off")
            self.assertEqual(chat.stop(), 0)


class Ask(unittest.TestCase):
    def ask(self, *arguments):
        return subprocess.run([os.path.join(EXAMPLES, "ask"), *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=False)

    def test_prints_the_answer_and_ends_with_the_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)

            def answer():
                client, _ = listener.accept()
                with client:
                    self.asked = client.recv(100)
                    client.sendall(b"an answer")
            server = threading.Thread(target=answer, daemon=True)
            server.start()
            run = self.ask(f"tcp:127.0.0.1:{listener.getsockname()[1]}", "a question")
            server.join(PATIENCE)
        self.assertEqual(run.stdout, b"an answer")
        self.assertEqual(run.returncode, 0)
        self.assertEqual(self.asked, b"a question\r\n\r\n")

    def test_nobody_there_is_one_line_and_status_1(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        run = self.ask(f"tcp:127.0.0.1:{port}", "hello?")
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"refused", run.stderr)
        self.assertEqual(run.stderr.count(b"\n"), 1)


class TwoReactors(unittest.TestCase):
    def test_each_receives_what_the_other_sends(self):
        result = subprocess.run([os.path.join(EXAMPLES, "two_reactors"), "101"],
                                stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
        expected = ["%s: %d" % ("here" if number % 2 else "there", number)
                    for number in range(101, -1, -1)]
        self.assertEqual(result.stdout.splitlines(), expected)


if __name__ == "__main__":
    unittest.main(verbosity=2)
