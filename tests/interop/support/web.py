"""A running torcd web over a directory of its own, for the tests beside this folder.

Every wait here has a bound: a server that does not do what is waited for fails the test.
"""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PATIENCE = 20  # seconds that anything may take before it counts as broken
SKIP = 77      # what CTest takes for "not possible here"

TORCD = os.environ.get("TORCD", "build/torcd")


def need(*programs):
    """Ends the test as skipped where a program that it drives is not installed."""
    for program in programs + (TORCD,):
        if shutil.which(program) is None:
            print(f"skipped: there is no {program}")
            sys.exit(SKIP)


def wait_until(done, what):
    until = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.01)


class Server:
    """torcd web on a free port of 127.0.0.1.

    piped: the access log goes to a pipe, process.stdout, that nobody need read.
    """

    def __init__(self, *options, files=None, before=(), preexec=None, piped=False):
        self.folder = tempfile.mkdtemp(prefix="torc_web_")
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        for name, content in (files or {}).items():
            self.put(name, content)
        self.log_path = os.path.join(self.folder, "log")
        self.access_path = os.path.join(self.folder, "access")
        command = [TORCD, "--log-file", self.log_path, *before, "web",
                   "--listen", "tcp:0:interface=127.0.0.1", "--path", self.root, *options]
        if not piped:
            command += ["--access-log", self.access_path]
        self.process = subprocess.Popen(
            command, preexec_fn=preexec, stdout=subprocess.PIPE if piped else subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or "serving " in self.log(), "the start")
        if self.process.poll() is not None:
            raise AssertionError(f"torcd ended with {self.process.returncode}: {self.log()}")
        found = re.search(r"on http://127\.0\.0\.1:(\d+)/", self.log())
        self.port = int(found.group(1)) if found else None
        self.url = f"http://127.0.0.1:{self.port}"

    def put(self, name, content):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def access(self):
        with open(self.access_path, encoding="utf-8") as file:
            return file.read()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def signal(self, number):
        self.process.send_signal(number)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Asks it to end, and gives its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("torcd did not end") from None
        if self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder)
        return status


class Answer:
    def __init__(self, status, fields, body):
        self.status = status
        self.fields = fields
        self.body = body


class Reader:
    """Reads answers off a socket, one after the other."""

    def __init__(self, connection):
        self.connection = connection
        self.kept = bytearray()

    def more(self):
        piece = self.connection.recv(1 << 20)
        self.kept += piece
        return piece != b""

    def take(self, length):
        taken = bytes(self.kept[:length])
        del self.kept[:length]
        return taken

    def answer(self, has_body=True):
        while b"\r\n\r\n" not in self.kept:
            if not self.more():
                raise AssertionError(f"the connection ended in a head: {bytes(self.kept)!r}")
        lines = self.take(self.kept.index(b"\r\n\r\n") + 4).decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:-2]:
            name, value = line.split(": ", 1)
            fields[name.lower()] = value
        length = int(fields.get("content-length", 0)) if has_body else 0
        while len(self.kept) < length:
            if not self.more():
                raise AssertionError("the connection ended in a body")
        return Answer(int(lines[0].split(" ")[1]), fields, self.take(length))

    def rest(self):
        """All that comes until the end."""
        while self.more():
            pass
        return bytes(self.kept)


def is_readable(connection, seconds):
    return select.select([connection], [], [], seconds)[0] != []


def main():
    need()
    unittest.main(verbosity=1)
