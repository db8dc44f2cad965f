import ColumnEncoding
import Store
import Telemetry

/// Ids in lines and in fields (`LogIdentifier`) as keys of a block's membership filter, beside those of
/// trace ids. On disk by their effect, so they never change.
enum LogIdentifierKeys {
    /// Are in the filter of a block whose lines' ids (`LineIdentifiers`) are all in it. Together they stand
    /// there by chance in one of 16 million blocks without.
    private static let lineMarks: [UInt64] = [
        0x5B0E_91C7_24DA_6F38, 0xE6D3_1A48_7B95_C021, 0x90F2_C46B_D81E_3A57,
    ]
    /// The same for the values of fields of ids.
    private static let fieldMarks: [UInt64] = [
        0x37A9_D05E_F1C2_864B, 0xC81B_64F0_593E_A7D2, 0x1D76_B3E8_0A4F_952C,
    ]
    /// More than these, a record each, do not pay.
    private static let keysPerRecordMax = 6

    /// The keys of a batch; none of what may stand where nobody looks.
    static func all(of batch: LogBatch) -> [UInt64] {
        guard !batch.isEmpty else { return [] }
        let types: [AttributeType] = [.map, .array, .bytes]
        let hasNested = batch.attributes.types.contains { types.contains($0) }
        let isText = batch.bodyTypes.allSatisfy { $0 == .empty || $0 == .string }
        guard !hasNested, isText, var keys = lineKeys(of: batch) else { return [] }
        keys += lineMarks
        // In a body, ids may be spelled with escapes.
        if batch.bodyTypes.allSatisfy({ $0 == .empty }) {
            keys += fieldKeys(of: batch)
            keys += fieldMarks
        }
        return keys
    }

    /// `nil` if there are too many ids, or digits that an escape sequence may bring.
    private static func lineKeys(of batch: LogBatch) -> [UInt64]? {
        var keys: [UInt64] = []
        var isSound = true
        var nextTrace = 0
        let most = batch.count * keysPerRecordMax + 4_096
        batch.strings.bytes.withUnsafeBytes { bytes in
            for id in 1..<max(1, batch.strings.count) {
                let range = batch.strings.range(of: StringID(id))
                // What an escape sequence brings in adds at most four digits.
                guard range.count >= LineIdentifiers.lengthMin - 4 else { continue }
                let text = UnsafeRawBufferPointer(rebasing: bytes[range])
                if text.contains(where: isEscapedWithDigits) { isSound = false }
                LineIdentifiers.keys(in: text) { key in
                    // Mostly it is the trace id of the next record, which has a key already.
                    if nextTrace < batch.count, batch.traceIDs[nextTrace].isValid,
                        key == FuseFilter.key(batch.traceIDs[nextTrace])
                    {
                        nextTrace += 1
                    } else {
                        keys.append(key)
                    }
                }
                if !isSound || keys.count > most { break }
            }
        }
        return isSound && keys.count <= most ? keys : nil
    }

    /// Control characters are `\u001f`, `\b` and `\f` in a line.
    @inline(__always)
    private static func isEscapedWithDigits(_ byte: UInt8) -> Bool {
        byte < 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D
    }

    /// Values of fields of ids that are none in themselves.
    private static func fieldKeys(of batch: LogBatch) -> [UInt64] {
        var keys: [UInt64] = []
        // 1: is a field of ids, 2: is none.
        var verdicts = [UInt8](repeating: 0, count: batch.strings.count)
        for cell in 0..<batch.attributes.count {
            let id = batch.attributes.keys[cell]
            if verdicts[Int(id)] == 0 {
                let name = LogStream.fieldName(batch.strings[id])
                verdicts[Int(id)] = LogIdentifier.isName(name) ? 1 : 2
            }
            guard verdicts[Int(id)] == 1 else { continue }
            guard batch.attributes.types[cell] == .string else {
                let text = batch.attributes.value(at: cell, strings: batch.strings).text
                if !text.isEmpty { keys.append(key(text)) }
                continue
            }
            let value = StringID(truncatingIfNeeded: batch.attributes.payloads[cell])
            batch.strings.withBytes(of: value) { text in
                if text.isEmpty || LineIdentifiers.isWhole(text) { return }
                keys.append(LineIdentifiers.key(ofValue: text))
            }
        }
        return keys
    }

    private static func key(_ text: String) -> UInt64 {
        Array(text.utf8).withUnsafeBytes { LineIdentifiers.key(ofValue: $0) }
    }

    /// Whether a record of the block may have the identifier.
    static func mayHold(
        _ identifier: LogIdentifier, _ block: BlockInfo, _ summaries: StringTable
    ) -> Bool {
        guard fieldMarks.allSatisfy({ block.filter.contains($0) }) else { return true }
        if block.filter.contains(key(identifier.value)) { return true }
        return block.summary.contains { id in
            let labels = Labels(canonicalBytes: summaries.withBytes(of: id) { Array($0) })
            return labels[identifier.name] != nil
        }
    }

    /// The keys of the ids in a text that lines must hold.
    static func keys(ofText text: String) -> [UInt64] {
        var keys: [UInt64] = []
        Array(text.utf8).withUnsafeBytes { text in
            LineIdentifiers.keys(in: text) { keys.append($0) }
        }
        return keys
    }

    /// Whether a line of the block may hold the ids.
    static func mayHold(lineKeys keys: [UInt64], _ block: BlockInfo) -> Bool {
        guard !keys.allSatisfy({ block.filter.contains($0) }) else { return true }
        return !lineMarks.allSatisfy { block.filter.contains($0) }
    }
}
