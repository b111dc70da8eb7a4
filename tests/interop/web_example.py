"""The example examples/hello_web.c, over a UNIX socket, as any client would use it."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import web

PROGRAM = os.path.join(os.environ.get("EXAMPLES", "build/examples"), "hello_web")


class Hello(unittest.TestCase):
    def test_says_hello(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "hello")
            process = subprocess.Popen([PROGRAM, f"unix:{path}"], stderr=subprocess.DEVNULL)
            web.wait_until(lambda: os.path.exists(path), "the socket")
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(web.PATIENCE)
                connection.connect(path)
                reader = web.Reader(connection)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
                                   b"DELETE / HTTP/1.1\r\nHost: h\r\n\r\n")
                answer = reader.answer()
                self.assertEqual((answer.status, answer.body), (200, b"Hello, world!\n"))
                self.assertEqual(reader.answer().status, 405)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(web.PATIENCE), 0)


if __name__ == "__main__":
    web.need(PROGRAM)
    web.main()
