import Proxy
import Telemetry
import Testing

@Suite struct TraceContextTests {
    private func parse(_ value: String) -> TraceContext? {
        Array(value.utf8).withUnsafeBytes { TraceContext(traceparent: $0) }
    }

    @Test("a traceparent gives trace, parent and flags")
    func valid() throws {
        let context = try #require(
            parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        #expect(context.traceID.hex == "0af7651916cd43dd8448eb211c80319c")
        #expect(context.parentID.hex == "b7ad6b7169203331")
        #expect(context.isSampled)
        let unsampled = parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
        #expect(unsampled?.isSampled == false)
    }

    @Test("a later version may be longer and keeps only the sampled flag")
    func laterVersion() throws {
        let base = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
        #expect(parse("cc-\(base)-ff")?.flags == 1)
        #expect(parse("cc-\(base)-01-what-the-future-brings") != nil)
        #expect(parse("cc-\(base)-01.what") == nil)
        #expect(parse("00-\(base)-01-what") == nil)
    }

    @Test(
        "malformed traceparents are none",
        arguments: [
            "", "00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-011",
        ])
    func malformed(_ value: String) {
        #expect(parse(value) == nil)
    }

    @Test("a traceparent cut off anywhere is none")
    func truncated() {
        let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        for end in 0..<value.count { #expect(parse(String(value.prefix(end))) == nil) }
    }

    @Test("B3 single headers are read, with their sampling decision")
    func b3() throws {
        func b3(_ value: String) -> TraceContext? {
            Array(value.utf8).withUnsafeBytes { TraceContext(b3: $0) }
        }
        let trace = "80f198ee56343ba864fe8b2a57d3eff7"
        #expect(b3("\(trace)-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90")?.isSampled == true)
        #expect(b3("\(trace)-e457b5a2e4d86bd1-0")?.isSampled == false)
        #expect(b3("\(trace)-e457b5a2e4d86bd1-d")?.isSampled == true)
        #expect(b3("64fe8b2a57d3eff7-e457b5a2e4d86bd1")?.traceID.high == 0)
        #expect(b3("0") == nil)
        #expect(b3("\(trace)-e457b5a2e4d86bd1-x") == nil)
        #expect(b3("\(trace)--1") == nil)
    }

    @Test("start times are RFC 3339 with milliseconds, before 1970 and in leap years too")
    func startTimes() {
        var times = StartTimeText()
        func text(_ nanoseconds: Int64) -> String {
            String(decoding: times.text(nanoseconds), as: UTF8.self)
        }
        #expect(text(0) == "1970-01-01T00:00:00.000Z")
        #expect(text(1_709_210_096_789_000_000) == "2024-02-29T12:34:56.789Z")
        #expect(text(1_709_210_096_001_999_999) == "2024-02-29T12:34:56.001Z")
        #expect(text(-1_000_000) == "1969-12-31T23:59:59.999Z")
        #expect(text(4_102_444_800_000_000_000) == "2100-01-01T00:00:00.000Z")
    }
}
