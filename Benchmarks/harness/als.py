"""Envoy's access log service: entries as Envoy encodes them, and a stream that sends them.

One client-streaming call over HTTP/2 without TLS, from a thread and a socket of our own: messages of
about 16 KiB, which is when Envoy flushes its buffer, in DATA frames within the windows that the server
grants."""

import random
import socket
import struct
import time
from dataclasses import dataclass

METHOD = b"/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
MESSAGE_BYTES = 16 << 10
FRAME_BYTES = 16_384


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def instant(nanoseconds: int) -> bytes:
    return number(1, nanoseconds // 10**9) + number(2, nanoseconds % 10**9)


def address(ip: str, port: int) -> bytes:
    return text(1, text(2, ip) + number(3, port))


class Entries:
    """`HTTPAccessLogEntry` messages of a shop behind sidecars, the same for the same seed. Trace, span and
    request ids are different in every entry, the rest comes from 10,000 entries."""

    TRACE, SPAN, REQUEST = b"\0" * 31 + b"t", b"\0" * 15 + b"s", b"\0" * 35 + b"r"

    def __init__(self, now: int, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.templates = [self.template(now - index * 100_000) for index in range(10_000)]

    def template(self, now: int) -> bytes:
        pick = self.random
        took = pick.randrange(10**6, 10**8)
        client = f"10.1.{pick.randrange(4)}.{pick.randrange(250)}"
        service = f"outbound|9080||svc-{pick.randrange(12)}.default.svc.cluster.local"
        common = (
            text(2, address(client, pick.randrange(1024, 65_000)))
            + text(3, address("10.2.0.9", 8080)) + text(5, instant(now))
            + text(7, instant(took // 10)) + text(9, instant(took - 1_000)) + text(12, instant(took))
            + text(13, address(f"10.3.0.{pick.randrange(16)}", 9080))
            + text(14, address("10.2.0.9", pick.randrange(1024, 65_000)))
            + text(15, service) + text(19, "default") + text(23, instant(took)))
        header = text(1, "traceparent") + text(2, b"00-" + self.TRACE + b"-" + self.SPAN + b"-01")
        request = (
            number(1, pick.choice([1, 1, 1, 3])) + text(2, "http") + text(3, "shop.example.com")
            + text(5, f"/api/v1/items/{pick.randrange(400)}")
            + text(6, pick.choice([
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0",
                "okhttp/4.12.0", "Go-http-client/2.0"]))
            + text(8, client) + text(9, self.REQUEST) + number(11, 600) + number(12, 0)
            + text(13, header))
        response = (
            text(1, number(1, pick.choice([200] * 9 + [404, 500]))) + number(2, 120)
            + number(3, pick.randrange(20_000)) + text(6, "via_upstream"))
        return text(1, common) + number(2, 2) + text(3, request) + text(4, response)

    def entry(self, index: int) -> bytes:
        digits = b"%0128x" % self.random.getrandbits(512)
        request = b"-".join((digits[0:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
        return self.templates[index % len(self.templates)].replace(self.REQUEST, request).replace(
            self.TRACE, digits[32:64]).replace(self.SPAN, digits[64:80])

    def messages(self, count: int) -> list[bytes]:
        """gRPC messages of `StreamAccessLogsMessage` with so many entries in all."""
        identifier = text(1, text(1, text(1, "sidecar~bench") + text(2, "front")) + text(2, "als"))
        messages: list[bytes] = []
        body = identifier
        for index in range(count):
            body += text(2, text(1, self.entry(index)))
            if len(body) >= MESSAGE_BYTES or index == count - 1:
                messages.append(b"\0" + struct.pack(">I", len(body)) + body)
                body = b""
        return messages


@dataclass
class Sent:
    seconds: float
    own_cpu_s: float
    bytes: int


def send(port: int, messages: list[bytes], deadline: float) -> Sent:
    """Sends all messages on one call and waits until the server ends it."""
    began, own = time.monotonic(), time.process_time()
    with socket.create_connection(("127.0.0.1", port), timeout=deadline) as connection:
        stream = Stream(connection)
        stream.begin()
        total = 0
        for message in messages:
            total += len(message)
            for start in range(0, len(message), FRAME_BYTES):
                stream.data(message[start:start + FRAME_BYTES])
        stream.end()
    return Sent(time.monotonic() - began, time.process_time() - own, total)


class Stream:
    """The client's side of one HTTP/2 stream (RFC 9113), no more of it than that takes."""

    DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 4, 6, 7, 8

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.connection_window = self.stream_window = self.initial_window = 65_535
        self.is_ended = False

    def begin(self) -> None:
        def header(name: bytes, value: bytes) -> bytes:
            # Literal, never indexed, not Huffman-coded (RFC 7541 §6.2.3); short as they are.
            return b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value

        block = (
            header(b":method", b"POST") + header(b":scheme", b"http") + header(b":path", METHOD)
            + header(b":authority", b"localhost") + header(b"te", b"trailers")
            + header(b"content-type", b"application/grpc"))
        self.connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS, 0, 0, b"")
            + self.frame(self.HEADERS, 4, 1, block))

    def frame(self, kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def data(self, payload: bytes) -> None:
        while min(self.connection_window, self.stream_window) < len(payload):
            self.read()
        self.connection_window -= len(payload)
        self.stream_window -= len(payload)
        self.connection.sendall(self.frame(self.DATA, 0, 1, payload))

    def end(self) -> None:
        self.connection.sendall(self.frame(self.DATA, 1, 1, b""))
        while not self.is_ended:
            self.read()

    def read(self) -> None:
        more = self.connection.recv(65_536)
        if not more:
            raise ConnectionError("the server closed the connection")
        self.received += more
        while len(self.received) >= 9:
            size = int.from_bytes(self.received[:3], "big")
            if len(self.received) < 9 + size:
                return
            kind, flags, stream = struct.unpack(">BBI", self.received[3:9])
            payload, self.received = self.received[9:9 + size], self.received[9 + size:]
            self.take(kind, flags, stream, payload)

    def take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == self.SETTINGS and not flags & 1:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == 4:
                    self.stream_window += value - self.initial_window
                    self.initial_window = value
            self.connection.sendall(self.frame(self.SETTINGS, 1, 0, b""))
        elif kind == self.PING and not flags & 1:
            self.connection.sendall(self.frame(self.PING, 1, 0, payload))
        elif kind == self.WINDOW_UPDATE:
            granted = int.from_bytes(payload, "big")
            if stream:
                self.stream_window += granted
            else:
                self.connection_window += granted
        elif kind == self.GOAWAY or kind == 3:
            raise ConnectionError(f"the server broke the call off: {payload!r}")
        elif flags & 1 and stream == 1:
            self.is_ended = True
