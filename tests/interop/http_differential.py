"""The same bytes to torcd web, to Python's h11 and, where it is installed, to nginx.

Two parsers that frame the same bytes in two ways are what request smuggling is made of. For each
stream of http_mutations it is compared which requests are accepted, method and target, up to the
first that is not; since another request stands behind each body, where bodies end shows, too.

What one accepts and the other refuses must stand in STRICTER or LENIENT, with the reason; that both
accept, but not the same, or that Torc waits for more where h11 goes on, is never allowed. nginx is
lenient where Torc is strict, so only that last rule is held against it, and the rest is reported.

TORC_DIFFERENTIAL_SEED and TORC_DIFFERENTIAL_COUNT set which streams and how many;
TORC_DIFFERENTIAL_ONLY is the number of a single one.
"""
import collections
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "support"))
import http_mutations
import web
from ports import free_port

try:
    import h11
except ImportError:
    h11 = None

SOURCE = os.environ.get("SOURCE", os.path.join(HERE, "..", ".."))
SEED = os.environ.get("TORC_DIFFERENTIAL_SEED", "1")
COUNT = int(os.environ.get("TORC_DIFFERENTIAL_COUNT", "4000"))
ONLY = os.environ.get("TORC_DIFFERENTIAL_ONLY")
SECONDS = 18  # after which no further stream is begun, however slow the machine
REFUSAL_SECONDS = 5  # less than torcd's timeouts for a head or body that does not come
SHOWN = 5     # failures that are shown in full

LOG_LINE = re.compile(r'^(\S+) .*?\] "(?:-|(\S+) (\S+) HTTP/1\.[01])" (\d+) ')
LOGGED_MAX = 2048  # bytes of a target that the log keeps
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
PLAIN_TARGET = re.compile(rb"/[A-Za-z0-9]*\Z")


class Verdict:
    """What a parser made of a stream.

    accepted: (method, target) of the requests that were read whole
    end: "clean" (all is used up), "closed" (by the client's wish), "refused" or "incomplete"
    starts: where each accepted request begins, and after the last what follows it (h11 only)
    """

    def __init__(self, accepted, end, status=0, starts=()):
        self.accepted = accepted
        self.end = end
        self.status = status
        self.starts = starts

    def __str__(self):
        return f"{self.end} {self.status or ''} after {self.accepted}"


# -- h11 -------------------------------------------------------------------------------------

def wishes_keep_alive(request):
    """h11 ends after HTTP/1.0 in any case; RFC 9112 9.3 lets the Connection field say otherwise."""
    options = b",".join(value for name, value in request.headers if name == b"connection").lower()
    options = [option.strip() for option in options.split(b",")]
    return b"close" not in options and (request.http_version >= b"1.1" or b"keep-alive" in options)


def next_by_h11(data):
    """(request, length of it with its body), or (None, "refused" or "incomplete")."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 30)
    request = None
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return None, "incomplete"
            if isinstance(event, h11.Request):
                request = event
            if isinstance(event, h11.EndOfMessage):
                return request, len(data) - len(connection.trailing_data[0])
    except h11.RemoteProtocolError:
        return None, "refused"


def ask_h11(data):
    accepted = []
    starts = [0]
    while starts[-1] < len(data):
        # RFC 9112 2.2: a server should skip an empty line before a request, and h11 does not.
        if data.startswith(b"\r\n", starts[-1]):
            starts[-1] += 2
            if starts[-1] == len(data):
                return Verdict(accepted, "incomplete", starts=starts)
        request, length = next_by_h11(data[starts[-1]:])
        if request is None:
            return Verdict(accepted, length, starts=starts)
        accepted.append((bytes(request.method), bytes(request.target)[:LOGGED_MAX]))
        starts.append(starts[-1] + length)
        if not wishes_keep_alive(request):
            return Verdict(accepted, "closed", starts=starts)
    return Verdict(accepted, "clean", starts=starts)


def h11_judges_chunk_ends():
    """h11 before 0.16 (or Debian's correction) took any two bytes for the CRLF after a chunk."""
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    return next_by_h11(head + b"1\r\naXX0\r\n\r\n") == (None, "refused")


# -- servers ---------------------------------------------------------------------------------

def address_of(number):
    """Each stream comes from an address of its own, by which the access log tells them apart."""
    return f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def exchange(port, number, data):
    """Sends the bytes, in two pieces, and the end; gives all that is answered."""
    answer = b""
    cut = random.Random(number).randint(0, len(data))
    with socket.create_connection(("127.0.0.1", port), web.PATIENCE,
                                  source_address=(address_of(number), 0)) as connection:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(data[:cut])
            connection.sendall(data[cut:])
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was sent: the answer says so
        try:
            while piece := connection.recv(1 << 16):
                answer += piece
        except ConnectionResetError:
            pass
    return answer


def is_refused_at_once(port, data):
    """Whether the server ends the connection though the client might send more.

    At the client's end torcd answers a request that is not complete as it does a bad one.
    """
    with socket.create_connection(("127.0.0.1", port), REFUSAL_SECONDS) as connection:
        try:
            connection.sendall(data)
            while connection.recv(1 << 16):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
    return True


def unescape(text):
    return re.sub(rb"\\x([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]),
                  text.encode())


def read_log(text):
    """Address to its lines, each (method, target, status); method None where no head was read."""
    lines = collections.defaultdict(list)
    for line in text.splitlines():
        found = LOG_LINE.match(line)
        if found is None:
            raise AssertionError(f"a line of the access log that is none: {line!r}")
        method, target = (unescape(found[i]) if found[i] else None for i in (2, 3))
        lines[found[1]].append((method, target, int(found[4])))
    return lines


def judge_torc(lines, answer, theirs):
    """What torcd logged and answered, as a verdict."""
    accepted = [(method, target) for method, target, _ in lines]
    if not lines:
        return Verdict([], "incomplete")
    method, target, status = lines[-1]
    closes = b"\r\nConnection: close" in answer[answer.rfind(b"HTTP/1.1 "):]
    if method is None:
        return Verdict(accepted[:-1], "refused", status)
    if status == 0 or b"HTTP/1.1 %d " % status not in answer:
        return Verdict(accepted[:-1], "incomplete", status)
    if status in (400, 413) and closes:
        # The body is refused; or the file handler dislikes the target, and the client wished the
        # end by itself, which is h11's to say.
        wished = theirs.end == "closed" and len(theirs.accepted) == len(lines)
        if not wished or method not in (b"GET", b"HEAD") or PLAIN_TARGET.match(target):
            return Verdict(accepted[:-1], "refused", status)
    return Verdict(accepted, "closed" if closes else "clean")


# -- allowed differences ---------------------------------------------------------------------

class Part:
    """The bytes of one request, with its head taken apart as leniently as can be."""

    def __init__(self, data):
        self.data = data
        found = re.search(rb"\n\r?\n", data)
        end = found.end() if found else len(data)
        self.head = data[:end]
        self.body = data[end:]
        lines = re.split(rb"\r?\n", self.head)
        self.line = lines[0]
        self.fields = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.fields.append((name.strip().lower(), value.strip(b" \t")))

    def values(self, name):
        return [value for found, value in self.fields if found == name]

    def has(self, name):
        return self.values(name) != []

    def minor(self):
        return self.line[-1:]


def framing_lines(part):
    """The lines of a chunked body that are not data, as h11 reads them: sizes, and the trailer."""
    sizes = []
    rest = part.body
    while True:
        line, _, rest = rest.partition(b"\r\n")
        sizes.append(line)
        digits = re.match(rb"[0-9A-Fa-f]+", line)
        length = int(digits[0], 16) if digits else 0
        if length == 0:
            return sizes, rest
        rest = rest[length + 2:]


def is_chunked(part):
    return part.has(b"transfer-encoding")


def any_size(part, pattern):
    return is_chunked(part) and any(re.search(pattern, line) for line in framing_lines(part)[0])


def trailer_matches(part, pattern):
    return is_chunked(part) and re.search(pattern, framing_lines(part)[1]) is not None


HOST = re.compile(rb"(?:\[[A-Za-z0-9:.!$%&'*+_~(),;=-]+\]|[A-Za-z0-9.!$%&'*+_~(),;=-]*)"
                  rb"(?::([0-9]{0,5}))?\Z")
CONTROL = rb"[\x00-\x08\x0a-\x1f\x7f]"


def is_bad_host(value):
    found = HOST.match(value)
    return found is None or int(found[1] or 0) > 65535


# What Torc refuses and h11 accepts: why, the statuses it is refused with, and how to know it.
STRICTER = [
    ("RFC 9112 2.2: a bare LF may end a line; here it does not", (400,),
     lambda part: re.search(rb"(?<!\r)\n", part.head)),
    ("RFC 9112 5.2: a folded line is refused", (400,),
     lambda part: re.search(rb"\n[ \t]", part.head)),
    ("RFC 9110 8.6: a length that is there twice may be refused", (400,),
     lambda part: len(part.values(b"content-length")) > 1
     or any(b"," in value for value in part.values(b"content-length"))),
    ("RFC 9112 6.1: both Transfer-Encoding and Content-Length may be refused", (400,),
     lambda part: is_chunked(part) and part.has(b"content-length")),
    ("RFC 9112 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing", (400,),
     lambda part: is_chunked(part) and part.line.endswith(b"HTTP/1.0")),
    ("RFC 9110 15.6.6: another major version", (505,),
     lambda part: re.search(rb" HTTP/[02-9]\.[0-9]\Z", part.line)),
    ("RFC 9112 3.2: no Host in HTTP/1.2 and later minor versions", (400,),
     lambda part: part.minor() not in (b"0", b"1") and not part.has(b"host")),
    ("RFC 9112 3.2: an invalid Host", (400,),
     lambda part: any(is_bad_host(value) for value in part.values(b"host"))),
    ("RFC 9110 10.1.1: an expectation that cannot be met", (417,),
     lambda part: part.has(b"expect")),
    ("RFC 9110 5.5: a control byte in a value", (400,),
     lambda part: any(re.search(CONTROL, value) for _, value in part.fields)),
    ("RFC 9110 9.1: a method longer than any", (400,),
     lambda part: re.match(rb"[^ ]{33}", part.line)),
    ("RFC 9112 3: a request line beyond the limit", (414,), lambda part: len(part.line) > 8192),
    ("RFC 9110 5.4: a head beyond the limits", (431,),
     lambda part: len(part.head) > 32768 or len(part.fields) > 100),
    ("RFC 9112 7.1.1: a control byte in a chunk's extension", (400,),
     lambda part: any_size(part, CONTROL)),
    ("RFC 9112 7.1.1: an extension beyond the limit", (400,),
     lambda part: any_size(part, rb".{1024}")
     or is_chunked(part) and sum(map(len, framing_lines(part)[0])) > 16384),
    ("RFC 9112 7.1.1: white space after a size, and no extension", (400,),
     lambda part: any_size(part, rb"^[0-9A-Fa-f]+[ \t]+\Z")),
    ("RFC 9112 7.1: more digits of a size than a number takes", (400,),
     lambda part: any_size(part, rb"^[0-9A-Fa-f]{17}")),
    ("RFC 9112 2.2 and 5.2: a bare LF or a folded line in a trailer", (400,),
     lambda part: trailer_matches(part, rb"(?<!\r)\n|^\n|\n[ \t]")),
    ("RFC 9110 5.5: a control byte in a trailer", (400,),
     lambda part: trailer_matches(part, rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")),
    ("RFC 9110 6.5: a trailer beyond the limit", (400,),
     lambda part: is_chunked(part) and len(framing_lines(part)[1]) > 8192),
]

# What Torc accepts and h11 refuses.
LENIENT = [
    ("src/web/README.md: targets may hold bytes above 0x7f",
     lambda part: re.match(rb"[^ ]+ [^ ]*[\x80-\xff]", part.line)),
    ("RFC 9110 5.6.1.2: empty members of a list are ignored",
     lambda part: any(value.strip(b" \t,").lower() == b"chunked" != value.lower()
                      for value in part.values(b"transfer-encoding"))),
    ("RFC 9112 7.1.1: white space may stand between a size and its extension",
     lambda part: any_size(part, rb"^[0-9A-Fa-f]+[ \t]+;")),
    ("RFC 9110 6.5.1: what frames a message is ignored in a trailer",
     lambda part: trailer_matches(part, rb"(?im)^(content-length|transfer-encoding):")),
]


def difference(data, ours, theirs):
    """(None, reason or "") where the verdicts agree or may differ; else (what is wrong, "")."""
    common = min(len(ours.accepted), len(theirs.accepted))
    if ours.accepted[:common] != theirs.accepted[:common]:
        return "both accept, but not the same", ""
    if len(ours.accepted) > common:
        if theirs.end != "refused":
            return f"Torc accepts where h11 is {theirs.end}", ""
        part = Part(data[theirs.starts[common]:])
        for reason, applies in LENIENT:
            if applies(part):
                return None, reason
        return "Torc accepts what h11 refuses", ""
    if len(theirs.accepted) > common:
        if ours.end != "refused":
            return f"h11 accepts where Torc is {ours.end}", ""
        part = Part(data[theirs.starts[common]:theirs.starts[common + 1]])
        for reason, statuses, applies in STRICTER:
            if ours.status in statuses and applies(part):
                return None, reason
        return f"Torc refuses ({ours.status}) what h11 accepts", ""
    if (ours.end in ("clean", "closed")) != (theirs.end in ("clean", "closed")):
        return "the same requests, but not the same end", ""
    return None, ""


# -- the run ---------------------------------------------------------------------------------

class Nginx:
    """A server of nginx that answers everything with 200 and logs what it took for a request."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="torc_nginx_")
        self.port = free_port()
        path = os.path.join(self.folder, "conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"""
daemon off; master_process off; pid {self.folder}/pid; error_log /dev/null;
events {{ worker_connections 64; }}
http {{
    log_format requests '$remote_addr - - [] "$request_method $request_uri HTTP/1.1" $status 0';
    access_log {self.folder}/access requests;
    client_body_temp_path {self.folder}/body;
    proxy_temp_path {self.folder}/proxy;
    fastcgi_temp_path {self.folder}/fastcgi;
    uwsgi_temp_path {self.folder}/uwsgi;
    scgi_temp_path {self.folder}/scgi;
    lingering_timeout 1s;
    server {{ listen 127.0.0.1:{self.port}; location / {{ return 200; }} }}
}}
""")
        self.process = subprocess.Popen([NGINX, "-c", path, "-p", self.folder],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        web.wait_until(self.is_there, "nginx")

    def is_there(self):
        if self.process.poll() is not None:
            raise AssertionError("nginx did not start")
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(web.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with open(os.path.join(self.folder, "access"), encoding="ascii") as file:
            text = file.read()
        shutil.rmtree(self.folder)
        return text


def nginx_difference(ours, lines):
    """What is wrong where both accept; a server that refuses cannot be smuggled through."""
    taken = []
    for method, target, status in lines:
        if status != 200:
            break
        taken.append((method, target))
    for (method, target), theirs in zip(ours.accepted, taken):
        # It logs the path of a target that names a host, as it would pass it on.
        path = re.sub(rb"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*", b"", target)
        path = path if target[:1] in b"/*" or path[:1] == b"/" else b"/" + path
        if (method, path) != (theirs[0], theirs[1][:LOGGED_MAX]):
            return f"nginx took {taken}"
    return None


class Run:
    def __init__(self):
        self.corpus = http_mutations.seeds(os.path.join(SOURCE, "tests", "fuzz", "corpus"))
        self.torc = web.Server()
        self.nginx = Nginx() if NGINX else None
        self.streams = {}
        self.answers = {}
        self.theirs = {}
        self.waiting = set()  # streams whose end torcd waits for
        self.asked_nginx = set()

    def send(self, number):
        data = http_mutations.stream(SEED, number, self.corpus)
        theirs = ask_h11(data)
        answer = exchange(self.torc.port, number, data)
        self.streams[number], self.theirs[number], self.answers[number] = data, theirs, answer
        answered = len(re.findall(rb"HTTP/1\.1 [2-5]", answer))
        if answered <= len(theirs.accepted) and theirs.accepted:
            last = answer[answer.rfind(b"HTTP/1.1 "):]
            if last[9:12] == b"400" and not is_refused_at_once(self.torc.port, data):
                self.waiting.add(number)
        if self.nginx and re.search(rb"(?i)encod|length", data):
            self.asked_nginx.add(number)
            exchange(self.nginx.port, number, data)

    def send_all(self):
        until = time.monotonic() + SECONDS
        numbers = [int(ONLY)] if ONLY else range(COUNT)
        for number in numbers:
            if time.monotonic() > until:
                print(f"stopped after {SECONDS} s")
                break
            self.send(number)

    def logs(self):
        """Both servers write the last of it as they end."""
        self.torc.signal(signal.SIGTERM)
        if self.torc.process.wait(web.PATIENCE) != 0:
            raise AssertionError(f"torcd ended badly: {self.torc.log()}")
        ours = read_log(self.torc.access())
        self.torc.stop()
        return ours, read_log(self.nginx.stop()) if self.nginx else {}

    def judge(self):
        """Compares all, and gives how many streams differ as they must not."""
        reasons = collections.Counter()
        failures = 0
        torc_log, nginx_log = self.logs()
        for number, data in self.streams.items():
            theirs = self.theirs[number]
            ours = judge_torc(torc_log[address_of(number)], self.answers[number], theirs)
            if number in self.waiting and ours.end == "refused":
                ours.end = "incomplete"
            wrong, reason = difference(data, ours, theirs)
            if reason:
                reasons[reason] += 1
            if number in self.asked_nginx and wrong is None:
                wrong = nginx_difference(ours, nginx_log[address_of(number)])
            if wrong:
                failures += 1
                if failures <= SHOWN:
                    show(number, data, wrong, ours, theirs)
        self.report(reasons, failures)
        return failures

    def report(self, reasons, failures):
        whole = sum(theirs.end in ("clean", "closed") for theirs in self.theirs.values())
        print(f"{len(self.streams)} streams of seed {SEED}, {whole} of which h11 accepts to the "
              f"end, {len(self.asked_nginx)} sent to nginx: {sum(reasons.values())} differ as they "
              f"may, {failures} as they must not")
        for reason, count in reasons.most_common():
            print(f"{count:6} {reason}")
        if failures:
            print(f"again: TORC_DIFFERENTIAL_SEED={SEED} TORC_DIFFERENTIAL_COUNT={COUNT}")


def show(number, data, wrong, ours, theirs):
    shown = repr(data) if len(data) < 4000 else f"{data[:2000]!r}...{data[-1500:]!r}"
    print(f"stream {number} of seed {SEED}: {wrong}\n  bytes {shown}")
    print(f"  Torc {ours}\n  h11  {theirs}")


def main():
    web.need()
    if h11 is None or not h11_judges_chunk_ends():
        print("skipped: there is no h11, or one that does not judge the ends of chunks")
        sys.exit(web.SKIP)
    run = Run()
    try:
        run.send_all()
        failures = run.judge()
    finally:
        for server in (run.torc, run.nginx):
            if server is not None and server.process.poll() is None:
                server.process.kill()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
