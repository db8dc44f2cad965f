import Telemetry

/// Parents as offsets between rows of one trace.
///
/// Code of a row: 0 for a root; 1 for a parent that is not in the batch (its id follows in a list of
/// externals); else 2 + zigzag(parent's row − row).
enum ParentLinks {
    static let root: Int64 = 0
    static let external: Int64 = 1

    /// The code of each row and the external ids in row order.
    static func encode(
        parents: [SpanID], spans: [SpanID], traceOfRow: [UInt32]
    ) -> (codes: [Int64], externals: [UInt64]) {
        var externals: [UInt64] = []
        let count = spans.count
        var size = 64
        while size < count * 2 { size *= 2 }
        let mask = size - 1
        let codes = [Int64](unsafeUninitializedCapacity: count) { codes, initialized in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: size) { slots in
                slots.initialize(repeating: 0)
                // A span id that repeats within its trace (client and server of one Zipkin span) is
                // found by its first row: any row with that id gives it back.
                for row in 0..<count {
                    let slot = find(spans[row], traceOfRow[row], spans, traceOfRow, slots, mask)
                    if slots[slot] == 0 { slots[slot] = UInt32(truncatingIfNeeded: row) &+ 1 }
                }
                for row in 0..<count {
                    let parent = parents[row]
                    if parent.value == 0 {
                        codes[row] = root
                        continue
                    }
                    let slot = find(parent, traceOfRow[row], spans, traceOfRow, slots, mask)
                    if slots[slot] == 0 {
                        codes[row] = external
                        externals.append(parent.value)
                    } else {
                        let offset = Int64(slots[slot]) &- 1 &- Int64(row)
                        codes[row] = 2 &+ Int64(bitPattern: Varint.zigzag(offset))
                    }
                }
            }
            initialized = count
        }
        return (codes, externals)
    }

    /// The slot that holds a row of this span, or the free one where it would be.
    @inline(__always)
    private static func find(
        _ id: SpanID, _ trace: UInt32, _ spans: [SpanID], _ traceOfRow: [UInt32],
        _ slots: UnsafeMutableBufferPointer<UInt32>, _ mask: Int
    ) -> Int {
        let (high, low) = (id.value ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: UInt64(trace) &* 0xD6E8_FEB8_6659_FD93 ^ 0xA076_1D64_78BD_642F)
        var slot = Int(truncatingIfNeeded: high ^ low) & mask
        while slots[slot] != 0 {
            let row = Int(slots[slot] &- 1)
            if spans[row] == id, traceOfRow[row] == trace { return slot }
            slot = (slot &+ 1) & mask
        }
        return slot
    }

    static func decode(
        codes: [Int64], externals: [UInt64], spans: [SpanID]
    ) throws(ColumnDecodeError) -> [SpanID] {
        var parents: [SpanID] = []
        parents.reserveCapacity(codes.count)
        var nextExternal = 0
        for (row, code) in codes.enumerated() {
            switch code {
            case root: parents.append(.invalid)
            case external:
                guard nextExternal < externals.count else { throw corrupt(row) }
                parents.append(SpanID(externals[nextExternal]))
                nextExternal += 1
            default:
                let offset = Varint.unzigzag(UInt64(bitPattern: code &- 2))
                let (parent, overflow) = Int64(row).addingReportingOverflow(offset)
                guard !overflow, parent >= 0, parent < spans.count else { throw corrupt(row) }
                parents.append(spans[Int(parent)])
            }
        }
        return parents
    }

    /// The parents of some rows, which are ascending.
    static func decode(
        rows: [Int], codes: [Int64], externals: [UInt64], spans: [SpanID]
    ) throws(ColumnDecodeError) -> [SpanID] {
        var parents: [SpanID] = []
        parents.reserveCapacity(rows.count)
        var next = 0
        var nextExternal = 0
        for row in rows {
            while next < row {
                if codes[next] == external { nextExternal += 1 }
                next += 1
            }
            switch codes[row] {
            case root: parents.append(.invalid)
            case external:
                guard nextExternal < externals.count else { throw corrupt(row) }
                parents.append(SpanID(externals[nextExternal]))
            default:
                let offset = Varint.unzigzag(UInt64(bitPattern: codes[row] &- 2))
                let (parent, overflow) = Int64(row).addingReportingOverflow(offset)
                guard !overflow, parent >= 0, parent < spans.count else { throw corrupt(row) }
                parents.append(spans[Int(parent)])
            }
        }
        return parents
    }

    private static func corrupt(_ row: Int) -> ColumnDecodeError {
        .corrupt(column: "parents", offset: row, reason: "parent of row \(row) is not there")
    }
}
