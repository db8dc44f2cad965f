"""A program that uses every part of the OpenTelemetry SDK that its exporters can carry.

    sdk_program.py grpc|http|file|remote-write cumulative|delta HTTP-PORT GRPC-PORT FOLDER
"""

import logging
import random
import sys
import time

from opentelemetry import trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import (
    Counter, Histogram, MeterProvider, ObservableCounter, ObservableGauge, ObservableUpDownCounter,
    UpDownCounter)
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation, View)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

WAY, TEMPORALITY, HTTP_PORT, GRPC_PORT, FOLDER = sys.argv[1:]
RESOURCE = Resource.create({
    "service.name": f"checkout-{WAY}", "service.namespace": "shop", "service.version": "1.4.2",
    "service.instance.id": "checkout-1", "deployment.environment.name": "capture"})


def exporters():
    """The span, metric and log exporter of this run; `None` for signals that it does not carry."""
    instruments = (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter,
                   ObservableGauge)
    temporality = AggregationTemporality[TEMPORALITY.upper()]
    options = dict(preferred_temporality={kind: temporality for kind in instruments})
    if WAY == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        target = dict(endpoint=f"http://127.0.0.1:{GRPC_PORT}", insecure=True)
        return OTLPSpanExporter(**target), OTLPMetricExporter(**target, **options), OTLPLogExporter(**target)
    if WAY == "http":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        def target(path):
            return dict(endpoint=f"http://127.0.0.1:{HTTP_PORT}{path}", compression=Compression.Gzip)
        return (OTLPSpanExporter(**target("/v1/traces")),
                OTLPMetricExporter(**target("/v1/metrics"), **options),
                OTLPLogExporter(**target("/v1/logs")))
    if WAY == "file":
        from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter
        from opentelemetry.exporter.otlp.json.file.metric_exporter import FileMetricExporter
        from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
        return (FileSpanExporter(f"{FOLDER}/otlp-traces.jsonl"),
                FileMetricExporter(f"{FOLDER}/otlp-metrics.jsonl", **options),
                FileLogExporter(f"{FOLDER}/otlp-logs.jsonl"))
    from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
    return None, PrometheusRemoteWriteMetricsExporter(f"http://127.0.0.1:{HTTP_PORT}/api/v1/write"), None


class Program:
    def __init__(self):
        self.random = random.Random(7)
        spans, metrics, logs = exporters()
        self.traces = TracerProvider(resource=RESOURCE)
        if spans:
            self.traces.add_span_processor(BatchSpanProcessor(spans))
        self.tracer = self.traces.get_tracer("checkout", "1.4.2", attributes={"team": "cart"})
        views = [View(instrument_name="checkout.size",
                      aggregation=ExplicitBucketHistogramAggregation([1, 5, 20, 100]))]
        if WAY != "remote-write":
            # Its exporter knows no exponential histograms.
            views.append(View(instrument_name="checkout.latency",
                              aggregation=ExponentialBucketHistogramAggregation(max_size=40)))
        reader = PeriodicExportingMetricReader(metrics, export_interval_millis=3_600_000)
        self.metrics = MeterProvider(resource=RESOURCE, metric_readers=[reader], views=views)
        self.logs = LoggerProvider(resource=RESOURCE)
        self.logger = logging.getLogger("checkout")
        self.logger.setLevel(logging.DEBUG)
        self.logger.propagate = False
        self.logger.addHandler(LoggingHandler(logger_provider=self.logs))
        if logs:
            self.logs.add_log_record_processor(BatchLogRecordProcessor(logs))
        self.instruments()

    def instruments(self):
        meter = self.metrics.get_meter("checkout", "1.4.2")
        self.orders = meter.create_counter("checkout.orders", "{order}", "Orders placed.")
        self.value = meter.create_counter("checkout.value", "EUR", "Value of orders.")
        self.open = meter.create_up_down_counter("checkout.open", "{cart}", "Open carts.")
        self.size = meter.create_histogram("checkout.size", "By", "Size of requests.")
        self.latency = meter.create_histogram("checkout.latency", "s", "Time to answer.")
        self.load = meter.create_gauge("checkout.load", "1", "Share of busy workers.")
        meter.create_observable_gauge("checkout.temperature", [observe], "Cel", "In the rack.")

    def checkout(self, number):
        """One trace: four spans, links, events with exceptions, and log records inside."""
        with self.tracer.start_as_current_span(
                "POST /checkout", kind=SpanKind.SERVER, attributes={
                    "http.request.method": "POST", "http.response.status_code": 201 if number % 4 else 500,
                    "text.unicode": "caf\u00e9 \u65e5\u672c \U0001f600 \"quoted\"\n", "flag": number % 2 == 0,
                    "big": 9_007_199_254_740_993 + number, "negative": -42, "ratio": 0.1 + number,
                    "tags": ["new", "gift"], "counts": [1, 2, 3], "shares": [0.5, 0.25],
                    "switches": [True, False], "empty": ""}) as server:
            linked = server.get_span_context()
            with self.tracer.start_as_current_span("charge", kind=SpanKind.CLIENT) as client:
                client.add_event("sent", {"attempt": 1, "bytes": 512})
                if number % 4 == 0:
                    try:
                        raise TimeoutError("the bank does not answer")
                    except TimeoutError as error:
                        client.record_exception(error, {"retry": False})
                        client.set_status(Status(StatusCode.ERROR, "the bank does not answer"))
                        self.logger.exception("charging failed", extra={"order": number})
                else:
                    client.set_status(Status(StatusCode.OK))
            self.logger.info("order %d placed", number, extra={"order": number, "value": 9.5 * number})
            with self.tracer.start_as_current_span(
                    "publish", kind=SpanKind.PRODUCER,
                    links=[Link(linked, {"why": "caused by"})]):
                self.logger.debug("published")
            self.measure(number)
        with self.tracer.start_as_current_span(
                "ship", kind=SpanKind.CONSUMER, context=trace.set_span_in_context(trace.INVALID_SPAN),
                links=[Link(linked)]):
            time.sleep(0.002)

    def measure(self, number):
        tags = {"region": ["eu", "us"][number % 2], "gift": number % 3 == 0}
        self.orders.add(1, tags)
        self.value.add(9.5 * number, tags)
        self.open.add(1 if number % 3 else -1, tags)
        self.size.record(self.random.randrange(1, 200), tags)
        self.latency.record(self.random.expovariate(20), tags)
        self.load.set(number / 12, tags)

    def run(self):
        for part in range(2):
            for number in range(1 + 6 * part, 7 + 6 * part):
                self.checkout(number)
            self.metrics.force_flush()
        self.logger.warning("outside of any trace")
        for provider in (self.traces, self.logs, self.metrics):
            provider.shutdown()


def observe(options: CallbackOptions):
    yield Observation(21.5, {"rack": "r1"})
    yield Observation(-3, {"rack": "r2"})


Program().run()
