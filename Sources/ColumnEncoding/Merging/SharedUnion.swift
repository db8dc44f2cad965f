import Telemetry

/// Resources and scopes of several batches in one set of shared columns, in which equal ones are one.
struct SharedUnion {
    private static let unmapped = UInt32.max

    private var columns = SharedColumns()
    /// Numbers by the hash of their content.
    private var resourceNumbers: [ContentHash: UInt32] = [:]
    private var scopeNumbers: [ContentHash: UInt32] = [:]
    private let sources: [SharedColumns]
    /// New numbers by old number, one source after the other.
    private var resources: Numbers
    private var scopes: Numbers
    /// Fields, then key, type and payload of each cell, of the entry that is being added.
    private var words: [UInt64] = []

    private struct Numbers {
        /// Where those of each source begin.
        let starts: [Int]
        var numbers: [UInt32]

        init(_ counts: [Int]) {
            var total = 0
            var starts: [Int] = []
            for count in counts {
                starts.append(total)
                total += count
            }
            self.starts = starts
            numbers = [UInt32](repeating: SharedUnion.unmapped, count: total)
        }

        mutating func forget() {
            for index in numbers.indices { numbers[index] = SharedUnion.unmapped }
        }
    }

    init(_ sources: [SharedColumns]) {
        self.sources = sources
        resources = Numbers(sources.map(\.resources.count))
        scopes = Numbers(sources.map(\.scopes.count))
    }

    /// The columns built so far; the next ones start empty.
    mutating func take() -> SharedColumns {
        let result = columns
        columns = SharedColumns()
        resourceNumbers.removeAll(keepingCapacity: true)
        scopeNumbers.removeAll(keepingCapacity: true)
        resources.forget()
        scopes.forget()
        return result
    }

    /// The new batch's resource numbers, from those of the sources.
    mutating func resourceNumbers(
        _ plan: GatherPlan, _ strings: inout StringUnion, _ column: (Int) -> [UInt32]
    ) -> [UInt32] {
        var numbers = plan.column(column)
        for part in plan.parts {
            let start = resources.starts[part.source]
            for run in part.runs {
                for row in run.target..<(run.target + run.count) {
                    let old = Int(numbers[row])
                    if resources.numbers[start &+ old] == Self.unmapped {
                        resources.numbers[start &+ old] = addResource(
                            old, of: part.source, &strings)
                    }
                    numbers[row] = resources.numbers[start &+ old]
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
            let start = scopes.starts[part.source]
            for run in part.runs {
                for row in run.target..<(run.target + run.count) {
                    let old = Int(numbers[row])
                    if scopes.numbers[start &+ old] == Self.unmapped {
                        scopes.numbers[start &+ old] = addScope(old, of: part.source, &strings)
                    }
                    numbers[row] = scopes.numbers[start &+ old]
                }
            }
        }
        return numbers
    }

    private mutating func addResource(
        _ number: Int, of source: Int, _ strings: inout StringUnion
    ) -> UInt32 {
        var entry = sources[source].resources[number]
        entry.schemaURL = strings.map(entry.schemaURL, of: source)
        words.removeAll(keepingCapacity: true)
        words.append(UInt64(entry.droppedAttributeCount) << 32 | UInt64(entry.schemaURL))
        entry.attributes = copy(entry.attributes, of: source, &strings)
        let hash = words.withUnsafeBytes { ContentHash($0) }
        let known = resourceNumbers[hash]
        if let known, isEqual(columns.resources[Int(known)], entry) {
            columns.attributes.removeCells(from: entry.attributes.lowerBound)
            return known
        }
        columns.resources.append(entry)
        let new = UInt32(truncatingIfNeeded: columns.resources.count - 1)
        // Of two different ones with one hash the second stays unknown, and comes again.
        if known == nil { resourceNumbers[hash] = new }
        return new
    }

    private mutating func addScope(
        _ number: Int, of source: Int, _ strings: inout StringUnion
    ) -> UInt32 {
        var entry = sources[source].scopes[number]
        entry.name = strings.map(entry.name, of: source)
        entry.version = strings.map(entry.version, of: source)
        entry.schemaURL = strings.map(entry.schemaURL, of: source)
        words.removeAll(keepingCapacity: true)
        words.append(UInt64(entry.name) << 32 | UInt64(entry.version))
        words.append(UInt64(entry.droppedAttributeCount) << 32 | UInt64(entry.schemaURL))
        entry.attributes = copy(entry.attributes, of: source, &strings)
        let hash = words.withUnsafeBytes { ContentHash($0) }
        let known = scopeNumbers[hash]
        if let known, isEqual(columns.scopes[Int(known)], entry) {
            columns.attributes.removeCells(from: entry.attributes.lowerBound)
            return known
        }
        columns.scopes.append(entry)
        let new = UInt32(truncatingIfNeeded: columns.scopes.count - 1)
        if known == nil { scopeNumbers[hash] = new }
        return new
    }

    private func isEqual(_ a: ResourceEntry, _ b: ResourceEntry) -> Bool {
        a.droppedAttributeCount == b.droppedAttributeCount && a.schemaURL == b.schemaURL
            && areEqual(a.attributes, b.attributes)
    }

    private func isEqual(_ a: ScopeEntry, _ b: ScopeEntry) -> Bool {
        a.name == b.name && a.version == b.version
            && a.droppedAttributeCount == b.droppedAttributeCount && a.schemaURL == b.schemaURL
            && areEqual(a.attributes, b.attributes)
    }

    private func areEqual(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
        guard a.count == b.count else { return false }
        let cells = columns.attributes
        for (a, b) in zip(a, b)
        where cells.keys[a] != cells.keys[b]
            || cells.types[a].rawValue != cells.types[b].rawValue
            || cells.payloads[a] != cells.payloads[b]
        {
            return false
        }
        return true
    }

    /// Appends cells of a source and their content to `words`; returns where they are now.
    private mutating func copy(
        _ cells: Range<Int>, of source: Int, _ strings: inout StringUnion
    ) -> Range<Int> {
        let start = columns.attributes.count
        let from = sources[source].attributes
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
        return start..<columns.attributes.count
    }
}

extension AttributeColumns {
    fileprivate mutating func removeCells(from start: Int) {
        keys.removeSubrange(start...)
        types.removeSubrange(start...)
        payloads.removeSubrange(start...)
    }
}
