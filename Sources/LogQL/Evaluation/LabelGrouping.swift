import Telemetry

/// `by (…)` or `without (…)`, ready to make keys of groups.
struct LabelGrouping: Sendable {
    let isBy: Bool
    /// Bytewise sorted, each once.
    private(set) var names: [LabelName]

    init(_ grouping: Grouping) {
        let written: [String]
        switch grouping {
        case .by(let names): (isBy, written) = (true, names)
        case .without(let names): (isBy, written) = (false, names)
        }
        names = Set(written).sorted { Labels.precedes($0.utf8, $1.utf8) }.map { LabelName($0) }
    }

    /// All labels but one.
    init(without name: String) {
        isBy = false
        names = [LabelName(name)]
    }

    /// The same for lines of which the label `name` is the value.
    func ignoring(_ name: String) -> LabelGrouping {
        var copy = self
        let other = LabelName(name)
        copy.names.removeAll { $0.bytes == other.bytes }
        if !isBy { copy.names.append(other) }
        return copy
    }

    /// The labels that a key needs; `nil` for all.
    var neededLabels: Set<String>? {
        isBy ? Set(names.map { String(decoding: $0.bytes, as: UTF8.self) }) : nil
    }

    func key(of labels: Labels) -> Labels {
        labels.filter { name in names.contains { name.elementsEqual($0.bytes) } == isBy }
    }

    /// The key of a line's labels.
    func key(_ labels: inout LineLabels, _ batch: borrowing LogBatch, row: Int) -> Labels {
        guard isBy else { return key(of: labels.counted(batch, row: row)) }
        guard !names.isEmpty else { return .empty }
        var key: [UInt8] = []
        for name in names {
            labels.withValue(of: name, batch, row: row) { value in
                guard !value.isEmpty else { return }
                Varint.append(UInt64(name.bytes.count), to: &key)
                key.append(contentsOf: name.bytes)
                Varint.append(UInt64(value.count), to: &key)
                key.append(contentsOf: value)
            }
        }
        return Labels(canonicalBytes: key)
    }
}
