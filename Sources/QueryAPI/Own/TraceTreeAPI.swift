import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// `/api/sidelight/traces/{id}/tree?depth=&children=&span=`: the shape of a trace of any size in an
/// answer of bounded size.
///
/// Siblings beyond `children` are summarised by service, name and kind; every count is exact. `span`
/// names the span to start at, so that a reader can go down from any node.
package struct TraceTreeAPI: Sendable {
    private let store: any SpanStore
    private let runner: QueryRunner

    /// Spans that a tree is built from, some 60 bytes each.
    private static let spansMax = 4_000_000
    private static let spansAtOnce = 16_384
    /// Nodes of an answer, some 300 bytes each.
    private static let nodesMax = 10_000
    private static let depthMax = 64

    package init(store: any SpanStore, runner: QueryRunner) {
        self.store = store
        self.runner = runner
    }

    package func register(on router: inout Router) {
        router.group("/api/sidelight", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on(.get, "/traces/{id}/tree", tree)
        }
    }

    func tree(_ request: HTTPRequest) async throws -> HTTPResponse {
        let trace: TraceID
        let span: SpanID?
        do throws(IdentifierError) {
            trace = try TraceID(hex: request.pathParameters["id"] ?? "")
            let text = request.parameters["span"] ?? ""
            span = text.isEmpty ? nil : try SpanID(hex: text)
        } catch {
            throw HTTPError.badRequest("the trace and span must be hexadecimal ids: \(error)")
        }
        let window = TraceTreePlan.Window(
            depth: try number("depth", request, default: 4, most: Self.depthMax),
            children: try number("children", request, default: 20, most: Self.nodesMax),
            nodes: Self.nodesMax)
        let bytes = try await runner.run { [store] context in
            let cursor = try store.openTrace(
                trace, fields: [.identity, .core], spansAtOnce: Self.spansAtOnce)
            guard cursor.spanCount > 0 else {
                throw HTTPError(.notFound, message: "trace not found")
            }
            guard cursor.spanCount <= Self.spansMax else {
                throw QueryError.execution(
                    "the trace has \(cursor.spanCount) spans; trees are made of at most "
                        + "\(Self.spansMax)")
            }
            let tree = try TraceTree(cursor) { try context.check() }
            let root = try span.map { span in
                guard let row = tree.row(of: span) else {
                    throw HTTPError(.notFound, message: "no span \(span) in the trace")
                }
                return row
            }
            return TraceTreeAnswer(tree, TraceTreePlan(tree, from: root, window)).json(trace)
        }
        return .json(bytes)
    }

    private func number(
        _ name: String, _ request: HTTPRequest, default: Int, most: Int
    ) throws(HTTPError) -> Int {
        guard let text = request.parameters[name], !text.isEmpty else { return `default` }
        guard let number = Int(text), number > 0 else {
            throw .badRequest("\(name) must be a positive number, not \"\(text)\"")
        }
        return min(number, most)
    }
}

/// A planned tree as JSON. Times are nanoseconds, as text.
private struct TraceTreeAnswer {
    private let tree: TraceTree
    private let plan: TraceTreePlan

    init(_ tree: TraceTree, _ plan: TraceTreePlan) {
        self.tree = tree
        self.plan = plan
    }

    func json(_ trace: TraceID) -> [UInt8] {
        var writer = JSONWriter(capacity: 4_096)
        writer.object {
            $0.field("traceId", trace)
            $0.field("spanCount", tree.count)
            $0.field("errorCount", tree.statuses.count { $0 == .error })
            $0.field("rootCount", tree.roots.count)
            $0.field("orphanCount", tree.orphanCount)
            $0.field("depth", 1 + Int(tree.roots.map { tree.heights[Int($0)] }.max() ?? 0))
            times(Array(0..<Int32(truncatingIfNeeded: tree.count)), to: &$0)
            $0.arrayField("services") { array in
                for service in tree.servicesWithCounts() {
                    array.object {
                        $0.field("name", service.name)
                        $0.field("spanCount", service.spanCount)
                        $0.field("errorCount", service.errorCount)
                    }
                }
            }
            $0.arrayField("roots") { array in
                for entry in plan.top { array.object { write(entry, to: &$0) } }
            }
        }
        return writer.bytes
    }

    private func times(_ rows: [Int32], to object: inout JSONWriter) {
        let starts = rows.map { tree.starts[Int($0)] }
        let ends = rows.map {
            tree.starts[Int($0)].advanced(byNanoseconds: tree.durations[Int($0)])
        }
        object.key("startUnixNano")
        object.quotedValue(starts.min()?.nanoseconds ?? 0)
        object.key("endUnixNano")
        object.quotedValue(ends.max()?.nanoseconds ?? 0)
    }

    private func write(_ entry: TraceTreePlan.Entry, to object: inout JSONWriter) {
        switch entry {
        case .span(let row): write(row, to: &object)
        case .group(let siblings):
            object.field("type", "group")
            likeness(siblings.rows[0], to: &object)
            write(siblings, to: &object)
            // The longest stands for all of them.
            object.objectField("example") { write(siblings.longest, to: &$0) }
        case .rest(let siblings):
            object.field("type", "rest")
            let groups = Set(siblings.rows.map { tree.likenesses[Int($0)] }).count
            object.field("groupCount", groups)
            write(siblings, to: &object)
        }
    }

    private func likeness(_ row: Int32, to object: inout JSONWriter) {
        object.field("service", tree.service(row))
        object.field("name", tree.name(row))
        object.field("kind", "\(tree.likenesses[Int(row)].kind)")
    }

    private func write(_ siblings: TraceTreePlan.Siblings, to object: inout JSONWriter) {
        object.field("count", siblings.rows.count)
        object.field("spanCount", siblings.spanCount)
        object.field("errorCount", siblings.errorCount)
        object.key("startUnixNano")
        object.quotedValue(tree.starts[Int(siblings.rows[0])].nanoseconds)
        object.key("endUnixNano")
        object.quotedValue(siblings.end.nanoseconds)
        object.objectField("durationNanos") {
            $0.field("total", siblings.durationTotal)
            $0.field("min", tree.durations[Int(siblings.shortest)])
            $0.field("max", tree.durations[Int(siblings.longest)])
        }
        object.field("longestSpanId", tree.spanIDs[Int(siblings.longest)])
        if let row = siblings.firstError {
            object.field("firstErrorSpanId", tree.spanIDs[Int(row)])
        }
    }

    private func write(_ row: Int32, to object: inout JSONWriter) {
        let index = Int(row)
        object.field("type", "span")
        object.field("spanId", tree.spanIDs[index])
        if tree.parentIDs[index].isValid { object.field("parentSpanId", tree.parentIDs[index]) }
        likeness(row, to: &object)
        object.field("status", "\(tree.statuses[index])")
        object.key("startUnixNano")
        object.quotedValue(tree.starts[index].nanoseconds)
        object.field("durationNanos", tree.durations[index])
        object.field("spanCount", Int(tree.spanCounts[index]))
        object.field("errorCount", Int(tree.errorCounts[index]))
        object.field("depth", 1 + Int(tree.heights[index]))
        if tree.cyclic.contains(row) { object.field("isCyclic", true) }
        let children = tree.children(of: row)
        object.field("childCount", children.count)
        guard let entries = plan.below[row] else { return }
        object.arrayField("children") { array in
            for entry in entries { array.object { write(entry, to: &$0) } }
        }
    }
}
