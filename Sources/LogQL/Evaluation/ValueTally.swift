/// How often each value occurs, by series: enough for the quantile of one window, and much smaller than
/// the values, which mostly repeat.
struct ValueTally {
    private var values: [Double] = []
    private var ids: [UInt64: Int] = [:]
    /// By series, then by id of value.
    private var counts: [[Int]] = []

    /// Distinct values.
    var valueCount: Int { values.count }

    mutating func add(_ value: Double, to series: Int, times: Int = 1) {
        add(times, ofID: id(of: value), to: series)
    }

    /// Adds the values of many rows.
    /// - Parameters:
    ///   - codes: of the rows' values in `byCode`; those without a value do not count.
    ///   - series: of each row, below `seriesCount`.
    mutating func add(
        codes: [Int], _ byCode: [Double?], series: [Int32], seriesCount: Int
    ) {
        let width = byCode.count
        guard seriesCount * width <= 1 << 20 else {
            for (code, series) in zip(codes, series) {
                if let value = byCode[code] { add(value, to: Int(series)) }
            }
            return
        }
        var cells = [Int32](repeating: 0, count: seriesCount * width)
        cells.withUnsafeMutableBufferPointer { cells in
            for index in 0..<codes.count {
                cells[Int(series[index]) &* width &+ codes[index]] &+= 1
            }
        }
        let idOfCode = byCode.map { value in value.map { id(of: $0) } }
        for number in 0..<seriesCount {
            for (code, id) in idOfCode.enumerated() {
                let count = Int(cells[number * width + code])
                if count > 0, let id { add(count, ofID: id, to: number) }
            }
        }
    }

    private mutating func add(_ count: Int, ofID id: Int, to series: Int) {
        while counts.count <= series { counts.append([]) }
        if counts[series].count <= id {
            counts[series].append(
                contentsOf: repeatElement(0, count: values.count - counts[series].count))
        }
        counts[series][id] += count
    }

    private mutating func id(of value: Double) -> Int {
        if let known = ids[value.bitPattern] { return known }
        ids[value.bitPattern] = values.count
        values.append(value)
        return values.count - 1
    }

    /// The φ-quantile of each series, as `Quantile.value` tells it; `nil` for a series without values.
    func quantiles(_ quantile: Double) -> [Double?] {
        let order = values.indices.sorted { Quantile.precedes(values[$0], values[$1]) }
        return counts.map { counts in
            let total = counts.reduce(0, +)
            guard total > 0 else { return nil }
            guard !quantile.isNaN else { return .nan }
            if quantile < 0 { return -.infinity }
            if quantile > 1 { return .infinity }
            let rank = quantile * Double(total - 1)
            let lower = Int(rank.rounded(.down))
            let weight = rank - Double(lower)
            var seen = 0
            var below: Double?
            for id in order where id < counts.count && counts[id] > 0 {
                seen += counts[id]
                if below == nil, seen > lower { below = values[id] }
                guard let below, seen > lower + 1 || lower + 1 == total else { continue }
                return lower + 1 == total ? below : below * (1 - weight) + values[id] * weight
            }
            return below
        }
    }
}
