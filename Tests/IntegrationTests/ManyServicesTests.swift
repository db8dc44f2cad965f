import Foundation
import Testing
import WireFormats

@Suite(
    "A quarter of a million services",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .timeLimit(.minutes(10)))
struct ManyServicesTests {
    private static let each = 10_000
    private static let batches = 25

    /// A span of each of ten thousand services, whose names have ten digits at known places.
    private struct Template {
        var bytes: [UInt8]
        private let names: [Int]
        private let ids: [Int]

        init(start: UInt64) {
            let idMark: [UInt8] = [0xDE, 0xAD, 0xBE, 0xEF, 0x0B, 0xAD, 0xF0, 0x0D]
            var writer = ProtobufWriter()
            for _ in 0..<each {
                writer.message(1) { resource in
                    resource.message(1) { attributes in
                        attributes.message(1) { attribute in
                            attribute.string(1, "service.name")
                            attribute.message(2) { $0.string(1, "service-##########") }
                        }
                    }
                    resource.message(2) { scope in
                        scope.message(2) { span in
                            (idMark + idMark).withUnsafeBytes { span.bytes(1, $0) }
                            [UInt8](repeating: 1, count: 8).withUnsafeBytes { span.bytes(2, $0) }
                            span.string(5, "work")
                            span.fixed64(7, start)
                            span.fixed64(8, start + 1_000)
                        }
                    }
                }
            }
            bytes = writer.bytes
            names = Occurrences.places(of: Array("##########".utf8), in: bytes)
            ids = Occurrences.places(of: idMark + idMark, in: bytes)
        }

        mutating func number(from first: Int) {
            for index in names.indices {
                var number = first + index
                bytes.withUnsafeMutableBytes { bytes in
                    bytes.storeBytes(
                        of: UInt64(number + 1).bigEndian, toByteOffset: ids[index], as: UInt64.self)
                    for place in (names[index]..<(names[index] + 10)).reversed() {
                        bytes[place] = 0x30 + UInt8(number % 10)
                        number /= 10
                    }
                }
            }
        }
    }

    @Test("are stored and found, while what is derived of them stays bounded and exact in sum")
    func many() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--span-metrics-interval", "1s"])
        let now = UInt64(Date().timeIntervalSince1970 * 1e9) - 60_000_000_000
        var template = Template(start: now)
        for batch in 0..<Self.batches {
            template.number(from: batch * Self.each)
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
        func value(_ query: String) async throws -> Double {
            let text = try await Wire.get(server.url + "/api/v1/query?query=\(query)").text
            let value = try Answer(parsing: text)["data"]["result"][0]["value"][1].value
            return (value as? String).flatMap(Double.init) ?? 0
        }
        while try await value("sum(traces_spanmetrics_calls_total)") < 250_000 {
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(try await value("sum(traces_spanmetrics_calls_total)") == 250_000)
        #expect(
            try await value("sum(traces_spanmetrics_calls_total%7Bservice=%22__overflow__%22%7D)")
                > 200_000)
        #expect(try await value("count(traces_spanmetrics_calls_total)") < 10_000)
        for service in [0, 123_456, 249_999] {
            let digits = String(service)
            let name = "service-" + String(repeating: "0", count: 10 - digits.count) + digits
            let found = try await Wire.get(server.url + "/api/traces?service=\(name)&lookback=1h")
            let data = try Answer(parsing: found.text)["data"].value as? [Any]
            #expect(data?.count == 1, "\(name): \(found.text.prefix(200))")
        }
        #expect(try await Wire.get(server.url + "/api/services").status == 200)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
