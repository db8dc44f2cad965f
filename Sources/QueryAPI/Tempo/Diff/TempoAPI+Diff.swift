import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

extension TempoAPI {
    /// `POST /api/v2/traces/diff` with `{"base":{"traceId":"…"},"compare":{"traceId":"…"},"format":"…"}`. Of
    /// Tempo's formats the one that it takes without a name, `trace-patch-v0`; `start` and `end` change
    /// nothing: a trace is found by its id.
    func diff(_ request: HTTPRequest) async throws -> HTTPResponse {
        let asked = try TraceDiffRequest(request.body)
        let most = runner.answerLimits.listedSpansMax
        let bytes = try await runner.run { [store] context in
            let traces = try store.traces([asked.base, asked.compare], spansEach: most)
            guard traces.count == 2, traces.allSatisfy({ !$0.spans.isEmpty }) else {
                throw HTTPError(.notFound, message: "Not Found")
            }
            guard traces.allSatisfy({ $0.cutFrom == nil }) else {
                throw HTTPError(
                    .unprocessable,
                    message: "traces of more than \(most) spans are not compared; "
                        + "see /api/sidelight/traces/{a}/diff/{b}")
            }
            try context.check()
            return TracePatch(
                try PlacedSpans(traces[0].spans), try PlacedSpans(traces[1].spans)
            ).json
        }
        return .json(bytes)
    }
}

/// The body of a request for a difference.
struct TraceDiffRequest {
    private static let format = "trace-patch-v0"
    private static let summaries = ["trace-summary-v0-native", "trace-summary-v0-composed"]

    private(set) var base = TraceID.invalid
    private(set) var compare = TraceID.invalid

    init(_ body: [UInt8]) throws(HTTPError) {
        var texts: [String: String] = [:]
        do throws(DecodeError) {
            texts = try body.withUnsafeBufferPointer { (bytes) throws(DecodeError) in
                try Self.read(UnsafeRawBufferPointer(bytes))
            }
        } catch {
            throw .badRequest("invalid trace diff request body: \(error)")
        }
        let format = texts["format"] ?? ""
        guard format.isEmpty || format == Self.format else {
            if Self.summaries.contains(format) {
                throw HTTPError(
                    .notFound, status: 501, message: "format \(format) is not supported here")
            }
            throw .badRequest("invalid format \"\(format)\": must be \"\(Self.format)\"")
        }
        base = try Self.id(texts["base"], "base")
        compare = try Self.id(texts["compare"], "compare")
    }

    private static func id(_ text: String?, _ side: String) throws(HTTPError) -> TraceID {
        guard let text, !text.isEmpty else { throw .badRequest("\(side).traceId is required") }
        do throws(IdentifierError) { return try TraceID(hex: text) } catch {
            throw .badRequest("invalid \(side).traceId: \(error)")
        }
    }

    /// The format and the ids of both sides.
    private static func read(
        _ bytes: UnsafeRawBufferPointer
    ) throws(DecodeError) -> [String: String] {
        var reader = JSONReader(bytes)
        var texts: [String: String] = [:]
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let name = String(decoding: key.bytes, as: UTF8.self)
            switch name {
            case "format": texts[name] = String(decoding: try reader.string(), as: UTF8.self)
            case "base", "compare":
                try reader.beginObject()
                while let inner = try reader.nextKey() {
                    if String(decoding: inner.bytes, as: UTF8.self) == "traceId" {
                        texts[name] = String(decoding: try reader.string(), as: UTF8.self)
                    } else {
                        try reader.skipValue()
                    }
                }
            default: try reader.skipValue()
            }
        }
        try reader.end()
        return texts
    }
}
