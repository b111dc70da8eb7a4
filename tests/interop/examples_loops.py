"""The examples that run inside a loop of another's, as their users run them."""
import itertools
import os
import re
import signal
import socket
import subprocess
import unittest

EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20


class Program:
    """An example that runs on a free port; its log is read until it says which."""

    def __init__(self, name, **environment):
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, name), "tcp:0:interface=127.0.0.1"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment})
        log = []
        for line in self.process.stderr:
            log.append(line)
            found = re.search(r" starting on \S+:(\d+)$", line)
            if found:
                self.port = int(found[1])
                return
        self.finish()
        raise AssertionError(f"{name} does not start: {log}")

    def talk(self, data):
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as client:
            client.sendall(data)
            answer = b""
            while len(answer) < len(data):
                piece = client.recv(len(data))
                if piece == b"":
                    break
                answer += piece
        return answer

    def finish(self, number=None, text=None):
        """Its output and exit status."""
        if number is not None:
            self.process.send_signal(number)
        output = self.process.communicate(text, timeout=PATIENCE)[0]
        return output, self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


# Where io_uring is refused its test is one more of epoll, on which a reactor then falls back.
DRIVERS = ("epoll", "uring")


class InsideAnotherLoop(unittest.TestCase):
    def test_echoes_and_stops_in_order_when_interrupted(self):
        for driver, number in itertools.product(DRIVERS, (signal.SIGINT, signal.SIGTERM)):
            with Program("inside_another_loop", TORC_REACTOR=driver) as program:
                self.assertEqual(program.talk(b"hello" * 10000), b"hello" * 10000)
                self.assertEqual(program.finish(number), ("", 0))

    def test_the_other_loops_work_stops_it_too(self):
        with Program("inside_another_loop") as program:
            self.assertEqual(program.talk(b"hello"), b"hello")
            self.assertEqual(program.finish(text="quit\n"), ("", 0))

    def test_other_input_is_answered_and_its_end_is_not_the_programs(self):
        with Program("inside_another_loop") as program:
            program.process.stdin.write("stop\n")
            program.process.stdin.close()
            program.process.stdin = None
            self.assertEqual(program.process.stdout.readline(), "there is nothing but 'quit'\n")
            self.assertEqual(program.talk(b"hello"), b"hello")
            self.assertEqual(program.finish(signal.SIGINT)[1], 0)

    def test_a_driver_that_cannot_is_told(self):
        run = subprocess.run([os.path.join(EXAMPLES, "inside_another_loop"), "tcp:0"],
                             env={**os.environ, "TORC_REACTOR": "poll"}, stderr=subprocess.PIPE,
                             text=True, timeout=PATIENCE, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stderr, "poll has no descriptor to poll\n")


@unittest.skipUnless(os.path.exists(os.path.join(EXAMPLES, "glib_echo")), "built without GLib")
class GlibEcho(unittest.TestCase):
    def test_echoes_beside_glibs_own_work_and_stops_in_order(self):
        for driver in DRIVERS:
            with Program("glib_echo", TORC_REACTOR=driver) as program:
                self.assertEqual(program.talk(b"hello" * 10000), b"hello" * 10000)
                self.assertEqual(program.process.stdout.readline(), "1 visitors\n")
                self.assertEqual(program.finish(signal.SIGINT)[1], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
