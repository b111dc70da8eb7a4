"""torcd as a supervisor sees it: its command line, signals, exit statuses, and its limits."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import web

GET = b"GET /small.txt HTTP/1.1\r\nHost: h\r\n\r\n"


def torcd(*arguments):
    return subprocess.run([web.TORCD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=web.PATIENCE, check=False)


def drivers():
    """Those that work on this machine: io_uring may be forbidden."""
    run = torcd("--reactor", "uring", "web", "--path", "/tmp", "--listen", "unix:/none/such")
    if "does not work here" not in run.stderr:
        return ("epoll", "uring", "poll", "select")
    print("skipped:", run.stderr.strip())
    return ("epoll", "poll", "select")


class CommandLine(unittest.TestCase):
    def test_help(self):
        run = torcd("--help")
        self.assertEqual(run.returncode, 0)
        for word in ("web", "serve a directory", "--reactor", "--log-file", "--no-access-log"):
            self.assertIn(word, run.stdout)
        run = torcd("web", "--help")
        self.assertEqual(run.returncode, 0)
        for word in ("--port", "--listen", "--path", "--index", "--no-listing", "--head-timeout"):
            self.assertIn(word, run.stdout)
        self.assertRegex(torcd("--version").stdout, r"^torcd \d+\.\d+\.\d+\n$")

    def test_mistakes_are_told_in_one_line(self):
        for arguments, words in (
                ((), ("name what to run", "web")),
                (("wbe",), ("'wbe'", "web")),
                (("--colour", "web"), ("--colour", "--help")),
                (("web",), ("--path",)),
                (("web", "--path", "/tmp", "--port", "80x"), ("--port", "80x")),
                (("web", "--path", "/tmp", "--port", "70000"), ("--port", "65535")),
                (("web", "--path"), ("--path", "DIR")),
                (("web", "--path", "/tmp", "--max-head", "1Q"), ("--max-head", "64K")),
                (("web", "--path", "/tmp", "--head-timeout", "soon"), ("--head-timeout", "0.5")),
                (("web", "--path", "/tmp", "--port", "1", "--listen", "tcp:2"), ("--listen",)),
                (("web", "--path", "/tmp", "extra"), ("'extra'",)),
                (("--log-level", "loud", "web", "--path", "/tmp"), ("--log-level", "warn")),
                (("--reactor", "magic", "web", "--path", "/tmp"), ("--reactor", "poll"))):
            run = torcd(*arguments)
            self.assertEqual(run.returncode, 64, arguments)
            self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
            for word in words:
                self.assertIn(word, run.stderr)

    def test_what_cannot_be_done_is_exit_status_1(self):
        run = torcd("web", "--path", "/nonexistent")
        self.assertEqual(run.returncode, 1)
        self.assertIn("cannot serve the directory /nonexistent", run.stderr)
        run = torcd("--log-file", "/nonexistent/log", "web", "--path", "/tmp")
        self.assertEqual(run.returncode, 1)
        self.assertIn("/nonexistent/log", run.stderr)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            run = torcd("web", "--path", "/tmp", "--listen", f"tcp:{port}:interface=127.0.0.1")
            self.assertEqual(run.returncode, 1)
            self.assertIn(str(port), run.stderr)

    def test_a_description_that_makes_no_sense_is_exit_status_64(self):
        run = torcd("web", "--path", "/tmp", "--listen", "nonsense:1")
        self.assertEqual(run.returncode, 64)
        self.assertIn("nonsense", run.stderr)
        run = torcd("web", "--path", "/tmp", "--listen", "tcp:0", "--index", "a/b")
        self.assertEqual(run.returncode, 64)
        self.assertIn("a/b", run.stderr)

    def test_each_driver_serves(self):
        for driver in drivers():
            server = web.Server(files={"small.txt": "hello"}, before=("--reactor", driver))
            with server.connect() as connection:
                connection.sendall(GET * 2)
                reader = web.Reader(connection)
                self.assertEqual(reader.answer().body, b"hello")
                self.assertEqual(reader.answer().body, b"hello")
            self.assertEqual(server.stop(), 0)

    def test_several_endpoints(self):
        folder = tempfile.mkdtemp(prefix="torc_web_")
        path = os.path.join(folder, "socket")
        server = web.Server("--listen", f"unix:{path}:mode=600", files={"small.txt": "hello"})
        with server.connect() as over_tcp, socket.socket(socket.AF_UNIX) as over_unix:
            web.wait_until(lambda: f"unix:{path}" in server.log(), "the UNIX socket")
            over_unix.settimeout(web.PATIENCE)
            over_unix.connect(path)
            for connection in (over_tcp, over_unix):
                connection.sendall(GET)
                self.assertEqual(web.Reader(connection).answer().body, b"hello")
        self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists(path))
        shutil.rmtree(folder)


class Signals(unittest.TestCase):
    def start(self, *options, before=()):
        server = web.Server(*options, before=before,
                            files={"small.txt": "hello", "huge": os.urandom(1 << 26)})
        self.addCleanup(lambda: server.process.poll() is None and server.stop())
        return server

    def begin_download(self, server):
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.sendall(b"GET /huge HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(len(connection.recv(1000)), 1000)
        return connection

    def test_sigterm_lets_a_download_finish(self):
        server = self.start()
        idle = server.connect()
        idle.sendall(GET)
        reader = web.Reader(idle)
        self.assertEqual(reader.answer().body, b"hello")
        connection = self.begin_download(server)
        server.signal(signal.SIGTERM)
        self.assertEqual(reader.rest(), b"")  # the idle one ends at once
        web.wait_until(lambda: self.is_refused(server.port), "the end of accepting")
        total = 1000 + len(web.Reader(connection).rest())
        self.assertGreater(total, 1 << 26)
        self.assertEqual(server.process.wait(web.PATIENCE), 0)
        self.assertIn("stopped", server.log())
        idle.close()

    @staticmethod
    def is_refused(port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=web.PATIENCE).close()
            return False
        except ConnectionRefusedError:
            return True

    def test_sigterm_waits_no_longer_than_the_grace(self):
        server = self.start(before=("--grace", "0.3"))
        self.begin_download(server)
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(web.PATIENCE), 0)
        self.assertGreater(time.monotonic() - start, 0.25)
        self.assertLess(time.monotonic() - start, 5)

    def test_sigint_ends_it_too(self):
        server = self.start()
        server.signal(signal.SIGINT)
        self.assertEqual(server.process.wait(web.PATIENCE), 0)

    def test_logs_are_opened_anew(self):
        for number in (signal.SIGHUP, signal.SIGUSR1):
            server = self.start()
            with server.connect() as connection:
                reader = web.Reader(connection)
                connection.sendall(GET)
                reader.answer()
                for path in (server.log_path, server.access_path):
                    os.rename(path, path + ".1")
                server.signal(number)
                web.wait_until(lambda: "opened anew" in server.log(), "the new log")
                with open(server.access_path + ".1", encoding="utf-8") as old:
                    self.assertEqual(old.read().count("GET /small.txt"), 1)
                connection.sendall(GET * 2)
                reader.answer()
                reader.answer()
            web.wait_until(lambda: server.access().count("GET /small.txt") == 2, "two lines")
            self.assertEqual(server.stop(), 0)


class Limits(unittest.TestCase):
    def test_descriptors_run_out_and_come_back(self):
        server = web.Server(files={"small.txt": "hello"}, preexec=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (40, 40)))
        crowd = [server.connect() for _ in range(60)]
        web.wait_until(lambda: "cannot accept" in server.log(), "the warning")
        before = server.cpu_seconds()
        time.sleep(1)
        self.assertLess(server.cpu_seconds() - before, 0.3)  # it does not spin
        self.assertEqual(server.log().count("cannot accept"), 1)
        crowd[0].sendall(GET)  # there is none left to open a file with either
        answer = web.Reader(crowd[0]).answer()
        self.assertEqual((answer.status, answer.fields["retry-after"]), (503, "1"))
        for connection in crowd:
            connection.close()
        with server.connect() as connection:
            connection.sendall(GET)
            self.assertEqual(web.Reader(connection).answer().body, b"hello")
        self.assertEqual(server.stop(), 0)

    def test_connections_beyond_the_limit_are_closed(self):
        server = web.Server("--max-connections", "2", files={"small.txt": "hello"})
        crowd = [server.connect() for _ in range(3)]
        self.assertEqual(crowd[2].recv(1), b"")
        crowd[0].sendall(GET)
        self.assertEqual(web.Reader(crowd[0]).answer().body, b"hello")
        for connection in crowd:
            connection.close()
        self.assertEqual(server.stop(), 0)

    def test_an_access_log_that_nobody_reads_does_not_stop_it(self):
        server = web.Server(files={"small.txt": "hello"}, piped=True)
        with server.connect() as connection:
            reader = web.Reader(connection)
            sender = threading.Thread(target=lambda: connection.sendall(GET * 20000))
            sender.start()
            for _ in range(20000):
                self.assertEqual(reader.answer().body, b"hello")
            sender.join()
        self.assertEqual(server.stop(), 0)


class Load(unittest.TestCase):
    def test_wrk(self):
        if shutil.which("wrk") is None:
            self.skipTest("there is no wrk")
        server = web.Server(files={"small.txt": "hello", "big": os.urandom(300_000)})
        for name in ("small.txt", "big"):
            run = subprocess.run(
                ["wrk", "-t1", "-c100", "-d1s", f"{server.url}/{name}"],
                stdout=subprocess.PIPE, text=True, timeout=web.PATIENCE, check=True)
            self.assertIn("Requests/sec", run.stdout)
            self.assertNotIn("Socket errors", run.stdout)
            self.assertNotIn("Non-2xx", run.stdout)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    web.main()
