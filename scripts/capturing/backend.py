"""A small HTTP service of our own that stands behind what is captured, and requests to it."""

import http.client
import http.server
import threading
import time

# Two callers that trace already: their ids are fixed, so that captures can be compared.
TRACED = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "shop=checkout",
}
ZIPKIN = {
    "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
    "x-b3-spanid": "a2fb4a1d1a96d312",
    "x-b3-sampled": "1",
}


class Backend:
    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, body = 200, b'{"stock":7}\n'
        if self.path.startswith("/broken"):
            status, body = 503, b"no stock\n"
        elif self.path.startswith("/missing"):
            status, body = 404, b"no such item\n"
        elif self.path.startswith("/slow"):
            time.sleep(0.06)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def drive(port, extra):
    """Two dozen requests: most succeed, some are missing, slow or broken; one carries `extra` headers."""
    for index in range(24):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"host": "cart.shop.example", "user-agent": f"capture/{index % 3}"}
        if index == 5:
            headers |= extra
        if index % 8 == 7:
            connection.request("POST", f"/items/{index}", body=b"x" * 100 * index, headers=headers)
        else:
            folder = {3: "broken", 6: "missing", 11: "slow", 19: "gone"}.get(index, "items")
            path = f"/{folder}/{index}?q=caf%C3%A9" if index % 5 == 0 else f"/{folder}/{index}"
            connection.request("GET", path, headers=headers)
        connection.getresponse().read()
        connection.close()
