"""A headless Chromium, driven over its DevTools protocol with nothing but the standard library."""
import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

from web import PATIENCE, wait_until

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1000,700",
    "--remote-debugging-port=0",
]


class WebSocket:
    """As much of RFC 6455 as a client needs that sends and receives text."""

    def __init__(self, url):
        host, path = url[len("ws://"):].split("/", 1)
        name, port = host.split(":")
        self.connection = socket.create_connection((name, int(port)), timeout=PATIENCE)
        self.connection.sendall((
            f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n").encode())
        self.kept = b""
        while b"\r\n\r\n" not in self.kept:
            self.more()
        head, self.kept = self.kept.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n")[0], head

    def more(self):
        piece = self.connection.recv(1 << 16)
        if piece == b"":
            raise AssertionError("Chromium has gone")
        self.kept += piece

    def take(self, length):
        while len(self.kept) < length:
            self.more()
        taken, self.kept = self.kept[:length], self.kept[length:]
        return taken

    def send(self, text):
        data = text.encode()
        mask = os.urandom(4)
        head = b"\x81"
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        else:
            head += struct.pack("!BQ", 0x80 | 127, len(data))
        self.connection.sendall(
            head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def receive(self):
        text = b""
        while True:
            first, second = self.take(2)
            length = second & 0x7f
            if length == 126:
                length = struct.unpack("!H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self.take(8))[0]
            data = self.take(length)
            if first & 0x0f <= 2:
                text += data
            if first & 0x80 and first & 0x0f <= 2:
                return text.decode()


class Browser:
    """One page in one Chromium."""

    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="torc_chromium_")
        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self.folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        active = os.path.join(self.folder, "DevToolsActivePort")
        wait_until(lambda: os.path.exists(active) and os.path.getsize(active) > 0, "the browser")
        with open(active, encoding="ascii") as file:
            self.address = f"127.0.0.1:{file.readline().strip()}"
        wait_until(lambda: self.pages() != [], "a page")
        self.socket = WebSocket(self.pages()[0]["webSocketDebuggerUrl"])
        self.serial = 0
        self.call("Page.enable")

    def pages(self):
        with urllib.request.urlopen(f"http://{self.address}/json/list", timeout=PATIENCE) as answer:
            return [target for target in json.load(answer) if target["type"] == "page"]

    def call(self, method, **parameters):
        self.serial += 1
        self.socket.send(json.dumps({"id": self.serial, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.receive())
            if message.get("id") == self.serial:
                assert "error" not in message, message
                return message["result"]

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression):
        """Until it is true; while a page gives way to another there is nothing to ask."""
        until = time.monotonic() + PATIENCE
        seen = None
        while seen is not True:
            assert time.monotonic() < until, f"waited in vain for {expression}: {seen}"
            try:
                seen = self.evaluate(expression)
            except AssertionError as error:
                seen = error
            time.sleep(0.02)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def click(self, text):
        """Clicks with the mouse on the link that shows this text."""
        find = ("const link = [...document.links].find(link => link.textContent.trim()"
                f".startsWith({json.dumps(text)}));"
                "const box = link && link.getBoundingClientRect();"
                "const x = link && box.left + box.width / 2, y = link && box.top + box.height / 2;")
        self.wait_for("(() => {" + find + "const at = link && document.elementFromPoint(x, y);"
                      "return Boolean(at) && at.closest('a') === link; })()")
        x, y = self.evaluate("(() => {" + find + "return [x, y]; })()")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, clickCount=1,
                      button="none" if kind == "mouseMoved" else "left")

    def screenshot(self):
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
