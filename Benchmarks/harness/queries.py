"""What is asked of the loaded servers: lists of (name, path). One name is one figure."""

import json
from urllib.parse import urlencode

Queries = list[tuple[str, str]]

RATE = "sum(rate(istio_requests_total[5m])) by (destination_service)"
QUANTILE = (
    "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket[5m]))"
    " by (le, destination_service))")
BUCKETS = "istio_request_duration_milliseconds_bucket"
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


def rare_attribute(end: int, trace: bytes) -> Queries:
    """A search for a request id that one trace has, given that trace as Jaeger shows it."""
    tags = [tag for span in json.loads(trace)["data"][0]["spans"] for tag in span["tags"]]
    found = next(tag["value"] for tag in tags if tag["key"] == "guid:x-request-id")
    window = {"start": (end - 1800) * 10**6, "end": (end + 60) * 10**6, "limit": 20}
    asked = {"tags": json.dumps({"guid:x-request-id": found}), **window}
    return [("search_rare_attribute", "/jaeger/api/traces?" + urlencode(asked))]


def traceql(end: int) -> Queries:
    """Over all of the half hour: searches that must look at whole traces, and series."""
    def search(name: str, query: str) -> tuple[str, str]:
        window = {"q": query, "start": end - 1800, "end": end + 60, "limit": 20}
        return name, "/tempo/api/search?" + urlencode(window)

    def series(name: str, query: str) -> tuple[str, str]:
        window = {"q": query, "start": end - 1800, "end": end, "step": 60}
        return name, "/tempo/api/metrics/query_range?" + urlencode(window)

    window = urlencode({"start": end - 1800, "end": end + 60})
    frontend = '{resource.service.name="frontend"}'
    return [
        series("traceql_rate", "{} | rate() by (resource.service.name)"),
        series(
            "traceql_quantile",
            "{kind=server} | quantile_over_time(duration, .5, .99) by (resource.service.name)"),
        series(
            "traceql_attribute",
            "{span.http.response.status_code>=400} | count_over_time()"
            " by (span.http.response.status_code)"),
        search("traceql_structure", frontend + " >> {status=error && duration>20s}"),
        search("traceql_count", frontend + " | count() > 1000"),
        ("tag_names", "/tempo/api/v2/search/tags?" + window),
        ("tag_values", "/tempo/api/v2/search/tag/span.http.response.status_code/values?" + window),
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


def growth(end: int, extra: str) -> Queries:
    """What should cost the same however many other series there are, and what looks at many."""
    def instant(name: str, query: str) -> tuple[str, str]:
        return name, "/api/v1/query?" + urlencode({"query": query, "time": end}) + extra

    window = {"start": end - 3600, "end": end}
    return [
        instant("one_series", 'up{instance="10.9.0.1:9100"}'),
        instant("one_pod", 'rate(container_cpu_usage_seconds_total{instance="10.9.0.1:9100"}[5m])'),
        instant("all_of_a_metric", "sum(up)"),
        ("values_of_few", "/api/v1/label/node/values?" + urlencode(window) + extra),
        ("names", "/api/v1/labels?" + urlencode(window) + extra),
    ]


def month(end: int, days: int, extra: str) -> Queries:
    def instant(name: str, query: str) -> tuple[str, str]:
        return name, "/api/v1/query?" + urlencode({"query": query, "time": end}) + extra

    daily = {
        "query": f"sum(increase(istio_requests_total[{days}d]))", "start": end - 86_400 * 7,
        "end": end, "step": 86_400}
    return [
        instant("increase_buckets", f"sum(increase({BUCKETS}[{days}d]))"),
        instant("increase_requests", f"sum(increase(istio_requests_total[{days}d]))"),
        instant("average_buckets", f"avg(avg_over_time({BUCKETS}[{days}d]))"),
        ("increase_daily", "/api/v1/query_range?" + urlencode(daily) + extra),
        instant("last_rate", "sum(rate(istio_requests_total[30m]))"),
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


def count_entries() -> str:
    """Entries of the access log service, which have the times of now."""
    query = 'sum(count_over_time({log_name="als"}[10m]))'
    return "/loki/api/v1/query?" + urlencode({"query": query})
