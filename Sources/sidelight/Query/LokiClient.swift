import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Asks the Loki routes of a server.
struct LokiClient {
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

    /// What records say beside their lines stays out of the labels of the streams, which are printed.
    static let shortLabels = (
        name: "x-loki-response-encoding-flags", value: "categorize-labels"
    )

    func get(_ path: String, hasShortLabels: Bool) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: address.url + path)
        if let token = address.token {
            request.headers.add(name: "authorization", value: "Bearer \(token)")
        }
        if hasShortLabels {
            request.headers.add(name: Self.shortLabels.name, value: Self.shortLabels.value)
        }
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            response = try await HTTPClient.shared.execute(request, timeout: .minutes(5))
            body = try await response.body.collect(upTo: Self.answerBytesMax)
        } catch {
            throw Failure.unreachable(
                "cannot reach \(address.url) (\(error)); start sidelight serve, or name it with "
                    + "--server")
        }
        guard response.status == .ok else {
            throw Failure.refused(
                status: Int(response.status.code), body: String(buffer: body))
        }
        return Array(body.readableBytesView)
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
