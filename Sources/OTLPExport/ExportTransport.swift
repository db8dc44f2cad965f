import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Why a request was not accepted, and what that means for it.
package enum SendFailure: Error, Equatable {
    /// The receiver may take the same request later.
    case transient(reason: String, retryAfter: Duration?)
    /// It never will.
    case permanent(reason: String)
}

/// Carries request bodies to a receiver. There are two: HTTP, and what tests put in its place.
package protocol ExportTransport: Sendable {
    func send(_ body: [UInt8], to url: String) async throws(SendFailure)
    func close() async
}

/// OTLP/HTTP with binary protobuf bodies.
package final class HTTPExportTransport: ExportTransport {
    private let client: HTTPClient
    private let headers: [(name: String, value: String)]
    private let timeout: TimeAmount
    private let isGzip: Bool

    /// - Parameters:
    ///   - timeout: of a request.
    ///   - connectTimeout: of its connection, if it needs a new one.
    ///   - isGzip: bodies are given compressed.
    package init(
        headers: [(name: String, value: String)], timeout: Duration,
        connectTimeout: Duration = .seconds(2), isGzip: Bool
    ) {
        // Following turns a POST into a GET, whose success would be taken for ours.
        var settings = HTTPClient.Configuration(redirectConfiguration: .disallow)
        settings.connectionPool.idleTimeout = .seconds(30)
        settings.timeout.connect = Self.amount(connectTimeout)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        self.headers = headers
        self.timeout = Self.amount(timeout)
        self.isGzip = isGzip
    }

    private static func amount(_ duration: Duration) -> TimeAmount {
        let (seconds, attoseconds) = duration.components
        return .nanoseconds(min(seconds, 1 << 32) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    package func send(_ body: [UInt8], to url: String) async throws(SendFailure) {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-protobuf")
        if isGzip { request.headers.add(name: "content-encoding", value: "gzip") }
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        let status: UInt
        let retryAfter: Duration?
        do {
            let response = try await client.execute(request, timeout: timeout)
            status = response.status.code
            retryAfter = RetryAfter.parse(response.headers.first(name: "retry-after"))
            // The connection is only used again once the answer is read.
            _ = try await response.body.collect(upTo: 1 << 20)
        } catch {
            throw .transient(reason: "\(error)", retryAfter: nil)
        }
        switch status {
        case 200..<300: return
        case 429, 502, 503, 504:
            throw .transient(reason: "status \(status)", retryAfter: retryAfter)
        default: throw .permanent(reason: "status \(status)")
        }
    }

    package func close() async {
        do {
            try await client.shutdown()
        } catch {
            // It was closed before: nothing is left to do.
            return
        }
    }
}

/// The `Retry-After` header in seconds (RFC 9110 §10.2.3). Dates, which receivers of telemetry do not
/// send, count as absent.
enum RetryAfter {
    static func parse(_ value: String?) -> Duration? {
        guard let value, let seconds = Int(value), (0...86_400).contains(seconds) else {
            return nil
        }
        return .seconds(seconds)
    }
}
