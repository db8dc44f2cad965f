import Compression
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    func write(
        _ response: HTTPResponse, to request: HTTPRequest, isHead: Bool,
        _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        switch response.body {
        case .bytes(let bytes):
            try await write(bytes, of: response, to: request, isHead: isHead, writer, channel)
        case .stream(let produce):
            let deadline = abort(channel, after: limits.responseTimeout, .responseTimeout)
            defer { deadline.cancel() }
            if isHead {
                let count = try await offLoop { try await Self.count(produce) }
                var head = Self.head(response)
                head.headerFields[.contentLength] = String(count)
                return try await writer.writeResponse(head)
            }
            let body = HTTPBodyWriter(sink: try await writer.writeHead(Self.head(response)))
            try await offLoop { try await produce(body) }
            try await body.finish()
        }
    }

    /// Compressing more takes longer, above 0.1 ms, than handing it to another thread.
    private static let quickBytesMax = 8 << 10

    private func write(
        _ bytes: [UInt8], of response: HTTPResponse, to request: HTTPRequest, isHead: Bool,
        _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        var head = Self.head(response)
        let bytes =
            bytes.count <= Self.quickBytesMax
            ? try compressed(bytes, &head, for: request)
            : try await offLoop { try compressed(bytes, &head, for: request) }
        if Self.mayHaveBody(response.status) {
            head.headerFields[.contentLength] = String(bytes.count)
        }
        guard !isHead, !bytes.isEmpty else { return try await writer.writeResponse(head) }
        // Small answers fit the socket's buffer: no client can hold them up.
        let isSmall = bytes.count <= 64 << 10
        let deadline =
            isSmall ? nil : abort(channel, after: limits.responseTimeout, .responseTimeout)
        defer { deadline?.cancel() }
        try await writer.write(
            response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// gzip where the client asks for it, the body is worth it and of a kind that shrinks.
    private func compressed(
        _ bytes: [UInt8], _ head: inout HTTPTypes.HTTPResponse, for request: HTTPRequest
    ) throws(CompressionError) -> [UInt8] {
        guard bytes.count >= limits.compressedResponseBytesMin,
            head.headerFields[.contentEncoding] == nil,
            Self.isCompressible(head.headerFields[.contentType])
        else { return bytes }
        head.headerFields.append(HTTPField(name: .vary, value: "Accept-Encoding"))
        guard AcceptEncoding.allowsGzip(request.headers["accept-encoding"]) else { return bytes }
        head.headerFields[.contentEncoding] = "gzip"
        // Level 1: queries wait for it, and JSON shrinks well at any level.
        return try Zlib.compress(bytes, format: .gzip, level: 1)
    }

    private static func isCompressible(_ contentType: String?) -> Bool {
        guard let essence = contentType.flatMap({ MediaType($0) })?.essence else { return false }
        if essence.hasPrefix("text/") || essence.hasSuffix("+json") || essence.hasSuffix("+xml") {
            return true
        }
        return [
            "application/json", "application/javascript", "application/x-protobuf",
            "application/protobuf", "application/xml", "application/openmetrics-text",
        ].contains(essence)
    }

    private static func head(_ response: HTTPResponse) -> HTTPTypes.HTTPResponse {
        HTTPTypes.HTTPResponse(
            status: .init(code: response.status), headerFields: response.headers.fields)
    }

    /// RFC 9110 §6.4.1.
    private static func mayHaveBody(_ status: Int) -> Bool {
        !(100..<200).contains(status) && status != 204 && status != 304
    }

    /// How much `produce` writes.
    private static func count(
        _ produce: (HTTPBodyWriter) async throws -> Void
    ) async throws -> Int {
        let counter = HTTPBodyWriter(sink: nil)
        try await produce(counter)
        return counter.writtenBytes
    }
}

/// Where a streaming response puts its chunks.
package final class HTTPBodyWriter {
    /// `nil` only counts.
    private var sink: (any ResponseBodyWriter)?
    package private(set) var writtenBytes = 0

    init(sink: (any ResponseBodyWriter)?) { self.sink = sink }

    /// Sends a chunk; waits while the client reads too slowly.
    package func write(_ chunk: [UInt8]) async throws {
        guard !chunk.isEmpty else { return }
        writtenBytes += chunk.count
        try await sink?.write(ByteBuffer(bytes: chunk))
    }

    fileprivate func finish() async throws {
        guard let sink else { return }
        try await sink.finish(nil)
    }
}
