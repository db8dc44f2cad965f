import ColumnEncoding
import Store
import Telemetry

/// Identifiers in fields (`LogIdentifier`) as keys of a block's membership filter, beside those of trace
/// ids. On disk by their effect, so they never change.
enum LogIdentifierKeys {
    /// Are in the filter of a block whose identifiers are all in it. Together they stand there by chance
    /// in one of 16 million blocks without.
    private static let marks: [UInt64] = [
        0x8C61_5D1F_3A97_E204, 0x2F70_B9E5_64C8_1D3B, 0xD1A4_07C2_9E5B_F668,
    ]

    /// Empty for a batch in which identifiers may stand where nobody looks: in texts and maps.
    static func all(of batch: LogBatch) -> [UInt64] {
        guard !batch.isEmpty, batch.bodyTypes.allSatisfy({ $0 == .empty }),
            !batch.attributes.types.contains(.map)
        else { return [] }
        var keys = marks
        var names = [[UInt8]?](repeating: nil, count: batch.strings.count)
        var isKnown = [Bool](repeating: false, count: batch.strings.count)
        for row in 0..<batch.count {
            for cell in batch.attributeRange(row) {
                let id = Int(batch.attributes.keys[cell])
                if !isKnown[id] {
                    isKnown[id] = true
                    let name = LogStream.fieldName(batch.strings[StringID(id)])
                    names[id] = LogIdentifier.isName(name) ? Array(name.utf8) : nil
                }
                guard let name = names[id] else { continue }
                if let key = key(name, of: cell, batch, trace: batch.traceIDs[row]) {
                    keys.append(key)
                }
            }
        }
        return keys
    }

    /// `nil` for the record's own trace id, which has a key already, and for what is no text.
    private static func key(
        _ name: [UInt8], of cell: Int, _ batch: LogBatch, trace: TraceID
    ) -> UInt64? {
        guard batch.attributes.types[cell] == .string else {
            let text = batch.attributes.value(at: cell, strings: batch.strings).text
            return text.isEmpty ? nil : key(name, Array(text.utf8))
        }
        let id = StringID(truncatingIfNeeded: batch.attributes.payloads[cell])
        return batch.strings.withBytes(of: id) { value in
            if value.isEmpty || value.count == 32 && value.elementsEqual(trace.hex.utf8) {
                return nil
            }
            return key(name, Array(value))
        }
    }

    private static func key(_ name: [UInt8], _ value: [UInt8]) -> UInt64 {
        ContentHash(name + [0] + value).low
    }

    /// Whether a record of the block may have the identifier.
    static func mayHold(
        _ identifier: LogIdentifier, _ block: BlockInfo, _ summaries: StringTable
    ) -> Bool {
        let filter = block.filter
        guard marks.allSatisfy({ filter.contains($0) }) else { return true }
        let value = Array(identifier.value.utf8)
        if filter.contains(key(Array(identifier.name.utf8), value)) { return true }
        // A trace id in a field is that of the record where both are the same.
        if let trace = traceKey(identifier.value), filter.contains(trace) { return true }
        return block.summary.contains { id in
            let labels = Labels(canonicalBytes: summaries.withBytes(of: id) { Array($0) })
            return labels[identifier.name] != nil
        }
    }

    /// `nil` for what is no trace id.
    private static func traceKey(_ text: String) -> UInt64? {
        do throws(IdentifierError) {
            return FuseFilter.key(try TraceID(hex: text))
        } catch {
            return nil
        }
    }
}
