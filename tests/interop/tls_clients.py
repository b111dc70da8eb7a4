"""TLS with OpenSSL, GnuTLS and curl at the other end: as clients of torcd and of the example
starttls_line, and as servers that the example tls_ask asks. What is not installed is skipped."""
import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from ports import free_port

TORCD = os.environ["TORCD"]
EXAMPLES = os.environ["EXAMPLES"]
PATIENCE = 20
ASK = f"{EXAMPLES}/tls_ask"


def has(tool):
    return unittest.skipUnless(shutil.which(tool), f"there is no {tool}")


def run(*command, given=b"", status=0):
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as late:
        text = ((late.stdout or b"") + (late.stderr or b"")).decode(errors="replace")
        raise AssertionError(f"{' '.join(command)}: not done after {PATIENCE} s\n{text}") from None
    text = (done.stdout + done.stderr).decode(errors="replace")
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{text}")
    return text


# Begins long ago: the clock of a machine may be set back while a test runs.
AUTHORITY = """[ca]
default_ca = here
[here]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
default_startdate = 20200101000000Z
default_enddate = 20491231000000Z
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
subjectAltName = {names}
"""


class Certificates:
    """An authority, and what it has signed, in a folder of their own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="torc-tls-")
        with open(self.path("index"), "w", encoding="ascii"):
            pass
        self.request("ca", "Test authority")
        self.sign("ca", "DNS:unused", "-selfsign", "-extensions", "authority")
        self.bundle("site", "DNS:localhost,IP:127.0.0.1")
        self.bundle("other", "DNS:other.example")
        self.bundle("me", "email:me@example.org")

    def path(self, name):
        return os.path.join(self.folder, name)

    def request(self, name, title):
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", f"/CN={title}", "-keyout", self.path(f"{name}.key"),
            "-out", self.path(f"{name}.csr"))

    def sign(self, name, names, *more):
        with open(self.path("authority.cnf"), "w", encoding="ascii") as file:
            file.write(AUTHORITY.format(folder=self.folder, names=names))
        run("openssl", "ca", "-batch", "-notext", "-config", self.path("authority.cnf"),
            "-keyfile", self.path("ca.key"), "-in", self.path(f"{name}.csr"),
            "-out", self.path(f"{name}.crt"), *more)

    def bundle(self, name, names):
        self.request(name, name)
        self.sign(name, names, "-cert", self.path("ca.crt"), "-extensions", "leaf")
        with open(self.path(f"{name}.pem"), "wb") as file:
            for part in (f"{name}.crt", f"{name}.key"):
                with open(self.path(part), "rb") as source:
                    file.write(source.read())

    def close(self):
        shutil.rmtree(self.folder)


class Program:
    """One that says in its output, by `sign`, that it serves."""

    def __init__(self, sign, *command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = ""
        self.changed = threading.Condition()
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        self.match = self.wait(sign)

    def listen(self):
        for line in self.process.stdout:
            with self.changed:
                self.said += line.decode(errors="replace")
                self.changed.notify_all()
        with self.changed:
            self.said += "\n(it has ended)\n"
            self.changed.notify_all()

    def wait(self, sign):
        with self.changed:
            if not self.changed.wait_for(lambda: re.search(sign, self.said), PATIENCE):
                raise AssertionError(f"'{sign}' was not said:\n{self.said}")
            return re.search(sign, self.said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.listener.join(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()


def wait_for_port(port):
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


class WithCertificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("there is no openssl to make certificates with")
        if not os.path.exists(ASK):
            raise unittest.SkipTest("this build has no TLS")
        cls.files = Certificates()
        cls.addClassCleanup(cls.files.close)
        os.mkdir(cls.files.path("www"))
        with open(cls.files.path("www/page"), "w", encoding="ascii") as file:
            file.write("the page\n")

    def path(self, name):
        return self.files.path(name)

    def torcd(self, arguments):
        """torcd web, by https; the match's first group is its port."""
        return Program(r"serving .* on https://127\.0\.0\.1:(\d+)/", TORCD, "web", "--path",
                       self.path("www"), "--listen", f"tls:0:interface=127.0.0.1:{arguments}")


class ClientsOfTorcd(WithCertificates):
    def plain(self):
        return self.torcd(f"certificate={self.path('site.pem')}")

    @has("curl")
    def test_curl_fetches_by_both_versions(self):
        with self.plain() as server:
            for version in ("--tls-max 1.2", "--tlsv1.3"):
                text = run("curl", "-sS", *version.split(), "--cacert", self.path("ca.crt"),
                           f"https://localhost:{server.match[1]}/page")
                self.assertEqual(text, "the page\n")

    @has("curl")
    def test_curl_is_refused_below_tls_1_2(self):
        with self.torcd(f"certificate={self.path('site.pem')}:minimum=1.3") as server:
            run("curl", "-sS", "--tls-max", "1.2", "--cacert", self.path("ca.crt"),
                f"https://localhost:{server.match[1]}/page", status=35)

    @has("curl")
    def test_a_file_larger_than_all_buffers_arrives(self):
        with open(self.path("www/large"), "wb") as file:
            file.write(os.urandom(1 << 20) * 8)
        with self.plain() as server:
            run("curl", "-sS", "--cacert", self.path("ca.crt"), "-o", self.path("copy"),
                f"https://localhost:{server.match[1]}/large")
        with open(self.path("www/large"), "rb") as one, open(self.path("copy"), "rb") as other:
            self.assertEqual(one.read(), other.read())

    def s_client(self, port, *arguments):
        return run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile",
                   self.path("ca.crt"), "-verify_return_error", *arguments,
                   given=b"GET /page HTTP/1.0\r\nConnection: close\r\n\r\n", status=None)

    def test_s_client_goes_on_with_its_session(self):
        with self.plain() as server:
            for version, tool in (("-tls1_2", "-tls1_2"), ("-tls1_3", "-tls1_3")):
                saved = self.path(f"session{version}")
                port = server.match[1]
                text = self.s_client(port, version, "-ign_eof", "-sess_out", saved)
                self.assertIn("the page", text)
                self.assertIn("New, TLS", text)
                text = self.s_client(port, tool, "-ign_eof", "-sess_in", saved)
                self.assertIn("Reused, TLS", text)
                self.assertIn("the page", text)

    def test_s_client_gets_the_certificate_that_it_names_and_the_protocol(self):
        os.makedirs(self.path("site.d"), exist_ok=True)
        for name in ("site", "other"):
            shutil.copy(self.path(f"{name}.pem"), self.path(f"site.d/{name}.pem"))
        with self.torcd(f"certificates={self.path('site.d')}:alpn=h9,http/1.1") as server:
            text = self.s_client(server.match[1], "-servername", "other.example", "-alpn",
                                 "http/1.1,x")
            self.assertIn("subject=CN = other", text)
            self.assertIn("ALPN protocol: http/1.1", text)
            text = self.s_client(server.match[1], "-servername", "localhost")
            self.assertIn("subject=CN = site", text)
            text = self.s_client(server.match[1], "-alpn", "nothing")
            self.assertIn("no application protocol", text)

    @has("curl")
    def test_a_client_certificate_is_required(self):
        with self.torcd(f"certificate={self.path('site.pem')}:authorities={self.path('ca.crt')}"
                        ":client=require") as server:
            url = f"https://localhost:{server.match[1]}/page"
            for version in ("1.2", "1.3"):
                base = ("curl", "-sS", "--tls-max", version, "--cacert", self.path("ca.crt"))
                self.assertEqual(run(*base, "--cert", self.path("me.pem"), url), "the page\n")
                self.assertNotEqual(run(*base, url, status=None), "the page\n")

    @has("curl")
    def test_certificates_are_read_anew_on_sighup(self):
        shutil.copy(self.path("site.pem"), self.path("changing.pem"))
        with self.torcd(f"certificate={self.path('changing.pem')}") as server:
            self.assertIn("subject=CN = site", self.s_client(server.match[1]))
            shutil.copy(self.path("other.pem"), self.path("changing.pem"))
            server.process.send_signal(1)
            server.wait("logs opened anew")
            self.assertIn("subject=CN = other", self.s_client(server.match[1]))

    @has("curl")
    def test_what_speaks_in_clear_is_told_so_in_the_log(self):
        with self.plain() as server:
            run("curl", "-sS", f"http://127.0.0.1:{server.match[1]}/", status=None)
            server.wait("the other side speaks HTTP in clear; it must use https")

    @has("gnutls-cli")
    def test_gnutls_speaks_both_versions(self):
        with self.plain() as server:
            for version in ("1.2", "1.3"):
                text = run("gnutls-cli", "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}",
                           "--x509cafile", self.path("ca.crt"), "-p", server.match[1],
                           "--logfile", "/dev/null", "localhost",
                           given=b"GET /page HTTP/1.0\r\n\r\n", status=None)
                self.assertIn("the page", text)

    @has("gnutls-cli")
    def test_gnutls_goes_on_with_its_session(self):
        with self.plain() as server:
            text = run("gnutls-cli", "--resume", "--x509cafile", self.path("ca.crt"), "-p",
                       server.match[1], "localhost", given=b"GET /page HTTP/1.0\r\n\r\n",
                       status=None)
            self.assertIn("This is a resumed session", text)

    def test_a_certificate_made_on_the_spot(self):
        with self.torcd("selfSigned=localhost") as server:
            self.fetch_unchecked(server.match[1])

    def torcd_on_port(self, *options):
        return Program(r"serving .* on https://127\.0\.0\.1:(\d+)/", TORCD, "web", "--path",
                       self.path("www"), "--port", "0", *options)

    def test_the_flag_self_signed_makes_one_too(self):
        with self.torcd_on_port("--self-signed") as server:
            self.fetch_unchecked(server.match[1])

    def test_a_certificate_and_its_key_are_named_by_flags(self):
        with self.torcd_on_port("--certificate", self.path("site.crt"), "--key",
                                self.path("site.key")) as server:
            self.assertIn("the page", self.s_client(server.match[1], "-ign_eof"))

    def fetch_unchecked(self, port):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(b"GET /page HTTP/1.0\r\n\r\n")
                self.assertTrue(secure.recv(100).startswith(b"HTTP/1.1 200"))


class OurClient(WithCertificates):
    def ask(self, port, *arguments, more="", text="hello", status=0):
        return run(ASK, f"tls:127.0.0.1:{port}:authorities={self.path('ca.crt')}{more}", text,
                   *arguments, status=status)

    @contextlib.contextmanager
    def s_server(self, name, *arguments):
        """It chooses its port itself. When a check fails, what it said is told too."""
        with Program(r"ACCEPT 127\.0\.0\.1:(\d+)", "openssl", "s_server", "-accept",
                     "127.0.0.1:0", "-cert", self.path(f"{name}.crt"), "-key",
                     self.path(f"{name}.key"), "-rev", *arguments) as server:
            try:
                yield server.match[1]
            except AssertionError as error:
                raise AssertionError(f"{error}\ns_server said:\n{server.said}") from None

    def test_s_server_answers_by_both_versions_and_resumes(self):
        for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            with self.s_server("site", version) as port:
                text = self.ask(port, "3")
                lines = text.splitlines()
                self.assertEqual(lines[1::2], ["olleh"] * 3, text)
                self.assertTrue(lines[0].startswith(name) and ", new, localhost" in lines[0], text)
                for line in lines[2::2]:
                    self.assertIn(", resumed, ", line, text)

    def test_s_server_gets_our_certificate_and_protocol(self):
        with self.s_server("site", "-Verify", "1", "-verify_return_error", "-CAfile",
                           self.path("ca.crt"), "-alpn", "test") as port:
            text = self.ask(port, more=f":certificate={self.path('me.pem')}:alpn=test")
            self.assertIn("olleh", text)
            self.assertNotIn("olleh", self.ask(port, more=":alpn=other", status=1))

    def test_a_server_of_another_name_is_refused(self):
        with self.s_server("other") as port:
            text = self.ask(port, status=1)
            self.assertIn("the certificate is not for 127.0.0.1", text)
            self.assertIn("olleh", self.ask(port, more=":name=other.example"))

    @has("gnutls-serv")
    def test_gnutls_answers_by_both_versions(self):
        for version in ("1.2", "1.3"):
            port = free_port()
            with Program("Echo Server listening|listening on", "gnutls-serv", "--echo", "-p",
                         str(port), "--x509certfile", self.path("site.crt"), "--x509keyfile",
                         self.path("site.key"), "--priority",
                         f"NORMAL:-VERS-ALL:+VERS-TLS{version}"):
                wait_for_port(port)
                lines = self.ask(port, "2").splitlines()
            self.assertTrue(lines[0].startswith(f"TLSv{version}"), lines)
            self.assertEqual(lines[1::2], ["hello", "hello"])
            self.assertIn(", resumed, ", lines[2])


class StartTls(WithCertificates):
    def converse(self, context):
        with Program(r"starting on 127\.0\.0\.1:(\d+)", f"{EXAMPLES}/starttls_line",
                     "tcp:0:interface=127.0.0.1", self.path("site.pem")) as server:
            with socket.create_connection(("127.0.0.1", int(server.match[1])), PATIENCE) as plain:
                self.assertTrue(plain.recv(100).startswith(b"220 ready"))
                plain.sendall(b"who\r\n")
                self.assertEqual(plain.recv(100), b"250 we speak in clear\r\n")
                plain.sendall(b"starttls\r\nquit\r\n")  # what is slipped in must be lost
                self.assertEqual(plain.recv(100), b"220 go ahead\r\n")
                with context.wrap_socket(plain, server_hostname="localhost") as secure:
                    secure.sendall(b"who\r\nstarttls\r\nquit\r\n")
                    said = b""
                    while piece := secure.recv(1000):
                        said += piece
        return said.decode().splitlines()

    def test_a_conversation_goes_on_in_tls(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=self.path("ca.crt"))
            context.maximum_version = version
            self.assertEqual(self.converse(context), [
                f"250 we speak {version.name.replace('_', '.')}, and nobody hears us",
                "503 that is done", "221 bye"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
