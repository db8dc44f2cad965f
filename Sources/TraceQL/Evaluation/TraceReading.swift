/// How many traces are read together. The more there are, the fewer times a block is read for them; all
/// are held until they are judged.
struct TraceReading {
    /// Held at once, about 1 KB each.
    private static let spansAtOnce = 40_000
    private static let tracesMax = 4_096

    private(set) var count: Int

    /// - Parameter first: traces of the first reading, when nothing is known of their size.
    init(first: Int) { count = max(1, min(first, Self.tracesMax)) }

    /// Takes note of what a reading brought: the next one may be four times as large if that holds no more
    /// spans than allowed.
    mutating func took(traces: Int, spans: Int) {
        let spansEach = max(1, spans / max(1, traces))
        count = max(1, min(4 * count, Self.spansAtOnce / spansEach, Self.tracesMax))
    }
}
