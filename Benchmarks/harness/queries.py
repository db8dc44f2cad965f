"""What is asked of the loaded servers: lists of (name, path). One name is one figure."""

import json
from urllib.parse import urlencode

Queries = list[tuple[str, str]]

RATE = "sum(rate(istio_requests_total[5m])) by (destination_service)"
QUANTILE = (
    "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket[5m]))"
    " by (le, destination_service))")
TOP_BUCKETS = "topk(10, rate(istio_request_duration_milliseconds_bucket[5m]))"
TOP_SUMS = (
    "topk(10, sum(rate(istio_requests_total[5m]))"
    " by (source_workload, destination_workload, response_code))")
AVERAGE = "avg(avg_over_time(container_memory_working_set_bytes[10m])) by (node)"


def by_id(ids: list[str]) -> Queries:
    return [("trace_by_id", f"/jaeger/api/traces/{trace}") for trace in ids]


def searches(end: int) -> Queries:
    def search(name: str, **parameters: str) -> tuple[str, str]:
        window = {"start": (end - 1800) * 10**6, "end": (end + 60) * 10**6, "limit": 20}
        return name, "/jaeger/api/traces?" + urlencode({**parameters, **window})

    return [
        ("services", "/jaeger/api/services"),
        search("search_service", service="frontend"),
        search(
            "search_conditions", service="frontend", operation="GET /product/{id}",
            tags='{"http.response.status_code":"404"}', minDuration="40ms"),
        search(
            "search_rare", service="checkoutservice", minDuration="10ms",
            operation="hipstershop.CheckoutService/PlaceOrder",
            tags='{"rpc.grpc.status_code":"14"}'),
    ]


def metrics(end: int, span: int, step: int, extra: str) -> Queries:
    def instant(name: str, query: str) -> tuple[str, str]:
        return name, "/api/v1/query?" + urlencode({"query": query, "time": end - 60}) + extra

    def ranged(name: str, query: str) -> tuple[str, str]:
        window = {"query": query, "start": end - span, "end": end - 60, "step": step}
        return name, "/api/v1/query_range?" + urlencode(window) + extra

    values = {"start": end - span, "end": end}
    return [
        instant("instant_sum_rate", RATE),
        instant("instant_quantile", QUANTILE),
        instant("instant_topk", TOP_BUCKETS),
        ranged("range_sum_rate", RATE),
        ranged("range_quantile", QUANTILE),
        ranged("range_topk", TOP_SUMS),
        ranged("range_average", AVERAGE),
        ("label_values", "/api/v1/label/destination_service/values?" + urlencode(values) + extra),
    ]


def lines(end: int, first_body: bytes) -> Queries:
    """Log queries; the trace that is looked up is that of the first line."""
    first = json.loads(first_body.split(b"\n", 1)[0])
    app = first["app"]

    def ask(name: str, query: str, **extra: int) -> tuple[str, str]:
        window = {"query": query, "start": end - 1800, "end": end, "limit": 50}
        return name, "/loki/api/v1/query_range?" + urlencode({**window, **extra})

    def instant(name: str, query: str) -> tuple[str, str]:
        return name, "/loki/api/v1/query?" + urlencode({"query": query, "time": end})

    every = '{app=~".+"}'
    return [
        ask("line_of_trace", f'{{app="{app}"}} |= "{first["trace_id"]}"'),
        ask("line_of_trace_field", f'{every} | json | trace_id="{first["trace_id"]}"'),
        ask("newest", '{app="frontend"}'),
        ask("newest_failures", '{app="frontend"} | json | response_code="503"'),
        ask("newest_slow_failures", f'{every} | json | response_code >= 500 | duration > 20'),
        ask("newest_with_text", f'{every} |= "connection_failure" | json | response_code >= 500'),
        ask("no_such_text", f'{every} |= "no healthy upstream"'),
        ask("lines_per_minute", f'sum by (app) (count_over_time({every}[1m]))', step=60),
        ask(
            "codes_per_minute",
            'sum by (response_code) (count_over_time({app="frontend"} | json [1m]))', step=60),
        instant(
            "count_by_two_fields", "sum by (authority, response_code) "
            f"(count_over_time({every} | json [30m]))"),
        instant(
            "quantile_by_field", f"quantile_over_time(0.99, {every} | json | unwrap duration [30m])"
            " by (authority)"),
        ask(
            "quantile_per_minute",
            f"quantile_over_time(0.99, {every} | json | unwrap duration [1m]) by (authority)",
            step=60),
        ask("bytes_per_minute", f"sum by (app) (bytes_over_time({every}[1m]))", step=60),
    ]


def count_samples(end: int, span: int, metric: str) -> str:
    """Counts a metric's samples; the last scrapes come up to an interval after the end."""
    query = f"sum(count_over_time({metric}[{span + 120}s]))"
    return "/api/v1/query?" + urlencode({"query": query, "time": end + 60})


def count_lines(end: int) -> str:
    window = {"query": 'sum(count_over_time({app=~".+"}[31m]))', "start": end + 1, "end": end + 2}
    return "/loki/api/v1/query_range?" + urlencode({**window, "step": 60})
