import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// The real program, run to its end with other commands than `serve`.
enum Program {
    struct Outcome {
        var status: Int32
        var standardOutput: String
        var standardError: String
        /// Both, for messages of failed expectations.
        var description: String { "exit \(status)\n\(standardOutput)\(standardError)" }
    }

    private final class Collected: Sendable {
        let bytes = Mutex(Data())
    }

    /// Runs `sidelight` with `arguments`, giving it `input` on standard input.
    static func run(
        _ arguments: [String], input: Data = Data(), environment: [String: String] = [:]
    ) throws -> Outcome {
        let binary = try #require(ServerProcess.binary)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (given, output, errors) = (Pipe(), Pipe(), Pipe())
        process.standardInput = given
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let collected = Collected()
        let reading = DispatchGroup()
        reading.enter()
        Thread {
            let bytes = errors.fileHandleForReading.readDataToEndOfFile()
            collected.bytes.withLock { $0 = bytes }
            reading.leave()
        }.start()
        Thread {
            // The program may end before it has read everything.
            do {
                try given.fileHandleForWriting.write(contentsOf: input)
                try given.fileHandleForWriting.close()
            } catch {
                print("not all of the standard input was read: \(error)")
            }
        }.start()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        reading.wait()
        return Outcome(
            status: process.terminationStatus,
            standardOutput: String(decoding: text, as: UTF8.self),
            standardError: collected.bytes.withLock { String(decoding: $0, as: UTF8.self) })
    }

    /// The root of the repository.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let sampleData = root.appendingPathComponent("sample-data").resolvingSymlinksInPath()
}

/// Reads JSON of answers and files without types: what is not there is `nil`.
struct Answer {
    let value: Any?

    init(_ value: Any?) { self.value = value }

    init(parsing text: String) throws {
        value = try JSONSerialization.jsonObject(
            with: Data(text.utf8), options: [.fragmentsAllowed])
    }

    subscript(key: String) -> Answer { Answer((value as? [String: Any])?[key]) }
    subscript(index: Int) -> Answer {
        let array = value as? [Any] ?? []
        return Answer(array.indices.contains(index) ? array[index] : nil)
    }

    var array: [Answer] { (value as? [Any] ?? []).map(Answer.init) }
    var keys: [String] { (value as? [String: Any])?.keys.sorted() ?? [] }
    var string: String? { value as? String }
    var int: Int? { (value as? NSNumber)?.intValue }
    var bool: Bool? { value as? Bool }
    /// Numbers as they are, and those that JSON mappings write as strings.
    var number: Double? { (value as? NSNumber)?.doubleValue ?? string.flatMap(Double.init) }

    /// Sorted by key, so that equal values have equal text.
    var text: String {
        guard let value else { return "nothing" }
        do {
            let data = try JSONSerialization.data(
                withJSONObject: value, options: [.sortedKeys, .fragmentsAllowed])
            return String(decoding: data, as: UTF8.self)
        } catch {
            return "\(value)"
        }
    }
}

/// Requests to a running server.
enum Web {
    /// A JSON answer.
    static func get(
        _ url: String, _ query: KeyValuePairs<String, String> = [:]
    ) async throws -> Answer {
        var parts = try #require(URLComponents(string: url))
        if !query.isEmpty {
            parts.queryItems = query.map { URLQueryItem(name: $0.key, value: $0.value) }
            // A plus would be read as a space.
            parts.percentEncodedQuery = parts.percentEncodedQuery?.replacingOccurrences(
                of: "+", with: "%2B")
        }
        let (status, body) = try await send(HTTPClientRequest(url: try #require(parts.string)))
        try #require(status == 200, "\(url) answers \(status): \(body)")
        return try Answer(parsing: body)
    }

    static func post(
        _ url: String, _ body: Data, _ headers: HTTPHeaders
    ) async throws -> (status: UInt, body: String) {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = headers
        request.body = .bytes(ByteBuffer(bytes: body))
        return try await send(request)
    }

    private static func send(
        _ request: HTTPClientRequest
    ) async throws -> (status: UInt, body: String) {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let body = try await response.body.collect(upTo: 64 << 20)
        return (response.status.code, String(buffer: body))
    }
}
