import Telemetry

/// Finds the resource of a line by the values of its label fields: lines with the same values share one.
struct LogLineResources {
    private let labelNames: [StringID]
    private let fixed: [Attribute]
    /// The label values of the current line; `.empty` where it has none.
    private var types: [AttributeType]
    private var payloads: [UInt64]
    /// Distinct value tuples, numbered as `indices` is.
    private var tuples = StringTable()
    private var indices: [UInt32?] = []
    private var scratch: [UInt8] = []

    init(labelNames: [StringID], fixed: [Attribute]) {
        self.labelNames = labelNames
        self.fixed = fixed
        types = [AttributeType](repeating: .empty, count: labelNames.count)
        payloads = [UInt64](repeating: 0, count: labelNames.count)
    }

    mutating func beginLine() {
        for label in types.indices { types[label] = .empty }
    }

    /// Sets a label of the line; of a repeated field the first value counts.
    mutating func set(_ label: Int, type: AttributeType, payload: UInt64) {
        guard types[label] == .empty else { return }
        types[label] = type
        payloads[label] = payload
    }

    /// The resource of the line, added to `shared` when it is the first with its labels.
    mutating func endLine(shared: inout SharedColumns, strings: inout StringTable) -> UInt32 {
        scratch.removeAll(keepingCapacity: true)
        for label in types.indices {
            scratch.append(types[label].rawValue)
            guard types[label] != .empty else { continue }
            withUnsafeBytes(of: payloads[label]) { scratch.append(contentsOf: $0) }
        }
        let tuple = Int(tuples.intern(bytes: scratch))
        while indices.count <= tuple { indices.append(nil) }
        if let known = indices[tuple] { return known }
        let index = add(to: &shared, &strings)
        indices[tuple] = index
        return index
    }

    private func add(to shared: inout SharedColumns, _ strings: inout StringTable) -> UInt32 {
        let start = shared.attributes.count
        for attribute in fixed {
            let isReplaced = labelNames.indices.contains { label in
                types[label] != .empty && strings[labelNames[label]] == attribute.key
            }
            guard !isReplaced else { continue }
            shared.attributes.append(
                key: attribute.key, value: attribute.value, strings: &strings)
        }
        for label in types.indices where types[label] != .empty {
            shared.attributes.append(
                key: labelNames[label], type: types[label], payload: payloads[label])
        }
        shared.resources.append(ResourceEntry(attributes: start..<shared.attributes.count))
        return UInt32(truncatingIfNeeded: shared.resources.count - 1)
    }
}
