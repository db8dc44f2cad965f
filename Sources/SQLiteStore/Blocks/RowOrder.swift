import ColumnEncoding
import Telemetry

/// Rows of several batches in the order of a time.
enum RowOrder {
    private struct Entry {
        var key: UInt64
        var row: SourceRow
    }

    private static let digitBits: UInt64 = 11

    /// All rows in ascending order of `times` (a column for each source); of equal times, in order of
    /// sources and rows.
    ///
    /// Rows mostly arrive in order: then they are only listed. Else they are sorted by the digits of
    /// their distance from the earliest (least significant digit first, Knuth, TAOCP 3, §5.2.5).
    static func byTime(_ times: [[Timestamp]]) -> [SourceRow] {
        var entries: [Entry] = []
        entries.reserveCapacity(times.reduce(0) { $0 + $1.count })
        var least = UInt64.max
        var most: UInt64 = 0
        var isAscending = true
        for (source, column) in times.enumerated() {
            for row in 0..<column.count {
                // Flipping the sign bit makes the order of signed integers that of unsigned ones.
                let key = UInt64(bitPattern: column[row].nanoseconds) ^ 1 << 63
                isAscending = isAscending && key >= most
                least = min(least, key)
                most = max(most, key)
                entries.append(Entry(key: key, row: SourceRow(source: source, row: row)))
            }
        }
        if !isAscending { sort(&entries, from: least, range: most - least) }
        return entries.map(\.row)
    }

    private static func sort(_ entries: inout [Entry], from least: UInt64, range: UInt64) {
        var other = entries
        var shift: UInt64 = 0
        while shift < 64, range >> shift != 0 {
            entries.withUnsafeBufferPointer { from in
                other.withUnsafeMutableBufferPointer { to in
                    distribute(from, into: to, least, shift)
                }
            }
            swap(&entries, &other)
            shift += digitBits
        }
    }

    private static func distribute(
        _ from: UnsafeBufferPointer<Entry>, into to: UnsafeMutableBufferPointer<Entry>,
        _ least: UInt64, _ shift: UInt64
    ) {
        let buckets = 1 << Int(digitBits)
        let mask = UInt64(buckets - 1)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: buckets) { starts in
            starts.initialize(repeating: 0)
            for entry in from { starts[Int((entry.key &- least) &>> shift & mask)] &+= 1 }
            var start = 0
            for bucket in 0..<buckets {
                let count = starts[bucket]
                starts[bucket] = start
                start &+= count
            }
            for entry in from {
                let bucket = Int((entry.key &- least) &>> shift & mask)
                to[starts[bucket]] = entry
                starts[bucket] &+= 1
            }
        }
    }
}
