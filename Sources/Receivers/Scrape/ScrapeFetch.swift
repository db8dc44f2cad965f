import AsyncHTTPClient
import Compression
import NIOCore
import NIOHTTP1
import Platform
import Synchronization
import WireFormats

/// What a target answered: an exposition in one of the formats.
package struct ScrapeAnswer: Sendable {
    package var body: [UInt8]
    package var format: Exposition.Format
    /// Whether the body goes on beyond its limit.
    package var isTruncated: Bool

    package init(body: [UInt8], format: Exposition.Format, isTruncated: Bool = false) {
        self.body = body
        self.format = format
        self.isTruncated = isTruncated
    }
}

/// Why a target could not be scraped, in words for the person who looks after it.
package struct ScrapeFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Asks targets. The other implementation is that of tests.
package protocol ScrapeFetcher: Sendable {
    func fetch(_ target: ScrapeTarget, for job: ScrapeJob) async throws(ScrapeFailure)
        -> ScrapeAnswer
    /// The body of a list of targets.
    func fetchList(_ url: String, access: ScrapeAccess) async throws(ScrapeFailure) -> [UInt8]
    func shutdown() async
}

/// Asks by HTTP. A target can neither hold a scrape longer than its timeout nor make it hold more than the
/// limit of its job; bodies of all scrapes at once share one budget.
package final class HTTPScrapeFetcher: ScrapeFetcher {
    /// Of bodies that are being read at once by all scrapes.
    private static let budgetBytes = 512 << 20
    private static let listBytesMax = 16 << 20

    private let clients = ScrapeClients()
    private let tokens = ScrapeTokens()
    private let version: String
    /// Of a question to who lists targets, in milliseconds.
    private let listTimeout: Int64
    private let used = Atomic<Int>(0)

    package init(version: String, listTimeout: Int64 = 10_000) {
        self.version = version
        self.listTimeout = listTimeout
    }

    package func fetch(
        _ target: ScrapeTarget, for job: ScrapeJob
    ) async throws(ScrapeFailure) -> ScrapeAnswer {
        var request = HTTPClientRequest(url: target.url)
        request.headers.add(name: "accept", value: ScrapeProtocol.accept(job.protocols))
        request.headers.add(
            name: "accept-encoding", value: job.asksForGzip ? "gzip" : "identity")
        request.headers.add(
            name: "x-prometheus-scrape-timeout-seconds",
            value: "\(Double(target.timeout) / 1_000)")
        try await authorize(&request, job.access, timeout: target.timeout)
        let limit = job.limits.bodyBytes > 0 ? job.limits.bodyBytes : ScrapeLimits.bodyBytesStandard
        let client = try clients.client(
            for: &request, job.access, followsRedirects: job.followsRedirects)
        let response = try await exchange(request, client, limit: limit, timeout: target.timeout)
        guard response.status == 200 else {
            if response.status == 401, case .oauth(let source) = job.access.method {
                tokens.forget(source)
            }
            throw ScrapeFailure("server returned HTTP status \(response.status)")
        }
        guard let format = Self.format(response.contentType) ?? job.fallback?.format else {
            throw ScrapeFailure(
                "unsupported Content-Type \"\(response.contentType ?? "")\" and no"
                    + " fallback_scrape_protocol")
        }
        return try Self.answer(response, format, limit)
    }

    package func fetchList(
        _ url: String, access: ScrapeAccess
    ) async throws(ScrapeFailure) -> [UInt8] {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "accept", value: "application/json")
        try await authorize(&request, access, timeout: listTimeout)
        let client = try clients.client(for: &request, access, followsRedirects: true)
        let response = try await exchange(
            request, client, limit: Self.listBytesMax,
            timeout: listTimeout)
        guard response.status == 200 else {
            throw ScrapeFailure("\(url) returned HTTP status \(response.status)")
        }
        guard !response.isTruncated else {
            throw ScrapeFailure("\(url) answered more than \(Self.listBytesMax) bytes")
        }
        return response.body
    }

    package func shutdown() async {
        await clients.shutdown()
    }

    private struct Response: Sendable {
        var status: Int
        var contentType: String?
        var isGzip: Bool
        var body: [UInt8] = []
        var isTruncated = false
    }

    private func exchange(
        _ request: HTTPClientRequest, _ client: HTTPClient, limit: Int, timeout: Int64
    ) async throws(ScrapeFailure) -> Response {
        var request = request
        request.headers.add(name: "user-agent", value: "sidelight/\(version)")
        let prepared = request
        let result: Result<Response?, any Error>
        do {
            let response = try await withThrowingTaskGroup(of: Response?.self) { group in
                defer { group.cancelAll() }
                group.addTask { [self] in
                    let response = try await client.execute(prepared, deadline: .distantFuture)
                    return try await read(response, limit: limit)
                }
                group.addTask {
                    try await Task.sleep(for: .milliseconds(timeout))
                    return nil
                }
                return try await group.next() ?? nil
            }
            result = .success(response)
        } catch {
            result = .failure(error)
        }
        switch result {
        case .success(let response?): return response
        case .success(nil): throw ScrapeFailure("no whole answer within \(timeout) ms")
        case .failure(let failure as ScrapeFailure): throw failure
        case .failure(let error as HTTPParserError):
            throw ScrapeFailure("the answer is no HTTP: \(error)")
        case .failure(let error): throw ScrapeFailure("\(error)")
        }
    }

    /// Leaving the loop early closes the connection, so that nobody sends on.
    private func read(
        _ response: HTTPClientResponse, limit: Int
    ) async throws -> Response {
        let encoding = response.headers.first(name: "content-encoding")?.lowercased() ?? ""
        guard ["", "identity", "gzip"].contains(encoding) else {
            throw ScrapeFailure("Content-Encoding \(encoding) was not asked for")
        }
        var read = Response(
            status: Int(response.status.code),
            contentType: response.headers.first(name: "content-type"), isGzip: encoding == "gzip")
        var held = 0
        defer { used.subtract(held, ordering: .relaxed) }
        guard read.status == 200 else { return read }
        for try await part in response.body {
            let count = min(part.readableBytes, limit - read.body.count)
            held += count
            guard used.add(count, ordering: .relaxed).newValue <= Self.budgetBytes else {
                throw ScrapeFailure("too many large answers at once")
            }
            read.body.append(contentsOf: part.readableBytesView.prefix(count))
            if count < part.readableBytes {
                read.isTruncated = true
                break
            }
        }
        return read
    }

    private static func answer(
        _ response: Response, _ format: Exposition.Format, _ limit: Int
    ) throws(ScrapeFailure) -> ScrapeAnswer {
        guard response.isGzip else {
            return ScrapeAnswer(
                body: response.body, format: format, isTruncated: response.isTruncated)
        }
        let expanded: Result<(bytes: [UInt8], isWhole: Bool), CompressionError> =
            response.body.withUnsafeBytes { bytes in
                Result { () throws(CompressionError) in
                    try Zlib.decompressPrefix(bytes, limit: limit)
                }
            }
        switch expanded {
        case .success(let (bytes, isWhole)):
            guard isWhole || response.isTruncated || bytes.count >= limit else {
                throw ScrapeFailure("the gzip body is cut off")
            }
            return ScrapeAnswer(body: bytes, format: format, isTruncated: !isWhole)
        case .failure(let error): throw ScrapeFailure("\(error)")
        }
    }

    private static func format(_ contentType: String?) -> Exposition.Format? {
        guard let contentType else { return nil }
        let parts = contentType.lowercased().split(separator: ";").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        switch parts.first {
        case "text/plain": return .text
        case "application/openmetrics-text": return .openMetrics
        case "application/vnd.google.protobuf":
            let isKnown = parts.contains("proto=io.prometheus.client.metricfamily")
            return isKnown && parts.contains("encoding=delimited") ? .protobuf : nil
        default: return nil
        }
    }

    private func authorize(
        _ request: inout HTTPClientRequest, _ access: ScrapeAccess, timeout: Int64
    ) async throws(ScrapeFailure) {
        for (name, values) in access.headers {
            for value in values { request.headers.add(name: name, value: try value.trimmed()) }
        }
        switch access.method {
        case .none: return
        case .basic(let user, let password):
            request.setBasicAuth(
                username: try user.trimmed(), password: try password.trimmed())
        case .header(let type, let credentials):
            request.headers.replaceOrAdd(
                name: "authorization", value: "\(type) \(try credentials.trimmed())")
        case .oauth(let source):
            request.headers.replaceOrAdd(
                name: "authorization", value: try await token(of: source, timeout: timeout))
        }
    }

    private static let tokenBytesMax = 1 << 20

    /// The token that holds, or a new one.
    private func token(
        of source: ScrapeOAuth, timeout: Int64
    ) async throws(ScrapeFailure) -> String {
        if let known = tokens.token(of: source, at: Self.now) { return known }
        var request = try source.request()
        let client = try clients.client(for: &request, source.access, followsRedirects: true)
        let response = try await exchange(
            request, client, limit: Self.tokenBytesMax, timeout: timeout)
        guard response.status == 200, !response.isTruncated else {
            throw ScrapeFailure(
                "no token: \(source.tokenURL) returned HTTP status \(response.status)")
        }
        let token = try ScrapeToken(response.body, at: Self.now, from: source.tokenURL)
        tokens.keep(token, of: source)
        return token.value
    }

    private static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
}

extension ScrapeAccess.Secret {
    /// Of a file the first word.
    func trimmed() throws(ScrapeFailure) -> String {
        guard case .file = self else { return try content() }
        let text = try content()
        return String(text.drop { $0.isWhitespace }.prefix { !$0.isWhitespace })
    }
}
