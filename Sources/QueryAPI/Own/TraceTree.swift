import Store
import Telemetry

/// Who is whose child in a trace, in some 60 bytes a span: enough to summarise one of a million spans.
struct TraceTree: Sendable {
    /// A name or service as a number.
    private struct Names: Sendable {
        private(set) var all: [String] = []
        private var numbers: [String: Int32] = [:]

        mutating func number(of name: String) -> Int32 {
            if let known = numbers[name] { return known }
            let number = Int32(clamping: all.count)
            all.append(name)
            numbers[name] = number
            return number
        }
    }

    /// What makes siblings repetitions of each other.
    struct Likeness: Hashable, Sendable {
        var service: Int32
        var name: Int32
        var kind: SpanKind
    }

    /// What kind of proxy a span is of.
    enum Proxy: UInt8, Sendable {
        case none, sidelight, envoy
    }

    // One entry a span, in order of start.
    private(set) var spanIDs: [SpanID] = []
    private(set) var parentIDs: [SpanID] = []
    private(set) var starts: [Timestamp] = []
    /// Nanoseconds.
    private(set) var durations: [Int64] = []
    private(set) var likenesses: [Likeness] = []
    private(set) var statuses: [SpanStatus] = []
    /// Whose spans are a proxy's; tells only if attributes were read.
    private(set) var proxies: [Proxy] = []
    /// Spans of the subtree and those of them that failed, itself included.
    private(set) var spanCounts: [Int32] = []
    private(set) var errorCounts: [Int32] = []
    /// Levels below.
    private(set) var heights: [Int32] = []

    /// Spans without a parent in the trace, by start.
    private(set) var roots: [Int32] = []
    /// Roots whose parent is named but not there.
    private(set) var orphanCount = 0
    /// Roots that have been made so because their parents lead back to them.
    private(set) var cyclic: Set<Int32> = []

    private var services = Names()
    private var names = Names()
    /// The row of the parent, -1 for roots.
    private var parents: [Int32] = []
    /// Children of row `i` are `children[childStarts[i]..<childStarts[i + 1]]`, by start.
    private var childStarts: [Int32] = []
    private var children: [Int32] = []

    var count: Int { spanIDs.count }

    /// Reads the whole cursor.
    init(_ cursor: TraceCursor, check: () throws -> Void) throws {
        while let spans = try cursor.next() {
            try check()
            append(spans)
        }
        try check()
        link()
        try check()
        findRoots()
        countSubtrees()
    }

    private mutating func append(_ spans: SpanBatch) {
        let services = spans.serviceNames().map { self.services.number(of: $0) }
        var nameOfString: [StringID: Int32] = [:]
        for row in 0..<spans.count {
            let name =
                nameOfString[spans.names[row]] ?? names.number(of: spans.strings[spans.names[row]])
            nameOfString[spans.names[row]] = name
            likenesses.append(
                Likeness(
                    service: services[Int(spans.resourceIndices[row])], name: name,
                    kind: spans.kinds[row]))
        }
        appendProxies(spans)
        spanIDs += spans.spanIDs
        parentIDs += spans.parentIDs
        starts += spans.starts
        durations += spans.durations
        statuses += spans.statuses
    }

    /// Sidelight's proxy names its scope, Envoy's spans carry `component: proxy`.
    private mutating func appendProxies(_ spans: SpanBatch) {
        let ofScope = spans.shared.scopes.map { scope -> Proxy in
            let name = spans.strings[scope.name]
            if name == "sidelight.proxy" { return .sidelight }
            return name.hasPrefix("envoy") ? .envoy : .none
        }
        let component = spans.strings.id(of: "component")
        let proxy = spans.strings.id(of: "proxy")
        for row in 0..<spans.count {
            var found = ofScope[Int(spans.scopeIndices[row])]
            if let component, let proxy, found == .none {
                let isProxy = spans.attributeRange(row).contains {
                    spans.attributes.keys[$0] == component
                        && spans.attributes.types[$0] == .string
                        && spans.attributes.payloads[$0] == UInt64(proxy)
                }
                if isProxy { found = .envoy }
            }
            proxies.append(found)
        }
    }

    // MARK: Looking

    var hasProxies: Bool { proxies.contains { $0 != .none } }

    func service(_ row: Int32) -> String { services.all[Int(likenesses[Int(row)].service)] }
    func name(_ row: Int32) -> String { names.all[Int(likenesses[Int(row)].name)] }

    func children(of row: Int32) -> ArraySlice<Int32> {
        children[Int(childStarts[Int(row)])..<Int(childStarts[Int(row) + 1])]
    }

    /// The first span with this id.
    func row(of span: SpanID) -> Int32? {
        spanIDs.firstIndex(of: span).map { Int32(truncatingIfNeeded: $0) }
    }

    /// Spans and failed spans of each service, by name.
    func servicesWithCounts() -> [TraceSummary.Service] {
        var found = services.all.map { TraceSummary.Service(name: $0) }
        for row in 0..<count {
            let service = Int(likenesses[row].service)
            found[service].spanCount += 1
            if statuses[row] == .error { found[service].errorCount += 1 }
        }
        return found.sorted { Labels.precedes($0.name.utf8, $1.name.utf8) }
    }

    // MARK: Building

    private mutating func link() {
        let index = SpanRowIndex(spanIDs, likenesses.map(\.kind))
        parents = (0..<count).map { row in
            let row = Int32(truncatingIfNeeded: row)
            let parent = index.parent(of: row, spanIDs, parentIDs)
            return parent == row ? -1 : parent
        }
        setChildren()
    }

    /// Rows are by start, so children are, too.
    private mutating func setChildren() {
        childStarts = [Int32](repeating: 0, count: count + 1)
        for parent in parents where parent >= 0 { childStarts[Int(parent) + 1] += 1 }
        for row in 0..<count { childStarts[row + 1] += childStarts[row] }
        children = [Int32](repeating: 0, count: Int(childStarts[count]))
        var next = childStarts
        for (row, parent) in parents.enumerated() where parent >= 0 {
            children[Int(next[Int(parent)])] = Int32(truncatingIfNeeded: row)
            next[Int(parent)] += 1
        }
    }

    /// Every span must be below a root: where parents go round in a circle, the earliest span of the
    /// circle becomes one.
    private mutating func findRoots() {
        var isReached = [Bool](repeating: false, count: count)
        for (row, parent) in parents.enumerated() where parent < 0 {
            reach(Int32(truncatingIfNeeded: row), &isReached)
        }
        var cut: [Int32] = []
        for row in 0..<count where !isReached[row] {
            let first = earliestOfCircle(above: Int32(truncatingIfNeeded: row))
            parents[Int(first)] = -1
            cut.append(first)
            reach(first, &isReached)
        }
        cyclic = Set(cut)
        if !cut.isEmpty { setChildren() }
        for (row, parent) in parents.enumerated() where parent < 0 {
            let root = Int32(truncatingIfNeeded: row)
            roots.append(root)
            if parentIDs[row].isValid, !cyclic.contains(root) {
                if parentIDs[row] == spanIDs[row] { cyclic.insert(root) } else { orphanCount += 1 }
            }
        }
    }

    private func reach(_ root: Int32, _ isReached: inout [Bool]) {
        var open = [root]
        while let row = open.popLast() {
            guard !isReached[Int(row)] else { continue }
            isReached[Int(row)] = true
            open += children(of: row)
        }
    }

    private func earliestOfCircle(above row: Int32) -> Int32 {
        // Twice as fast and as fast: they meet on the circle (Floyd).
        var slow = row
        var fast = row
        repeat {
            slow = parents[Int(slow)]
            fast = parents[Int(parents[Int(fast)])]
        } while slow != fast
        var earliest = slow
        var next = parents[Int(slow)]
        while next != slow {
            earliest = min(earliest, next)
            next = parents[Int(next)]
        }
        return earliest
    }

    /// Puts what is below the last span of each hop below its first; those between are no longer below
    /// anything. Counts of spans stay as they are.
    mutating func fold(_ hops: [Int32: MeshHop]) {
        if hops.isEmpty { return }
        for (first, hop) in hops {
            guard let last = hop.rows.last else { continue }
            for child in children(of: last) { parents[Int(child)] = first }
        }
        for hop in hops.values { for row in hop.rows.dropFirst() { parents[Int(row)] = -2 } }
        setChildren()
        let (spans, errors) = (spanCounts, errorCounts)
        countSubtrees()
        (spanCounts, errorCounts) = (spans, errors)
    }

    private mutating func countSubtrees() {
        var order = roots
        order.reserveCapacity(count)
        var next = 0
        while next < order.count {
            order += children(of: order[next])
            next += 1
        }
        spanCounts = [Int32](repeating: 1, count: count)
        errorCounts = statuses.map { $0 == .error ? 1 : 0 }
        heights = [Int32](repeating: 0, count: count)
        for row in order.reversed() {
            let parent = Int(parents[Int(row)])
            guard parent >= 0 else { continue }
            spanCounts[parent] += spanCounts[Int(row)]
            errorCounts[parent] += errorCounts[Int(row)]
            heights[parent] = max(heights[parent], heights[Int(row)] + 1)
        }
    }
}

/// Finds rows by span id. Of a call whose two sides have one id (Zipkin's shared spans) the server's
/// is the child of the client's and the parent of what comes below.
private struct SpanRowIndex {
    /// Row + 1 by hash of the id; 0 is free.
    private var slots: [Int32]
    private let mask: Int
    private var serverSides: [SpanID: Int32] = [:]

    init(_ ids: [SpanID], _ kinds: [SpanKind]) {
        var size = 64
        while size < ids.count * 2 { size *= 2 }
        slots = [Int32](repeating: 0, count: size)
        mask = size - 1
        for row in ids.indices {
            let slot = slot(of: ids[row], ids)
            let number = Int32(truncatingIfNeeded: row)
            guard slots[slot] > 0 else {
                slots[slot] = number + 1
                continue
            }
            let other = slots[slot] - 1
            switch (Self.isServerSide(kinds[Int(other)]), Self.isServerSide(kinds[row])) {
            case (false, true): serverSides[ids[row]] = serverSides[ids[row]] ?? number
            case (true, false):
                serverSides[ids[row]] = other
                slots[slot] = number + 1
            default: break
            }
        }
    }

    private static func isServerSide(_ kind: SpanKind) -> Bool {
        kind == .server || kind == .consumer
    }

    private func slot(of id: SpanID, _ ids: [SpanID]) -> Int {
        var slot = Int(truncatingIfNeeded: (id.value &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask
        while slots[slot] > 0, ids[Int(slots[slot] - 1)] != id { slot = (slot + 1) & mask }
        return slot
    }

    /// -1 if it is not there.
    func parent(of row: Int32, _ ids: [SpanID], _ parents: [SpanID]) -> Int32 {
        let id = ids[Int(row)]
        if serverSides[id] == row { return slots[slot(of: id, ids)] - 1 }
        let parent = parents[Int(row)]
        guard parent.isValid else { return -1 }
        return serverSides[parent] ?? slots[slot(of: parent, ids)] - 1
    }
}
