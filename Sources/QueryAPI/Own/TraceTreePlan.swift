import Telemetry

/// What of a large tree is shown: some levels, and of many siblings a summary instead of each. Level by
/// level, so that all parts of the tree get their share of the answer.
struct TraceTreePlan {
    struct Window: Sendable {
        /// Levels of nodes.
        var depth: Int
        /// Entries below one node.
        var children: Int
        /// Nodes in all.
        var nodes: Int
    }

    /// What stands below a node.
    enum Entry {
        case span(Int32)
        /// Siblings of one service, name and kind.
        case group(Siblings)
        /// All siblings that found no room, whatever they are.
        case rest(Siblings)
    }

    /// Several spans below one node, with exact counts.
    struct Siblings {
        /// By start.
        var rows: [Int32]
        var spanCount = 0
        var errorCount = 0
        var durationTotal: Int64 = 0
        /// The rows of the longest, the shortest, and the first that failed or has failed spans below.
        var longest: Int32
        var shortest: Int32
        var firstError: Int32?
        var end: Timestamp

        init(_ rows: [Int32], _ tree: TraceTree) {
            self.rows = rows
            longest = rows[0]
            shortest = rows[0]
            end = tree.starts[Int(rows[0])]
            for row in rows {
                let index = Int(row)
                spanCount += Int(tree.spanCounts[index])
                errorCount += Int(tree.errorCounts[index])
                durationTotal &+= tree.durations[index]
                if tree.durations[index] > tree.durations[Int(longest)] { longest = row }
                if tree.durations[index] < tree.durations[Int(shortest)] { shortest = row }
                if firstError == nil, tree.errorCounts[index] > 0 { firstError = row }
                end = max(end, tree.starts[index].advanced(byNanoseconds: tree.durations[index]))
            }
        }
    }

    let top: [Entry]
    /// The entries below each node that is shown with them.
    private(set) var below: [Int32: [Entry]] = [:]

    /// - Parameter root: the span to start at; `nil`: all roots.
    init(_ tree: TraceTree, from root: Int32?, _ window: Window) {
        top =
            root.map { [.span($0)] }
            ?? Self.entries(of: tree.roots[...], tree, most: window.children)
        var left = window.nodes - top.count
        var level = Self.shown(top)
        for _ in 1..<max(1, window.depth) {
            var next: [Int32] = []
            for row in level {
                let children = tree.children(of: row)
                guard !children.isEmpty, left > 0 else { continue }
                let entries = Self.entries(of: children, tree, most: min(window.children, left))
                left -= entries.count
                below[row] = entries
                next += Self.shown(entries)
            }
            level = next
        }
    }

    /// The spans among entries; of a group its longest stands for the others.
    private static func shown(_ entries: [Entry]) -> [Int32] {
        entries.compactMap {
            switch $0 {
            case .span(let row): row
            case .group(let siblings): siblings.longest
            case .rest: nil
            }
        }
    }

    private static func entries(
        of siblings: ArraySlice<Int32>, _ tree: TraceTree, most: Int
    ) -> [Entry] {
        if siblings.count <= most { return siblings.map { .span($0) } }
        var places: [TraceTree.Likeness: Int] = [:]
        var groups: [[Int32]] = []
        for row in siblings {
            let likeness = tree.likenesses[Int(row)]
            if let place = places[likeness] {
                groups[place].append(row)
            } else {
                places[likeness] = groups.count
                groups.append([row])
            }
        }
        guard groups.count > most else { return groups.map { entry($0, tree) } }
        // The longest in all stay; what is left over is counted together.
        let total = groups.map { group in
            group.reduce(0 as Int64) { $0 &+ tree.durations[Int($1)] }
        }
        let ranked = groups.indices.sorted {
            total[$0] != total[$1] ? total[$0] > total[$1] : $0 < $1
        }
        let kept = Set(ranked.prefix(max(0, most - 1)))
        let rest = groups.indices.filter { !kept.contains($0) }.flatMap { groups[$0] }.sorted()
        return kept.sorted().map { entry(groups[$0], tree) } + [.rest(Siblings(rest, tree))]
    }

    private static func entry(_ group: [Int32], _ tree: TraceTree) -> Entry {
        group.count == 1 ? .span(group[0]) : .group(Siblings(group, tree))
    }
}
