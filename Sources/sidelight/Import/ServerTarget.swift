import AsyncHTTPClient
import Compression
import NIOCore
import NIOHTTP1
import WireFormats

/// A running server, by its ordinary routes: OTLP for spans and log records, remote write for samples.
struct ServerTarget: ImportTarget {
    private let client: HTTPClient
    /// Without a slash at the end.
    private let server: String
    private let token: String?

    /// Bodies stay well below the 16 MiB that receivers take.
    private static let bodyBytesMax = 8 << 20
    /// A server that is overloaded for longer than its own hints add up to this is not going to recover
    /// while somebody watches.
    private static let waitMax = Duration.seconds(120)
    private static let requestTimeout = TimeAmount.seconds(60)
    private static let triesMax = 5

    /// Asks the server whether it is there.
    static func connect(
        to server: String, token: String?
    ) async throws(ImportTargetError) -> ServerTarget {
        var settings = HTTPClient.Configuration(redirectConfiguration: .disallow)
        settings.timeout.connect = .seconds(5)
        let target = ServerTarget(
            client: HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings),
            server: server, token: token)
        do throws(ImportTargetError) {
            let answer = try await target.execute(HTTPClientRequest(url: server + "/readyz"))
            guard answer.status == 200 else {
                throw .unreachable(
                    "\(server) answers /readyz with \(answer.status); is it a Sidelight server?")
            }
        } catch {
            try await target.close()
            throw error
        }
        return target
    }

    private init(client: HTTPClient, server: String, token: String?) {
        self.client = client
        self.server = server
        self.token = token
    }

    func close() async throws(ImportTargetError) {
        do { try await client.shutdown() } catch { throw .unreachable("\(error)") }
    }

    func store(_ items: ImportItems) async throws(ImportTargetError) -> ImportReceipt {
        let body = Self.body(of: items)
        guard body.count <= Self.bodyBytesMax || items.count <= 1 else {
            var receipt = ImportReceipt()
            for half in items.parts(of: (items.count + 1) / 2) {
                receipt.refusals += try await store(half).refusals
            }
            return receipt
        }
        switch items {
        case .spans: return try await send(body, to: "/v1/traces", [:], isOTLP: true)
        case .logs: return try await send(body, to: "/v1/logs", [:], isOTLP: true)
        case .samples:
            let headers: HTTPHeaders = [
                "content-encoding": "snappy", "x-prometheus-remote-write-version": "0.1.0",
            ]
            return try await send(body, to: "/api/v1/write", headers, isOTLP: false)
        }
    }

    private static func body(of items: ImportItems) -> [UInt8] {
        switch items {
        case .spans(let batch): OTLPTraces.encode(batch)
        case .logs(let batch): OTLPLogs.encode(batch)
        case .samples(let batch): Snappy.compress(RemoteWrite.encode(batch))
        }
    }

    /// Sends until the server has stored or refused it. The same body may come twice: the server knows
    /// it again.
    private func send(
        _ body: [UInt8], to path: String, _ headers: HTTPHeaders, isOTLP: Bool
    ) async throws(ImportTargetError) -> ImportReceipt {
        var request = HTTPClientRequest(url: server + path)
        request.method = .POST
        request.headers = headers
        request.headers.replaceOrAdd(name: "content-type", value: "application/x-protobuf")
        request.body = .bytes(ByteBuffer(bytes: body))
        var waited = Duration.zero
        while true {
            let answer = try await execute(request)
            let text = String(decoding: answer.body, as: UTF8.self)
            switch answer.status {
            case 200..<300:
                return isOTLP ? OTLPAnswer.receipt(answer.body) : ImportReceipt()
            case 400 where !isOTLP:
                guard let receipt = RemoteWriteAnswer.receipt(text) else { throw .refused(text) }
                return receipt
            case 429, 502, 503, 504:
                let pause = Duration.seconds(max(1, answer.retryAfterSeconds))
                waited += pause
                guard waited <= Self.waitMax else {
                    throw .unreachable("\(server) is overloaded: \(answer.status) \(text)")
                }
                try await sleep(pause)
            case 401:
                throw .unreachable("\(server) wants a token: give --token-file")
            default: throw .refused("\(server)\(path) answers \(answer.status): \(text)")
            }
        }
    }

    private struct Answer {
        var status: UInt
        var retryAfterSeconds: Int
        var body: [UInt8]
    }

    /// One request, tried again when the connection breaks.
    private func execute(
        _ request: HTTPClientRequest
    ) async throws(ImportTargetError) -> Answer {
        var request = request
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        var failure = ""
        for attempt in 1...Self.triesMax {
            do {
                let response = try await client.execute(request, timeout: Self.requestTimeout)
                let body = try await response.body.collect(upTo: 1 << 20)
                let retryAfter = response.headers.first(name: "retry-after").flatMap { Int($0) }
                return Answer(
                    status: response.status.code,
                    retryAfterSeconds: min(max(retryAfter ?? 0, 0), 60),
                    body: Array(buffer: body))
            } catch {
                failure = "\(error)"
            }
            // Nobody listens there, most likely: say so at once.
            if request.method == .GET { break }
            if attempt < Self.triesMax { try await sleep(.milliseconds(200 * attempt)) }
        }
        throw .unreachable(
            "cannot reach \(server) (\(failure)); start sidelight serve, name it with --server, or "
                + "load into the data directory of a stopped one with --data")
    }

    private func sleep(_ duration: Duration) async throws(ImportTargetError) {
        do { try await Task.sleep(for: duration) } catch { throw .unreachable("interrupted") }
    }
}
