"""Ports for servers of others, which must be told one."""
import random
import socket

LOWEST = 10000


def first_given_away():
    """From here on the system gives ports to whoever connects, or asks for any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        return int(file.read().split()[0])


def free_port():
    """A port that is free for both kinds of sockets, and that nobody is given by chance."""
    for _ in range(100):
        port = random.randrange(LOWEST, max(first_given_away(), LOWEST + 1000))
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            try:
                stream.bind(("", port))
                datagram.bind(("", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free for both kinds of sockets")
