"""A receiver that keeps request bodies as they were sent and answers that all is well."""

import concurrent.futures
import http.server
import pathlib
import threading

import grpc

# Path of a request: what the file is called, without a number and without its compression.
KINDS = {
    "/v1/traces": "otlp-traces.pb",
    "/v1/metrics": "otlp-metrics.pb",
    "/v1/logs": "otlp-logs.pb",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "otlp-traces.pb",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "otlp-metrics.pb",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "otlp-logs.pb",
    "/api/v2/spans": "zipkin-v2.json",
    "/api/v1/write": "remote-write.snappy",
}


class Recorder:
    """Listens for HTTP and gRPC on free loopback ports until `close`."""

    def __init__(self, folder: pathlib.Path, prefix: str = ""):
        self.folder, self.prefix = folder, prefix
        self.rows, self.counts = [], {}
        self.lock = threading.Lock()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http_port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.grpc.add_generic_rpc_handlers((self._service(),))
        self.grpc_port = self.grpc.add_insecure_port("127.0.0.1:0")
        self.grpc.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.grpc.stop(grace=None).wait()

    def keep(self, protocol, path, content_type, encoding, body):
        kind = KINDS.get(path)
        if kind is None:
            return False
        if not body:
            return True
        with self.lock:
            stem, suffix = kind.split(".", 1)
            number = self.counts[kind] = self.counts.get(kind, 0) + 1
            name = f"{self.prefix}{stem}-{number}.{suffix}"
            if encoding == "gzip":
                name += ".gz"
            (self.folder / name).write_bytes(body)
            self.rows.append([name, protocol, path, content_type, encoding])
        return True

    def _handler(recorder):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                if "chunked" in self.headers.get("transfer-encoding", ""):
                    body = self._chunks()
                else:
                    body = self.rfile.read(int(self.headers.get("content-length", 0)))
                known = recorder.keep(
                    "http", self.path, self.headers.get("content-type", ""),
                    self.headers.get("content-encoding", ""), body)
                answer = 202 if self.path == "/api/v2/spans" else 200
                self.send_response(answer if known else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def _chunks(self):
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *arguments):
                pass

        return Handler

    def _service(recorder):
        class Service(grpc.GenericRpcHandler):
            def service(self, details):
                def export(body, context):
                    # The transport has expanded the message already.
                    recorder.keep("grpc", details.method, "application/grpc", "", body)
                    return b""

                return grpc.unary_unary_rpc_method_handler(export) if details.method in KINDS else None

        return Service()
