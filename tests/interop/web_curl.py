"""torcd web as curl sees it: files, ranges, conditions, versions, and nothing from outside."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import web

BIG = os.urandom(3_000_000)
SMALL = b"Hello, world!"


class Curl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = web.Server(files={
            "small.txt": SMALL, "big.bin": BIG, "page.html": "plain", "page.html.gz": "GZIP",
            "page.html.br": "BROTLI", "folder/index.html": "index", "bare/ä ö&.txt": "umlaut",
            "../secret": "secret",
        })
        os.symlink("small.txt", os.path.join(cls.server.root, "in"))
        os.symlink("folder", os.path.join(cls.server.root, "folder_in"))
        os.symlink("../secret", os.path.join(cls.server.root, "out"))
        os.symlink("..", os.path.join(cls.server.root, "folder_out"))
        os.symlink("/etc", os.path.join(cls.server.root, "etc"))
        os.mkfifo(os.path.join(cls.server.root, "pipe"))

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        assert status == 0, status

    def curl(self, *arguments):
        run = subprocess.run(["curl", "-sS", "--max-time", str(web.PATIENCE), *arguments],
                             stdout=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 0, arguments)
        return run.stdout

    def get(self, path, *arguments):
        """Status, fields and body of one request."""
        text = self.curl("-i", "--path-as-is", *arguments, self.server.url + path)
        head, body = text.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), fields, body

    def test_files(self):
        for _ in range(2):
            self.assertEqual(self.get("/small.txt")[2], SMALL)
            self.assertEqual(self.get("/big.bin")[2], BIG)
            self.assertEqual(self.get("/in")[2], SMALL)
            self.assertEqual(self.get("/folder_in/")[2], b"index")
        status, fields, _ = self.get("/small.txt")
        self.assertEqual(status, 200)
        self.assertEqual(fields["content-length"], "13")
        self.assertEqual(fields["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(fields["accept-ranges"], "bytes")

    def test_http_1_0(self):
        status, fields, body = self.get("/small.txt", "--http1.0")
        self.assertEqual((status, body), (200, SMALL))
        self.assertEqual(fields["connection"], "close")

    def test_keep_alive(self):
        urls = [self.server.url + "/small.txt"] * 5
        used = self.curl("-w", "%{num_connects}\n", *[part for url in urls
                                                      for part in ("-o", "/dev/null", url)])
        self.assertEqual(used.split(), [b"1", b"0", b"0", b"0", b"0"])

    def test_head_and_options(self):
        head = self.curl("-I", self.server.url + "/big.bin")
        self.assertIn(b"Content-Length: 3000000\r\n", head)
        self.assertTrue(head.endswith(b"\r\n\r\n"))
        status, fields, _ = self.get("/small.txt", "-X", "OPTIONS")
        self.assertEqual((status, fields["allow"]), (204, "get, head, options"))
        self.assertEqual(self.get("/small.txt", "-X", "DELETE")[0], 405)
        self.assertEqual(self.get("/small.txt", "-X", "BREW")[0], 501)

    def test_uploads_are_refused_and_read(self):
        big = "@" + os.path.join(self.server.root, "big.bin")
        post = ("/small.txt", "-X", "POST", "-H", "Expect:", "--data-binary")
        self.assertEqual(self.get(*post, "x" * 100_000)[0], 405)
        self.assertEqual(self.get(*post, big)[0], 413)

    def test_ranges(self):
        status, fields, body = self.get("/big.bin", "-r", "100-199")
        self.assertEqual((status, body), (206, BIG[100:200]))
        self.assertEqual(fields["content-range"], "bytes 100-199/3000000")
        self.assertEqual(self.get("/big.bin", "-r", "-500")[2], BIG[-500:])
        self.assertEqual(self.get("/big.bin", "-r", "2999000-")[2], BIG[2999000:])
        status, fields, _ = self.get("/big.bin", "-r", "3000000-")
        self.assertEqual((status, fields["content-range"]), (416, "bytes */3000000"))

    def test_several_ranges(self):
        status, fields, body = self.get("/big.bin", "-r", "0-99,1000000-1000999")
        self.assertEqual(status, 206)
        boundary = fields["content-type"].split("boundary=")[1].encode()
        parts = body.split(b"\r\n--" + boundary)
        self.assertEqual(len(parts), 4)
        self.assertEqual(parts[1].split(b"\r\n\r\n", 1)[1], BIG[:100])
        self.assertEqual(parts[2].split(b"\r\n\r\n", 1)[1], BIG[1000000:1001000])
        self.assertEqual(parts[3], b"--\r\n")

    def test_resuming(self):
        path = os.path.join(self.server.folder, "download")
        with open(path, "wb") as file:
            file.write(BIG[:1_234_567])
        self.curl("-C", "-", "-o", path, self.server.url + "/big.bin")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), BIG)

    def test_conditions(self):
        _, fields, _ = self.get("/small.txt")
        etag = fields["etag"]
        self.assertEqual(self.get("/small.txt", "-H", f"If-None-Match: {etag}")[0], 304)
        self.assertEqual(self.get("/small.txt", "-H", f"If-Match: {etag}")[0], 200)
        self.assertEqual(self.get("/small.txt", "-H", 'If-Match: "other"')[0], 412)
        modified = fields["last-modified"].title().replace("Gmt", "GMT")
        self.assertEqual(self.get("/small.txt", "-H", f"If-Modified-Since: {modified}")[0], 304)
        status, _, body = self.get("/small.txt", "-r", "0-4", "-H", f"If-Range: {etag}")
        self.assertEqual((status, body), (206, SMALL[:5]))
        self.assertEqual(self.get("/small.txt", "-r", "0-4", "-H", 'If-Range: "other"')[2], SMALL)

    def test_directories(self):
        status, fields, _ = self.get("/folder")
        self.assertEqual((status, fields["location"]), (301, "/folder/"))
        self.assertEqual(self.curl("-L", self.server.url + "/folder"), b"index")
        _, fields, body = self.get("/bare/")
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8")
        self.assertIn("%C3%A4%20%C3%B6%26.txt".encode(), body)
        self.assertEqual(self.get("/bare/%C3%A4%20%C3%B6%26.txt")[2], b"umlaut")

    def test_versions(self):
        self.assertEqual(self.get("/page.html")[2], b"plain")
        for accept, expected, coding in (("gzip", b"GZIP", "gzip"), ("gzip, br", b"BROTLI", "br")):
            _, fields, body = self.get("/page.html", "-H", f"Accept-Encoding: {accept}")
            self.assertEqual(body, expected)
            self.assertEqual(fields["content-encoding"], coding)
            self.assertEqual(fields["vary"], "accept-encoding")
            self.assertEqual(fields["content-type"], "text/html; charset=utf-8")

    def test_nothing_from_outside(self):
        climbing = ["..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%252e%252e", "..%00", "%c0%ae%c0%ae",
                    "%e0%80%ae%e0%80%ae", "..;", "..%20", "%u002e%u002e", "....", "..%0d"]
        slashes = ["/", "%2f", "%2F", "\\", "%5c", "//", "/./", "%252f", "%c0%af"]
        paths = [start + dots + slash + "secret" for dots in climbing for slash in slashes
                 for start in ("/", "/folder/../", "/bare" + slash + dots + slash, "//")]
        output = self.curl("--path-as-is", "-w", "\n@%{http_code}\n",
                           *[self.server.url + path for path in paths]).split(b"\n")
        statuses = [int(line[1:]) for line in output if line.startswith(b"@")]
        self.assertEqual(len(statuses), len(paths))
        for path, status in zip(paths, statuses):
            self.assertIn(status, (400, 404), path)
        self.assertNotIn(b"secret", b"".join(output))
        for path in ("/out", "/folder_out/secret", "/etc/passwd", "/folder_out/"):
            self.assertEqual(self.get(path)[0], 404, path)

    def test_special_files(self):
        self.assertEqual(self.get("/pipe")[0], 403)
        self.assertEqual(self.get("/small.txt")[2], SMALL)

    def test_a_change_is_seen_within_a_second(self):
        self.server.put("changing", "one")
        self.assertEqual(self.get("/changing")[2], b"one")
        self.assertEqual(self.get("/changing")[2], b"one")
        self.server.put("changing", "two")
        until = web.time.monotonic() + 1.2
        while self.get("/changing")[2] != b"two":
            self.assertLess(web.time.monotonic(), until)

    def test_access_log(self):
        self.get("/small.txt", "-A", 'a "quoted"\\ agent', "-e", "http://referer/")
        expected = (r'"GET /small.txt HTTP/1.1" 200 13 "http://referer/" '
                    r'"a \x22quoted\x22\x5C agent"')
        web.wait_until(lambda: expected in self.server.access(), "the line in the access log")
        line = next(line for line in self.server.access().splitlines() if expected in line)
        time = r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
        self.assertRegex(line, r"^127\.0\.0\.1 - - \[" + time + r"\] ")


if __name__ == "__main__":
    web.need("curl")
    web.main()
