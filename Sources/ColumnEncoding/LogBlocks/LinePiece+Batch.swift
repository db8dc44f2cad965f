import Glibc
import Telemetry

extension LinePiece {
    /// The rows of a batch whose line may hold the piece, ascending. Of others it is certain that it does
    /// not.
    package func rows(of batch: LogBatch) -> [Int] {
        let ids = ids(in: batch.strings)
        guard !ids.isEmpty || (mayBeBytes && Self.hasOthersThanStrings(batch)) else { return [] }
        var isHit = [Bool](repeating: false, count: batch.strings.count)
        for id in ids { isHit[Int(id)] = true }
        return (0..<batch.count).filter { row in
            let payload = batch.bodyPayloads[row]
            if mayStand(batch.bodyTypes[row], payload, isHit) { return true }
            return batch.attributeRange(row).contains { cell in
                isHit[Int(batch.attributes.keys[cell])]
                    || mayStand(
                        batch.attributes.types[cell], batch.attributes.payloads[cell], isHit)
            }
        }
    }

    /// Whether there are values that are no strings and whose content is among strings: whoever looks for an id
    /// must look at each row then.
    private static func hasOthersThanStrings(_ batch: LogBatch) -> Bool {
        hasOthers(batch.attributes.types) || hasOthers(batch.bodyTypes)
    }

    private static func hasOthers(_ types: [AttributeType]) -> Bool {
        // By bytes: a head has millions of cells.
        types.withUnsafeBytes { types in
            guard let start = types.baseAddress else { return false }
            return [AttributeType.bytes, .array, .map].contains { other in
                memchr(start, Int32(unsafeBitCast(other, to: UInt8.self)), types.count) != nil
            }
        }
    }

    @inline(__always)
    private func mayStand(_ type: AttributeType, _ payload: UInt64, _ isHit: [Bool]) -> Bool {
        guard type.isInterned else { return false }
        return isHit[Int(truncatingIfNeeded: payload)] || (mayBeBytes && type != .string)
    }

    /// The strings that hold the piece, ascending.
    private func ids(in table: StringTable) -> [StringID] {
        let hits = table.bytes.withUnsafeBytes { offsets(in: $0) }
        var found: [StringID] = []
        var id = 0
        for hit in hits {
            while Int(table.ends[id]) <= hit.lowerBound { id += 1 }
            // It may reach into the next string.
            guard hit.upperBound <= Int(table.ends[id]) else { continue }
            let number = StringID(truncatingIfNeeded: id)
            if found.last != number { found.append(number) }
        }
        return found
    }
}
