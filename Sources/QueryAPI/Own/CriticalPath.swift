import Telemetry

/// Which spans the duration of a trace is made of: going back from the end of the root, always the child
/// that ended last before the point reached, and where there is none the span itself (Uber, "CRISP:
/// Critical Path Analysis of Large-Scale Microservice Architectures", ATC 2022, §3.1).
///
/// The sections lie one behind the other without gap from the root's start to its end. Children count as
/// far as they lie inside their parent; what goes on after its parent's end delayed nobody.
struct CriticalPath {
    struct Section: Hashable {
        var row: Int32
        var start: Timestamp
        var end: Timestamp

        /// Nanoseconds.
        var duration: Int64 { end.nanoseconds(since: start) }
    }

    /// A span that is being gone back through.
    private struct Frame {
        var row: Int32
        var start: Timestamp
        /// Everything after is done.
        var reached: Timestamp
        /// By end, the last end last; those behind `left` are done.
        var children: [(row: Int32, start: Timestamp, end: Timestamp)]
    }

    let root: Int32
    /// By time. Empty for a root of no duration.
    private(set) var sections: [Section] = []

    /// `nil` for an empty tree.
    init?(_ tree: TraceTree, check: () throws -> Void) rethrows {
        guard let root = CriticalPath.root(of: tree) else { return nil }
        self.root = root
        let start = tree.starts[Int(root)]
        var frames = [
            CriticalPath.frame(
                root, tree, start, start.advanced(byNanoseconds: tree.durations[Int(root)]))
        ]
        while var frame = frames.popLast() {
            try check()
            guard let child = CriticalPath.next(&frame) else {
                add(frame.row, frame.start, frame.reached)
                continue
            }
            add(frame.row, child.end, frame.reached)
            frame.reached = child.start
            frames.append(frame)
            frames.append(CriticalPath.frame(child.row, tree, child.start, child.end))
        }
        sections.reverse()
    }

    /// The longest of the roots that have no parent; of those whose parent is missing if there is none.
    private static func root(of tree: TraceTree) -> Int32? {
        let whole = tree.roots.filter { !tree.parentIDs[Int($0)].isValid }
        return (whole.isEmpty ? tree.roots : whole).max {
            tree.durations[Int($0)] < tree.durations[Int($1)]
        }
    }

    private static func frame(
        _ row: Int32, _ tree: TraceTree, _ start: Timestamp, _ end: Timestamp
    ) -> Frame {
        var children: [(row: Int32, start: Timestamp, end: Timestamp)] = []
        for child in tree.children(of: row) {
            let from = max(start, tree.starts[Int(child)])
            let to = min(
                end, tree.starts[Int(child)].advanced(byNanoseconds: tree.durations[Int(child)]))
            if from < to { children.append((child, from, to)) }
        }
        children.sort { $0.end < $1.end }
        return Frame(row: row, start: start, reached: end, children: children)
    }

    /// The child that ended last before the point reached. One that overlaps a later child of the path
    /// ran beside it.
    private static func next(
        _ frame: inout Frame
    ) -> (row: Int32, start: Timestamp, end: Timestamp)? {
        while let child = frame.children.popLast() {
            if child.end <= frame.reached { return child }
        }
        return nil
    }

    private mutating func add(_ row: Int32, _ start: Timestamp, _ end: Timestamp) {
        if start < end { sections.append(Section(row: row, start: start, end: end)) }
    }
}
