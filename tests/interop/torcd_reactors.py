"""torcd --help-reactors and torcd --reactor NAME, for each driver of the build."""
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import web

web.need()


def torcd(*arguments):
    return subprocess.run([web.TORCD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=web.PATIENCE, check=False)


def listed():
    """What --help-reactors says: a driver's name -> the rest of its line."""
    run = torcd("--help-reactors")
    assert run.returncode == 0, run
    lines = [re.fullmatch(r"  (\w+) +(\S.*)", line) for line in run.stdout.splitlines()]
    assert all(lines), run.stdout
    return {line[1]: line[2] for line in lines}


def working():
    return [name for name, rest in listed().items() if rest.startswith("works here")]


class Reactors(unittest.TestCase):
    def test_the_list_is_of_this_build(self):
        names = list(listed())
        self.assertGreaterEqual(len(names), 2)
        run = torcd("--reactor", "none-such", "web", "--path", "/tmp")
        self.assertIn("choose one of " + ", ".join(names), run.stderr)

    def test_one_is_taken_by_default(self):
        defaults = [name for name, rest in listed().items() if "by default" in rest]
        self.assertEqual(defaults, working()[:1])

    def test_each_that_works_serves(self):
        for name in working():
            server = web.Server(files={"small.txt": "hello"}, before=("--reactor", name))
            try:
                with server.connect() as connection:
                    connection.sendall(b"GET /small.txt HTTP/1.0\r\n\r\n")
                    answer = b"".join(iter(lambda c=connection: c.recv(4096), b""))
                self.assertTrue(answer.endswith(b"\r\n\r\nhello"), (name, answer))
            finally:
                server.stop()

    def test_one_that_does_not_work_is_told_in_one_line(self):
        for name in set(listed()) - set(working()):
            run = torcd("--reactor", name, "web", "--path", "/tmp")
            self.assertEqual(run.returncode, 64)
            self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
            self.assertIn(f"'{name}' does not work here", run.stderr)

    def test_an_unknown_one_is_told_in_one_line(self):
        run = torcd("--reactor", "abacus", "web", "--path", "/tmp")
        self.assertEqual(run.returncode, 64)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        for word in ("--reactor", "'abacus'", "poll", "--help-reactors"):
            self.assertIn(word, run.stderr)

    def test_the_help_names_the_list(self):
        self.assertIn("--help-reactors", torcd("--help").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
