import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// A question to a running server that takes a while: a request and its answer in JSON, over any of its routes
/// below `/api/sidelight`. Failures end the program by the exit codes of the command line's contract.
struct ServerQuestion {
    /// Below `/api/sidelight/`.
    let path: String
    let server: String?
    let tokenFile: String?
    /// Of the answer.
    let bytesMax: Int

    /// - Parameter request: 400 is a check that failed, whose reason the server gives.
    func ask<Answer: Decodable>(_ request: some Encodable) async throws -> Answer {
        let address: ServerAddress
        do {
            address = try ServerAddress(server: server, tokenFile: tokenFile)
        } catch let error as ConfigurationError {
            try Failure.exit(.usage, error.description)
        }
        let client = CommandHTTP.client()
        let (status, body): (UInt, Data)
        do {
            (status, body) = try await post(request, to: address, client)
            try await client.shutdown()
        } catch {
            try await client.shutdown()
            try Failure.exit(
                .unreachable,
                "cannot reach \(address.url) (\(error)); start sidelight serve, name it with "
                    + "--server, or read the data directory of a stopped one with --data")
        }
        switch status {
        case 200: return try JSONDecoder().decode(Answer.self, from: body)
        case 401:
            try Failure.exit(.unreachable, "\(address.url) wants a token: give --token-file")
        case 404:
            try Failure.exit(
                .unreachable,
                "\(address.url) has no /api/sidelight/\(path); is it a Sidelight server?")
        default:
            let text = String(decoding: body, as: UTF8.self)
            try Failure.exit(
                status == 400 ? .checkFailed : .unreachable,
                "\(address.url) answers \(status): \(text)")
        }
    }

    private func post(
        _ request: some Encodable, to address: ServerAddress, _ client: HTTPClient
    ) async throws -> (UInt, Data) {
        var message = HTTPClientRequest(url: "\(address.url)/api/sidelight/\(path)")
        message.method = .POST
        message.headers.add(name: "content-type", value: "application/json")
        if let token = address.token {
            message.headers.add(name: "authorization", value: "Bearer \(token)")
        }
        message.body = .bytes(ByteBuffer(bytes: Array(try JSONEncoder().encode(request))))
        let response = try await client.execute(message, timeout: .minutes(11))
        let body = try await response.body.collect(upTo: bytesMax)
        return (response.status.code, Data(Array(buffer: body)))
    }
}
