import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct SelectedSeriesTests {
    private static let now = TemporaryStore.start / 1_000_000

    /// By pod and time.
    private typealias Content = [String: [Int64: Double]]

    private func append(
        _ pods: some Sequence<Int>, at time: Int64, to temporary: TemporaryStore,
        _ content: inout Content
    ) async throws {
        var batch = MetricBatch()
        for pod in pods {
            let series = batch.append(
                Labels(["__name__": "m", "digit": "\(pod % 10)", "pod": "pod-\(pod)"]))
            let value = Double(time &* 100 &+ Int64(pod))
            batch.append(series: series, time: time, value: value)
            content["pod-\(pod)", default: [:]][time] = value
        }
        _ = try await temporary.append(batch)
    }

    /// What a selection finds, each series once and in order.
    private func content(_ selection: any SeriesSelection) throws -> Content {
        let labels = selection.list.labels
        #expect(labels == (0..<selection.count).map(selection.labels))
        #expect(Set(labels).count == labels.count)
        #expect(
            labels
                == labels.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
        var content: Content = [:]
        for index in 0..<selection.count {
            var columns = SampleColumns()
            try selection.samples(index, into: &columns)
            guard !columns.times.isEmpty else { continue }
            content[labels[index]["pod"] ?? ""] = Dictionary(
                uniqueKeysWithValues: zip(columns.times, columns.values))
        }
        return content
    }

    @Test("the same selection is made out once, and anew when a series comes or is sealed")
    func made() async throws {
        let temporary = try TemporaryStore()
        var content: Content = [:]
        let all = [LabelMatcher("__name__", .equal, "m")]
        func select() throws -> any SeriesSelection {
            try temporary.store.selectSeries(all, in: 0...Int64.max)
        }
        try await append(0..<40, at: Self.now, to: temporary, &content)
        let first = try select()
        try await append(0..<40, at: Self.now + 1, to: temporary, &content)
        let second = try select()
        #expect(first.list === second.list)
        #expect(try self.content(second) == content)
        try await append(35..<45, at: Self.now + 2, to: temporary, &content)
        let third = try select()
        #expect(first.list !== third.list && first.count == 40 && third.count == 45)
        #expect(try self.content(third) == content)
        try temporary.store.seal()
        #expect(try self.content(select()) == content)
        try await append(44..<46, at: Self.now + 3, to: temporary, &content)
        #expect(try self.content(select()) == content)
        #expect(try select().list === select().list)
        try temporary.reopen()
        #expect(try self.content(select()) == content)
    }

    @Test(
        "selections find every series in the head and in sealed days, however often they are made",
        arguments: 1...6)
    func random(seed: UInt64) async throws {
        var random = SplitMix(seed: seed)
        let temporary = try TemporaryStore { $0.looseSamplesMax = 50 }
        var content: Content = [:]
        for round in 0..<40 {
            let day = Int64(Int.random(in: 0..<2, using: &random)) * 86_400_000
            let time = Self.now + day + Int64(round) * 1_000
            let first = Int.random(in: 0..<60, using: &random)
            let pods = first..<(first + Int.random(in: 1...30, using: &random))
            try await append(pods, at: time, to: temporary, &content)
            if Int.random(in: 0..<8, using: &random) == 0 { try temporary.store.seal() }
            let digit = "\(Int.random(in: 0..<3, using: &random))"
            let start = Int.random(in: 0..<3, using: &random) == 0 ? time : 0
            for matchers in [
                [LabelMatcher("__name__", .equal, "m")], [LabelMatcher("digit", .equal, digit)],
                [LabelMatcher("digit", .doesNotMatch, "[0-4]")],
            ] {
                let wanted = content.filter { pod, _ in
                    guard matchers[0].name == "digit" else { return true }
                    let last = pod.suffix(1)
                    return matchers[0].operator == .equal ? last == digit : last >= "5"
                }
                .mapValues { $0.filter { $0.key >= start } }.filter { !$0.value.isEmpty }
                let found = try temporary.store.selectSeries(matchers, in: start...Int64.max)
                #expect(try self.content(found) == wanted, "seed \(seed), round \(round)")
            }
        }
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
