import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Log lines, JSON or text, one a line: `POST /api/sidelight/logs`.
///
/// Query parameters: `service` is the `service.name` of all lines; `label` names fields whose values
/// identify a stream (separated by commas, repeatable). Answers `{"accepted":N,"rejected":M}`, and with
/// rejections their reasons as `message`. Whatever the content type says, each line is told by itself, but for
/// bodies that are an array or a sequence of objects, and `application/json` over several lines (`JSONDocuments`).
///
/// Of a body that has not ended in time (`HTTPLimits.bodyTimeout`) the whole lines are stored, and the answer
/// is the same with status 408: a stream without end is to be cut into requests by its sender. What comes
/// after the last end of a line is refused.
package struct LogLinesReceiver: Sendable {
    /// Each label field costs a look-up a line, and streams beyond a handful of labels help nobody.
    static let labelFieldsMax = 16

    private let ingest: Ingest

    package init(_ ingest: Ingest) { self.ingest = ingest }

    package func register(on router: inout Router) {
        let events = ingest.events
        var options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .logLines, reason: error.reason.rawValue))
            return ErrorRenderers.json(error, request)
        })
        options.takesLateBodies = true
        router.on(.post, "/api/sidelight/logs", options: options) { try await lines($0) }
    }

    private func lines(_ request: HTTPRequest) async throws -> HTTPResponse {
        try Self.checkType(request)
        let options = try options(request)
        let now = ingest.now
        var request = request
        if request.isTruncated {
            let end = request.body.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            request.body.removeSubrange(end...)
        }
        let objects =
            request.isTruncated
            ? nil : JSONDocuments.lines(request.body, isJSON: Self.isJSON(request))
        let decoded = try decode {
            try LogLines.decode(objects ?? request.body, options: options, receivedAt: now)
        }
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(
                decoded, digest: decoded.retryDigest(request.retryIdentity, receivedAt: now),
                by: .logLines)
        }
        guard request.isTruncated else { return .json(Self.answer(receipt, receipt.message)) }
        let reasons = [
            receipt.message,
            "the body did not end in time: its whole lines were stored; send lines in requests that"
                + " end",
        ]
        return .json(
            Self.answer(receipt, reasons.filter { !$0.isEmpty }.joined(separator: "; ")),
            status: 408)
    }

    private static func answer(_ receipt: IngestReceipt, _ message: String) -> [UInt8] {
        var json = Array(
            "{\"accepted\":\(receipt.accepted),\"rejected\":\(receipt.rejected)".utf8)
        if !message.isEmpty {
            json.append(contentsOf: ",\"message\":".utf8)
            JSONText.append(string: message, to: &json)
        }
        json.append(contentsOf: "}\n".utf8)
        return json
    }

    private func options(_ request: HTTPRequest) throws(HTTPError) -> LogLineOptions {
        var fields: [String] = []
        for list in request.parameters.all("label") {
            for field in list.split(separator: ",") where !fields.contains(String(field)) {
                fields.append(String(field))
            }
        }
        guard fields.count <= Self.labelFieldsMax else {
            throw .badRequest(
                "at most \(Self.labelFieldsMax) label fields; \(fields.count) are named")
        }
        let service = request.parameters["service"].map {
            Attribute(SemanticKey.serviceName, .string($0))
        }
        var options = ingest.lineOptions
        options.labelFields = fields
        options.resource = service.map { [$0] } ?? []
        return options
    }

    /// Rather than lines of it.
    private static func isJSON(_ request: HTTPRequest) -> Bool {
        switch request.contentType?.essence {
        case "application/json", "application/json-seq": true
        default: false
        }
    }

    private static func checkType(_ request: HTTPRequest) throws(HTTPError) {
        guard let sent = request.headers["content-type"] else { return }
        switch request.contentType?.essence {
        case "application/x-ndjson", "application/ndjson", "application/json", "application/jsonl",
            "application/jsonlines", "application/x-jsonl", "application/x-jsonlines",
            "application/stream+json", "application/x-json-stream", "application/json-seq",
            "application/octet-stream", "application/logfmt",
            // What curl says about --data-binary, and others about any text.
            "application/x-www-form-urlencoded":
            return
        case let type? where type.hasPrefix("text/"): return
        default:
            throw HTTPError(
                .unsupportedMediaType,
                message: "Content-Type \"\(sent)\" is not supported; send application/x-ndjson,"
                    + " application/json or text/plain")
        }
    }
}
