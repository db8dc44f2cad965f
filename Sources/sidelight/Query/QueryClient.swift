import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Asks the query routes of a running server.
struct QueryClient {
    enum Failure: Error, CustomStringConvertible {
        case unreachable(String)
        case refused(status: Int, body: String)

        var description: String {
            switch self {
            case .unreachable(let reason): reason
            case .refused(let status, let body):
                "the server answers \(status): \(body.split(separator: "\n").first ?? "")"
            }
        }

        /// What is asked is wrong, rather than who.
        var isUsage: Bool {
            if case .refused(400, _) = self { return true }
            return false
        }
    }

    let address: ServerAddress

    private static let answerBytesMax = 512 << 20

    /// - Parameter headers: beside the token.
    func get(
        _ path: String, headers: [(name: String, value: String)] = []
    ) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: address.url + path)
        if let token = address.token {
            request.headers.add(name: "authorization", value: "Bearer \(token)")
        }
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        let client = CommandHTTP.client()
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            response = try await client.execute(request, timeout: .minutes(5))
            body = try await response.body.collect(upTo: Self.answerBytesMax)
            try await client.shutdown()
        } catch {
            try await client.shutdown()
            throw Failure.unreachable(
                "cannot reach \(address.url) (\(error)); start sidelight serve, or name it with "
                    + "--server")
        }
        guard response.status == .ok else {
            let text = String(buffer: body)
            throw Failure.refused(
                status: Int(response.status.code), body: Self.reason(text) ?? text)
        }
        return Array(body.readableBytesView)
    }

    /// What Prometheus's API says is wrong; `nil` if it is another answer.
    private static func reason(_ text: String) -> String? {
        struct Refusal: Decodable {
            var error: String
        }
        do {
            return try JSONDecoder().decode(Refusal.self, from: Data(text.utf8)).error
        } catch {
            return nil
        }
    }

    /// As the query of a URL.
    static func encoded(_ items: [(String, String)]) -> String {
        let plain = CharacterSet.alphanumerics.intersection(
            CharacterSet(charactersIn: Unicode.Scalar(0)...Unicode.Scalar(127))
        ).union(CharacterSet(charactersIn: "-._~"))
        return items.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: plain) ?? "")"
        }.joined(separator: "&")
    }
}
