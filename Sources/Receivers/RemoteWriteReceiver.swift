import Compression
import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Prometheus remote write 1.0 and 2.0 (prometheus.io/docs/specs/prw/remote_write_spec and
/// …/remote_write_spec_2_0): `POST /api/v1/write` with a snappy block. Answers 204; 400 with the reason
/// after the good samples are stored when some are bad, as Prometheus does, so that senders do not repeat
/// them. Answers to 2.0 say in `X-Prometheus-Remote-Write-…-Written` how much was stored.
package struct RemoteWriteReceiver: Sendable {
    /// The messages a body may hold.
    private enum Message {
        case writeRequest
        case symbolized
    }

    private let ingest: Ingest
    private let expandedBytesMax: Int
    private let starts = StartTimes()
    private let known = KnownSeries()

    /// - Parameter expandedBytesMax: what a body may expand to.
    package init(_ ingest: Ingest, expandedBytesMax: Int = HTTPLimits().expandedBytesMax) {
        self.ingest = ingest
        self.expandedBytesMax = expandedBytesMax
    }

    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        var options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .remoteWrite, reason: error.reason.rawValue))
            return ErrorRenderers.text(error, request)
        })
        options.rawEncodings = ["snappy"]
        router.on(.post, prefix + "/api/v1/write", options: options) { try await write($0) }
    }

    private func write(_ request: HTTPRequest) async throws -> HTTPResponse {
        let message = try Self.message(of: request)
        let body = try expanded(request)
        // No digest: a sample that comes again replaces itself.
        switch message {
        case .writeRequest:
            var new: [LabelRun] = []
            let decoded = try decode {
                let read = try RemoteWrite.decode(protobuf: body, known: known)
                new = read.new
                return read.decoded
            }
            let receipt = try await storing { () throws(StoreError) in
                try await ingest.store(decoded, digest: nil, by: .remoteWrite)
            }
            // Series over a limit are not learnt, so that they are looked at, and refused, again.
            if receipt.rejected == 0 { known.learn(new) }
            return Self.answer(receipt)
        case .symbolized:
            let decoded = try decode { try RemoteWrite.decode(symbolized: body) }
            return Self.written(receipt: try await store(decoded))
        }
    }

    private func store(_ decoded: Decoded<SymbolizedWrite>) async throws -> IngestReceipt {
        let (batch, starts) = (decoded.batch.batch, decoded.batch.starts)
        let zeros = self.starts.zeros(for: starts, of: batch)
        if !zeros.isEmpty {
            _ = try await storing { () throws(StoreError) in
                try await ingest.store(Decoded(batch: zeros), digest: nil, by: .remoteWrite)
            }
        }
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(decoded.map(\.batch), digest: nil, by: .remoteWrite)
        }
        self.starts.remember(starts, of: batch)
        return receipt
    }

    private static func answer(_ receipt: IngestReceipt) -> HTTPResponse {
        guard receipt.rejected == 0 else {
            return .text(
                "\(receipt.accepted) samples stored, \(receipt.rejected) rejected:"
                    + " \(receipt.message)\n", status: 400)
        }
        return .empty()
    }

    private static func written(receipt: IngestReceipt) -> HTTPResponse {
        let prefix = "x-prometheus-remote-write-"
        return answer(receipt)
            .with(prefix + "samples-written", "\(receipt.accepted - receipt.histograms)")
            .with(prefix + "histograms-written", "\(receipt.histograms)")
            .with(prefix + "exemplars-written", "\(receipt.exemplars)")
    }

    private static func message(of request: HTTPRequest) throws(HTTPError) -> Message {
        guard let type = request.contentType, type.essence == "application/x-protobuf" else {
            throw HTTPError(
                .unsupportedMediaType,
                message: "remote write wants Content-Type application/x-protobuf, not"
                    + " \"\(request.headers["content-type"] ?? "")\"")
        }
        switch type.parameters["proto"] {
        case nil, "prometheus.WriteRequest": return .writeRequest
        case RemoteWrite.symbolizedMessage: return .symbolized
        case let message?:
            throw HTTPError(
                .unsupportedMediaType,
                message: "\(message) is not supported; send prometheus.WriteRequest (remote write"
                    + " 1.0) or \(RemoteWrite.symbolizedMessage) (2.0)")
        }
    }

    private func expanded(_ request: HTTPRequest) throws(HTTPError) -> [UInt8] {
        let encoding = request.headers["content-encoding"]?.lowercased()
        guard encoding == "snappy" else {
            throw HTTPError(
                .unsupportedMediaType,
                message: "remote write wants Content-Encoding snappy, not \"\(encoding ?? "")\"")
        }
        do {
            return try Snappy.decompress(request.body, limit: expandedBytesMax)
        } catch .tooLarge(let limit) {
            throw HTTPError(
                .bodyTooLarge,
                message: "the snappy body expands beyond the limit of \(limit) bytes")
        } catch {
            throw HTTPError(.undecodableEncoding, message: "the body is not snappy: \(error)")
        }
    }
}
