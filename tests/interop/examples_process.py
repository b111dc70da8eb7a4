"""The example program that runs a command: number_lines, with pipes, files and a terminal."""
import os
import pty
import subprocess
import tempfile
import unittest

NUMBER_LINES = os.path.join(os.environ["EXAMPLES"], "number_lines")
PATIENCE = 20


def run(*command, **options):
    return subprocess.run([NUMBER_LINES, *command], capture_output=True, text=True,
                          timeout=PATIENCE, check=False, **options)


class NumberLines(unittest.TestCase):
    def test_lines_are_numbered(self):
        done = run("printf", "a\\n\\nb")
        self.assertEqual(done.stdout, "     1  a\n     2  \n     3  b")
        self.assertEqual(done.returncode, 0)

    def test_what_is_typed_reaches_the_command(self):
        done = run("sort", input="c\na\nb\n")
        self.assertEqual(done.stdout, "     1  a\n     2  b\n     3  c\n")

    def test_much_is_carried(self):
        done = run("cat", input="".join(f"line {i}\n" for i in range(50000)))
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 50000)
        self.assertEqual(lines[-1], " 50000  line 49999")

    def test_the_exit_status_is_the_commands(self):
        self.assertEqual(run("sh", "-c", "exit 5").returncode, 5)
        self.assertEqual(run("sh", "-c", "kill -KILL $$").returncode, 137)

    def test_errors_are_shown_as_they_are(self):
        done = run("sh", "-c", "echo oops >&2")
        self.assertEqual((done.stdout, done.stderr), ("", "oops\n"))

    def test_a_command_that_is_not_there_is_named(self):
        done = run("torc-no-such-command")
        self.assertEqual(done.returncode, 127)
        self.assertIn("cannot run torc-no-such-command: No such file", done.stderr)

    def test_files_are_input_and_output(self):
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
            source.write(b"from a file\n")
            source.seek(0)
            subprocess.run([NUMBER_LINES, "cat"], stdin=source, stdout=target, timeout=PATIENCE,
                           check=True)
            target.seek(0)
            self.assertEqual(target.read(), b"     1  from a file\n")

    def test_it_ends_when_nobody_reads(self):
        with subprocess.Popen([NUMBER_LINES, "yes"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as program:
            self.assertEqual(program.stdout.readline(), b"     1  y\n")
            program.stdout.close()
            self.assertNotEqual(program.wait(timeout=PATIENCE), 0)

    def test_a_terminal_is_left_as_it_was(self):
        ours, theirs = pty.openpty()
        before = os.get_blocking(theirs)
        subprocess.run([NUMBER_LINES, "echo", "x"], stdin=theirs, stdout=theirs,
                       timeout=PATIENCE, check=True)
        self.assertEqual(os.get_blocking(theirs), before)
        self.assertIn(b"     1  x", os.read(ours, 100))
        os.close(ours)
        os.close(theirs)


if __name__ == "__main__":
    unittest.main()
