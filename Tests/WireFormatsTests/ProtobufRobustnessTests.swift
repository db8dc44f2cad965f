import Telemetry
import Testing
import WireFormats

/// A body of each protobuf format with the decoder that reads it; the decoders return how many items
/// they kept.
private struct Format: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let body: [UInt8]
    let decode: @Sendable ([UInt8]) throws(DecodeError) -> Int

    static let all = [
        Format(testDescription: "traces", body: OTLPTraces.encode(SampleTelemetry.spans)) {
            (body) throws(DecodeError) in
            let batch = try OTLPTraces.decode(protobuf: body).batch
            return (0..<batch.count).map { batch.span(at: $0) }.count
        },
        Format(testDescription: "logs", body: OTLPLogs.encode(SampleTelemetry.logs)) {
            (body) throws(DecodeError) in
            let batch = try OTLPLogs.decode(protobuf: body, receivedAt: .zero).batch
            return (0..<batch.count).map { batch.record(at: $0) }.count
        },
        Format(
            testDescription: "metrics",
            body: OTLPMetrics.encode([SampleTelemetry.exportMetrics])
        ) { (body) throws(DecodeError) in
            try OTLPMetrics.decode(protobuf: body).batch.sampleCount
        },
        Format(testDescription: "remote write", body: RemoteWrite.encode(SampleTelemetry.samples)) {
            (body) throws(DecodeError) in
            let batch = try RemoteWrite.decode(protobuf: body).batch
            return (0..<batch.seriesCount).map { batch.labels($0).pairs }.count
        },
    ]
}

@Suite("Protobuf decoders on broken bodies")
struct ProtobufRobustnessTests {
    @Test(
        "a body cut off at any byte is refused or read in part, never trapped over",
        arguments: Format.all)
    fileprivate func survivesTruncation(format: Format) throws {
        let whole = try format.decode(format.body)
        #expect(whole > 0)
        var refused = 0
        for length in 0..<format.body.count {
            do {
                #expect(try format.decode(Array(format.body[..<length])) <= whole)
            } catch {
                refused += 1
            }
        }
        #expect(refused > format.body.count / 2)
    }

    @Test(
        "a body with any one byte changed is read or refused, never trapped over",
        arguments: Format.all)
    fileprivate func survivesCorruption(format: Format) {
        var refused = 0
        for offset in format.body.indices {
            for change in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF] as [UInt8] {
                var body = format.body
                body[offset] ^= change
                do { _ = try format.decode(body) } catch { refused += 1 }
            }
        }
        #expect(refused > 0)
    }

    @Test("random bytes are read or refused, never trapped over", arguments: Format.all)
    fileprivate func survivesNoise(format: Format) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        var refused = 0
        for _ in 0..<2_000 {
            var body = format.body
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let start = Int.random(in: 0..<body.count, using: &random)
                let end = min(body.count, start + Int.random(in: 0...9, using: &random))
                let noise = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &random)
                }
                body.replaceSubrange(start..<end, with: noise)
            }
            do { _ = try format.decode(body) } catch { refused += 1 }
        }
        #expect(refused > 0, "seed \(seed)")
    }
}

/// A reproducible generator for fuzzing.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
