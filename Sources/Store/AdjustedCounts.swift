import Telemetry

extension SpanBatch {
    /// The attribute of a span that stands for several: how many. Spans without it stand for themselves.
    package static let adjustedCountKey = "sidelight.adjusted_count"
    /// Beyond is no count that thinning makes.
    private static let adjustedCountMax = 0x1p56

    /// How many spans each row stands for; `nil` if each stands for itself.
    package func adjustedCounts() -> [Double]? {
        guard let key = strings.id(of: Self.adjustedCountKey) else { return nil }
        var counts: [Double]?
        for row in 0..<count {
            for cell in attributeRange(row) where attributes.keys[cell] == key {
                guard let number = adjustedCount(at: cell), number > 1 else { continue }
                if counts == nil { counts = [Double](repeating: 1, count: count) }
                counts?[row] = number
            }
        }
        return counts
    }

    private func adjustedCount(at cell: Int) -> Double? {
        guard attributes.types[cell] == .double else { return nil }
        let number = Double(bitPattern: attributes.payloads[cell])
        return number >= 1 && number <= Self.adjustedCountMax ? number : nil
    }

    /// Notes on each row how many spans it stands for; a larger count that it has stays.
    /// - Parameter factors: one a row, at least 1.
    package mutating func raiseAdjustedCounts(to factors: [Double]) {
        precondition(factors.count == count, "BUG: a factor is needed for each span")
        guard factors.contains(where: { $0 > 1 }) else { return }
        let key = strings.intern(Self.adjustedCountKey)
        var columns = AttributeColumns()
        columns.reserveCapacity(attributes.count + count)
        var ends: [UInt32] = []
        ends.reserveCapacity(count)
        for row in 0..<count {
            var raised = factors[row]
            for cell in attributeRange(row) {
                if attributes.keys[cell] == key {
                    raised = max(raised, adjustedCount(at: cell) ?? 1)
                } else {
                    columns.append(
                        key: attributes.keys[cell], type: attributes.types[cell],
                        payload: attributes.payloads[cell])
                }
            }
            if raised > 1 { columns.append(key: key, type: .double, payload: raised.bitPattern) }
            ends.append(UInt32(truncatingIfNeeded: columns.count))
        }
        attributes = columns
        attributeEnds = ends
    }
}
