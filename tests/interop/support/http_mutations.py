"""Streams of HTTP/1 requests, most of them a little wrong, for parsers to disagree about.

A stream is a list of tokens, pairs of a kind and its bytes, so that a mutation can put in the place
of a length or a coding what has fooled parsers before, and not only random bytes. Each stream comes
from its seed and number alone: a failing one is had again without those before it.

Every stream ends with PROBE. Where a body ends is seen from what is found behind it.
"""
import os
import random

PROBE = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
INNER = b"GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n"

METHODS = [b"GET", b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"BREW"]
TARGETS = [b"/", b"/a", b"/a/b?c=d", b"/%41", b"/a;b", b"*", b"http://h/a", b"/a%2fb", b"//a"]
FIELDS = [
    (b"Accept", b"*/*"), (b"User-Agent", b"differential/1.0 (a; b)"), (b"X-Empty", b""),
    (b"Accept-Encoding", b"gzip, br"), (b"Connection", b"keep-alive"), (b"Cookie", b"a=b; c=d"),
    (b"X-Obs-Text", b"caf\xe9"), (b"X-Quoted", b'"a, b"'), (b"Expect", b"100-continue"),
    (b"TE", b"trailers"), (b"Content-Type", b"text/plain"), (b"X-Blanks", b"a \t b"),
]
BODIES = [b"", b"x", b"hello", b"0\r\n\r\n", INNER, b"a" * 300, b"5\r\nhello\r\n0\r\n\r\n",
b"\0\xff\n"]

# What may stand in the place of a token of that kind.
INSTEAD = {
    "method": [b"get", b"G\xc3\xa4T", b"GET\t", b"", b"A" * 32, b"A" * 33, b"!#$%&'*+-.^_`|~",
               b"G(T",
               b"CONNECT", b"PRI", b"GET\0", b"\"GET\""],
    "space": [b"", b"  ", b"\t", b" \t", b"\r", b"\x0b", b"\x0c", b"\xa0", b"\n"],
    "target": [b"", b"a", b"/\xe9", b"/\x7f", b"/\x01", b"/a b", b"/a#b", b"h:80", b"/\t", b"/%",
               b"/%00",
               b"/..", b"/a/../b", b"http://", b"HTTP://h", b"/" + b"a" * 9000, b"/\"<>", b"/\\x"],
    "version": [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.0",
                b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"HTTP/1.10", b"HTTP/1", b"HTTP/1,1", b"",
                b"HTTP/ 1.1", b"HTTPS/1.1", b"HTTP/1.\xb2"],
    "end": [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b" \r\n", b"\r\n ", b"\r\n\t", b"",
            b"\0\r\n",
            b"\r\n \r\n", b"\x85", b"\x0b\r\n"],
    "name": [b"", b"X Y", b"X\t", b" X", b"X\0", b"X\xe9", b"(X)", b"X_Y", b"X\r", b"\x0bX", b"X:",
             b"@"],
    "colon": [b"", b" :", b"\t:", b"::", b":\r\n ", b";", b"=", b"\0:", b"\r\n:", b": :", b":\x0b"],
    "blank": [b"", b" ", b"\t", b" \t ", b"\x0b", b"\x0c", b"\r\n ", b"\r", b"\n", b"\0", b"\xa0"],
    "value": [b"", b"\0", b"a\rb", b"a\nb", b"a\r\n b", b"a\x7f", b"a\x01b", b"\xff", b"a\x0bb",
              b"\"",
              b"a" * 33000],
    "host": [b"", b"a b", b"a,b", b"[::1]", b"[::1", b"h:80", b"h:", b"h:99999", b"h:x", b"a@b",
             b"a/b",
             b"h\xe9", b"h\x01", b"h:80:80", b"%68", b"h\t"],
    "name-length": [b"Content_Length", b"content-length", b"CONTENT-LENGTH", b"Content-Length ",
                    b"Content-Lengt", b"Content-Length\0", b" Content-Length", b"Content-Length:",
                    b"X\r\nContent-Length", b"Content\xadLength", b"Content-Length\x0b",
                    b"Content\rLength"],
    "name-coding": [b"transfer-encoding", b"TRANSFER-ENCODING", b"Transfer_Encoding",
                    b"Transfer-Encoding ", b" Transfer-Encoding", b"Transfer-Encoding\x0b",
                    b"Transfer-Encoding\0", b"X:\r\nTransfer-Encoding", b"Transfer\rEncoding",
                    b"Transfer-Encodin"],
    "coding": [b"Chunked", b"CHUNKED", b"xchunked", b"chunked ", b"\tchunked", b"chunked,",
               b",chunked",
               b", ,chunked", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked",
               b"identity", b"chunked, identity", b"\"chunked\"", b"chunked;a=b", b"chunked\x0b",
               b"\x0bchunked", b"chun\0ked", b"chunked\r", b"", b",", b"chunke", b"ch\xfcnked",
               b"'chunked'",
               b"chunked\r\n ,identity", b"\r\n chunked", b"c\x0chunked", b"\x0chunked"],
    "size": [b"", b" ", b"-1", b"+5", b"0x5", b"0X5", b"5_0", b"g", b"8000000000000000",
             b"FFFFFFFFFFFFFFFF", b"10000000000000005", b"7FFFFFFFFFFFFFFF", b"\xb2", b"5.", b"0,5",
             b"\"5\"", b"00", b"000"],
    "extension": [b"", b";", b";a", b";a=b", b"; a = b", b" ;a", b"\t;a", b" ", b"\t", b";a=\"b\"",
                  b";a=\"\r\n\"", b";a\rb", b";a\nb", b";\0", b";\x7f", b";a=\"0\r\n\r\n", b"a",
                  b",a",
                  b";\xe9", b"\x0b", b";" + b"a" * 1100, b" \r"],
    "data": [b"", b"x", b"\r\n", b"0\r\n\r\n", INNER, b"abc"],
    "trailer": [b"", b"T: v\r\n", b"T : v\r\n", b" T: v\r\n", b"T: v\n", b"T: v\r\n w\r\n",
                b"no colon\r\n",
                b": v\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: gzip\r\n", b"T: \0\r\n",
                b"T: a\rb\r\n", b"\n", b"T: v\r\r\n", b"Content-Length: a\r\n",
                b"Host: t\r\nHost: t\r\n",
                b"T:" + b"v" * 9000 + b"\r\n", b"T: \x01\r\n"],
    "before": [b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\r", b"\0", b"\t\r\n", b"\x0b"],
}

LINES = [
    b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Content-Length: 5, 5\r\n",
    b"Content-Length:\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\r\n",
    b"transfer-encoding:\tchunked\t\r\n", b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding\r\n",
    b" Transfer-Encoding: chunked\r\n", b"\tContent-Length: 5\r\n", b"X: y\n",
    b"X: y\nContent-Length: 5\r\n",
    b"X: y\rContent-Length: 5\r\n", b"X: y\r\n Content-Length: 5\r\n", b"Host: h\r\n",
    b"Host: i\r\n",
    b"Host:\r\n", b"Connection: close\r\n", b"Connection: Close, x\r\n", b"Connection: closed\r\n",
    b"Connection: keep-alive\r\n", b"Connection: Content-Length\r\n",
    b"Connection: \"a,close\"\r\n",
    b"Connection: x,, close\r\n", b"Expect: magic\r\n", b"Expect: 100-Continue\r\n",
    b"Upgrade: h2c\r\n",
    b"X: y\r\n" * 101, b":\r\n", b"X\r\n", b"\r\n", b"\n", b" \r\n",
    b"X: \"\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 5\r\n", b"Content-Length: 5\r\nContent-Length: 0\r\n",
    b"Content-Length: 1048577\r\n", b"Content-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\n" * 2,
]

# What chance brings too seldom.
CHUNKED = b"POST /known HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
KNOWN = [
    b"GET /known HTTP/1.2\r\n\r\n",
    b"GET /known HTTP/1.1\r\nHost: h\r\n\r\n\r\n",
    b"GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n",
    CHUNKED + b"5\r\nhelloXX0\r\n\r\n",
    CHUNKED + b"5\r\nhello\r\n0\r\nT: " + b"v" * 9000 + b"\r\n\r\n",
    CHUNKED + (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 17 + b"0\r\n\r\n",
]


def lengths_instead(number):
    """What may stand in the place of the length `number`."""
    text = b"%d" % number
    return [b"%d" % (number + 1), b"%d" % max(number - 1, 0), b"+" + text, b"-" + text, b"0" + text,
            b"0" * 30 + text, text + b", " + text, text + b"," + b"%d" % (number + 1),
            b"0x%x" % number,
            text + b".0", text + b"e0", text + b" ", b"\t" + text, text + b"\x0b", b"\x0c" + text,
            b"",
            text + b" 0", text + b"\0", b"%d" % (number + (1 << 32)), b"%d" % (number + (1 << 64)),
            b"%d" % (1 << 63), b"%d" % ((1 << 63) - 1), b"\"" + text + b"\"",
            b"," + text, text + b",",
            text + b";a", text + b"\r\n 0", b"1_0", b"\xb2", b"\xd9\xa5", b"a"]


def sizes_instead(number):
    text = b"%x" % number
    return INSTEAD["size"] + [
        b"%x" % (number + 1), b"%x" % max(number - 1, 0), text.rjust(16, b"0"), text.rjust(17,
        b"0"),
        text.rjust(20, b"0"), text.rjust(21, b"0"), text.upper(), b" " + text, text + b"\n",
        b"%d" % number,
        text + b" ", text + b" 0", b"0 " + text, b"\n" + text, b"%x" % (number + (1 << 32)),
        b"%x" % (number + (1 << 64))]


def field(name, value, name_kind="name", value_kind="value"):
    return [(name_kind, name), ("colon", b":"), ("blank", b" "), (value_kind, value), ("blank",
            b""),
            ("end", b"\r\n")]


def chunks(rng, body):
    tokens = []
    while body:
        length = rng.randint(1, len(body))
        tokens += [("size", b"%x" % length),
                   ("extension", rng.choice([b"", b"", b"", b";a=b"])), ("end", b"\r\n"),
                   ("data", body[:length]), ("end", b"\r\n")]
        body = body[length:]
    return tokens + [("size", b"0"), ("extension", b""), ("end", b"\r\n"),
                     ("trailer", rng.choice([b"", b"", b"T: v\r\n"])), ("end", b"\r\n")]


def valid_request(rng):
    tokens = [("before", b""), ("method", rng.choice(METHODS)), ("space", b" "),
              ("target", rng.choice(TARGETS)), ("space", b" "),
              ("version", b"HTTP/1.0" if rng.random() < 0.05 else b"HTTP/1.1"), ("end", b"\r\n")]
    fields = [field(b"Host", b"h", value_kind="host")]
    for name, value in rng.sample(FIELDS, rng.randint(0, 3)):
        fields.append(field(name, value))
    framing = rng.choice(["none", "length", "chunked", "chunked"])
    body = rng.choice(BODIES)
    content = []
    if framing == "length":
        fields.append(field(b"Content-Length", b"%d" % len(body), "name-length", "length"))
        content = [("data", body)]
    elif framing == "chunked":
        fields.append(field(b"Transfer-Encoding", b"chunked", "name-coding", "coding"))
        content = chunks(rng, body)
    rng.shuffle(fields)
    for line in fields:
        tokens += line
    return tokens + [("end", b"\r\n")] + content


def replace_token(rng, tokens, at):
    kind, old = tokens[at]
    if kind == "length":
        choices = lengths_instead(int(old) if old.isdigit() else 5)
    elif kind == "size":
        choices = sizes_instead(len(old))
        if at + 3 < len(tokens) and tokens[at + 3][0] == "data":
            choices = sizes_instead(len(tokens[at + 3][1]))
    else:
        choices = INSTEAD[kind]
    tokens[at] = (kind, rng.choice(choices))


def add_line(rng, tokens, at):
    """A field line where one may begin: behind the end of a line."""
    ends = [i for i, (kind, _) in enumerate(tokens) if kind == "end"]
    at = rng.choice(ends) if ends else at
    tokens.insert(at + 1, ("line", rng.choice(LINES)))


def change_byte(rng, tokens, at):
    kind, old = tokens[at]
    place = rng.randint(0, len(old))
    byte = rng.choice([b"\r", b"\n", b"\0", b" ", b"\t", b":", b",", b"\"", b"0", b"\xff", b"\x0b",
                       bytes([rng.randrange(256)])])
    front, back = old[:place], old[place:]
    new = rng.choice([front + back[1:], front + back[:1] + back, front + byte + back[1:],
                      front + byte + back])
    tokens[at] = (kind, new)


def mutate(rng, tokens):
    at = rng.randrange(len(tokens))
    # Framing is what matters most: half of the mutations go where it is decided.
    framing = [i for i, (kind, _) in enumerate(tokens)
               if kind in ("length", "coding", "size", "extension", "name-length", "name-coding",
                           "trailer")]
    if framing and rng.random() < 0.5:
        at = rng.choice(framing)
    what = rng.random()
    if what < 0.5 and tokens[at][0] != "line":
        replace_token(rng, tokens, at)
    elif what < 0.65:
        change_byte(rng, tokens, at)
    elif what < 0.8:
        add_line(rng, tokens, at)
    elif what < 0.85:
        del tokens[at]
    elif what < 0.9:
        tokens.insert(at, tokens[at])
    elif what < 0.97:
        tokens.insert(at, ("blank", rng.choice([b" ", b"\t", b"\r\n", b"\r\n ", b"\0"])))
    else:
        other = rng.randrange(len(tokens))
        tokens[at], tokens[other] = tokens[other], tokens[at]


def seeds(folder):
    """KNOWN, and the committed fuzz seeds, whose first two bytes are the fuzz targets' own."""
    streams = list(KNOWN)
    for kind, front in (("http_head", b""), ("http_chunked", CHUNKED)):
        path = os.path.join(folder, kind)
        for name in sorted(os.listdir(path)):
            with open(os.path.join(path, name), "rb") as file:
                streams.append(front + file.read()[2:])
    return streams


def stream(seed, number, corpus):
    """The stream of that number: the seeds of the corpus as they are, then what is generated."""
    if number < len(corpus):
        return corpus[number] + PROBE
    rng = random.Random(f"{seed}:{number}")
    if corpus and rng.random() < 0.1:
        tokens = [("line", rng.choice(corpus))]
        for _ in range(rng.randint(1, 3)):
            change_byte(rng, tokens, 0)
    else:
        tokens = valid_request(rng)
        for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3])):
            mutate(rng, tokens)
    pieces = [b"".join(text for _, text in tokens)]
    if rng.random() < 0.2:
        pieces.insert(0, b"".join(text for _, text in valid_request(rng)))
    pieces.append(PROBE)
    return b"".join(pieces)
