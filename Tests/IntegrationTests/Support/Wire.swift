import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// An answer over HTTP.
struct WireAnswer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var bytes: [UInt8]
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var contentType: String { header("content-type") ?? "" }

    func header(_ name: String) -> String? { headers.first(name: name) }
}

/// Plain requests to the program under test.
enum Wire {
    static func get(_ url: String, token: String? = nil) async throws -> WireAnswer {
        var request = HTTPClientRequest(url: url)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        return try await send(request)
    }

    static func post(
        _ url: String, type: String?, encoding: String? = nil, _ body: [UInt8]
    ) async throws -> WireAnswer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        if let type { request.headers.add(name: "content-type", value: type) }
        if let encoding { request.headers.add(name: "content-encoding", value: encoding) }
        request.body = .bytes(ByteBuffer(bytes: body))
        return try await send(request)
    }

    private static func send(_ request: HTTPClientRequest) async throws -> WireAnswer {
        var request = request
        // The client refuses answers that shrink as well as lists of equal items do.
        request.headers.replaceOrAdd(name: "accept-encoding", value: "identity")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let body = try await response.body.collect(upTo: 64 << 20)
        return WireAnswer(
            status: Int(response.status.code), headers: response.headers,
            bytes: Array(buffer: body))
    }
}

/// What `/metrics` shows, by name with labels as written there.
struct Counters: Sendable {
    private var values: [String: Double] = [:]

    init(of url: String) async throws {
        for line in try await Wire.get(url + "/metrics").text.split(separator: "\n")
        where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { continue }
            values[String(line[..<space])] = value
        }
    }

    /// 0 where nothing was counted yet.
    subscript(name: String) -> Double { values[name, default: 0] }

    /// What rose since `earlier`, without the counter of HTTP requests, which always does.
    func rises(since earlier: Counters) -> [String: Double] {
        var rises: [String: Double] = [:]
        for (name, value) in values where value > earlier[name] {
            rises[name] = value - earlier[name]
        }
        return rises
    }
}
