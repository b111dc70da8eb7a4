"""Link-local IPv6, which the loopback interface has none of: the example relay, in a network
namespace of its own with an interface that has such an address, listens on it, connects to it and
says whose link it is. For root; skipped otherwise."""
import os
import re
import shutil
import signal
import subprocess
import unittest

RELAY = os.path.join(os.environ["EXAMPLES"], "relay")
PATIENCE = 20
SPACE = "torc-v6-%d" % os.getpid()

ASK = """
import socket, sys
where = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), socket.AF_INET6, socket.SOCK_STREAM)[0][4]
with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as client:
    client.settimeout(20)
    client.connect(where)
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    sys.stdout.write(client.makefile().read())
"""


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def inside(*command):
    return ["ip", "netns", "exec", SPACE, *command]


class LinkLocal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.getuid() != 0 or shutil.which("ip") is None:
            raise unittest.SkipTest("network namespaces are for root, with 'ip'")
        if ip("netns", "add", SPACE).returncode != 0:
            raise unittest.SkipTest("no network namespace can be made here")
        cls.addClassCleanup(ip, "netns", "del", SPACE)
        for command in ("link set lo up", "link add near type veth peer name far",
                        "link set near up", "link set far up",
                        "-6 addr add fe80::a1/64 dev near nodad"):
            done = ip("-n", SPACE, *command.split())
            if done.returncode != 0:
                raise unittest.SkipTest("ip %s: %s" % (command, done.stderr.strip()))

    def start(self, listen, to):
        relay = subprocess.Popen(inside(RELAY, listen, to), stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, relay)
        said = ""
        for line in relay.stderr:
            said += line
            found = re.search(r" starting on \[(\S+)\]:(\d+)$", line)
            if found:
                return relay, found[1], found[2]
        self.fail(said)

    @staticmethod
    def end(relay):
        relay.send_signal(signal.SIGTERM)
        relay.communicate(timeout=PATIENCE)

    def ask(self, host, port):
        return subprocess.run(inside("python3", "-c", ASK, host, port), capture_output=True,
                              text=True, timeout=PATIENCE, check=True).stdout

    def test_a_link_local_address_is_listened_on_with_its_scope(self):
        _, host, port = self.start("tcp6:0:interface=[fe80::a1%near]", "process:rev")
        self.assertRegex(host, r"^fe80::a1%\w+$")
        self.assertEqual(self.ask("fe80::a1%near", port), "olleh")

    def test_a_link_local_address_is_connected_to_with_its_scope(self):
        _, _, port = self.start("tcp6:0:interface=[::]", "process:rev")
        for scope in ("near", ip("netns", "exec", SPACE, "cat", "/sys/class/net/near/ifindex")
                      .stdout.strip()):
            _, _, front = self.start("tcp6:0:interface=[::1]",
                                     "tcp6:[fe80::a1%%%s]:%s" % (scope, port))
            self.assertEqual(self.ask("::1", front), "olleh")

    def test_without_a_scope_it_is_a_failure_that_is_told(self):
        relay, _, front = self.start("tcp6:0:interface=[::1]", "tcp6:[fe80::a1]:80")
        with self.assertRaises(subprocess.CalledProcessError):
            self.ask("::1", front)
        self.assertIn("cannot connect to tcp6:[fe80::a1]:80: Invalid argument",
                      relay.stderr.readline())


if __name__ == "__main__":
    unittest.main()
