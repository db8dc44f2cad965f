"""Proxies: one on a core of its own, between the generator and a backend on another core."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import machine
from programs import Program, free_port, status_of
from runs import Bench, Figures, Noise

PATH = "/api/v1/orders/42?limit=10"

ISTIO_FIELDS = {
    "start_time": "%START_TIME%", "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%", "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%", "bytes_sent": "%BYTES_SENT%", "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%", "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%", "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%", "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%", "route_name": "%ROUTE_NAME%"}


@dataclass
class Case:
    """A proxy and how it is run; `command` gets the ports of itself and of the backend."""

    name: str
    binary: Path

    def command(self, folder: Path, port: int, backend: int) -> list[str]:
        raise NotImplementedError


class Sidelight(Case):
    def command(self, folder: Path, port: int, backend: int) -> list[str]:
        return [
            str(self.binary), "proxy", "--listen", f"127.0.0.1:{port}", "--upstream",
            f"127.0.0.1:{backend}", "--service", "bench"]


class SidelightTraced(Sidelight):
    """An access-log line and two spans a request, and Istio's metrics, sent as OTLP."""

    def command(self, folder: Path, port: int, backend: int) -> list[str]:
        extra = ["--otlp", f"http://127.0.0.1:{backend}", "--access-log", str(folder / "access.log")]
        return super().command(folder, port, backend) + extra


class Nginx(Case):
    log = "access_log off;"

    def command(self, folder: Path, port: int, backend: int) -> list[str]:
        configuration = folder / "nginx.conf"
        # What Debian's build would write below /var goes to the folder of the run.
        places = " ".join(
            f"{place}_temp_path {folder}/{place};"
            for place in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        configuration.write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  {places}
  {self.log}
  keepalive_timeout 600s; keepalive_requests 1000000000;
  upstream backend {{
    server 127.0.0.1:{backend}; keepalive 256; keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header X-Request-Id $request_id;
    }}
  }}
}}
""")
        return [str(self.binary), "-e", "stderr", "-p", str(folder), "-c", str(configuration)]


class NginxLogged(Nginx):
    log = (
        "log_format lines escape=json '{\"start_time\":\"$time_iso8601\",\"method\":\"$request_method\","
        "\"path\":\"$request_uri\",\"protocol\":\"$server_protocol\",\"response_code\":$status,"
        "\"bytes_received\":$request_length,\"bytes_sent\":$body_bytes_sent,"
        "\"duration\":$request_time,\"upstream_service_time\":\"$upstream_response_time\","
        "\"x_forwarded_for\":\"$proxy_add_x_forwarded_for\",\"user_agent\":\"$http_user_agent\","
        "\"request_id\":\"$request_id\",\"authority\":\"$http_host\","
        "\"upstream_host\":\"$upstream_addr\",\"downstream_remote_address\":\"$remote_addr\"}';"
        " access_log access.log lines buffer=64k flush=1s;")


class Envoy(Case):
    traced = False

    def command(self, folder: Path, port: int, backend: int) -> list[str]:
        configuration = folder / "envoy.json"
        configuration.write_text(json.dumps(self.configuration(folder, port, backend)))
        return [
            str(self.binary), "-c", str(configuration), "--concurrency", "1", "-l", "error",
            "--disable-hot-restart"]

    def configuration(self, folder: Path, port: int, backend: int) -> dict:
        listener = {
            "name": "in", "address": socket_address(port), "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": self.manager(folder, backend)}]}]}
        return {"static_resources": {"listeners": [listener], "clusters": [cluster(backend)]}}

    def manager(self, folder: Path, backend: int) -> dict:
        prefix = "type.googleapis.com/envoy."
        route = {
            "name": "default", "match": {"prefix": "/"},
            "route": {"cluster": "backend", "timeout": "15s"},
            "decorator": {"operation": "backend:8080/*"}}
        manager = {
            "@type": prefix + "extensions.filters.network.http_connection_manager.v3"
            ".HttpConnectionManager",
            "stat_prefix": "in", "generate_request_id": True,
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
                "@type": prefix + "extensions.filters.http.router.v3.Router"}}],
            "route_config": {"name": "all", "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [route]}]}}
        if not self.traced:
            return manager
        everything = {"value": 100}
        service = {"uri": f"http://127.0.0.1:{backend}/v1/traces", "cluster": "backend",
                   "timeout": "1s"}
        manager["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": {
            "@type": prefix + "extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(folder / "access.log"), "log_format": {"json_format": ISTIO_FIELDS}}}]
        manager["tracing"] = {
            "random_sampling": everything, "client_sampling": everything,
            "overall_sampling": everything,
            "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": {
                "@type": prefix + "config.trace.v3.OpenTelemetryConfig", "service_name": "bench",
                "http_service": {"http_uri": service}}}}
        return manager


class EnvoyTraced(Envoy):
    traced = True


def socket_address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(port: int) -> dict:
    limits = {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 8192}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": socket_address(port)}}]}
    return {
        "name": "backend", "type": "STATIC", "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "backend", "endpoints": [endpoint]}}


def start_backend(bench: Bench) -> tuple[Program, int]:
    folder = bench.folder / "backend"
    folder.mkdir(exist_ok=True)
    command = [str(bench.generator.binary), "backend"]
    backend = Program("backend", command, bench.cores.generator, folder).start()
    backend.wait_until(lambda: backend.log.read_text().endswith("}\n"))
    return backend, json.loads(backend.log.read_text())["port"]


def send(bench: Bench, port: int, seconds: float, *options: str) -> dict:
    arguments = ["get", "--url", f"http://127.0.0.1:{port}{PATH}", "--seconds", str(seconds)]
    return bench.generator.run(*arguments, *options)[0]


def check(bench: Bench, name: str, sent: dict) -> None:
    if set(sent["codes"]) != {"200"}:
        bench.problem(f"proxy ({name}): answers {sent['codes']}: {sent.get('complaints', '')}")


def measure(bench: Bench, name: str, port: int, proxy: Program, backend: Program) -> Figures:
    """As fast as 64 connections go, then 5,000 requests a second whether answered or not."""
    seconds = 1 if bench.scale.quick else 6
    send(bench, port, seconds / 4, "--connections", "64")
    before, noise = machine.cpu_seconds(proxy.pid), Noise()
    behind = 0 if backend is proxy else machine.cpu_seconds(backend.pid)
    sent = send(bench, port, seconds, "--connections", "64")
    used = machine.cpu_seconds(proxy.pid) - before
    behind = 0 if backend is proxy else machine.cpu_seconds(backend.pid) - behind
    check(bench, name, sent)
    figures = {
        "requests_per_cpu_s": sent["requests"] / max(used, 0.01),
        "requests_per_s": sent["requests"] / sent["seconds"],
        "core_share": used / sent["seconds"], "noise": noise.share(used + behind + sent["own_cpu_s"])}
    before = machine.cpu_seconds(proxy.pid)
    sent = send(bench, port, seconds, "--connections", "16", "--rate", "5000")
    check(bench, name, sent)
    figures["core_share_5k"] = (machine.cpu_seconds(proxy.pid) - before) / sent["seconds"]
    figures["rate_kept"] = sent["requests"] / sent["seconds"] / 5000
    figures["p50_ms"], figures["p99_ms"] = sent["p50_ms"], sent["p99_ms"]
    figures["peak_mb"] = machine.memory_mb(proxy.pid, "VmHWM")
    return figures


def direct(bench: Bench) -> Figures:
    """The backend without a proxy: what latency is added to."""
    backend, port = start_backend(bench)
    try:
        return measure(bench, "direct", port, backend, backend)
    finally:
        backend.stop()


def through(bench: Bench, case: Case) -> Figures:
    """One proxy, alone on its core."""
    folder = bench.folder / "proxy"
    folder.mkdir(exist_ok=True)
    backend, backend_port = start_backend(bench)
    port = free_port()
    command = case.command(folder, port, backend_port)
    proxy = Program(case.name, command, bench.cores.proxy, folder).start()
    try:
        ready = proxy.wait_until(lambda: status_of(port, PATH) == 200)
        figures = measure(bench, case.name, port, proxy, backend)
        figures["ready_s"] = ready
        log = folder / "access.log"
        if log.exists():
            figures["log_mb"] = os.path.getsize(log) / 1e6
            log.unlink()
        return figures
    finally:
        proxy.stop(15)
        backend.stop()
        time.sleep(0.1)
