import Rules
import Testing

@Suite("Change points")
struct ChangePointTests {
    /// Events and bad ones by bucket, bad with `before` until `bucket` and with `after` from it on.
    private func buckets(
        _ count: Int, each: Int, before: Double, after: Double, from bucket: Int,
        _ random: inout SeededGenerator
    ) -> (bad: [Double], all: [Double]) {
        let bad = (0..<count).map { index in
            let share = index < bucket ? before : after
            return Double(
                (0..<each).reduce(0) { sum, _ in
                    sum + (Double.random(in: 0..<1, using: &random) < share ? 1 : 0)
                })
        }
        return (bad, [Double](repeating: Double(each), count: count))
    }

    @Test("are found where they were planted")
    func planted() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<50 {
            let place = Int.random(in: 20..<220, using: &random)
            let events = buckets(240, each: 20, before: 0.01, after: 0.3, from: place, &random)
            let change = try #require(ChangePoint(bad: events.bad, all: events.all))
            #expect(abs(change.bucket - place) <= 2)
            #expect(abs(change.after - 0.3) < 0.12)
            #expect((try #require(change.before)) < 0.03)
        }
    }

    @Test("are not seen in noise, nor where it got better")
    func noise() {
        var random = SeededGenerator(seed: 5)
        var found = 0
        for _ in 0..<100 {
            let noise = buckets(240, each: 20, before: 0.05, after: 0.05, from: 0, &random)
            if ChangePoint(bad: noise.bad, all: noise.all) != nil { found += 1 }
            let better = buckets(240, each: 20, before: 0.5, after: 0.01, from: 120, &random)
            #expect(ChangePoint(bad: better.bad, all: better.all) == nil)
        }
        #expect(found <= 2)
    }

    @Test("without events before are the first events")
    func birth() throws {
        let all = [0, 0, 0, 10, 10, 10].map(Double.init)
        let change = try #require(ChangePoint(bad: all.map { $0 / 2 }, all: all))
        #expect(change.bucket == 3)
        #expect(change.before == nil)
        #expect(change.after == 0.5)
        #expect(ChangePoint(bad: [0, 0], all: [0, 0]) == nil)
        #expect(ChangePoint(bad: [], all: []) == nil)
    }
}
