/// The summaries of a block's chunks, in columns. What follows from the kind is left out.
///
/// ```
/// 13 kind (UInt8)                          of every chunk with a summary
/// 14 last value (bit pattern, kinds 1, 2)  15 sum, 16 compensation (bit patterns, kinds 1, 2)
/// 17 minimum, 18 maximum (bit patterns, kind 2)
/// 19 resets (UInt32, kind 2)               20 sum of values before resets (bit pattern, kind 2)
/// ```
struct ChunkSummaries {
    enum Kind: UInt8 {
        /// All values equal the first.
        case constant = 0
        /// No value is below its predecessor.
        case rising = 1
        case general = 2
    }

    /// Shorter chunks are decoded as quickly as their summary is read.
    static let samplesMin = 32

    private var kinds: [UInt8] = []
    private var lasts: [UInt64] = []
    private var sums: [UInt64] = []
    private var compensations: [UInt64] = []
    private var minima: [UInt64] = []
    private var maxima: [UInt64] = []
    private var resets: [UInt32] = []
    private var resetSums: [UInt64] = []

    /// Adds the summary of a chunk. False if it has none.
    mutating func append(
        _ times: UnsafeBufferPointer<Int64>, _ values: UnsafeBufferPointer<Double>
    ) -> Bool {
        guard values.count >= Self.samplesMin, let summary = ChunkSummary(times, values) else {
            return false
        }
        let kind = Self.kind(of: summary)
        kinds.append(kind.rawValue)
        if kind == .constant { return true }
        lasts.append(summary.last.bitPattern)
        sums.append(summary.sum.bitPattern)
        compensations.append(summary.compensation.bitPattern)
        if kind == .rising { return true }
        minima.append(summary.minimum.bitPattern)
        maxima.append(summary.maximum.bitPattern)
        resets.append(UInt32(summary.resets))
        resetSums.append(summary.resetSum.bitPattern)
        return true
    }

    private static func kind(of summary: ChunkSummary) -> Kind {
        let bits = summary.first.bitPattern
        if summary.minimum.bitPattern == bits, summary.maximum.bitPattern == bits,
            summary == ChunkSummary(constant: summary)
        {
            return .constant
        }
        let isRising =
            summary.resets == 0 && summary.minimum.bitPattern == bits
            && summary.maximum.bitPattern == summary.last.bitPattern
        return isRising ? .rising : .general
    }

    func write(to writer: inout ColumnContainerWriter) {
        writer.add(13) { IntegerCodec.encode(kinds, into: &$0, layout: $1) }
        writer.add(14) { IntegerCodec.encode(lasts, into: &$0, layout: $1) }
        writer.add(15) { IntegerCodec.encode(sums, into: &$0, layout: $1) }
        writer.add(16) { IntegerCodec.encode(compensations, into: &$0, layout: $1) }
        writer.add(17) { IntegerCodec.encode(minima, into: &$0, layout: $1) }
        writer.add(18) { IntegerCodec.encode(maxima, into: &$0, layout: $1) }
        writer.add(19) { IntegerCodec.encode(resets, into: &$0, layout: $1) }
        writer.add(20) { IntegerCodec.encode(resetSums, into: &$0, layout: $1) }
    }

    init() {}

    // MARK: Reading

    /// - Parameter count: chunks with a summary.
    init(from container: ColumnContainerReader, count: Int) throws(ColumnDecodeError) {
        kinds =
            try container.read(13, "summary kinds") { (reader) throws(ColumnDecodeError) in
                try IntegerCodec.decode(from: &reader, count: count)
            } ?? []
        guard kinds.count == count, kinds.allSatisfy({ Kind(rawValue: $0) != nil }) else {
            throw .corrupt(column: "summary kinds", offset: 0, reason: "unknown or missing")
        }
        let varying = kinds.count { $0 != Kind.constant.rawValue }
        let general = kinds.count { $0 == Kind.general.rawValue }
        func words(_ id: UInt32, _ count: Int) throws(ColumnDecodeError) -> [UInt64] {
            try container.read(id, "summary \(id)") { (reader) throws(ColumnDecodeError) in
                try IntegerCodec.decode(from: &reader, count: count)
            } ?? []
        }
        lasts = try words(14, varying)
        sums = try words(15, varying)
        compensations = try words(16, varying)
        minima = try words(17, general)
        maxima = try words(18, general)
        resets = try words(19, general).map { UInt32(truncatingIfNeeded: $0) }
        resetSums = try words(20, general)
        guard
            [lasts.count, sums.count, compensations.count].allSatisfy({ $0 == varying }),
            [minima.count, maxima.count, resets.count, resetSums.count].allSatisfy({
                $0 == general
            })
        else {
            throw .corrupt(column: "summaries", offset: 0, reason: "a column is missing")
        }
    }

    /// Calls `body` with every summary, in order.
    /// - Parameter frame: count, times and first value of the chunk of the summary with this number.
    func forEach(_ frame: (Int) -> ChunkSummary, _ body: (Int, ChunkSummary) -> Void) {
        var varying = 0
        var general = 0
        for (index, kind) in kinds.enumerated() {
            var summary = frame(index)
            if kind == Kind.constant.rawValue {
                body(index, ChunkSummary(constant: summary))
                continue
            }
            summary.last = Double(bitPattern: lasts[varying])
            summary.sum = Double(bitPattern: sums[varying])
            summary.compensation = Double(bitPattern: compensations[varying])
            summary.minimum = summary.first
            summary.maximum = summary.last
            varying += 1
            if kind == Kind.general.rawValue {
                summary.minimum = Double(bitPattern: minima[general])
                summary.maximum = Double(bitPattern: maxima[general])
                summary.resets = Int(resets[general])
                summary.resetSum = Double(bitPattern: resetSums[general])
                general += 1
            }
            body(index, summary)
        }
    }
}

extension ChunkSummary {
    /// `nil` if a value is not finite or the sum leaves the range of doubles.
    init?(_ times: UnsafeBufferPointer<Int64>, _ values: UnsafeBufferPointer<Double>) {
        guard let first = values.first, let firstTime = times.first, first.isFinite else {
            return nil
        }
        self.init(first: first, time: firstTime)
        count = values.count
        lastTime = times[times.count - 1]
        last = values[values.count - 1]
        for index in 1..<max(1, values.count) {
            let value = values[index]
            guard value.isFinite else { return nil }
            add(value)
            if value < minimum { minimum = value }
            if value > maximum { maximum = value }
            if value < values[index - 1] {
                resets += 1
                resetSum += values[index - 1]
            }
        }
        guard sum.isFinite, resetSum.isFinite else { return nil }
    }

    /// A chunk of one sample, to be completed.
    init(first: Double, time: Int64) {
        self.init(
            count: 1, firstTime: time, lastTime: time, first: first, last: first, sum: first,
            compensation: 0, minimum: first, maximum: first, resets: 0, resetSum: 0)
    }

    /// The summary of as many samples that all equal the first, where their sum is exact.
    init(constant other: ChunkSummary) {
        self.init(first: other.first, time: other.firstTime)
        count = other.count
        lastTime = other.lastTime
        sum = other.first * Double(other.count)
    }

    private mutating func add(_ value: Double) {
        let total = sum + value
        if sum.magnitude >= value.magnitude {
            compensation += (sum - total) + value
        } else {
            compensation += (value - total) + sum
        }
        sum = total
    }
}
