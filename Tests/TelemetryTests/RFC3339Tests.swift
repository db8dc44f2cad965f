import Telemetry
import Testing

@Suite("RFC3339")
struct RFC3339Tests {
    @Test(
        "timestamps are read in the forms that senders use",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2015-07-01T20:10:51.781Z", 1_435_781_451_781_000_000),
            ("2015-07-01t20:10:51.781z", 1_435_781_451_781_000_000),
            ("2015-07-01 22:10:51,781+02:00", 1_435_781_451_781_000_000),
            ("2015-07-01T14:40:51.781-0530", 1_435_781_451_781_000_000),
            ("2015-07-01T20:10:51.781+00", 1_435_781_451_781_000_000),
            ("2015-07-01 20:10:51", 1_435_781_451_000_000_000),
            ("2000-02-29T23:59:60Z", 951_868_800_000_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2026-11-21T08:00:00.1234567891234Z", 1_795_248_000_123_456_789),
            ("2262-04-11T23:47:16.854775807Z", Int64.max),
            ("1677-09-21T00:12:44Z", -9_223_372_036_000_000_000),
        ] as [(String, Int64)])
    func read(_ text: String, _ nanoseconds: Int64) {
        #expect(RFC3339.parse(text) == Timestamp(nanoseconds: nanoseconds))
    }

    @Test(
        "what is no timestamp is refused",
        arguments: [
            "", "2015", "2015-07-01", "2015-07-01T20:10", "2015-13-01T00:00:00Z",
            "2015-00-01T00:00:00Z", "2015-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
            "2015-04-31T00:00:00Z", "2015-07-01T24:00:00Z", "2015-07-01T20:60:00Z",
            "2015-07-01T20:10:61Z", "2015-07-01T20:10:51.Z", "2015-07-01T20:10:51Zx",
            "2015-07-01T20:10:51+2", "2015-07-01T20:10:51+02:", "2015-07-01T20:10:51+02:0",
            "2015-07-01T20:10:51+24:00", "2015-07-01T20:10:51+02:60", "2015-07-01X20:10:51Z",
            "20150701T201051Z-----", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
            "2015-07-0aT20:10:51Z", "2262-04-11T23:47:16.854775808Z",
        ])
    func refused(_ text: String) { #expect(RFC3339.parse(text) == nil) }

    @Test("what is written is read back, and days follow one another over 585 years")
    func roundTrip() {
        var state: UInt64 = 42
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let time = Timestamp(nanoseconds: Int64(bitPattern: state))
            #expect(RFC3339.parse(RFC3339.string(time, fraction: .nanoseconds)) == time)
            #expect(RFC3339.parse(RFC3339.string(time)) == time)
        }
        var previous = ""
        for day in -106_000..<106_000 {
            let text = RFC3339.string(Timestamp(seconds: Int64(day) * 86_400))
            #expect(previous < text)
            previous = text
        }
    }

    @Test("fractions are as long as asked for")
    func fractions() {
        let time = Timestamp(nanoseconds: 1_435_781_451_780_000_000)
        #expect(RFC3339.string(time) == "2015-07-01T20:10:51.78Z")
        #expect(RFC3339.string(time, fraction: .milliseconds) == "2015-07-01T20:10:51.780Z")
        #expect(RFC3339.string(time, fraction: .nanoseconds) == "2015-07-01T20:10:51.780000000Z")
        #expect(RFC3339.string(Timestamp(seconds: 1)) == "1970-01-01T00:00:01Z")
    }
}
