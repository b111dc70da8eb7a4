"""The resolver against real name servers: unbound, knot, nsd and BIND, whichever are installed."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from ports import free_port

EXAMPLE = os.path.join(os.environ.get("EXAMPLES", "build/examples"), "look_up")
TLS_EXAMPLE = os.path.join(os.environ.get("EXAMPLES", "build/examples"), "tls_look_up")
PATIENCE = 20

RECORDS = r"""
@          300 IN SOA ns.example.test. host\.master.example.test. 1 7200 3600 1209600 60
@          300 IN NS ns.example.test.
@          300 IN MX 10 mail.example.test.
@          300 IN CAA 0 issue "ca.example"
@          300 IN NAPTR 100 50 "s" "http+I2L" "" _http._tcp.example.test.
@          300 IN DNSKEY 256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3
ns         300 IN A 127.0.0.1
mail       300 IN A 192.0.2.25
www        300 IN A 192.0.2.80
www        300 IN AAAA 2001:db8::80
alias      300 IN CNAME www.example.test.
text       300 IN TXT "a \"quoted\" word" "and \\ another"
_sip._udp  300 IN SRV 1 2 5060 www.example.test.
ssh        300 IN SSHFP 2 1 123456789abcdef67890123456789abcdef67890
_443._tcp  300 IN TLSA 3 1 1 0d6fce3342ef3c1e2a1a1b6d9fb3d5a0f1ad1bbf0ae0c2d1e8e8e7d0b4d2f3c1
ds         300 IN DS 60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118
hinfo      300 IN HINFO "PDP-11" "UNIX"
rp         300 IN RP host.example.test. text.example.test.
afsdb      300 IN AFSDB 1 mail.example.test.
strange    300 IN TYPE65280 \# 4 0a000001
"""
LONG = "".join("long 300 IN TXT \"%03d%s\"\n" % (i, "x" * 200) for i in range(60))
WANTED = [("MX", ""), ("CAA", ""), ("NAPTR", ""), ("DNSKEY", ""), ("SOA", ""), ("NS", ""),
          ("TXT", "text"), ("SRV", "_sip._udp"), ("SSHFP", "ssh"), ("TLSA", "_443._tcp"),
          ("HINFO", "hinfo"), ("RP", "rp"), ("AFSDB", "afsdb"), ("TYPE65280", "strange")]


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def unbound(folder, port):
    data = "".join("  local-data: '%s'\n" % " ".join(
        [("%s.example.test." % line.split()[0]).replace("@.", "")] + line.split(None, 1)[1:])
        for line in (RECORDS + LONG).strip().splitlines())
    config = write(folder, "unbound.conf", """
server:
  interface: 127.0.0.1
  port: %d
  do-daemonize: no
  use-syslog: no
  chroot: ""
  username: ""
  directory: "%s"
  pidfile: "%s/pid"
  access-control: 127.0.0.0/8 allow
  local-zone: "example.test." static
%s""" % (port, folder, folder, data))
    return [program("unbound"), "-d", "-c", config]


def zone(folder):
    return write(folder, "zone", "$ORIGIN example.test.\n" + RECORDS + LONG)


def nsd(folder, port):
    config = write(folder, "nsd.conf", """
server:
  ip-address: 127.0.0.1
  port: %d
  username: ""
  chroot: ""
  zonesdir: "%s"
  database: ""
  pidfile: "%s/pid"
  xfrdfile: "%s/xfrd"
  zonelistfile: "%s/list"
  xfrdir: "%s"
remote-control:
  control-enable: no
zone:
  name: example.test
  zonefile: %s
""" % (port, folder, folder, folder, folder, folder, zone(folder)))
    return [program("nsd"), "-d", "-c", config]


def knot(folder, port):
    config = write(folder, "knot.conf", """
server:
  rundir: "%s"
  listen: 127.0.0.1@%d
database:
  storage: "%s"
zone:
  - domain: example.test
    storage: "%s"
    file: %s
    semantic-checks: off
""" % (folder, port, folder, folder, zone(folder)))
    return [program("knotd"), "-c", config]


def bind(folder, port):
    config = write(folder, "named.conf", """
options {
  directory "%s"; pid-file "%s/pid"; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; session-keyfile "%s/key"; dnssec-validation no;
};
controls { };
zone "example.test" { type primary; file "%s"; };
""" % (folder, folder, port, folder, zone(folder)))
    return [program("named"), "-f", "-c", config]


class Servers:
    """The tests of each server; what is not installed is skipped."""

    name, start = None, None

    @classmethod
    def setUpClass(cls):
        if program(cls.name) is None:
            raise unittest.SkipTest("%s is not installed" % cls.name)
        cls.folder = tempfile.mkdtemp()
        cls.port = free_port()
        cls.log = open(os.path.join(cls.folder, "log"), "w+")
        cls.server = subprocess.Popen(cls.start(cls.folder, cls.port), stdout=cls.log,
                                      stderr=subprocess.STDOUT)
        deadline = time.monotonic() + PATIENCE
        while cls.ask("www.example.test", "A").returncode != 0:
            if time.monotonic() > deadline or cls.server.poll() is not None:
                cls.log.seek(0)
                text = cls.log.read()
                cls.tearDownClass()
                raise AssertionError("%s does not start:\n%s" % (cls.name, text[-2000:]))
            time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait(PATIENCE)
        cls.log.close()
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def ask(cls, *words):
        return subprocess.run([EXAMPLE, "@127.0.0.1:%d" % cls.port, *words], check=False,
                              capture_output=True, text=True, timeout=PATIENCE)

    def lines(self, *words):
        run = self.ask(*words)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout.splitlines()

    def test_each_type_comes_as_it_stands_in_the_zone(self):
        for kind, label in WANTED:
            name = (label + "." if label else "") + "example.test"
            wanted = [line.split(None, 3)[3] for line in RECORDS.strip().splitlines()
                      if line.split()[3] == kind and line.split()[0] == (label or "@")]
            found = self.lines(name, kind)
            self.assertEqual(len(found), len(wanted), (kind, found))
            for line in wanted:
                self.assertIn("%s. 300 IN %s" % (name, line), found)

    def test_addresses_come_by_way_of_an_alias(self):
        name = "www" if self.name == "unbound" else "alias"  # its local data follows no alias
        found = self.lines(name + ".example.test")
        self.assertEqual(sorted(line.split()[1] for line in found), ["192.0.2.80", "2001:db8::80"])

    def test_what_is_too_long_for_a_datagram_comes_whole(self):
        found = self.lines("long.example.test", "TXT")
        self.assertEqual(len(found), 60)

    def test_what_is_not_there_is_said(self):
        for words in (("nobody.example.test", "A"), ("www.example.test", "MX")):
            run = self.ask(*words)
            self.assertEqual(run.returncode, 1)
            self.assertRegex(run.stderr, "there is no such name|nothing of the kind")


class Unbound(Servers, unittest.TestCase):
    name, start = "unbound", staticmethod(unbound)


class Nsd(Servers, unittest.TestCase):
    name, start = "nsd", staticmethod(nsd)


class Knot(Servers, unittest.TestCase):
    name, start = "knotd", staticmethod(knot)


class Bind(Servers, unittest.TestCase):
    name, start = "named", staticmethod(bind)


def unbound_with_tls(folder, port):
    """A second server section of the configuration is read as more of the first."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=dns.test",
                    "-addext", "subjectAltName=DNS:dns.test", "-keyout", folder + "/key.pem",
                    "-out", folder + "/certificate.pem"], check=True, capture_output=True)
    command = unbound(folder, free_port())
    with open(command[-1], "a") as file:
        file.write("""server:
  interface: 127.0.0.1@%d
  tls-port: %d
  tls-service-key: "%s/key.pem"
  tls-service-pem: "%s/certificate.pem"
""" % (port, port, folder, folder))
    return command


@unittest.skipUnless(os.path.exists(TLS_EXAMPLE) and shutil.which("openssl"),
                     "there is no TLS here")
class UnboundWithTls(Servers, unittest.TestCase):
    """The same over TLS; addresses are asked for as records."""

    name, start = "unbound", staticmethod(unbound_with_tls)

    @classmethod
    def ask(cls, *words, server="dns.test"):
        endpoint = "tls:127.0.0.1:%d:name=%s:authorities=%s/certificate.pem" % (
            cls.port, server, cls.folder)
        return subprocess.run([TLS_EXAMPLE, endpoint, *words], check=False, capture_output=True,
                              text=True, timeout=PATIENCE)

    def test_addresses_come_by_way_of_an_alias(self):
        self.assertEqual(self.lines("www.example.test", "AAAA"),
                         ["www.example.test. 300 IN AAAA 2001:db8::80"])

    def test_a_server_with_another_name_is_not_asked(self):
        run = self.ask("www.example.test", "A", server="other.test")
        self.assertEqual(run.returncode, 1)
        self.assertIn("certificate", run.stderr)


if __name__ == "__main__":
    if not os.path.exists(EXAMPLE):
        sys.exit(77)
    unittest.main()
