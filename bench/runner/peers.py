"""The servers that are compared, each with the configuration that a good administrator gives it.

A peer is a name, the program it needs, and how it is started on a port. What is missing is left out
of the run, with a note that says how to get it.
"""
import contextlib
import grp
import os
import pwd
import shutil

from . import processes

NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
user {user} {group};
pid {home}/nginx.pid;
error_log {home}/nginx-error.log;
events {{ worker_connections {files}; }}
http {{
    {types}
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=60s;
    open_file_cache_valid 30s;
    access_log {log};
    client_body_temp_path {home}/nginx-body;
    proxy_temp_path {home}/nginx-proxy;
    fastcgi_temp_path {home}/nginx-fastcgi;
    uwsgi_temp_path {home}/nginx-uwsgi;
    scgi_temp_path {home}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location / {{ root {files_directory}; }}
    }}
}}
"""

H2O = """
user: {user}
num-threads: 1
max-connections: {files}
http1-request-timeout: 75
pid-file: {home}/h2o.pid
error-log: {home}/h2o-error.log
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: {port}{tls}
    paths:
      "/":
        file.dir: {files_directory}
"""

HAPROXY = """
global
    nbthread 1
    maxconn 1000
defaults
    mode tcp
    option splice-auto
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend relay
    bind 127.0.0.1:{port}
    default_backend target
backend target
    server target 127.0.0.1:{target}
"""

NGINX_STREAM = """
load_module {module};
daemon off;
worker_processes 1;
user {user} {group};
pid {home}/nginx-stream.pid;
error_log {home}/nginx-error.log;
events {{ worker_connections 1000; }}
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass 127.0.0.1:{target};
        proxy_buffer_size 64k;
    }}
}}
"""

STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
MIME_TYPES = "/etc/nginx/mime.types"

# Measured beside the default one, as "torc-uring".
OTHER_DRIVER = "uring"


def _torc(driver):
    return "torc-" + driver if driver else "torc"


class Peer:
    """A server program. `command(port)` gives the command that starts it; `log` is its access log,
    where it keeps one; `driver` is Torc's, where it is not the default."""

    def __init__(self, name, program, hint, command, log=None, driver=None):
        self.name = name
        self.program = program
        self.hint = hint
        self.command = command
        self.log = log
        self.before = ["env", "TORC_REACTOR=" + driver] if driver else []

    def missing(self):
        """Why it cannot run here, or None."""
        if shutil.which(self.program):
            return None
        return "%s is left out: no %s (%s)" % (self.name, self.program, self.hint)

    @contextlib.contextmanager
    def running(self, bench, under=(), patience=processes.PATIENCE):
        """Starts it, waits until it takes connections, and gives (child, port)."""
        port = processes.free_port()
        errors = os.path.join(bench.home, "server-errors")
        command = self.before + list(under) + self.command(port)
        with processes.Child(command, bench.server_cpu, errors) as child:
            child.wait_for_port(port, patience)
            yield child, port


class DatagramPeer(Peer):
    """One that is asked by datagrams: whether it runs, an echo shows."""

    @contextlib.contextmanager
    def running(self, bench, under=(), patience=processes.PATIENCE):
        port = processes.free_port()
        errors = os.path.join(bench.home, "server-errors")
        command = self.before + list(under) + self.command(port)
        with processes.Child(command, bench.server_cpu, errors) as child:
            child.wait_for_echo(port, patience)
            yield child, port


class Peers:
    """Makes the peers for one run: it knows where this build and the temporary files are."""

    def __init__(self, build, home, files_directory, file_limit):
        self.build = build
        self.home = home
        self.files_directory = files_directory
        self.file_limit = file_limit

    # -- echo ----------------------------------------------------------------------------------

    def torc_echo(self, driver=None):
        program = os.path.join(self.build, "examples", "echo")
        return Peer(_torc(driver), program, "build the examples",
                    lambda port: [program, "tcp:%d:interface=127.0.0.1" % port], driver=driver)

    def _echo(self, name, hint):
        program = os.path.join(self.build, "bench", name.replace("-", "_") + "_echo")
        return Peer(name, program, hint, lambda port: [program, port])

    def echo(self):
        again = "apt-get install %s, then configure and build again"
        return [self.torc_echo(), self.torc_echo(OTHER_DRIVER),
                self._echo("bare", "build the benchmarks"),
                self._echo("libuv", again % "libuv1-dev"),
                self._echo("libuv-guide", again % "libuv1-dev"),
                self._echo("libevent", again % "libevent-dev")]

    # -- datagrams -----------------------------------------------------------------------------

    def udp_echo(self):
        def own(name):
            return os.path.join(self.build, "bench", name + "_udp_echo")

        program = os.path.join(self.build, "examples", "udp_echo")

        def torc(driver=None):
            return DatagramPeer(_torc(driver), program, "build the examples", lambda port: [
                program, "udp:%d:interface=127.0.0.1" % port], driver=driver)

        return [torc(), torc(OTHER_DRIVER),
                DatagramPeer("bare", own("bare"), "build the benchmarks",
                             lambda port: [own("bare"), port]),
                DatagramPeer("libuv", own("libuv"),
                             "apt-get install libuv1-dev, then configure and build again",
                             lambda port: [own("libuv"), port])]

    def udp_one_way(self):
        """Here `command` takes a role, the port, the size and the counter's file."""
        def own(name, hint, driver=None):
            program = os.path.join(self.build, "bench", name + "_udp_one_way")
            return Peer(_torc(driver) if name == "torc" else name, program, hint,
                        lambda *arguments: [program, *arguments], driver=driver)

        return [own("torc", "build the benchmarks"),
                own("torc", "build the benchmarks", OTHER_DRIVER),
                own("bare", "build the benchmarks"),
                own("libuv", "apt-get install libuv1-dev, then configure and build again")]

    # -- relays --------------------------------------------------------------------------------

    def relay(self, target):
        program = os.path.join(self.build, "examples", "relay")

        def torc(driver=None):
            return Peer(_torc(driver), program, "build the examples", lambda port: [
                program, "tcp:%d:interface=127.0.0.1" % port, "tcp:127.0.0.1:%d" % target],
                driver=driver)

        peers = [torc(), torc(OTHER_DRIVER),
                 Peer("haproxy", "haproxy", "apt-get install haproxy", lambda port: [
                     "haproxy", "-db", "-f", self._configuration(
                         "haproxy.cfg", HAPROXY, port, target=target)])]
        if os.path.exists(STREAM_MODULE):
            peers.append(Peer(
                "nginx", "nginx", "apt-get install libnginx-mod-stream", lambda port: [
                    "nginx", "-p", self.home, "-c", self._configuration(
                        "nginx-stream.conf", NGINX_STREAM, port, target=target,
                        module=STREAM_MODULE)]))
        return peers

    # -- web -----------------------------------------------------------------------------------

    def torcd(self, driver=None, log=False):
        program = os.path.join(self.build, "torcd")
        path = os.path.join(self.home, "torcd-access.log")
        before = [] if log else ["--no-access-log"]
        after = ["--access-log", path] if log else []
        return Peer(_torc(driver), program, "build it", lambda port: [program] + before + [
            "web", "--listen", "tcp:%d:interface=127.0.0.1" % port,
            "--path", self.files_directory] + after, log=path if log else None, driver=driver)

    def nginx(self, name="nginx", log=None):
        """LOG is None for no access log, or the options after its file, "" for none."""
        path = os.path.join(self.home, "nginx-access.log")
        text = "off" if log is None else "%s combined %s" % (path, log)
        return Peer(name, "nginx", "apt-get install nginx-light",
                    lambda port: ["nginx", "-p", self.home, "-c", self._configuration(
                        "nginx.conf", NGINX, port, log=text,
                        tls="", types="include %s;" % MIME_TYPES if os.path.exists(MIME_TYPES) else "")],
                    log=None if log is None else path)

    def h2o(self):
        return Peer("h2o", "h2o", "apt-get install h2o", lambda port: [
            "h2o", "-m", "worker", "-c", self._configuration("h2o.conf", H2O, port, tls="")])

    # -- web over TLS --------------------------------------------------------------------------

    def tls(self):
        """With the certificate that the section has put into the folder of the run."""
        torcd = os.path.join(self.build, "torcd")
        certificate = os.path.join(self.home, "tls.crt")
        key = os.path.join(self.home, "tls.key")
        nginx = (" ssl; ssl_certificate %s; ssl_certificate_key %s; "
                 "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on" % (certificate, key))

        def torc(driver=None):
            return Peer(_torc(driver), torcd, "build it", lambda port: [
                torcd, "--no-access-log", "web", "--path", self.files_directory, "--listen",
                "tls:%d:interface=127.0.0.1:certificate=%s:key=%s" % (port, certificate, key)],
                driver=driver)

        h2o = "\n      ssl:\n        certificate-file: %s\n        key-file: %s" % (certificate, key)
        types = "include %s;" % MIME_TYPES if os.path.exists(MIME_TYPES) else ""
        return [
            torc(), torc(OTHER_DRIVER),
            Peer("nginx", "nginx", "apt-get install nginx-light", lambda port: [
                "nginx", "-p", self.home, "-c", self._configuration(
                    "nginx.conf", NGINX, port, log="off", tls=nginx, types=types)]),
            Peer("h2o", "h2o", "apt-get install h2o", lambda port: [
                "h2o", "-m", "worker", "-c", self._configuration(
                    "h2o.conf", H2O, port, tls=h2o)])]

    def web(self):
        return [self.torcd(), self.torcd(OTHER_DRIVER), self.nginx(), self.h2o()]

    def web_with_log(self):
        return [self.torcd(log=True), self.nginx("nginx", log=""),
                self.nginx("nginx-buffered", log="buffer=64k flush=1s")]

    # -- programs that measure themselves ------------------------------------------------------

    def _own(self, name, program, *arguments, driver=None):
        """They listen nowhere: `command` takes no port."""
        path = os.path.join(self.build, "bench", program)
        hint = "build the benchmarks" if not program.startswith("libuv") else \
            "apt-get install libuv1-dev, then configure and build again"
        return Peer(name, path, hint, lambda port: [path, *arguments], driver=driver)

    def spawn(self):
        return [self._own("torc", "torc_spawn"),
                self._own(_torc(OTHER_DRIVER), "torc_spawn", driver=OTHER_DRIVER),
                self._own("posix_spawn", "posix_spawn"), self._own("libuv", "libuv_spawn")]

    def thread(self):
        return [self._own("torc", "torc_call_from_thread"),
                self._own(_torc(OTHER_DRIVER), "torc_call_from_thread", driver=OTHER_DRIVER),
                self._own("libuv", "libuv_async", "list"),
                self._own("libuv-array", "libuv_async", "array")]

    # -- what several of them need -------------------------------------------------------------

    def _configuration(self, name, template, port, **more):
        path = os.path.join(self.home, name)
        with open(path, "w") as file:
            file.write(template.format(
                port=port, home=self.home, files=self.file_limit,
                files_directory=self.files_directory, user=pwd.getpwuid(os.getuid()).pw_name,
                group=grp.getgrgid(os.getgid()).gr_name, **more))
        return path
