import Telemetry

/// Resources and scopes of several batches in one set of shared columns, in which equal ones are one.
struct SharedUnion {
    private static let unmapped = UInt32.max

    private var columns = SharedColumns()
    /// Numbers by content: fields, then key, type and payload of each cell.
    private var resourceNumbers: [[UInt64]: UInt32] = [:]
    private var scopeNumbers: [[UInt64]: UInt32] = [:]
    private let sources: [SharedColumns]
    /// New numbers by source and old number.
    private var resources: [[UInt32]]
    private var scopes: [[UInt32]]

    init(_ sources: [SharedColumns]) {
        self.sources = sources
        resources = sources.map { [UInt32](repeating: Self.unmapped, count: $0.resources.count) }
        scopes = sources.map { [UInt32](repeating: Self.unmapped, count: $0.scopes.count) }
    }

    /// The columns built so far; the next ones start empty.
    mutating func take() -> SharedColumns {
        let result = columns
        self = SharedUnion(sources)
        return result
    }

    /// The new batch's resource numbers, from those of the sources.
    mutating func resourceNumbers(
        _ plan: GatherPlan, _ strings: inout StringUnion, _ column: (Int) -> [UInt32]
    ) -> [UInt32] {
        var numbers = plan.column(column)
        for part in plan.parts {
            for run in part.runs {
                for row in run.target..<(run.target + run.count) {
                    let old = Int(numbers[row])
                    if resources[part.source][old] == Self.unmapped {
                        resources[part.source][old] = addResource(old, of: part.source, &strings)
                    }
                    numbers[row] = resources[part.source][old]
                }
            }
        }
        return numbers
    }

    /// The new batch's scope numbers, from those of the sources.
    mutating func scopeNumbers(
        _ plan: GatherPlan, _ strings: inout StringUnion, _ column: (Int) -> [UInt32]
    ) -> [UInt32] {
        var numbers = plan.column(column)
        for part in plan.parts {
            for run in part.runs {
                for row in run.target..<(run.target + run.count) {
                    let old = Int(numbers[row])
                    if scopes[part.source][old] == Self.unmapped {
                        scopes[part.source][old] = addScope(old, of: part.source, &strings)
                    }
                    numbers[row] = scopes[part.source][old]
                }
            }
        }
        return numbers
    }

    private mutating func addResource(
        _ number: Int, of source: Int, _ strings: inout StringUnion
    ) -> UInt32 {
        let entry = sources[source].resources[number]
        let url = strings.map(entry.schemaURL, of: source)
        let (cells, words) = copy(entry.attributes, of: source, &strings)
        let key = [UInt64(entry.droppedAttributeCount), UInt64(url)] + words
        if let known = resourceNumbers[key] {
            columns.attributes.removeCells(from: cells.lowerBound)
            return known
        }
        columns.resources.append(
            ResourceEntry(
                attributes: cells, droppedAttributeCount: entry.droppedAttributeCount,
                schemaURL: url))
        let new = UInt32(truncatingIfNeeded: columns.resources.count - 1)
        resourceNumbers[key] = new
        return new
    }

    private mutating func addScope(
        _ number: Int, of source: Int, _ strings: inout StringUnion
    ) -> UInt32 {
        let entry = sources[source].scopes[number]
        let name = strings.map(entry.name, of: source)
        let version = strings.map(entry.version, of: source)
        let url = strings.map(entry.schemaURL, of: source)
        let (cells, words) = copy(entry.attributes, of: source, &strings)
        let fields = [UInt64(name), UInt64(version), UInt64(entry.droppedAttributeCount)]
        let key = fields + [UInt64(url)] + words
        if let known = scopeNumbers[key] {
            columns.attributes.removeCells(from: cells.lowerBound)
            return known
        }
        columns.scopes.append(
            ScopeEntry(
                name: name, version: version, attributes: cells,
                droppedAttributeCount: entry.droppedAttributeCount, schemaURL: url))
        let new = UInt32(truncatingIfNeeded: columns.scopes.count - 1)
        scopeNumbers[key] = new
        return new
    }

    /// Appends cells of a source; returns where they are now and their content.
    private mutating func copy(
        _ cells: Range<Int>, of source: Int, _ strings: inout StringUnion
    ) -> (cells: Range<Int>, words: [UInt64]) {
        let start = columns.attributes.count
        let from = sources[source].attributes
        var words: [UInt64] = []
        for cell in cells {
            let key = strings.map(from.keys[cell], of: source)
            let type = from.types[cell]
            var payload = from.payloads[cell]
            if type.isInterned {
                payload = UInt64(
                    strings.map(StringID(truncatingIfNeeded: payload), of: source))
            }
            columns.attributes.append(key: key, type: type, payload: payload)
            words.append(UInt64(key) << 8 | UInt64(type.rawValue))
            words.append(payload)
        }
        return (start..<columns.attributes.count, words)
    }
}

extension AttributeColumns {
    fileprivate mutating func removeCells(from start: Int) {
        keys.removeSubrange(start...)
        types.removeSubrange(start...)
        payloads.removeSubrange(start...)
    }
}
