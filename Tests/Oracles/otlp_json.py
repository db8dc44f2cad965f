"""Converts between protobuf and OTLP/JSON with the official classes of `opentelemetry-proto`.

    otlp_json.py encode FOLDER   every N-SIGNAL.bin becomes N-SIGNAL.json, in one of several styles
    otlp_json.py decode FOLDER   every N-SIGNAL.json becomes N-SIGNAL.out (protobuf); unknown fields fail

Protobuf's own JSON mapping writes all bytes in base64; OTLP wants trace and span ids in hexadecimal.
"""

import base64
import json
import pathlib
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

REQUESTS = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}
IDS = {
    "traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id",
}


def convert_ids(value, convert):
    if isinstance(value, list):
        return [convert_ids(element, convert) for element in value]
    if isinstance(value, dict):
        return {
            key: convert(member) if key in IDS else convert_ids(member, convert)
            for key, member in value.items()
        }
    return value


def to_hex(text):
    return base64.b64decode(text).hex()


def to_base64(text):
    return base64.b64encode(bytes.fromhex(text)).decode()


def backwards(value):
    """The same document with the members of every object in reverse order."""
    if isinstance(value, list):
        return [backwards(element) for element in value]
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return value


def encode(path, style):
    message = REQUESTS[path.stem.split("-")[1]].FromString(path.read_bytes())
    value = json_format.MessageToDict(
        message,
        preserving_proto_field_name=style & 1 != 0,
        use_integers_for_enums=style & 2 == 0,
    )
    value = convert_ids(value, to_hex)
    if style & 4:
        value = backwards(value)
    text = json.dumps(value, ensure_ascii=style & 8 != 0, indent=style & 1 or None)
    path.with_suffix(".json").write_text(text)


def decode(path):
    value = convert_ids(json.loads(path.read_text()), to_base64)
    message = json_format.ParseDict(value, REQUESTS[path.stem.split("-")[1]]())
    path.with_suffix(".out").write_bytes(message.SerializeToString())


def main():
    verb, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if verb == "encode":
        for path in sorted(folder.glob("*.bin")):
            encode(path, int(path.stem.split("-")[0]))
    else:
        for path in sorted(folder.glob("*.json")):
            decode(path)


main()
