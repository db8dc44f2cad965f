"""Sidelight's own proxy and function wrapper: two proxies in a row before a service, and one function."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

import backend
from recorder import Recorder

# A function for `sidelight run --mode http`: it listens on the port it is told.
FUNCTION = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        print("resized", self.path, flush=True)
        self.send_response(500 if "broken" in self.path else 200)
        self.send_header("content-length", "0")
        self.end_headers()
    do_GET = do_POST = answer
    def log_message(self, *arguments): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def capture(folder: pathlib.Path):
    shop = backend.Backend()
    processes, recorders = [], []

    def start(name, *arguments):
        recorder = Recorder(folder, prefix=f"{name}-")
        process = subprocess.Popen(
            [os.environ["SIDELIGHT_BINARY"], *arguments[:1], "--otlp",
             f"http://127.0.0.1:{recorder.http_port}", *arguments[1:]],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if line.startswith("ready"):
                break
        else:
            raise SystemExit(f"capture: sidelight {arguments[0]} ended with {process.wait()}")
        processes.append(process)
        recorders.append(recorder)

    front, cart, function = (free_port() for _ in range(3))
    try:
        start("cart", "proxy", "--service", "cart", "--listen", f"127.0.0.1:{cart}", "--upstream",
              f"127.0.0.1:{shop.port}", "--access-log", str(folder / "access.jsonl"))
        start("front", "proxy", "--service", "front", "--listen", f"127.0.0.1:{front}", "--upstream",
              f"127.0.0.1:{cart}")
        start("resize", "run", "--name", "resize", "--mode", "http", "--listen",
              f"127.0.0.1:{function}", "--", sys.executable, "-c", FUNCTION)
        backend.drive(front, backend.TRACED)
        backend.drive(function, backend.TRACED)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait()
        for recorder in recorders:
            recorder.close()
        shop.close()
    rows = [row for recorder in recorders for row in recorder.rows]
    return rows + [["access.jsonl", "file", "", "application/x-ndjson", ""]]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
