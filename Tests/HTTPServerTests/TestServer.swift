import AsyncHTTPClient
import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import Platform

/// A server on a free port for the duration of `body`.
func withServer<Result>(
    limits: HTTPLimits = HTTPLimits(), tokens: TokenSet? = nil, events: EventLog = .forTests,
    grace: Duration = .seconds(2),
    routes: (inout Router) -> Void, _ body: (HTTPListener) async throws -> Result
) async throws -> Result {
    var router = Router()
    routes(&router)
    var configuration = HTTPListener.Configuration(
        address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen", tokens: tokens)
    configuration.limits = limits.patient
    let listener = try await HTTPListener.open(
        configuration, routes: router.compiled(), events: events)
    do {
        let result = try await body(listener)
        await listener.shutdown(within: grace)
        return result
    } catch {
        await listener.shutdown(within: grace)
        throw error
    }
}

extension HTTPLimits {
    /// These limits, but with long ones for the times that the test has not set: whoever stands still for a
    /// minute, client or server, is none of its business.
    fileprivate var patient: HTTPLimits {
        let usual = HTTPLimits()
        var limits = self
        for time in [
            \.idleTimeout, \.bodyTimeout, \.responseTimeout, \.socketPingInterval,
        ] as [WritableKeyPath<HTTPLimits, Duration>]
        where self[keyPath: time] == usual[keyPath: time] {
            limits[keyPath: time] = .seconds(900)
        }
        return limits
    }
}

extension EventLog {
    static var forTests: EventLog {
        EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

/// Leaves compressed bodies as they come. Lives as long as the process, as `HTTPClient.shared` does.
private let rawBodyClient = HTTPClient(
    eventLoopGroupProvider: .singleton,
    configuration: .init(timeout: .init(connect: .minutes(5)), decompression: .disabled))

/// An answer with its body read whole.
struct Answer {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    subscript(name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension HTTPListener {
    func request(
        _ method: String = "GET", _ path: String, headers: KeyValuePairs<String, String> = [:],
        body: [UInt8]? = nil, chunked: Bool = false
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(address.port)\(path)")
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            let chunks = chunked ? body.chunks(of: 1_000) : [body]
            request.body =
                chunked
                ? .stream(
                    Chunks(chunks.map { ByteBuffer(bytes: $0) }), length: .unknown)
                : .bytes(ByteBuffer(bytes: body))
        }
        let response = try await rawBodyClient.execute(request, timeout: .seconds(300))
        let content = try await response.body.collect(upTo: 128 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: response.headers.map { (name: $0.name, value: $0.value) },
            body: Array(content.readableBytesView))
    }
}

struct Chunks: AsyncSequence, Sendable {
    let chunks: [ByteBuffer]

    init(_ chunks: [ByteBuffer]) { self.chunks = chunks }

    struct Iterator: AsyncIteratorProtocol {
        var rest: ArraySlice<ByteBuffer>
        mutating func next() async -> ByteBuffer? { rest.popFirst() }
    }

    func makeAsyncIterator() -> Iterator { Iterator(rest: chunks[...]) }
}

extension [UInt8] {
    func chunks(of size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
