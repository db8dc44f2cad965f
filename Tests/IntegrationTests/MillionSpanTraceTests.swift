import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Telemetry
import Testing
import WireFormats

@Suite(
    "A trace of a million spans",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .timeLimit(.minutes(10)))
struct MillionSpanTraceTests {
    private static let spansEach = 10_000
    private static let batches = 100
    private static let trace = TraceID(high: 0x1234, low: 0x5678)

    /// Batches of children of the span 1; they differ in the bytes of their span ids alone.
    private struct Template {
        var bytes: [UInt8] = []
        private var places: [Int] = []

        init(start: UInt64) {
            var writer = ProtobufWriter()
            writer.message(1) { resource in
                resource.message(2) { scope in
                    for number in 0..<UInt64(spansEach) {
                        scope.message(2) { span in
                            Self.add(1, [trace.high, trace.low], to: &span)
                            // Found again below by its bytes.
                            Self.add(2, [0xDEAD_BEEF_0BAD_F00D], to: &span)
                            Self.add(4, [1], to: &span)
                            span.string(5, "step \(number % 3)")
                            span.fixed64(7, start + number)
                            span.fixed64(8, start + number + 1_000)
                        }
                    }
                }
            }
            bytes = writer.bytes
            let mark: [UInt8] = [0xDE, 0xAD, 0xBE, 0xEF, 0x0B, 0xAD, 0xF0, 0x0D]
            places = Occurrences.places(of: mark, in: bytes)
        }

        private static func add(
            _ field: UInt32, _ words: [UInt64], to writer: inout ProtobufWriter
        ) {
            let bytes = words.flatMap { word in
                withUnsafeBytes(of: word.bigEndian) { Array($0) }
            }
            bytes.withUnsafeBytes { writer.bytes(field, $0) }
        }

        mutating func number(from first: UInt64) {
            for (index, place) in places.enumerated() {
                let id = (first + UInt64(index)).bigEndian
                bytes.withUnsafeMutableBytes {
                    $0.storeBytes(of: id, toByteOffset: place, as: UInt64.self)
                }
            }
        }
    }

    @Test("is stored whole, streamed by its id and summed up as a tree, in bounded memory")
    func million() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let now = UInt64(Date().timeIntervalSince1970 * 1e9) - 60_000_000_000
        var template = Template(start: now)
        let idBytes = [Self.trace.high, Self.trace.low].flatMap { word in
            withUnsafeBytes(of: word.bigEndian) { Array($0) }
        }
        let root = OTLP.spans([(idBytes, [0, 0, 0, 0, 0, 0, 0, 1], Int64(now / 1_000_000))])
        let first = try await Wire.post(
            server.url + "/v1/traces", type: "application/x-protobuf", root)
        #expect(first.status == 200)
        for batch in 0..<Self.batches {
            template.number(from: UInt64(batch * Self.spansEach) + 2)
            var status = 0
            // A full head answers 429 until it is sealed.
            repeat {
                status = try await Wire.post(
                    server.url + "/v1/traces", type: "application/x-protobuf", template.bytes
                ).status
                if status == 429 || status == 503 { try await Task.sleep(for: .milliseconds(50)) }
            } while status == 429 || status == 503
            #expect(status == 200)
        }
        let count = Self.batches * Self.spansEach + 1
        let request = HTTPClientRequest(url: server.url + "/api/traces/\(Self.trace)")
        let response = try await HTTPClient.shared.execute(request, timeout: .minutes(9))
        #expect(response.status.code == 200)
        let mark = Array(#""operationName""#.utf8)
        var (found, bytes) = (0, 0)
        var tail: [UInt8] = []
        for try await chunk in response.body {
            let part = tail + Array(chunk.readableBytesView)
            found += Occurrences.places(of: mark, in: part, rare: 10).count
            // Shorter than the mark, so that none is counted twice.
            tail = Array(part.suffix(mark.count - 1))
            bytes += chunk.readableBytes
        }
        #expect(found == count, "in \(bytes) bytes")
        let tree = try await Wire.get(
            server.url + "/api/sidelight/traces/\(Self.trace)/tree?depth=2&children=5")
        #expect(tree.status == 200 && tree.text.utf8.count < 20_000)
        #expect(try Answer(parsing: tree.text)["spanCount"].value as? Int == count)
        let status = try String(contentsOfFile: "/proc/\(server.pid)/status", encoding: .utf8)
        let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = peak.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
        #expect(kilobytes > 0 && kilobytes < 1 << 20, "\(kilobytes) KiB")
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
