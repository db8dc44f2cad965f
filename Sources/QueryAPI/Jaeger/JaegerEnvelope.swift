import HTTPServer
import Telemetry
import WireFormats

/// The frame of answers of Jaeger's first HTTP API: `{data,total,limit,offset,errors}`.
enum JaegerEnvelope {
    /// A trace that was asked for and is not there.
    struct MissingTrace {
        var message: String
        var trace: TraceID
    }

    static func success(
        total: Int = 0, missing: [MissingTrace] = [], data: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.object {
            $0.key("data")
            data(&$0)
            $0.field("total", total)
            $0.field("limit", 0)
            $0.field("offset", 0)
            $0.key("errors")
            if missing.isEmpty {
                $0.null()
            } else {
                $0.array { array in for entry in missing { array.value(entry) } }
            }
        }
        return writer.bytes
    }

    static let errors: ErrorRenderer = { error, _ in
        var writer = JSONWriter()
        writer.object {
            $0.key("data")
            $0.null()
            $0.field("total", 0)
            $0.field("limit", 0)
            $0.field("offset", 0)
            $0.arrayField("errors") { array in
                array.object {
                    $0.field("code", error.status)
                    $0.field("msg", error.message)
                }
            }
        }
        return .json(writer.bytes, status: error.status)
    }

    static func notFound() -> HTTPError {
        HTTPError(.notFound, message: "trace not found")
    }

    /// 16 or 32 hexadecimal digits; shorter ones are padded, as Jaeger does.
    static func traceID(_ text: String) throws(HTTPError) -> TraceID {
        do throws(IdentifierError) { return try TraceID(hex: text) } catch {
            throw .badRequest("cannot parse trace ID \"\(text)\": \(error)")
        }
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ entry: JaegerEnvelope.MissingTrace) {
        object {
            $0.field("msg", entry.message)
            $0.key("traceID")
            $0.jaegerValue(entry.trace)
        }
    }

    /// An id in Jaeger's form: 16 digits where the high half is zero.
    mutating func jaegerValue(_ id: TraceID) {
        guard id.high == 0 else { return value(id) }
        value(SpanID(id.low))
    }
}
