import Telemetry
import Testing

@Suite("timestamps")
struct TimestampTests {
    @Test("coarser units round down, before the epoch as after it")
    func floors() {
        for (nanoseconds, milliseconds, microseconds) in [
            (0, 0, 0), (999_999, 0, 999), (1_000_000, 1, 1_000), (-1, -1, -1), (-1_000, -1, -1),
            (-1_001, -1, -2), (-1_000_000, -1, -1_000), (-1_000_001, -2, -1_001),
            (.max, 9_223_372_036_854, 9_223_372_036_854_775),
            (.min, -9_223_372_036_855, -9_223_372_036_854_776),
        ] as [(Int64, Int64, Int64)] {
            let instant = Timestamp(nanoseconds: nanoseconds)
            #expect(instant.milliseconds == milliseconds, "\(nanoseconds)")
            #expect(instant.microseconds == microseconds, "\(nanoseconds)")
        }
    }

    @Test("what cannot be represented saturates")
    func saturation() {
        #expect(Timestamp(milliseconds: .max) == .distantFuture)
        #expect(Timestamp(milliseconds: .min) == .distantPast)
        #expect(Timestamp(microseconds: .max) == .distantFuture)
        #expect(Timestamp(seconds: .min) == .distantPast)
        #expect(Timestamp(unixNanoseconds: .max) == .distantFuture)
        #expect(Timestamp(seconds: 9_223_372_036).nanoseconds == 9_223_372_036_000_000_000)
        #expect(Timestamp(seconds: 9_223_372_037) == .distantFuture)
        #expect(Timestamp(milliseconds: -5).nanoseconds == -5_000_000)
    }

    @Test("offsets and differences saturate in their own direction")
    func arithmetic() {
        #expect(Timestamp.distantFuture.advanced(byNanoseconds: 1) == .distantFuture)
        #expect(Timestamp.distantPast.advanced(byNanoseconds: -1) == .distantPast)
        #expect(Timestamp.zero.advanced(byNanoseconds: .min) == .distantPast)
        #expect(Timestamp.distantPast.advanced(byNanoseconds: .max).nanoseconds == -1)
        #expect(Timestamp.distantFuture.nanoseconds(since: .distantPast) == .max)
        #expect(Timestamp.distantPast.nanoseconds(since: .distantFuture) == .min)
        #expect(Timestamp.zero.nanoseconds(since: .distantPast) == .max)
        #expect(Timestamp(nanoseconds: 5).nanoseconds(since: Timestamp(nanoseconds: 7)) == -2)
    }

    @Test("a range holds its start and not its end")
    func ranges() {
        let range = TimeRange(start: Timestamp(nanoseconds: 10), end: Timestamp(nanoseconds: 20))
        let holds = [9, 10, 19, 20].map { range.contains(Timestamp(nanoseconds: $0)) }
        #expect(holds == [false, true, true, false])
        for (first, last, touches) in [
            (0, 9, false), (0, 10, true), (19, 30, true), (20, 30, false), (0, 30, true),
            (12, 13, true),
        ] as [(Int64, Int64, Bool)] {
            #expect(
                range.overlaps(
                    first: Timestamp(nanoseconds: first), last: Timestamp(nanoseconds: last))
                    == touches, "\(first) \(last)")
        }
        #expect(TimeRange(start: .zero, end: .zero).isEmpty && !range.isEmpty)
        #expect(TimeRange(start: .distantFuture, end: .zero).isEmpty)
        #expect(TimeRange.all.contains(.zero) && TimeRange.all.contains(.distantPast))
    }
}
