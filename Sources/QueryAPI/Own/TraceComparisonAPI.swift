import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// `/api/sidelight/traces/{id}/critical-path` and `/api/sidelight/traces/{a}/diff/{b}`. Times and
/// durations are nanoseconds, times as text.
package struct TraceComparisonAPI: Sendable {
    private let trees: TraceTreeReader
    private let runner: QueryRunner

    /// Sections of a path and nodes of a diff in one answer; the sums count what is left out, too.
    private static let itemsMax = 10_000
    /// Operations that the sums of a critical path name, and nodes that a diff singles out.
    private static let rankedMax = 100
    private static let changesMax = 20

    package init(store: any SpanStore, runner: QueryRunner) {
        trees = TraceTreeReader(store: store)
        self.runner = runner
    }

    package func register(on router: inout Router) {
        router.group("/api/sidelight", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on(.get, "/traces/{id}/critical-path", criticalPath)
            $0.on(.get, "/traces/{id}/diff/{other}", diff)
        }
    }

    // MARK: Critical path

    func criticalPath(_ request: HTTPRequest) async throws -> HTTPResponse {
        let trace = try TraceTreeReader.trace("id", request)
        let bytes = try await runner.run { [trees] context in
            let tree = try trees.tree(of: trace, context: context)
            guard let path = try CriticalPath(tree, check: { try context.check() }) else {
                throw HTTPError(.notFound, message: "trace not found")
            }
            return Self.json(path, tree, trace)
        }
        return .json(bytes)
    }

    private static func json(_ path: CriticalPath, _ tree: TraceTree, _ trace: TraceID) -> [UInt8] {
        let root = Int(path.root)
        var writer = JSONWriter(capacity: 4_096)
        writer.object {
            $0.field("traceId", trace)
            $0.field("rootSpanId", tree.spanIDs[root])
            $0.key("startUnixNano")
            $0.quotedValue(tree.starts[root].nanoseconds)
            $0.field("durationNanos", tree.durations[root])
            $0.field("sectionCount", path.sections.count)
            $0.arrayField("operations") { operations(path, tree, to: &$0) }
            $0.arrayField("sections") { array in
                for section in path.sections.prefix(itemsMax) {
                    array.object {
                        $0.field("spanId", tree.spanIDs[Int(section.row)])
                        likeness(section.row, tree, to: &$0)
                        $0.key("startUnixNano")
                        $0.quotedValue(section.start.nanoseconds)
                        $0.field("durationNanos", section.duration)
                    }
                }
            }
        }
        return writer.bytes
    }

    /// What the path is made of, the largest part first.
    private static func operations(
        _ path: CriticalPath, _ tree: TraceTree, to array: inout JSONWriter
    ) {
        var sums: [TraceTree.Likeness: (duration: Int64, spans: Set<Int32>)] = [:]
        for section in path.sections {
            let likeness = tree.likenesses[Int(section.row)]
            sums[likeness, default: (0, [])].duration &+= section.duration
            sums[likeness, default: (0, [])].spans.insert(section.row)
        }
        let total = Double(max(1, tree.durations[Int(path.root)]))
        let ranked = sums.values.sorted {
            ($0.duration, $1.spans.min() ?? 0) > ($1.duration, $0.spans.min() ?? 0)
        }
        for sum in ranked.prefix(rankedMax) {
            guard let first = sum.spans.min() else { continue }
            array.object {
                likeness(first, tree, to: &$0)
                $0.field("durationNanos", sum.duration)
                $0.field("share", Double(sum.duration) / total)
                $0.field("spanCount", sum.spans.count)
            }
        }
    }

    private static func likeness(_ row: Int32, _ tree: TraceTree, to object: inout JSONWriter) {
        object.field("service", tree.service(row))
        object.field("name", tree.name(row))
        object.field("kind", "\(tree.likenesses[Int(row)].kind)")
    }

    // MARK: Comparison

    func diff(_ request: HTTPRequest) async throws -> HTTPResponse {
        let a = try TraceTreeReader.trace("id", request)
        let b = try TraceTreeReader.trace("other", request)
        let bytes = try await runner.run { [trees] context in
            let first = try trees.tree(of: a, context: context)
            let second = try trees.tree(of: b, context: context)
            let diff = try TraceDiff(first, second) { try context.check() }
            return Self.json(diff, (a, first), (b, second))
        }
        return .json(bytes)
    }

    private static func json(
        _ diff: TraceDiff, _ a: (TraceID, TraceTree), _ b: (TraceID, TraceTree)
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 8_192)
        writer.object {
            $0.objectField("a") { summary(a, to: &$0) }
            $0.objectField("b") { summary(b, to: &$0) }
            $0.field("added", diff.nodes.count { $0.a.count == 0 })
            $0.field("removed", diff.nodes.count { $0.b.count == 0 })
            $0.field("nodeCount", diff.nodes.count)
            $0.arrayField("changes") { array in
                for index in largestChanges(diff) {
                    array.object { write(index, diff, to: &$0) }
                }
            }
            $0.arrayField("nodes") { array in
                for index in diff.nodes.indices.prefix(itemsMax) {
                    array.object { write(index, diff, to: &$0) }
                }
            }
        }
        return writer.bytes
    }

    /// Where the time of the spans themselves differs most.
    private static func largestChanges(_ diff: TraceDiff) -> [Int] {
        func change(_ index: Int) -> UInt64 {
            (diff.nodes[index].b.ownDuration &- diff.nodes[index].a.ownDuration).magnitude
        }
        let ranked = diff.nodes.indices.filter { change($0) > 0 }.sorted {
            change($0) != change($1) ? change($0) > change($1) : $0 < $1
        }
        return Array(ranked.prefix(changesMax))
    }

    private static func summary(
        _ side: (trace: TraceID, tree: TraceTree), to object: inout JSONWriter
    ) {
        let tree = side.tree
        let ends = (0..<tree.count).map {
            tree.starts[$0].advanced(byNanoseconds: tree.durations[$0])
        }
        let start = tree.starts.min() ?? .zero
        object.field("traceId", side.trace)
        object.field("spanCount", tree.count)
        object.field("errorCount", tree.statuses.count { $0 == .error })
        object.key("startUnixNano")
        object.quotedValue(start.nanoseconds)
        object.field("durationNanos", (ends.max() ?? start).nanoseconds(since: start))
    }

    private static func write(_ index: Int, _ diff: TraceDiff, to object: inout JSONWriter) {
        let node = diff.nodes[index]
        object.field("index", index)
        if let parent = node.parent { object.field("parent", parent) }
        object.field("service", node.service)
        object.field("name", node.name)
        object.field("kind", "\(node.kind)")
        object.field("change", change(node))
        object.objectField("a") { write(node.a, to: &$0) }
        object.objectField("b") { write(node.b, to: &$0) }
    }

    private static func change(_ node: TraceDiff.Node) -> String {
        if node.a.count == 0 { return "added" }
        if node.b.count == 0 { return "removed" }
        return node.a.count == node.b.count ? "same" : "count"
    }

    private static func write(_ side: TraceDiff.Side, to object: inout JSONWriter) {
        object.field("count", side.count)
        object.field("errorCount", side.errorCount)
        object.field("durationNanos", side.duration)
        object.field("ownNanos", side.ownDuration)
        if let example = side.example { object.field("longestSpanId", example) }
    }
}
