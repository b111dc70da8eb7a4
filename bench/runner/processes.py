"""Processes: start them on a processor of their own, read what they used, and end them always.

Each child leads a process group; what a server forks stays in it, so a group is what is measured
and what is killed. A child also gets SIGTERM from the kernel should this program die.
"""
import ctypes
import os
import signal
import socket
import subprocess
import time

PATIENCE = 15.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_living = []


class Failed(Exception):
    """A program did not do what it should; the text says which, and what it printed."""


def processors():
    """The processor for servers and the one for loads; the same one where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[1 if len(allowed) > 1 else 0]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _tie_to_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A running program, pinned to a processor. Use as a context manager: leaving ends it."""

    def __init__(self, command, cpu, errors_to, pipes=False):
        self.command = [str(part) for part in command]
        self.errors_path = errors_to
        with open(errors_to, "wb") as errors:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(cpu)] + self.command,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else errors,
                stderr=errors, start_new_session=True, preexec_fn=_tie_to_parent)
        self.group = self.process.pid
        _living.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.end()

    def end(self, number=signal.SIGTERM):
        """Asks the group to end; kills what is left of it after a while. Gives the exit status."""
        if self not in _living:
            return self.process.returncode
        if self.process.stdin:
            self.process.stdin.close()
        self._signal(number)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        self._signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        _living.remove(self)
        return self.process.returncode

    def _signal(self, number):
        try:
            os.killpg(self.group, number)
        except ProcessLookupError:
            pass

    def say(self, text=""):
        """A line to the child's standard input. That it has gone shows when its answer is read."""
        try:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def expect(self, word):
        """Reads the next line `WORD [VALUE]` of the child's output and gives the value's text."""
        line = self.process.stdout.readline().decode().split()
        if not line or line[0] != word:
            self.process.wait(PATIENCE)
            raise self.failure("it ended before it said '%s'" % word)
        return line[1] if len(line) > 1 else ""

    def failure(self, what):
        with open(self.errors_path, "rb") as errors:
            printed = errors.read().decode(errors="replace").strip().splitlines()[-3:]
        return Failed("%s: %s%s" % (" ".join(self.command), what,
                                    "".join("\n      " + line for line in printed)))

    def wait_for_port(self, port, patience=PATIENCE):
        """Returns once something takes connections on the port."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise self.failure("it ended with status %d" % self.process.returncode)
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise self.failure("port %d takes no connections after %d s" % (port, patience))

    def wait_for_echo(self, port, patience=PATIENCE):
        """Returns once something sends datagrams back on the port."""
        end = time.monotonic() + patience
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.01)
            probe.connect(("127.0.0.1", port))
            while time.monotonic() < end:
                if self.process.poll() is not None:
                    raise self.failure("it ended with status %d" % self.process.returncode)
                try:
                    probe.send(b"?")
                    probe.recv(1)
                    return
                except ConnectionRefusedError:
                    time.sleep(0.01)
                except OSError:
                    pass
        raise self.failure("port %d echoes no datagrams after %d s" % (port, patience))

    def members(self):
        """The processes of the group."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % entry) as stat:
                    fields = stat.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self.group and fields[0] != "Z":
                found.append(int(entry))
        return found

    def cpu_seconds(self):
        """The processor time, user and system, of all threads of all processes of the group."""
        return sum(_cpu_seconds(pid) for pid in self.members())

    def private_bytes(self):
        """The memory that belongs to the group alone: what would be free if it ended."""
        return sum(_private_bytes(pid) for pid in self.members())


def _private_bytes(pid):
    """Nothing of a process that has ended since it was found."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as rollup:
            return sum(int(line.split()[1]) * 1024 for line in rollup
                       if line.startswith("Private_"))
    except OSError:
        return 0


def _cpu_seconds(pid):
    """From the scheduler in nanoseconds where the kernel tells, or else in ticks."""
    try:
        total = 0
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as schedstat:
                total += int(schedstat.read().split()[0])
        return total / 1e9
    except OSError:
        with open("/proc/%d/stat" % pid) as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command, cpu, errors_to, timeout):
    """Runs a program to its end and gives what it printed; a status other than 0 is a failure."""
    with Child(command, cpu, errors_to, pipes=True) as child:
        try:
            output, _ = child.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise child.failure("it did not end in %d s" % timeout) from None
        if child.process.returncode != 0:
            raise child.failure("it ended with status %d" % child.process.returncode)
    return output.decode()


def kill_all():
    """For the way out, whatever it is: nothing that was started is left."""
    for child in list(_living):
        child._signal(signal.SIGKILL)
        child.process.wait()
        _living.remove(child)
