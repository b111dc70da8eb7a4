"""command_server and three_requests, as their users run them."""
import hashlib
import http.server
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20


class CommandServer(unittest.TestCase):
    def setUp(self):
        self.log = tempfile.NamedTemporaryFile("w", suffix=".log")
        self.addCleanup(self.log.close)
        self.log.write("".join(f"line {number}\n" for number in range(20)))
        self.log.flush()
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, "command_server"), "tcp:0:interface=127.0.0.1", self.log.name],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait, PATIENCE)
        self.addCleanup(self.process.send_signal, signal.SIGTERM)
        self.port = int(re.search(r":(\d+)$", self.process.stdout.readline())[1])

    def client(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.addCleanup(client.close)
        return client, client.makefile("r")

    def ask(self, line):
        client, answers = self.client()
        client.sendall(line.encode() + b"\n")
        return answers

    def test_lastlog_is_the_end_of_the_log(self):
        answers = self.ask("lastlog")
        lines = [answers.readline() for _ in range(12)]
        self.assertEqual(lines[0], "Begin lastlog\n")
        self.assertEqual(lines[1:11], [f"line {number}\n" for number in range(10, 20)])
        self.assertEqual(lines[11], "End lastlog\n")

    def test_comphash_is_the_sha1_of_the_file(self):
        client, answers = self.client()
        for size in (0, 1, 55, 56, 63, 64, 65, 1000, 1 << 20):
            with tempfile.NamedTemporaryFile() as file:
                data = os.urandom(size)
                file.write(data)
                file.flush()
                expected = f"File hash is : {hashlib.sha1(data).hexdigest()}\n"
                client.sendall(f"comphash {file.name}\n".encode())
                self.assertEqual(answers.readline(), expected)

    def test_a_file_that_is_not_there_is_an_error_that_names_it(self):
        answer = self.ask("comphash /nowhere/at-all").readline()
        self.assertIn("An error occurred: cannot open /nowhere/at-all", answer)

    def test_another_command_is_not_found_and_exit_closes(self):
        self.assertEqual(self.ask("dance\nexit").read(), "Command not found.\n")

    def test_a_third_client_is_turned_away(self):
        first, first_answers = self.client()
        second, second_answers = self.client()
        for client, answers in ((first, first_answers), (second, second_answers)):
            client.sendall(b"dance\n")
            self.assertEqual(answers.readline(), "Command not found.\n")
        third, third_answers = self.client()
        self.assertEqual(third_answers.read(), "")
        third.close()
        first.sendall(b"exit\n")
        self.assertEqual(first_answers.read(), "")
        self.assertEqual(self.ask("dance").readline(), "Command not found.\n")


class Pages(http.server.BaseHTTPRequestHandler):
    words = {"/a": b"one two\nthree", "/b": b"  four ", "/c": b""}

    def do_GET(self):
        body = self.words.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


class ThreeRequests(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.addCleanup(self.server.server_close)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.shutdown)

    def run_on(self, *paths):
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        return subprocess.run(
            [os.path.join(EXAMPLES, "three_requests"), *(base + path for path in paths)],
            capture_output=True, text=True, timeout=PATIENCE, check=False)

    def test_the_words_are_counted_both_ways(self):
        run = self.run_on("/a", "/b", "/c")
        self.assertEqual((run.returncode, run.stdout), (0, "4 words\n4 words\n"), run.stderr)

    def test_a_page_that_is_not_there_is_a_failure_that_names_it(self):
        run = self.run_on("/a", "/none", "/c")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("/none: the answer is HTTP 404", run.stderr)


if __name__ == "__main__":
    unittest.main()
