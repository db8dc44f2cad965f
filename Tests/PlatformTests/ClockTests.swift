import Platform
import Testing

@Suite("clocks")
struct ClockTests {
    @Test("the machine's monotonic clock never goes back and its wall clock is in this century")
    func system() {
        let clock = SystemClock()
        var last = clock.monotonicNanoseconds
        for _ in 0..<1_000 {
            let now = clock.monotonicNanoseconds
            #expect(now >= last)
            last = now
        }
        let years = clock.wallNanoseconds / 1_000_000_000 / 31_556_952
        #expect((54..<130).contains(years))
    }

    @Test("a manual clock stands still until it is moved")
    func manual() {
        let clock = ManualClock(wallNanoseconds: 1_000)
        #expect(clock.wallNanoseconds == 1_000 && clock.monotonicNanoseconds == 0)
        clock.advance(byNanoseconds: 50)
        #expect(clock.wallNanoseconds == 1_050 && clock.monotonicNanoseconds == 50)
        clock.setWall(nanoseconds: 10)
        #expect(clock.wallNanoseconds == 10 && clock.monotonicNanoseconds == 50)
    }
}

@Suite("randomness")
struct RandomSourceTests {
    @Test("a seed gives SplitMix64's published sequence")
    func vectors() {
        let random = SeededRandom(seed: 1_234_567)
        #expect(random.seed == 1_234_567)
        #expect(
            (0..<5).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test("bounded numbers stay below the bound and reach all of it")
    func bounded() {
        let random = SeededRandom(seed: 7)
        var seen = [Int](repeating: 0, count: 10)
        for _ in 0..<10_000 { seen[Int(random.next(below: 10))] += 1 }
        // Mean 1,000, standard deviation 30.
        #expect(seen.allSatisfy { (850...1_150).contains($0) }, "\(seen)")
        #expect(random.next(below: 1) == 0 && random.next(below: 0) == 0)
    }

    @Test("unit numbers are in [0, 1) and even")
    func unit() {
        let random = SeededRandom(seed: 8)
        let numbers = (0..<10_000).map { _ in random.unit() }
        #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(numbers.reduce(0, +) / 10_000 - 0.5) < 0.02)
    }

    @Test("the system's generator does not repeat itself")
    func system() {
        let random = SystemRandom()
        #expect(Set((0..<100).map { _ in random.next() }).count == 100)
    }

    @Test("tasks that share a seeded source never get the same number twice")
    func shared() async {
        let random = SeededRandom(seed: 9)
        let all = await withTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<8 { group.addTask { (0..<1_000).map { _ in random.next() } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(all).count == 8_000)
    }
}
