"""torcd web and clients that no library would be: bad framing, slow, silent, greedy, half gone."""
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import web

HOST = b"Host: h\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
GET = b"GET /small.txt HTTP/1.1\r\n" + HOST + b"\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

BAD = [
    (b"GET /small.txt HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b": empty\r\n\r\n", 400),
    (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    (b"G\xc3\xa4T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET / HTTP/1.2.3\r\n" + HOST + b"\r\n", 400),
    (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    (b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", 505),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1 1\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\nx", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n" + CHUNKED + b"\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Expect: magic\r\n\r\n", 417),
    (b"GET / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n-1\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n0x1\r\na\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n1\r\nabc\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n1\na\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\nFFFFFFFFFFFFFFFFF\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 2000000\r\n\r\n", 413),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 33000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 100 + b"\r\n", 431),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
]


class Raw(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = web.Server(
            "--head-timeout", "0.5", "--body-timeout", "0.5", "--idle-timeout", "1",
            "--send-timeout", "2",
            files={"small.txt": "Hello, world!", "smuggled": "smuggled",
                   "huge": os.urandom(1 << 26)})

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        assert status == 0, status

    def setUp(self):
        self.connection = self.server.connect()
        self.reader = web.Reader(self.connection)
        self.addCleanup(self.connection.close)

    def test_pipelined_requests_are_answered_in_order(self):
        requests = []
        for i in range(100):
            requests.append(GET if i % 2 == 0 else b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n")
        self.connection.sendall(b"".join(requests))
        for i in range(100):
            answer = self.reader.answer()
            self.assertEqual(answer.body, b"Hello, world!" if i % 2 == 0 else b"smuggled")

    def test_pipelined_large_files(self):
        self.connection.sendall(b"GET /huge HTTP/1.1\r\n" + HOST + b"Range: bytes=0-5000000\r\n\r\n"
                                + GET + b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n" + GET)
        self.assertEqual(len(self.reader.answer().body), 5000001)
        self.assertEqual(self.reader.answer().body, b"Hello, world!")
        self.assertEqual(len(self.reader.answer().body), 1 << 26)
        self.assertEqual(self.reader.answer().body, b"Hello, world!")

    def test_pipelined_files_are_opened_one_at_a_time(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.sendall((b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n") * 500)
        web.wait_until(lambda: web.is_readable(self.connection, 0), "the first answer")
        self.assertLess(len(os.listdir(f"/proc/{self.server.process.pid}/fd")), 30)

    def test_bad_requests(self):
        for request, status in BAD:
            with self.server.connect() as connection:
                connection.sendall(request + SMUGGLED)
                reader = web.Reader(connection)
                answer = reader.answer()
                self.assertEqual(answer.status, status, request[:200])
                self.assertEqual(answer.fields["connection"], "close", request[:200])
                connection.shutdown(socket.SHUT_WR)
                self.assertEqual(reader.rest(), b"", request[:200])

    def test_bad_requests_come_through_however_much_follows(self):
        flood = b"x" * 4_000_000
        self.connection.sendall(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        self.connection.sendall(flood)
        self.assertEqual(self.reader.answer().status, 400)

    def test_an_empty_line_before_a_request_is_forgiven(self):
        self.connection.sendall(GET + b"\r\n" + GET)
        self.assertEqual(self.reader.answer().status, 200)
        self.assertEqual(self.reader.answer().status, 200)

    def test_slow_head(self):
        start = time.monotonic()
        try:
            for byte in b"GET /small.txt HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 1000:
                self.connection.send(bytes([byte]))
                if web.is_readable(self.connection, 0.05):
                    break
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(self.reader.answer().status, 408)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(self.reader.rest(), b"")

    def test_slow_body(self):
        self.connection.sendall(
            b"POST /small.txt HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nabc")
        self.assertEqual(self.reader.answer().status, 408)
        self.assertEqual(self.reader.rest(), b"")

    def test_silence_before_and_after_a_request(self):
        self.assertEqual(self.reader.rest(), b"")
        with self.server.connect() as other:
            other.sendall(GET)
            reader = web.Reader(other)
            self.assertEqual(reader.answer().status, 200)
            self.assertEqual(reader.rest(), b"")

    def test_a_client_that_closed_its_half_is_answered(self):
        self.connection.sendall(GET * 3)
        self.connection.shutdown(socket.SHUT_WR)
        for _ in range(3):
            self.assertEqual(self.reader.answer().body, b"Hello, world!")
        self.assertEqual(self.reader.rest(), b"")

    def test_a_large_file_to_a_client_that_closed_its_half(self):
        self.connection.sendall(b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n")
        self.connection.shutdown(socket.SHUT_WR)
        self.assertEqual(len(self.reader.answer().body), 1 << 26)
        self.assertEqual(self.reader.rest(), b"")

    def test_half_a_head_and_half_a_connection(self):
        self.connection.sendall(b"GET /small.txt HTT")
        self.connection.shutdown(socket.SHUT_WR)
        self.assertEqual(self.reader.answer().status, 400)

    def test_a_client_that_takes_nothing_is_dropped(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.sendall(b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n")
        line = '"GET /huge HTTP/1.1" 200'
        web.wait_until(lambda: self.is_cut_off(), "the end of the stalled connection")
        web.wait_until(lambda: line in self.server.access(), "its line in the access log")

    def is_cut_off(self):
        """Whether the server has forgotten this connection, asked of the system's table."""
        mine = "%04X" % self.connection.getsockname()[1]
        with open("/proc/net/tcp", encoding="ascii") as table:
            return not any(line.split()[2].endswith(":" + mine) and line.split()[3] == "01"
                           for line in list(table)[1:])

    def test_a_slow_reader_that_moves_is_served(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.connection.sendall(
            b"GET /huge HTTP/1.1\r\n" + HOST + b"Range: bytes=0-9999999\r\n\r\n")
        until = time.monotonic() + 1.5
        taken = 0
        while time.monotonic() < until:
            taken += len(self.connection.recv(100_000))
            time.sleep(0.05)
        self.assertGreater(taken, 0)
        while taken < 10_000_000:
            piece = self.connection.recv(65536)
            self.assertNotEqual(piece, b"")
            taken += len(piece)

    def test_expect_continue(self):
        self.connection.sendall(b"POST /small.txt HTTP/1.1\r\n" + HOST
                                + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(self.reader.answer().status, 100)
        self.connection.sendall(b"abc" + GET)
        self.assertEqual(self.reader.answer().status, 405)
        self.assertEqual(self.reader.answer().status, 200)

    def test_bodies_are_read_and_requests_behind_them_answered(self):
        self.connection.sendall(
            b"GET /small.txt HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello" + GET
            + b"GET /small.txt HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n"
            + b"3;a=b\r\nabc\r\n0\r\nT: r\r\n\r\n" + GET)
        for _ in range(4):
            self.assertEqual(self.reader.answer().body, b"Hello, world!")


if __name__ == "__main__":
    web.main()
