"""The example program many_reactors, as its users run it: one port, a reactor in each thread."""
import os
import re
import signal
import socket
import subprocess
import threading
import unittest

EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20


class Program:
    def __init__(self, reactors):
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, "many_reactors"),
             "tcp:0:reuseport:interface=127.0.0.1", str(reactors)],
            stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.ports = set()
        started = 0
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r" starting on \S+:(\d+)$", line)
            if found:
                self.ports.add(int(found[1]))
                started += 1
                if started == reactors:
                    break
        else:
            raise AssertionError(f"many_reactors does not start: {self.lines}")
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr))
        self.reader.start()

    def threads(self):
        return [int(name) for name in os.listdir(f"/proc/{self.process.pid}/task")]

    def processor_time(self, thread):
        with open(f"/proc/{self.process.pid}/task/{thread}/schedstat") as file:
            return int(file.read().split()[0])

    def connect(self):
        (port,) = self.ports
        return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stderr.close()


def echo(connection, data):
    connection.sendall(data)
    got = b""
    while len(got) < len(data):
        got += connection.recv(len(data) - len(got)) or b"?" * len(data)
    return got


class ManyReactors(unittest.TestCase):
    def test_all_listen_on_one_port(self):
        with Program(3) as program:
            self.assertEqual(len(program.ports), 1)
            self.assertEqual(program.stop(), 0)

    def test_each_has_its_share_of_the_connections(self):
        with Program(3) as program:
            before = {thread: program.processor_time(thread) for thread in program.threads()}
            connections = [program.connect() for _ in range(90)]
            for connection in connections:
                self.assertEqual(echo(connection, b"hello"), b"hello")
            busy = [thread for thread in before
                    if program.processor_time(thread) > before[thread]]
            self.assertEqual(len(busy), 3)
            for connection in connections:
                connection.close()
            self.assertEqual(program.stop(), 0)

    def test_it_stops_with_connections_open(self):
        with Program(2) as program:
            connections = [program.connect() for _ in range(20)]
            for connection in connections:
                self.assertEqual(echo(connection, b"x" * 10000), b"x" * 10000)
            self.assertEqual(program.stop(), 0)
            for connection in connections:
                connection.close()

    def test_one_reactor_is_enough(self):
        with Program(1) as program:
            with program.connect() as connection:
                self.assertEqual(echo(connection, b"alone"), b"alone")
            self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    unittest.main()
