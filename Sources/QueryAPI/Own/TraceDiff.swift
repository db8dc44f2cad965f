import Telemetry

/// Two traces laid over each other: spans are alike when service, name and kind are and their parents are
/// alike; likes of one parent are counted together. Every span of both is in exactly one node.
struct TraceDiff {
    /// Likes of one trace.
    struct Side: Hashable {
        var count = 0
        var errorCount = 0
        /// Nanoseconds in all.
        var duration: Int64 = 0
        /// Nanoseconds that no child covers.
        var ownDuration: Int64 = 0
        /// The longest of them.
        var example: SpanID?
        var exampleDuration: Int64 = -1
    }

    struct Node {
        /// The index of the node above; `nil` at the top.
        var parent: Int?
        var service: String
        var name: String
        var kind: SpanKind
        var a = Side()
        var b = Side()
    }

    private struct Key: Hashable {
        var parent: Int
        var likeness: Int
    }

    /// Parents before their children.
    private(set) var nodes: [Node] = []
    private var indexOf: [Key: Int] = [:]
    private var likenessOf: [String: Int] = [:]

    init(_ a: TraceTree, _ b: TraceTree, check: () throws -> Void) rethrows {
        try add(a, to: \.a, check)
        try add(b, to: \.b, check)
    }

    private mutating func add(
        _ tree: TraceTree, to side: WritableKeyPath<Node, Side>, _ check: () throws -> Void
    ) rethrows {
        var shared: [TraceTree.Likeness: Int] = [:]
        // Node + 1 of each span; spans in order of depth, so that a span's parent comes before it.
        var open: [(row: Int32, parent: Int)] = tree.roots.map { ($0, -1) }
        var next = 0
        while next < open.count {
            if next % 4_096 == 0 { try check() }
            let (row, parent) = open[next]
            next += 1
            let likeness = tree.likenesses[Int(row)]
            let number = shared[likeness] ?? number(of: likeness, row, tree)
            shared[likeness] = number
            let node = node(Key(parent: parent, likeness: number), row, tree)
            count(row, tree, &nodes[node][keyPath: side])
            for child in tree.children(of: row) { open.append((child, node)) }
        }
    }

    /// The same in both trees, which number names each on its own.
    private mutating func number(
        of likeness: TraceTree.Likeness, _ row: Int32, _ tree: TraceTree
    ) -> Int {
        let text = "\(tree.service(row))\u{0}\(tree.name(row))\u{0}\(likeness.kind.rawValue)"
        let number = likenessOf[text] ?? likenessOf.count
        likenessOf[text] = number
        return number
    }

    private mutating func node(_ key: Key, _ row: Int32, _ tree: TraceTree) -> Int {
        if let known = indexOf[key] { return known }
        indexOf[key] = nodes.count
        nodes.append(
            Node(
                parent: key.parent < 0 ? nil : key.parent, service: tree.service(row),
                name: tree.name(row), kind: tree.likenesses[Int(row)].kind))
        return nodes.count - 1
    }

    private func count(_ row: Int32, _ tree: TraceTree, _ side: inout Side) {
        let duration = tree.durations[Int(row)]
        side.count += 1
        if tree.statuses[Int(row)] == .error { side.errorCount += 1 }
        side.duration &+= duration
        side.ownDuration &+= tree.ownDuration(row)
        if duration > side.exampleDuration {
            side.exampleDuration = duration
            side.example = tree.spanIDs[Int(row)]
        }
    }
}

extension TraceTree {
    /// Nanoseconds of a span that none of its children covers.
    func ownDuration(_ row: Int32) -> Int64 {
        let end = starts[Int(row)].advanced(byNanoseconds: durations[Int(row)])
        var covered: Int64 = 0
        var reached = starts[Int(row)]
        // By start.
        for child in children(of: row) {
            let from = max(reached, starts[Int(child)])
            let to = min(
                end, starts[Int(child)].advanced(byNanoseconds: durations[Int(child)]))
            if from < to {
                covered &+= to.nanoseconds(since: from)
                reached = to
            }
        }
        return max(0, durations[Int(row)] &- covered)
    }
}
