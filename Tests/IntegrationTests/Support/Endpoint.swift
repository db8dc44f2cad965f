import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// One way in over HTTP: where, in which shape, and a body that it takes.
struct Endpoint: Sendable, CustomTestStringConvertible {
    /// How errors look.
    enum ErrorShape {
        case statusProtobuf, statusJSON, text, json
    }

    var testDescription: String
    var path: String
    var contentType: String
    /// The coding that the protocol itself demands.
    var encoding: String?
    /// What counters call it.
    var way: String
    var signal: String
    var shape: ErrorShape
    /// The undamaged body, before `encoding`.
    var good: [UInt8]
    /// Items in `good`.
    var items: Int

    func encoded(_ body: [UInt8]) -> [UInt8] {
        encoding == "snappy" ? Snappy.compress(body) : body
    }

    var isLogLines: Bool { way == "log_lines" }
    var isJSON: Bool { contentType == "application/json" }

    static let all: [Endpoint] = {
        let now = Int64(Date().timeIntervalSince1970 * 1_000) - 5_000
        let nanoseconds = "\(now)000000"
        let trace = "0af7651916cd43dd8448eb211c80319c"
        var endpoints = [
            Endpoint(
                testDescription: "OTLP traces, protobuf", path: "/v1/traces",
                contentType: "application/x-protobuf", way: "otlp_http", signal: "traces",
                shape: .statusProtobuf, good: Items.spans("endpoint", now), items: Items.count),
            Endpoint(
                testDescription: "OTLP metrics, protobuf", path: "/v1/metrics",
                contentType: "application/x-protobuf", way: "otlp_http", signal: "metrics",
                shape: .statusProtobuf, good: OTLP.gauge(points: [(now, 1.5), (now + 1, 2.5)]),
                items: 2),
            Endpoint(
                testDescription: "OTLP logs, protobuf", path: "/v1/logs",
                contentType: "application/x-protobuf", way: "otlp_http", signal: "logs",
                shape: .statusProtobuf, good: OTLP.logs(times: [now, now + 1], text: "hello"),
                items: 2),
        ]
        endpoints += [
            Endpoint(
                testDescription: "OTLP traces, JSON", path: "/v1/traces",
                contentType: "application/json", way: "otlp_http", signal: "traces",
                shape: .statusJSON,
                good: Array(
                    """
                    {"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"\(trace)",
                    "spanId":"b7ad6b7169203331","name":"a","kind":2,
                    "startTimeUnixNano":"\(nanoseconds)","endTimeUnixNano":"\(nanoseconds)"}]}]}]}
                    """.utf8), items: 1),
            Endpoint(
                testDescription: "OTLP metrics, JSON", path: "/v1/metrics",
                contentType: "application/json", way: "otlp_http", signal: "metrics",
                shape: .statusJSON,
                good: Array(
                    """
                    {"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"endpoint_json","gauge":
                    {"dataPoints":[{"timeUnixNano":"\(nanoseconds)","asDouble":1.5}]}}]}]}]}
                    """.utf8), items: 1),
            Endpoint(
                testDescription: "OTLP logs, JSON", path: "/v1/logs",
                contentType: "application/json", way: "otlp_http", signal: "logs",
                shape: .statusJSON,
                good: Array(
                    """
                    {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"\(nanoseconds)",
                    "body":{"stringValue":"hello"}}]}]}]}
                    """.utf8), items: 1),
            Endpoint(
                testDescription: "Zipkin", path: "/api/v2/spans", contentType: "application/json",
                way: "zipkin", signal: "traces", shape: .text,
                good: Array(
                    """
                    [{"traceId":"\(trace)","id":"b7ad6b7169203332","name":"a","timestamp":\(now)000,
                    "duration":10,"localEndpoint":{"serviceName":"shop"}}]
                    """.utf8), items: 1),
            Endpoint(
                testDescription: "Zipkin, protobuf", path: "/api/v2/spans",
                contentType: "application/x-protobuf", way: "zipkin", signal: "traces",
                shape: .text, good: OtherSpans.zipkin(milliseconds: now), items: 1),
            Endpoint(
                testDescription: "Jaeger, Thrift", path: "/api/traces",
                contentType: "application/x-thrift", way: "jaeger_http", signal: "traces",
                shape: .text, good: OtherSpans.jaeger(milliseconds: now), items: 1),
            Endpoint(
                testDescription: "Remote write", path: "/api/v1/write",
                contentType: "application/x-protobuf", encoding: "snappy", way: "remote_write",
                signal: "metrics", shape: .text,
                good: Remote.write([
                    (["__name__": "endpoint"], now, 1), (["__name__": "b"], now, 2),
                ]),
                items: 2),
            Endpoint(
                testDescription: "Log lines", path: "/api/sidelight/logs?service=endpoint",
                contentType: "application/x-ndjson", way: "log_lines", signal: "logs",
                shape: .json, good: Items.lines("endpoint", now), items: Items.count),
        ]
        return endpoints
    }()
}

/// OTLP messages by hand, so that they can also be wrong.
enum OTLP {
    /// An ExportTraceServiceRequest with one span for each pair of ids.
    static func spans(
        _ spans: [(trace: [UInt8], span: [UInt8], startMilliseconds: Int64)],
        name: [UInt8] = Array("a".utf8)
    ) -> [UInt8] {
        message { scope in
            for span in spans {
                scope.message(2) { writer in
                    span.trace.withUnsafeBytes { writer.bytes(1, $0) }
                    span.span.withUnsafeBytes { writer.bytes(2, $0) }
                    name.withUnsafeBytes { writer.bytes(5, $0) }
                    let start = UInt64(bitPattern: span.startMilliseconds &* 1_000_000)
                    writer.fixed64(7, start)
                    writer.fixed64(8, start)
                }
            }
        }
    }

    /// An ExportLogsServiceRequest with a record for each time in milliseconds.
    static func logs(times: [Int64], text: String) -> [UInt8] {
        message { scope in
            for time in times {
                scope.message(2) { record in
                    record.fixed64(1, UInt64(bitPattern: time &* 1_000_000))
                    record.message(5) { $0.string(1, text) }
                }
            }
        }
    }

    /// An ExportMetricsServiceRequest with one gauge.
    static func gauge(
        _ name: String = "endpoint_gauge", points: [(milliseconds: Int64, value: Double)],
        attribute: (key: String, value: String) = ("k", "v")
    ) -> [UInt8] {
        message { scope in
            scope.message(2) { metric in
                metric.string(1, name)
                metric.message(5) { gauge in
                    for point in points {
                        gauge.message(1) { writer in
                            writer.fixed64(3, UInt64(bitPattern: point.milliseconds &* 1_000_000))
                            writer.presentDouble(4, point.value)
                            writer.message(7) { pair in
                                pair.string(1, attribute.key)
                                pair.message(2) { $0.string(1, attribute.value) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// One resource with one scope, which all three signals number alike.
    private static func message(_ content: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { resource in resource.message(2) { content(&$0) } }
        return writer.bytes
    }
}

/// Remote write requests, one sample a series, labels in the given order.
enum Remote {
    static func write(
        _ series: [(labels: KeyValuePairs<String, String>, milliseconds: Int64, value: Double)]
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        for entry in series {
            writer.message(1) { message in
                for (name, value) in entry.labels {
                    message.message(1) { label in
                        label.string(1, name)
                        label.string(2, value)
                    }
                }
                message.message(2) { sample in
                    sample.double(1, entry.value)
                    sample.varint(2, UInt64(bitPattern: entry.milliseconds))
                }
            }
        }
        return writer.bytes
    }
}
