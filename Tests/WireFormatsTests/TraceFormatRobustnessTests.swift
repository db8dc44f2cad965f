import Telemetry
import Testing
import WireFormats

/// A body of each trace format with the decoder that reads it; the decoders return how many spans they
/// kept, after reading every one of them.
private struct TraceFormat: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let body: [UInt8]
    let decode: @Sendable ([UInt8]) throws(DecodeError) -> Int

    private static func read(_ batch: SpanBatch) -> Int {
        // The dump looks at each column, so a row that is out of step traps here.
        let lines = NeutralDump.spans(batch)
        return lines.count < batch.count ? -1 : batch.count
    }

    static let all = [
        TraceFormat(testDescription: "Zipkin protobuf", body: SampleZipkin.span()) {
            (body) throws(DecodeError) in
            read(try ZipkinSpans.decode(protobuf: body, receivedAt: .zero).batch)
        },
        TraceFormat(testDescription: "Zipkin v1", body: Array(SampleZipkin.v1.utf8)) {
            (body) throws(DecodeError) in
            read(try ZipkinSpans.decode(jsonV1: body, receivedAt: .zero).batch)
        },
        TraceFormat(testDescription: "Jaeger binary", body: SampleJaeger.thrift(.binary)) {
            (body) throws(DecodeError) in
            read(try JaegerSpans.decode(thrift: body, .binary).batch)
        },
        TraceFormat(testDescription: "Jaeger compact", body: SampleJaeger.thrift(.compact)) {
            (body) throws(DecodeError) in
            read(try JaegerSpans.decode(thrift: body, .compact).batch)
        },
        TraceFormat(testDescription: "Jaeger protobuf", body: SampleJaeger.postSpans()) {
            (body) throws(DecodeError) in
            read(try JaegerSpans.decode(postSpans: body).batch)
        },
        TraceFormat(testDescription: "X-Ray", body: SampleXRay.datagram) {
            (body) throws(DecodeError) in
            var decoder = XRayDecoder()
            try body.decoded { (bytes) throws(DecodeError) in try decoder.datagram(bytes) }
            return read(decoder.finish().batch)
        },
    ]
}

@Suite("Trace decoders on broken bodies")
struct TraceFormatRobustnessTests {
    @Test(
        "a body cut off at any byte is refused or read in part, never trapped over",
        arguments: TraceFormat.all)
    fileprivate func survivesTruncation(format: TraceFormat) throws {
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
        arguments: TraceFormat.all)
    fileprivate func survivesCorruption(format: TraceFormat) {
        var refused = 0
        for offset in format.body.indices {
            for change in [0x01, 0x04, 0x10, 0x40, 0x80, 0xFF] as [UInt8] {
                var body = format.body
                body[offset] ^= change
                do { #expect(try format.decode(body) >= 0) } catch { refused += 1 }
            }
        }
        #expect(refused > 0)
    }

    @Test("random damage is read or refused, never trapped over", arguments: TraceFormat.all)
    fileprivate func survivesNoise(format: TraceFormat) {
        let seed = UInt64.random(in: .min ... .max)
        var random = JSONGenerator(seed: seed)
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
            do { #expect(try format.decode(body) >= 0, "seed \(seed)") } catch { refused += 1 }
        }
        #expect(refused > 0, "seed \(seed)")
    }
}

extension JSONGenerator: RandomNumberGenerator {}
