"""The example program greetings, as its users run it."""
import os
import socket
import subprocess
import tempfile
import threading
import unittest

EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20


class Server:
    """Greets each who comes; `mute` of them, at the beginning, it turns away without a word, and it
    greets nobody before `together` have come."""

    def __init__(self, greeting, mute=0, together=1, path=None):
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.endpoint = f"tcp:127.0.0.1:{self.listener.getsockname()[1]}"
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen()
            self.endpoint = f"unix:{path}"
        self.greeting = greeting
        self.mute = mute
        self.together = together
        self.visitors = 0
        self.greeted = 0
        self.most_waiting = 0
        self.changed = threading.Condition()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.greet, args=(client,), daemon=True).start()

    def greet(self, client):
        with self.changed:
            self.visitors += 1
            number = self.visitors
            self.most_waiting = max(self.most_waiting, self.visitors - self.greeted)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.visitors >= self.together, PATIENCE)
            self.greeted += 1
        with client:
            client.settimeout(PATIENCE)
            if number > self.mute:
                client.sendall(self.greeting)
                client.recv(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def greetings(*endpoints):
    return subprocess.run([os.path.join(EXAMPLES, "greetings"), *endpoints],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE, check=False)


class Greetings(unittest.TestCase):
    def test_prints_the_first_line_of_each(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with Server(b"220 mail\r\nmore\r\n") as mail, Server(b"hello\n", path=path) as local:
                run = greetings(mail.endpoint, local.endpoint)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(sorted(run.stdout.splitlines()),
                         sorted([f"{mail.endpoint}: 220 mail", f"{local.endpoint}: hello"]))

    def test_who_says_nothing_is_asked_again(self):
        with Server(b"at last\n", mute=2) as server:
            run = greetings(server.endpoint)
        self.assertEqual(run.stdout, f"{server.endpoint}: at last\n")
        self.assertEqual(run.returncode, 0)
        self.assertEqual(server.visitors, 3)

    def test_one_that_cannot_be_reached_is_told_and_the_others_are_asked(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            nobody = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        with Server(b"here\n") as server:
            run = greetings(nobody, server.endpoint, "nonsense:1")
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stdout, f"{server.endpoint}: here\n")
        complaints = run.stderr.splitlines()
        self.assertEqual(len(complaints), 2, run.stderr)
        refused = next(line for line in complaints if line.startswith(nobody))
        self.assertIn("gave up after 3 attempts", refused)
        self.assertIn("refused", refused)
        nonsense = next(line for line in complaints if line.startswith("nonsense:1"))
        self.assertNotIn("gave up", nonsense)

    def test_no_more_than_three_are_asked_at_once(self):
        with Server(b"hello\n", together=3) as server:
            run = greetings(*[server.endpoint] * 12)
        self.assertEqual(run.stdout.count("hello"), 12)
        self.assertEqual(server.visitors, 12)
        self.assertEqual(server.most_waiting, 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
