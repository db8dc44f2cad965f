import Compression
import Foundation
import Testing

/// Calls that cannot be taken: each gets gRPC's own status, one that senders do not try again, is counted
/// by reason, and the next good call is taken.
@Suite(
    "Bad gRPC calls",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct BadGRPCTests {
    private struct Row {
        var what: String
        var encoding: String?
        var contentType = "application/grpc"
        var bytes: [UInt8]
        /// gRPC's code; `nil` where HTTP's status says it all.
        var status: Int?
        var httpStatus = "200"
        var reason: String
    }

    private static func rows(_ good: [UInt8]) throws -> [Row] {
        let packed = try Zlib.compress(good, format: .gzip)
        let bomb = try Zlib.compress(
            [UInt8](repeating: 0, count: 64 << 20 | 1), format: .gzip, level: 1)
        let large = [UInt8](repeating: 0x20, count: 16 << 20 | 1)
        let frame = { GRPCWire.frame($0) }
        let squeezed = { GRPCWire.frame($0, isCompressed: true) }
        return [
            Row(
                what: "half a message", bytes: frame(Array(good.prefix(good.count / 2))),
                status: 3, reason: "bad_request"),
            Row(
                what: "bytes that are no message",
                bytes: frame([UInt8](repeating: 0xFF, count: 40)), status: 3,
                reason: "bad_request"),
            Row(
                what: "plain bytes called gzip", encoding: "gzip", bytes: squeezed(good),
                status: 13, reason: "undecodable_encoding"),
            Row(
                what: "half a gzip message", encoding: "gzip",
                bytes: squeezed(Array(packed.prefix(packed.count / 2))), status: 13,
                reason: "undecodable_encoding"),
            Row(
                what: "a compressed message without a compression", bytes: squeezed(packed),
                status: 13, reason: "undecodable_encoding"),
            Row(
                what: "an unknown compression", encoding: "br", bytes: squeezed(packed),
                status: 12, reason: "unsupported_media_type"),
            Row(
                what: "another content type", contentType: "application/json", bytes: frame(good),
                httpStatus: "415", reason: "unsupported_media_type"),
            Row(
                what: "more than 16 MiB", bytes: frame(large), status: 8,
                reason: "body_too_large"),
            Row(
                what: "a frame that claims more than 64 MiB",
                bytes: GRPCWire.frame(good, length: 64 << 20 | 1), status: 8,
                reason: "body_too_large"),
            Row(
                what: "gzip of more than 64 MiB", encoding: "gzip", bytes: squeezed(bomb),
                status: 8, reason: "body_too_large"),
        ]
    }

    @Test("is answered with its status, counted, and hurts nothing")
    func refused() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data", ports: .all)
        let port = try server.port(of: "OTLP/gRPC")
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        let good = Items.spans("grpc", now)
        for row in try Self.rows(good) {
            let before = try await Counters(of: server.url)
            let outcome = try await GRPCWire.call(
                port: port, encoding: row.encoding, contentType: row.contentType, row.bytes)
            #expect(outcome.httpStatus == row.httpStatus, "\(row.what): \(outcome)")
            if row.httpStatus == "200" {
                #expect(outcome.status == row.status, "\(row.what): \(outcome)")
                #expect(!outcome.message.isEmpty, "\(row.what)")
            }
            let rises = try await Counters(of: server.url).rises(since: before)
            let name =
                "sidelight_receiver_refused_requests_total{protocol=\"otlp_grpc\",reason=\"\(row.reason)\"}"
            #expect(
                rises.filter { $0.key.hasPrefix("sidelight_receiver") } == [name: 1],
                "\(row.what): \(rises)")
        }
        let outcome = try await GRPCWire.call(port: port, GRPCWire.frame(good))
        #expect(outcome.status == 0, "\(outcome)")
        let squeezed = try Zlib.compress(good, format: .gzip)
        let again = try await GRPCWire.call(
            port: port, encoding: "gzip", GRPCWire.frame(squeezed, isCompressed: true))
        #expect(again.status == 0, "\(again)")
        #expect(try await Items.find("grpc", at: server.url).spans == Items.count)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
