"""Envoy: OTLP traces, access log and statistics over gRPC with a JSON access log, then Zipkin v2."""

import http.client
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import backend
from recorder import Recorder

TYPES = "type.googleapis.com/envoy.extensions"
ACCESS_FIELDS = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "route_name": "%ROUTE_NAME%",
    "trace_id": "%TRACE_ID%",
    "span_id": "%SPAN_ID%",
}


def capture(folder: pathlib.Path):
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        rows += run(folder, pathlib.Path(scratch), "otlp", backend.TRACED)
        rows += run(folder, pathlib.Path(scratch), "zipkin", backend.ZIPKIN)
    return rows


def run(folder, scratch, way, headers):
    shop, recorder = backend.Backend(), Recorder(folder)
    log = folder / "access.jsonl" if way == "otlp" else scratch / "access.jsonl"
    admin = scratch / f"{way}-admin"
    configuration = scratch / f"{way}.json"
    configuration.write_text(json.dumps(describe(way, shop.port, recorder, log)))
    with open(scratch / f"{way}.log", "w+b") as output:
        envoy = subprocess.Popen(
            [pathlib.Path(sys.executable).parent / "envoy", "-c", configuration, "--admin-address-path",
             admin, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error",
             "--service-cluster", "front", "--service-node", "front-1"],
            stdout=output, stderr=output)
        try:
            backend.drive(listener(admin, envoy), headers)
            # Spans and statistics leave Envoy by timers of one and two seconds.
            time.sleep(3)
        finally:
            envoy.terminate()
            envoy.wait()
        if not recorder.rows:
            output.seek(0)
            raise SystemExit("capture: envoy sent nothing: " + output.read().decode())
    recorder.close()
    shop.close()
    if way == "otlp":
        recorder.rows.append([log.name, "file", "", "application/x-ndjson", ""])
    return recorder.rows


def listener(admin, envoy):
    """The port on which Envoy serves, from its admin page."""
    for _ in range(200):
        if envoy.poll() is not None:
            break
        if admin.exists() and ":" in admin.read_text():
            host, port = admin.read_text().rsplit(":", 1)
            connection = http.client.HTTPConnection(host, int(port), timeout=5)
            connection.request("GET", "/listeners?format=json")
            statuses = json.loads(connection.getresponse().read()).get("listener_statuses", [])
            if statuses:
                return statuses[0]["local_address"]["socket_address"]["port_value"]
        time.sleep(0.1)
    raise SystemExit("capture: envoy does not start")


def describe(way, port, recorder, log):
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}],
        "route_config": {"name": "shop", "virtual_hosts": [{
            "name": "cart", "domains": ["*"], "routes": [
                {"name": "gone", "match": {"prefix": "/gone"}, "route": {"cluster": "gone"},
                 "decorator": {"operation": "gone.shop.example:80/*"}},
                {"name": "cart", "match": {"prefix": "/"},
                 "route": {"cluster": "cart", "retry_policy": {
                     "retry_on": "5xx", "num_retries": 2}},
                 "decorator": {"operation": "cart.shop.example:80/*"}}]}]},
        "tracing": {"provider": tracer(way), "spawn_upstream_span": True, "custom_tags": [
            {"tag": "shop.tenant", "literal": {"value": "caf\u00e9"}}]},
        "access_log": access_logs(way, log),
    }
    clusters = [
        cluster("cart", port), cluster("gone", None),
        cluster("zipkin", recorder.http_port), cluster("otlp", recorder.grpc_port, http2=True),
    ]
    batching = {"flush_interval_ms": 1000, "min_flush_spans": 40}
    bootstrap = {
        "admin": {"address": address(0)},
        "layered_runtime": {"layers": [{"name": "batching", "static_layer": {
            f"tracing.{tracer}.{key}": value
            for tracer in ("opentelemetry", "zipkin") for key, value in batching.items()}}]},
        "static_resources": {
            "listeners": [{"name": "front", "address": address(0), "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
            "clusters": clusters},
    }
    if way == "otlp":
        bootstrap |= statistics()
    return bootstrap


def tracer(way):
    if way == "zipkin":
        return {"name": "envoy.tracers.zipkin", "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
            "collector_cluster": "zipkin", "collector_endpoint": "/api/v2/spans",
            "collector_endpoint_version": "HTTP_JSON", "collector_hostname": "zipkin",
            "trace_id_128bit": True, "shared_span_context": False}}
    return {"name": "envoy.tracers.opentelemetry", "typed_config": {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "grpc_service": {"envoy_grpc": {"cluster_name": "otlp"}, "timeout": "2s"},
        "service_name": "front"}}


def access_logs(way, log):
    loggers = [{"name": "envoy.access_loggers.file", "typed_config": {
        "@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog", "path": str(log),
        "log_format": {"json_format": ACCESS_FIELDS}}}]
    if way == "otlp":
        attributes = [
            {"key": key, "value": {"string_value": ACCESS_FIELDS[key]}}
            for key in ("response_code", "duration", "upstream_cluster", "route_name")]
        loggers.append({"name": "envoy.access_loggers.open_telemetry", "typed_config": {
            "@type": f"{TYPES}.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
            "common_config": {
                "log_name": "front", "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": "otlp"}}},
            "body": {"string_value": "%REQ(:METHOD)% %REQ(:PATH)%"},
            "attributes": {"values": attributes}}})
    return loggers


def statistics():
    return {
        "stats_flush_interval": "2s",
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [
            {"prefix": "cluster.cart.upstream_rq"}, {"prefix": "http.front.downstream_rq"}]}}},
        "stats_sinks": [{"name": "envoy.stat_sinks.open_telemetry", "typed_config": {
            "@type": f"{TYPES}.stat_sinks.open_telemetry.v3.SinkConfig",
            "grpc_service": {"envoy_grpc": {"cluster_name": "otlp"}},
            "emit_tags_as_attributes": True, "use_tag_extracted_name": True}}],
    }


def cluster(name, port, http2=False):
    description = {"name": name, "type": "STATIC", "connect_timeout": "1s"}
    if port is not None:
        description["load_assignment"] = {"cluster_name": name, "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}
    if http2:
        description["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}}}}
    return description


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
