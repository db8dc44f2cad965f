/// Rows of a block that are still in question, ascending; `nil` stands for all.
package enum RowSelection {
    /// Those of which `isKept` is true; it is asked in ascending order.
    @inlinable
    package static func filter(
        _ rows: [Int32]?, count: Int, _ isKept: (Int) -> Bool
    ) -> [Int32] {
        if let rows { return rows.filter { isKept(Int($0)) } }
        var kept: [Int32] = []
        for row in 0..<count where isKept(row) { kept.append(Int32(truncatingIfNeeded: row)) }
        return kept
    }

    /// Rows that are in either.
    package static func union(_ a: [Int32], _ b: [Int32]) -> [Int32] {
        if a.isEmpty { return b }
        if b.isEmpty { return a }
        var united: [Int32] = []
        united.reserveCapacity(a.count + b.count)
        var (left, right) = (0, 0)
        while left < a.count, right < b.count {
            let row = min(a[left], b[right])
            united.append(row)
            if a[left] == row { left += 1 }
            if b[right] == row { right += 1 }
        }
        united += a[left...]
        united += b[right...]
        return united
    }
}
