"""Oracle of the OTLP decoders and encoders: PyPI's opentelemetry-proto.

  otlp.py generate SEED CASES DIR   writes N-{traces,logs,metrics}.bin, random requests serialised by the
                                    official classes with fields shuffled and unknown fields mixed in, and
                                    N-….txt, what a decoder must find in them
  otlp.py dump SIGNAL FILE          parses FILE, fails on unknown fields, prints what is in it

Dumps are lines of words; texts and bytes in hexadecimal, doubles as their bits, so that nothing needs
quoting. "-" is absent.
"""

import random
import struct
import sys
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
TIME = 1_763_700_000_000_000_000
RECEIVED_AT = 1_763_700_009_000_000_000


# ---------------------------------------------------------------- neutral text


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return data.hex() or "-"


def bits(number):
    return struct.pack(">d", number).hex()


def value_text(value):
    kind = value.WhichOneof("value")
    if kind is None:
        return "empty"
    content = getattr(value, kind)
    if kind == "string_value":
        return "s" + content.encode().hex()
    if kind == "bool_value":
        return "true" if content else "false"
    if kind == "int_value":
        return f"i{content}"
    if kind == "double_value":
        return "d" + bits(content)
    if kind == "bytes_value":
        return "y" + content.hex()
    if kind == "array_value":
        return "[" + ",".join(value_text(e) for e in content.values) + "]"
    if kind == "kvlist_value":
        return "{" + ",".join(text(p.key) + "=" + value_text(p.value) for p in content.values) + "}"
    raise ValueError(kind)


def attributes_text(attributes):
    return " ".join(text(a.key) + "=" + value_text(a.value) for a in attributes) or "-"


def resource_text(envelope):
    r = envelope.resource
    return f"resource {r.dropped_attributes_count} {text(envelope.schema_url)} {attributes_text(r.attributes)}"


def scope_text(envelope):
    s = envelope.scope
    return (
        f"scope {text(s.name)} {text(s.version)} {s.dropped_attributes_count} "
        f"{text(envelope.schema_url)} {attributes_text(s.attributes)}"
    )


def dump_traces(request):
    lines, rejected = [], {}
    for rs in request.resource_spans:
        for ss in rs.scope_spans:
            for span in ss.spans:
                reason = None
                if len(span.trace_id) != 16 or not any(span.trace_id):
                    reason = "invalid_trace_id"
                elif len(span.span_id) != 8 or not any(span.span_id):
                    reason = "invalid_span_id"
                elif len(span.parent_span_id) not in (0, 8):
                    reason = "invalid_parent_id"
                if reason:
                    rejected[reason] = rejected.get(reason, 0) + 1
                    continue
                lines += span_lines(rs, ss, span)
    for reason in sorted(rejected):
        lines.append(f"rejected {reason} {rejected[reason]}")
    return lines


def span_lines(rs, ss, span):
    kind = span.kind if 0 <= span.kind <= 5 else 0
    status = span.status.code if 0 <= span.status.code <= 2 else 0
    parent = span.parent_span_id.hex() if any(span.parent_span_id) else "-"
    yield (
        f"span {span.trace_id.hex()} {span.span_id.hex()} {parent} {text(span.name)} "
        f"{text(span.trace_state)} {kind} {span.start_time_unix_nano} "
        f"{max(0, span.end_time_unix_nano - span.start_time_unix_nano)} {span.flags} {status} "
        f"{text(span.status.message)} {span.dropped_attributes_count} {span.dropped_events_count} "
        f"{span.dropped_links_count}"
    )
    yield resource_text(rs)
    yield scope_text(ss)
    yield "attributes " + attributes_text(span.attributes)
    for e in span.events:
        yield f"event {e.time_unix_nano} {text(e.name)} {e.dropped_attributes_count} {attributes_text(e.attributes)}"
    for k in span.links:
        if len(k.trace_id) not in (0, 16) or len(k.span_id) not in (0, 8):
            continue
        yield (
            f"link {identifier(k.trace_id)} {identifier(k.span_id)} {text(k.trace_state)} {k.flags} "
            f"{k.dropped_attributes_count} {attributes_text(k.attributes)}"
        )


def identifier(data, size=None):
    return data.hex() if any(data) and (size is None or len(data) == size) else "-"


def dump_logs(request):
    lines = []
    for rl in request.resource_logs:
        for sl in rl.scope_logs:
            for r in sl.log_records:
                observed = r.observed_time_unix_nano or RECEIVED_AT
                severity = r.severity_number if 0 <= r.severity_number <= 24 else 0
                lines.append(
                    f"log {r.time_unix_nano or observed} {observed} {severity} {text(r.severity_text)} "
                    f"{text(r.event_name)} {identifier(r.trace_id, 16)} {identifier(r.span_id, 8)} {r.flags} "
                    f"{r.dropped_attributes_count} {value_text(r.body)}"
                )
                lines += [resource_text(rl), scope_text(sl), "attributes " + attributes_text(r.attributes)]
    return lines


# ---------------------------------------------------------------- metrics, as Prometheus sees them

STALE = struct.unpack(">d", bytes.fromhex("7ff0000000000002"))[0]
SUFFIX = {"s": "seconds", "By": "bytes", "1": "", "ms": "milliseconds", "": "", "{request}": "", "By/s": "bytes_per_second"}


def metric_name(metric, kind):
    tokens = [t for t in "".join(c if c.isalnum() or c == ":" else " " for c in metric.name).split()]
    if SUFFIX[metric.unit]:
        tokens.append(SUFFIX[metric.unit])
    if kind == "sum" and metric.sum.is_monotonic:
        tokens = [t for t in tokens if t != "total"] + ["total"]
    if kind == "gauge" and metric.unit == "1":
        tokens = [t for t in tokens if t != "ratio"] + ["ratio"]
    return "_".join(tokens)


def label_text(value):
    kind = value.WhichOneof("value")
    content = getattr(value, kind)
    if kind == "bool_value":
        return "true" if content else "false"
    return str(content)


def decimal(number):
    if number == float("inf"):
        return "+Inf"
    shortest = repr(float(number))
    mantissa, _, exponent = shortest.partition("e")
    if exponent:
        from decimal import Decimal

        shortest = format(Decimal(shortest), "f")
    return shortest[:-2] if shortest.endswith(".0") else shortest


def dump_metrics(request):
    lines, rejected = [], {}
    for rm in request.resource_metrics:
        resource = {a.key: label_text(a.value) for a in rm.resource.attributes}
        target = {}
        if "service.name" in resource:
            namespace = resource.get("service.namespace")
            target["job"] = (namespace + "/" if namespace is not None else "") + resource["service.name"]
        if "service.instance.id" in resource:
            target["instance"] = resource["service.instance.id"]
        times = []
        for sm in rm.scope_metrics:
            for metric in sm.metrics:
                metric_lines(metric, target, lines, times, rejected)
        others = {k.replace(".", "_"): v for k, v in resource.items() if not k.startswith("service.")}
        if times and others and target:
            lines += target_info(others | target, times)
    for reason in sorted(rejected):
        lines.append(f"rejected {reason} {rejected[reason]}")
    return sorted(lines)


def target_info(labels, times):
    first, last = min(times), max(times)
    moments, moment = [], first
    while moment < last:
        moments.append(moment // 1_000_000)
        moment += 150_000_000_000
    if not moments or moments[-1] != last // 1_000_000:
        moments.append(last // 1_000_000)
    return [sample_text("target_info", labels, m, 1.0) for m in moments]


def labels_text(labels):
    return ",".join(f"{k}={text(v)}" for k, v in sorted(labels.items()) if v != "")


def sample_text(name, labels, time, value):
    return f"sample {labels_text(labels | {'__name__': name})} {time} {bits(value)}"


def metric_lines(metric, target, lines, times, rejected):
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    if kind in ("sum", "histogram", "exponential_histogram") and data.aggregation_temporality != 2:
        if data.data_points:
            reason = "unsupported_temporality"
            rejected[reason] = rejected.get(reason, 0) + len(data.data_points)
        return
    name = metric_name(metric, kind)
    for point in data.data_points:
        labels = {a.key.replace(".", "_"): label_text(a.value) for a in point.attributes} | target
        if point.time_unix_nano == 0:
            rejected["missing_timestamp"] = rejected.get("missing_timestamp", 0) + 1
            continue
        times.append(point.time_unix_nano)
        time = point.time_unix_nano // 1_000_000
        stale = point.flags & 1

        def sample(name, extra, value):
            lines.append(sample_text(name, labels | extra, time, STALE if stale else float(value)))

        def exemplar(name, extra, e):
            ids = {}
            if any(e.trace_id):
                ids["trace_id"] = e.trace_id.hex()
            if any(e.span_id):
                ids["span_id"] = e.span_id.hex()
            ids |= {a.key: label_text(a.value) for a in e.filtered_attributes}
            value = getattr(e, e.WhichOneof("value"))
            lines.append(
                f"exemplar {labels_text(labels | extra | {'__name__': name})} "
                f"{(e.time_unix_nano or point.time_unix_nano) // 1_000_000} {bits(float(value))} {labels_text(ids) or '-'}"
            )

        if kind in ("gauge", "sum"):
            sample(name, {}, getattr(point, point.WhichOneof("value")))
            for e in point.exemplars:
                exemplar(name, {}, e)
        elif kind == "histogram":
            if point.HasField("sum"):
                sample(name + "_sum", {}, point.sum)
            sample(name + "_count", {}, point.count)
            total, bounds = 0, list(point.explicit_bounds) + [float("inf")]
            for bound, count in zip(bounds[:-1], point.bucket_counts):
                total += count
                sample(name + "_bucket", {"le": decimal(bound)}, total)
            sample(name + "_bucket", {"le": "+Inf"}, point.count)
            for e in point.exemplars:
                value = getattr(e, e.WhichOneof("value"))
                exemplar(name + "_bucket", {"le": decimal(min(b for b in bounds if value <= b))}, e)
        elif kind == "summary":
            sample(name + "_sum", {}, point.sum)
            sample(name + "_count", {}, point.count)
            for q in point.quantile_values:
                sample(name, {"quantile": decimal(q.quantile)}, q.value)
        else:
            lines.append(histogram_text(name, labels, time, point, stale))
            for e in point.exemplars:
                exemplar(name, {}, e)


def histogram_text(name, labels, time, point, stale):
    def buckets(side):
        merged = {}
        for i, count in enumerate(side.bucket_counts):
            index = ((side.offset + i) >> max(0, point.scale - 8)) + 1
            merged[index] = merged.get(index, 0) + count
        return " ".join(f"{i}:{c}" for i, c in sorted(merged.items()) if c) or "-"

    head = f"histogram {labels_text(labels | {'__name__': name})} {time} {min(point.scale, 8)}"
    if stale:
        return f"{head} stale"
    return (
        f"{head} {point.count} {bits(point.sum)} {point.zero_count} {bits(point.zero_threshold or 1e-128)} "
        f"+ {buckets(point.positive)} - {buckets(point.negative)}"
    )


# ---------------------------------------------------------------- random requests


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def word(self):
        r = self.random
        return r.choice(["", "a", "http.method", "größe", "日本語", "x" * r.randrange(300), f"w{r.randrange(50)}"])

    def name(self):
        return self.random.choice(["http.route", "net.peer", "user", "zone", "shard.id", "kind"])

    def blob(self, *sizes):
        return self.random.randbytes(self.random.choice(sizes))

    def value(self, message, depth=0):
        r = self.random
        kind = r.randrange(8 if depth < 4 else 6)
        if kind == 0:
            message.string_value = self.word()
        elif kind == 1:
            message.bool_value = r.random() < 0.5
        elif kind == 2:
            message.int_value = r.choice([0, 1, -1, 2**63 - 1, -(2**63), r.randrange(-1000, 1000)])
        elif kind == 3:
            message.double_value = r.choice([0.0, -0.0, 1.5, float("inf"), float("nan"), r.gauss(0, 1e9)])
        elif kind == 4:
            message.bytes_value = self.blob(0, 1, 16, 200)
        elif kind == 6:
            message.array_value.SetInParent()
            for _ in range(r.randrange(4)):
                self.value(message.array_value.values.add(), depth + 1)
        elif kind == 7:
            message.kvlist_value.SetInParent()
            for _ in range(r.randrange(4)):
                pair = message.kvlist_value.values.add()
                pair.key = self.word()
                self.value(pair.value, depth + 1)

    def attributes(self, field):
        for _ in range(self.random.choice([0, 1, 3, 12])):
            pair = field.add()
            pair.key = self.word()
            self.value(pair.value)

    def envelope(self, envelope, owner):
        self.attributes(owner.attributes)
        owner.dropped_attributes_count = self.random.choice([0, 0, 7])
        envelope.schema_url = self.random.choice(["", "https://opentelemetry.io/schemas/1.26.0"])

    def traces(self):
        r, request = self.random, ExportTraceServiceRequest()
        for _ in range(r.randrange(4)):
            rs = request.resource_spans.add()
            self.envelope(rs, rs.resource)
            for _ in range(r.randrange(3)):
                ss = rs.scope_spans.add()
                self.envelope(ss, ss.scope)
                ss.scope.name, ss.scope.version = self.word(), self.word()
                for _ in range(r.randrange(8)):
                    self.span(ss.spans.add())
        return request

    def span(self, span):
        r = self.random
        odd = r.random() < 0.1
        span.trace_id = self.blob(0, 5, 16, 17) if odd else self.blob(16)
        span.span_id = bytes(8) if odd and r.random() < 0.3 else self.blob(7, 8) if odd else self.blob(8)
        span.parent_span_id = r.choice([b"", self.blob(8), bytes(8)])
        if r.random() < 0.03:
            span.parent_span_id = self.blob(3, 9)
        span.name, span.trace_state = self.word(), r.choice(["", "a=1,b=2"])
        span.kind = r.choice([0, 1, 2, 3, 4, 5, 77, -1])
        span.start_time_unix_nano = TIME + r.randrange(10**9)
        span.end_time_unix_nano = span.start_time_unix_nano + r.randrange(-1000, 10**10)
        span.flags = r.choice([0, 1, 0x301, 2**32 - 1])
        span.dropped_attributes_count = r.choice([0, 0, 1, 2**32 - 1])
        span.dropped_events_count, span.dropped_links_count = r.choice([0, 3]), r.choice([0, 4])
        self.attributes(span.attributes)
        if r.random() < 0.5:
            span.status.code, span.status.message = r.choice([0, 1, 2, 9]), self.word()
        for _ in range(r.choice([0, 0, 1, 3])):
            event = span.events.add()
            event.time_unix_nano, event.name = TIME + r.randrange(10**9), self.word()
            event.dropped_attributes_count = r.choice([0, 2])
            self.attributes(event.attributes)
        for _ in range(r.choice([0, 0, 1, 3])):
            link = span.links.add()
            link.trace_id, link.span_id = self.blob(16, 16, 16, 0, 4), self.blob(8, 8, 8, 0, 9)
            link.trace_state, link.flags = r.choice(["", "k=v"]), r.choice([0, 1])
            link.dropped_attributes_count = r.choice([0, 5])
            self.attributes(link.attributes)

    def logs(self):
        r, request = self.random, ExportLogsServiceRequest()
        for _ in range(r.randrange(4)):
            rl = request.resource_logs.add()
            self.envelope(rl, rl.resource)
            for _ in range(r.randrange(3)):
                sl = rl.scope_logs.add()
                self.envelope(sl, sl.scope)
                sl.scope.name, sl.scope.version = self.word(), self.word()
                for _ in range(r.randrange(8)):
                    log = sl.log_records.add()
                    log.time_unix_nano = r.choice([0, TIME + r.randrange(10**9)])
                    log.observed_time_unix_nano = r.choice([0, TIME + r.randrange(10**9)])
                    log.severity_number, log.severity_text = r.choice([0, 1, 9, 24, 25, -3]), self.word()
                    log.event_name = self.word()
                    log.trace_id, log.span_id = self.blob(0, 16, 16, 3), self.blob(0, 8, 8, 9)
                    log.flags = r.choice([0, 1, 2**32 - 1])
                    log.dropped_attributes_count = r.choice([0, 8])
                    if r.random() < 0.9:
                        self.value(log.body)
                    self.attributes(log.attributes)
        return request

    # Attributes whose names and values are the same text in every library.
    def labels(self, field, count):
        for key in self.random.sample(["http.route", "net.peer", "user", "zone", "shard.id"], count):
            pair = field.add()
            pair.key = key
            kind = self.random.randrange(3)
            if kind == 0:
                pair.value.string_value = self.random.choice(["", "GET", "größe", "x" * 200])
            elif kind == 1:
                pair.value.int_value = self.random.randrange(-5, 500)
            else:
                pair.value.bool_value = self.random.random() < 0.5

    def metrics(self):
        r, request = self.random, ExportMetricsServiceRequest()
        for _ in range(r.randrange(1, 4)):
            rm = request.resource_metrics.add()
            for key in ["service.name", "service.namespace", "service.instance.id", "host.name"]:
                if r.random() < 0.7:
                    pair = rm.resource.attributes.add()
                    pair.key, pair.value.string_value = key, f"v{r.randrange(100)}"
            for _ in range(r.randrange(3)):
                sm = rm.scope_metrics.add()
                sm.scope.name = self.word()
                for _ in range(r.randrange(6)):
                    self.metric(sm.metrics.add())
        return request

    def metric(self, metric):
        r = self.random
        metric.name = r.choice(["http.server.requests", "total.size", "a..b__c", "queue-depth"]) + str(r.randrange(20))
        metric.unit = r.choice(list(SUFFIX))
        metric.description = self.word()
        kind = r.choice(["gauge", "sum", "histogram", "exponential_histogram", "summary"])
        data = getattr(metric, kind)
        data.SetInParent()
        if kind in ("sum", "histogram", "exponential_histogram"):
            data.aggregation_temporality = r.choice([2, 2, 2, 2, 1, 0])
        if kind == "sum":
            data.is_monotonic = r.random() < 0.6
        for _ in range(r.randrange(4)):
            point = data.data_points.add()
            point.time_unix_nano = r.choice([TIME + r.randrange(10**12), TIME + 5, TIME + 5, 0 if r.random() < 0.2 else TIME + 9])
            point.start_time_unix_nano = r.choice([0, TIME])
            point.flags = r.choice([0, 0, 0, 1, 2])
            self.labels(point.attributes, r.randrange(4))
            getattr(self, kind)(point)
            if kind != "summary":
                for _ in range(r.choice([0, 0, 2])):
                    self.exemplar(point.exemplars.add())

    def exemplar(self, exemplar):
        r = self.random
        exemplar.time_unix_nano = r.choice([0, TIME + r.randrange(10**9)])
        exemplar.trace_id, exemplar.span_id = self.blob(0, 16), self.blob(0, 8)
        if r.random() < 0.5:
            exemplar.as_int = r.randrange(-5, 50)
        else:
            exemplar.as_double = r.random() * 20
        if r.random() < 0.3:
            pair = exemplar.filtered_attributes.add()
            pair.key, pair.value.string_value = "user", f"u{r.randrange(9)}"

    def gauge(self, point):
        if self.random.random() < 0.5:
            point.as_int = self.random.choice([0, -(2**63), 2**63 - 1, self.random.randrange(-1000, 1000)])
        else:
            point.as_double = self.random.choice([0.0, float("nan"), float("-inf"), self.random.gauss(0, 1e5)])

    sum = gauge

    def histogram(self, point):
        r = self.random
        bounds = r.choice([[], [0.005, 0.5, 1, 1e7], [1e-9, 2.5, 1e21], sorted({r.random() * 50 for _ in range(12)})])
        point.explicit_bounds.extend(bounds)
        if bounds or r.random() < 0.5:
            point.bucket_counts.extend(r.randrange(100) for _ in range(len(bounds) + 1))
        point.count = sum(point.bucket_counts)
        if r.random() < 0.8:
            point.sum = r.random() * 100
        if r.random() < 0.3:
            point.min, point.max = 0.1, 9.0

    def exponential_histogram(self, point):
        r = self.random
        point.scale = r.choice([-4, 0, 3, 8, 10, 20])
        for side in (point.positive, point.negative):
            side.offset = r.choice([0, -1, -1000, 5, 1_000_000])
            side.bucket_counts.extend(r.choice([0, 0, 0, 3, 2**40]) for _ in range(r.choice([0, 1, 20, 160])))
        point.zero_count = r.randrange(5)
        point.zero_threshold = r.choice([0.0, 1e-6])
        point.count = point.zero_count + sum(point.positive.bucket_counts) + sum(point.negative.bucket_counts)
        if r.random() < 0.8:
            point.sum = r.random() * 100

    def summary(self, point):
        r = self.random
        point.count, point.sum = r.randrange(100), r.random() * 100
        for quantile in r.sample([0.0, 0.5, 0.9, 0.99, 1.0], r.randrange(4)):
            entry = point.quantile_values.add()
            entry.quantile, entry.value = quantile, r.random()

    # ------------------------------------------------------------ wire level

    def shuffled(self, message):
        """The message serialised with its fields in a random order, repeated scalar fields sometimes
        preceded by a value that does not count, and unknown fields in between."""
        r, runs = self.random, []
        for field, value in message.ListFields():
            runs.append([self.field(field, v) for v in (value if field.is_repeated and not packed(field) else [value])])
            if not field.is_repeated and field.type in SCALARS and field.containing_oneof is None and r.random() < 0.1:
                runs[-1].insert(0, self.field(field, field.default_value))
        if r.random() < 0.2:
            runs.append([key(1000 + r.randrange(9), wire) + body for wire, body in UNKNOWN])
        output = b""
        while runs:
            run = r.choice(runs)
            output += run.pop(0)
            if not run:
                runs.remove(run)
        return output

    def field(self, field, value):
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            body = self.shuffled(value)
            return key(field.number, 2) + varint(len(body)) + body
        if packed(field):
            if self.random.random() < 0.5:
                return b"".join(scalar(field, v) for v in value)
            body = b"".join(scalar(field, v)[len(key(field.number, 0)):] for v in value)
            return key(field.number, 2) + varint(len(body)) + body
        return scalar(field, value)


SCALARS = {
    FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_ENUM,
    FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES,
}
UNKNOWN = [(0, b"\xff\x01"), (1, bytes(8)), (2, b"\x03abc"), (5, bytes(4))]


def packed(field):
    return field.is_repeated and field.type not in (
        FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def varint(number):
    number &= 2**64 - 1
    output = b""
    while number >= 128:
        output += bytes([number & 127 | 128])
        number >>= 7
    return output + bytes([number])


def key(number, wire):
    return varint(number << 3 | wire)


def scalar(field, value):
    kind = field.type
    if kind in (FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64):
        return key(field.number, 1) + struct.pack("<Q", value & (2**64 - 1))
    if kind == FieldDescriptor.TYPE_DOUBLE:
        return key(field.number, 1) + struct.pack("<d", value)
    if kind == FieldDescriptor.TYPE_FIXED32:
        return key(field.number, 5) + struct.pack("<I", value)
    if kind in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        data = value.encode() if isinstance(value, str) else value
        return key(field.number, 2) + varint(len(data)) + data
    if kind == FieldDescriptor.TYPE_SINT32:
        return key(field.number, 0) + varint((value << 1) ^ (value >> 31))
    return key(field.number, 0) + varint(int(value))


# ---------------------------------------------------------------- commands

DUMPS = {"traces": dump_traces, "logs": dump_logs, "metrics": dump_metrics}


def generate(seed, cases, directory):
    generator = Generator(seed)
    for case in range(cases):
        for signal, cls in REQUESTS.items():
            request = getattr(generator, signal)()
            body = generator.shuffled(request) if case % 2 else request.SerializeToString()
            parsed = cls()
            parsed.ParseFromString(body)
            parsed.DiscardUnknownFields()
            assert parsed.SerializeToString(deterministic=True) == request.SerializeToString(deterministic=True)
            base = Path(directory, f"{case}-{signal}")
            base.with_suffix(".bin").write_bytes(body)
            base.with_suffix(".txt").write_text("\n".join(DUMPS[signal](request)))


def refuse_unknown(message):
    assert len(UnknownFieldSet(message)) == 0, f"unknown fields in {message.DESCRIPTOR.full_name}"
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for child in value if field.is_repeated else [value]:
                refuse_unknown(child)


def dump(signal, path):
    request = REQUESTS[signal]()
    request.ParseFromString(Path(path).read_bytes())
    refuse_unknown(request)
    print("\n".join(DUMPS[signal](request)), end="")


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        dump(sys.argv[2], sys.argv[3])
