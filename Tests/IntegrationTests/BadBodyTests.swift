import Compression
import Foundation
import Testing
import WireFormats

/// Bodies that cannot be taken as a whole: every way in answers them in its own protocol's shape, counts
/// them by reason, stores nothing of them, and takes the next good body.
@Suite(
    "Bad bodies",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct BadBodyTests {
    struct Row {
        var what: String
        var type: String?
        var encoding: String?
        var body: [UInt8]
        var status: Int
        var reason: String
        /// A part of the message.
        var says: String
    }

    /// What is wrong with what is sent to any of them.
    private static func rows(_ endpoint: Endpoint) throws -> [Row] {
        try contentTypes(endpoint) + undecodable(endpoint) + encodings(endpoint)
            + tooLarge(endpoint)
    }

    private static func contentTypes(_ endpoint: Endpoint) -> [Row] {
        let good = endpoint.encoded(endpoint.good)
        func row(_ what: String, _ type: String?) -> Row {
            Row(
                what: what, type: type, encoding: endpoint.encoding, body: good, status: 415,
                reason: "unsupported_media_type", says: type ?? "Content-Type")
        }
        // Zipkin's senders and shells leave it out or name another, and mean JSON and lines.
        if endpoint.way == "zipkin" || endpoint.isLogLines { return [] }
        return [row("another content type", "text/html"), row("no content type at all", nil)]
    }

    private static func undecodable(_ endpoint: Endpoint) -> [Row] {
        // Every text is a line of a log.
        if endpoint.isLogLines { return [] }
        var bodies = [
            ("a body that ends too soon", Array(endpoint.good.dropLast())),
            ("half a body", Array(endpoint.good.prefix(endpoint.good.count / 2))),
            ("bytes that are no message", [UInt8](repeating: 0xFF, count: 64)),
        ]
        if endpoint.isJSON {
            bodies += [
                ("no body", []), ("text that is no JSON", Array("spans, please".utf8)),
                ("JSON of another shape", Array("\"spans\"".utf8)),
                ("something behind the JSON", endpoint.good + Array("]".utf8)),
                (
                    "a hundred thousand levels of nesting",
                    [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
                ),
            ]
        } else {
            bodies.append(("a length beyond the body", [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]))
        }
        return bodies.map { what, body in
            Row(
                what: what, type: endpoint.contentType, encoding: endpoint.encoding,
                body: endpoint.encoded(body), status: 400, reason: "bad_request", says: "")
        }
    }

    private static func encodings(_ endpoint: Endpoint) throws -> [Row] {
        let good = endpoint.good
        func row(_ what: String, _ encoding: String, _ body: [UInt8]) -> Row {
            Row(
                what: what, type: endpoint.contentType, encoding: encoding, body: body,
                status: 400, reason: "undecodable_encoding", says: "")
        }
        var rows = [
            Row(
                what: "an unknown coding", type: endpoint.contentType, encoding: "br", body: good,
                status: 415, reason: "unsupported_media_type", says: "br"),
            row("plain bytes called gzip", "gzip", good),
            row("plain bytes called deflate", "deflate", good),
            row("plain bytes called zstd", "zstd", good),
            row("half a gzip body", "gzip", half(try Zlib.compress(good, format: .gzip))),
            row("half a zstd body", "zstd", half(Zstd.compress(good, level: 1))),
            row(
                "gzip with a wrong checksum", "gzip",
                flipped(try Zlib.compress(good, format: .gzip))),
        ]
        if endpoint.encoding == "snappy" {
            rows += [
                row("plain bytes called snappy", "snappy", [UInt8](repeating: 0xFF, count: 40)),
                row("half a snappy body", "snappy", half(Snappy.compress(good))),
            ]
        }
        return rows
    }

    private static func tooLarge(_ endpoint: Endpoint) throws -> [Row] {
        let bomb = [UInt8](repeating: 0x20, count: 64 << 20 | 1)
        func row(_ what: String, _ encoding: String?, _ body: [UInt8]) -> Row {
            Row(
                what: what, type: endpoint.contentType, encoding: encoding, body: body,
                status: 413, reason: "body_too_large", says: "limit")
        }
        var rows = [
            row(
                "more than 16 MiB", endpoint.encoding,
                [UInt8](repeating: 0x20, count: 16 << 20 | 1))
        ]
        if endpoint.encoding == "snappy" {
            rows.append(row("snappy of more than 64 MiB", "snappy", Snappy.compress(bomb)))
        } else {
            rows += [
                row(
                    "gzip of more than 64 MiB", "gzip",
                    try Zlib.compress(bomb, format: .gzip, level: 1)),
                row("zstd of more than 64 MiB", "zstd", Zstd.compress(bomb, level: 1)),
                row(
                    "deflate of more than 64 MiB", "deflate",
                    try Zlib.compress(bomb, format: .zlib, level: 1)),
            ]
        }
        return rows
    }

    @Test(
        "is answered in the protocol's shape, counted, and hurts nothing", arguments: Endpoint.all)
    func refused(endpoint: Endpoint) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let url = server.url + endpoint.path
        let refusals =
            "sidelight_receiver_refused_requests_total{protocol=\"\(endpoint.way)\",reason="
        for row in try Self.rows(endpoint) {
            let before = try await Counters(of: server.url)
            let answer = try await Wire.post(
                url, type: row.type, encoding: row.encoding, row.body)
            #expect(answer.status == row.status, "\(row.what): \(answer.text)")
            Self.expectShape(of: answer, endpoint, row)
            let rises = try await Counters(of: server.url).rises(since: before)
            #expect(
                rises.filter { $0.key.hasPrefix("sidelight_receiver") }
                    == ["\(refusals)\"\(row.reason)\"}": 1], "\(row.what): \(rises)")
        }
        let before = try await Counters(of: server.url)
        let answer = try await Wire.post(
            url, type: endpoint.contentType, encoding: endpoint.encoding,
            endpoint.encoded(endpoint.good))
        #expect((200..<300).contains(answer.status), "\(answer.text)")
        let items =
            "sidelight_receiver_items_total{signal=\"\(endpoint.signal)\",protocol=\"\(endpoint.way)\"}"
        let rises = try await Counters(of: server.url).rises(since: before)
        #expect(rises[items] == Double(endpoint.items), "\(rises)")
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    private static func expectShape(
        of answer: WireAnswer, _ endpoint: Endpoint, _ row: Row,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let message: String?
        switch endpoint.shape {
        // Those who send neither of OTLP's content types get text.
        case .statusProtobuf where row.type == endpoint.contentType:
            #expect(answer.contentType == "application/x-protobuf", "\(row.what)")
            message = StatusMessage.protobuf(answer.bytes)
        case .statusJSON where row.type == endpoint.contentType:
            #expect(answer.contentType == "application/json", "\(row.what)")
            message = StatusMessage.json(answer.bytes)
        case .json:
            #expect(answer.contentType == "application/json", "\(row.what)")
            message = StatusMessage.errorMember(answer.bytes)
        case .statusProtobuf, .statusJSON, .text:
            #expect(answer.contentType.hasPrefix("text/plain"), "\(row.what)")
            message = answer.text
        }
        #expect(
            message?.isEmpty == false && (row.says.isEmpty || message?.contains(row.says) == true),
            "\(row.what): \(answer.text)", sourceLocation: sourceLocation)
    }

    private static func half(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.prefix(bytes.count / 2)) }

    /// Of gzip's trailer, which holds checksum and length.
    private static func flipped(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[bytes.count - 6] ^= 1
        return bytes
    }
}

/// The message of an error body; `nil` if it is not of that shape.
enum StatusMessage {
    /// `google.rpc.Status`: code in field 1 (not 0), message in field 2.
    static func protobuf(_ bytes: [UInt8]) -> String? {
        // A code below 128 and a message below 16 KiB take these bytes.
        guard bytes.count > 4, bytes[0] == 0x08, (1..<17).contains(bytes[1]), bytes[2] == 0x12
        else { return nil }
        let isShort = bytes[3] < 0x80
        let length = isShort ? Int(bytes[3]) : Int(bytes[3] & 0x7F) | Int(bytes[4]) << 7
        let start = isShort ? 4 : 5
        guard bytes.count >= start + length else { return nil }
        return String(decoding: bytes[start..<start + length], as: UTF8.self)
    }

    static func json(_ bytes: [UInt8]) -> String? {
        guard let object = object(bytes), let code = object["code"] as? Int, code > 0 else {
            return nil
        }
        return object["message"] as? String
    }

    /// `{"error":"…"}`.
    static func errorMember(_ bytes: [UInt8]) -> String? { object(bytes)?["error"] as? String }

    private static func object(_ bytes: [UInt8]) -> [String: Any]? {
        do {
            return try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        } catch {
            return nil
        }
    }
}
