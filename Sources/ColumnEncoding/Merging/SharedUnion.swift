import Telemetry

/// Resources and scopes of several batches in one set of shared columns, in which equal ones are one.
struct SharedUnion {
    private static let unmapped = UInt32.max

    private var columns = SharedColumns()
    private let sources: [SharedColumns]
    private var resources: Numbers
    private var scopes: Numbers
    /// Fields, then key, type and payload of each cell, of the entry that is being added.
    private var words: [UInt64] = []

    private struct Numbers {
        /// Where those of each source begin.
        private(set) var starts: [Int] = []
        /// New numbers by old number, one source after the other.
        var numbers: [UInt32] = []
        /// New numbers by the hash of their content.
        var byContent: [ContentHash: UInt32] = [:]

        init() {}

        init(_ counts: [Int]) {
            var total = 0
            for count in counts {
                starts.append(total)
                total += count
            }
            numbers = [UInt32](repeating: SharedUnion.unmapped, count: total)
        }

        mutating func forget() {
            byContent.removeAll(keepingCapacity: true)
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
        resources.forget()
        scopes.forget()
        return result
    }

    /// The new batch's resource numbers, from those of the sources.
    mutating func resourceNumbers(
        _ plan: GatherPlan, _ strings: inout StringUnion, _ column: (Int) -> [UInt32]
    ) -> [UInt32] {
        var known = Numbers()
        swap(&known, &resources)
        defer { swap(&known, &resources) }
        return numbers(of: \.resources, plan, plan.column(column), &known, &strings)
    }

    /// The new batch's scope numbers, from those of the sources.
    mutating func scopeNumbers(
        _ plan: GatherPlan, _ strings: inout StringUnion, _ column: (Int) -> [UInt32]
    ) -> [UInt32] {
        var known = Numbers()
        swap(&known, &scopes)
        defer { swap(&known, &scopes) }
        return numbers(of: \.scopes, plan, plan.column(column), &known, &strings)
    }

    private mutating func numbers<Entry: SharedEntry>(
        of table: WritableKeyPath<SharedColumns, [Entry]>, _ plan: GatherPlan, _ old: [UInt32],
        _ known: inout Numbers, _ strings: inout StringUnion
    ) -> [UInt32] {
        var result = old
        for part in plan.parts {
            let start = known.starts[part.source]
            for run in part.runs {
                for row in run.target..<(run.target + run.count) {
                    let old = Int(result[row])
                    if known.numbers[start &+ old] == Self.unmapped {
                        known.numbers[start &+ old] = add(
                            sources[part.source][keyPath: table][old], to: table,
                            from: part.source, &known.byContent, &strings)
                    }
                    result[row] = known.numbers[start &+ old]
                }
            }
        }
        return result
    }

    private mutating func add<Entry: SharedEntry>(
        _ entry: Entry, to table: WritableKeyPath<SharedColumns, [Entry]>, from source: Int,
        _ byContent: inout [ContentHash: UInt32], _ strings: inout StringUnion
    ) -> UInt32 {
        var entry = entry
        entry.mapStrings { strings.map($0, of: source) }
        words.removeAll(keepingCapacity: true)
        entry.append(to: &words)
        entry.attributes = copy(entry.attributes, of: source, &strings)
        let hash = words.withUnsafeBytes { ContentHash($0) }
        let known = byContent[hash]
        if let known {
            let other = columns[keyPath: table][Int(known)]
            if entry.hasFields(of: other), areEqual(entry.attributes, other.attributes) {
                columns.attributes.removeCells(from: entry.attributes.lowerBound)
                return known
            }
        }
        columns[keyPath: table].append(entry)
        let new = UInt32(truncatingIfNeeded: columns[keyPath: table].count - 1)
        // Of two different ones with one hash the second stays unknown, and comes again.
        if known == nil { byContent[hash] = new }
        return new
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

/// What several rows share: fields and a range of cells.
private protocol SharedEntry {
    var attributes: Range<Int> { get set }

    mutating func mapStrings(_ map: (StringID) -> StringID)
    /// Its fields, without the attributes.
    func append(to words: inout [UInt64])
    /// Whether the fields, without the attributes, are equal.
    func hasFields(of other: Self) -> Bool
}

extension ResourceEntry: SharedEntry {
    fileprivate mutating func mapStrings(_ map: (StringID) -> StringID) {
        schemaURL = map(schemaURL)
    }

    fileprivate func append(to words: inout [UInt64]) {
        words.append(UInt64(droppedAttributeCount) << 32 | UInt64(schemaURL))
    }

    fileprivate func hasFields(of other: ResourceEntry) -> Bool {
        droppedAttributeCount == other.droppedAttributeCount && schemaURL == other.schemaURL
    }
}

extension ScopeEntry: SharedEntry {
    fileprivate mutating func mapStrings(_ map: (StringID) -> StringID) {
        name = map(name)
        version = map(version)
        schemaURL = map(schemaURL)
    }

    fileprivate func append(to words: inout [UInt64]) {
        words.append(UInt64(name) << 32 | UInt64(version))
        words.append(UInt64(droppedAttributeCount) << 32 | UInt64(schemaURL))
    }

    fileprivate func hasFields(of other: ScopeEntry) -> Bool {
        name == other.name && version == other.version
            && droppedAttributeCount == other.droppedAttributeCount
            && schemaURL == other.schemaURL
    }
}
