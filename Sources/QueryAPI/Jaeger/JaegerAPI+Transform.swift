import HTTPServer
import Store
import Telemetry
import WireFormats

extension JaegerAPI {
    /// `POST /api/transform`: spans in OTLP's JSON as the traces that Jaeger's pages show, which is how they
    /// open a file. Nothing is stored.
    func transform(_ request: HTTPRequest) async throws -> HTTPResponse {
        let body = request.body
        return .json(
            try await runner.run { _ in
                let bytes = Self.answer(try Self.spans(of: body))
                try check(bytes)
                return bytes
            })
    }

    private static func spans(of body: [UInt8]) throws(HTTPError) -> SpanBatch {
        let decoded: Decoded<SpanBatch>
        do throws(DecodeError) { decoded = try OTLPTraces.decode(json: body) } catch {
            throw .badRequest("cannot unmarshal request: \(error)")
        }
        guard decoded.rejections.isEmpty else {
            throw .badRequest("cannot take all spans: \(decoded.rejectionMessage)")
        }
        return decoded.batch
    }

    /// Traces in the order of their first spans.
    private static func answer(_ spans: SpanBatch) -> [UInt8] {
        var rowsOf: [TraceID: [Int]] = [:]
        var order: [TraceID] = []
        for row in 0..<spans.count {
            let id = spans.traceIDs[row]
            if rowsOf[id] == nil { order.append(id) }
            rowsOf[id, default: []].append(row)
        }
        return JaegerEnvelope.success { data in
            data.array { array in
                for id in order {
                    let trace = BoundedTrace(spans.rows(rowsOf[id] ?? []))
                    JaegerTrace.write(trace, to: &array)
                }
            }
        }
    }
}
