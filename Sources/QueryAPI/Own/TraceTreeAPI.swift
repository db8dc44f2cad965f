import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// `/api/sidelight/traces/{id}/tree?depth=&children=&span=&fold=`: the shape of a trace of any size in
/// an answer of bounded size.
///
/// Siblings beyond `children` are summarised by service, name and kind; every count is exact. `span`
/// names the span to start at, so that a reader can go down from any node. `fold=hops` shows a call
/// through proxies as one node, with the ids of the spans it is made of and what network and proxies
/// took. `clockSkew` bounds how far clocks differ; times are as they were sent.
package struct TraceTreeAPI: Sendable {
    private let trees: TraceTreeReader
    private let runner: QueryRunner

    /// Nodes of an answer, some 300 bytes each.
    private static let nodesMax = 10_000
    private static let depthMax = 64

    package init(store: any SpanStore, runner: QueryRunner) {
        trees = TraceTreeReader(store: store)
        self.runner = runner
    }

    package func register(on router: inout Router) {
        router.group("/api/sidelight", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on(.get, "/traces/{id}/tree", tree)
        }
    }

    func tree(_ request: HTTPRequest) async throws -> HTTPResponse {
        let trace = try TraceTreeReader.trace("id", request)
        let span: SpanID?
        do throws(IdentifierError) {
            let text = request.parameters["span"] ?? ""
            span = text.isEmpty ? nil : try SpanID(hex: text)
        } catch {
            throw HTTPError.badRequest("the trace and span must be hexadecimal ids: \(error)")
        }
        let window = TraceTreePlan.Window(
            depth: try number("depth", request, default: 4, most: Self.depthMax),
            children: try number("children", request, default: 20, most: Self.nodesMax),
            nodes: Self.nodesMax)
        let folds = try folds(request)
        let bytes = try await runner.run { [trees] context in
            var tree = try trees.tree(of: trace, tellsProxies: folds, context: context)
            let skews = ClockSkew.all(in: tree)
            let hops = folds ? MeshHop.all(in: tree) : [:]
            tree.fold(hops)
            let root = try span.map { span in
                guard let row = tree.row(of: span) else {
                    throw HTTPError(.notFound, message: "no span \(span) in the trace")
                }
                return row
            }
            return TraceTreeAnswer(
                tree, TraceTreePlan(tree, from: root, window), hops: hops, skews: skews
            ).json(trace)
        }
        return .json(bytes)
    }

    private func folds(_ request: HTTPRequest) throws(HTTPError) -> Bool {
        switch request.parameters["fold"] ?? "" {
        case "": return false
        case "hops": return true
        case let other: throw .badRequest("fold can be \"hops\", not \"\(other)\"")
        }
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
    private let hops: [Int32: MeshHop]
    private let skews: [ClockSkew]

    init(
        _ tree: TraceTree, _ plan: TraceTreePlan, hops: [Int32: MeshHop], skews: [ClockSkew]
    ) {
        self.tree = tree
        self.plan = plan
        self.hops = hops
        self.skews = skews
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
            $0.field("hopCount", hops.count)
            $0.arrayField("clockSkew") { array in
                for skew in skews { array.object { write(skew, to: &$0) } }
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
        if let hop = hops[row] { object.objectField("hop") { write(hop, to: &$0) } }
        let children = tree.children(of: row)
        object.field("childCount", children.count)
        guard let entries = plan.below[row] else { return }
        object.arrayField("children") { array in
            for entry in entries { array.object { write(entry, to: &$0) } }
        }
    }

    private func write(_ hop: MeshHop, to object: inout JSONWriter) {
        object.field("server", hop.rows.last.map { tree.service($0) } ?? "")
        object.field("networkNanos", hop.network)
        object.field("proxyNanos", hop.proxies)
        object.field("serverNanos", hop.callee)
        object.field("isServerInstrumented", hop.rows.last.map { isService($0) } ?? false)
        object.arrayField("spans") { array in
            for row in hop.rows {
                array.object {
                    $0.field("spanId", tree.spanIDs[Int(row)])
                    likeness(row, to: &$0)
                    $0.field("isProxy", !isService(row))
                    $0.field("status", "\(tree.statuses[Int(row)])")
                    $0.key("startUnixNano")
                    $0.quotedValue(tree.starts[Int(row)].nanoseconds)
                    $0.field("durationNanos", tree.durations[Int(row)])
                }
            }
        }
    }

    private func isService(_ row: Int32) -> Bool { tree.proxies[Int(row)] == .none }

    private func write(_ skew: ClockSkew, to object: inout JSONWriter) {
        object.field("client", skew.client)
        object.field("server", skew.server)
        object.field("callCount", skew.callCount)
        // By how much the server's clock is ahead.
        object.field("leastNanos", skew.least)
        object.field("mostNanos", skew.most)
        object.field("isConsistent", skew.least <= skew.most)
        object.field("isCertain", skew.least > 0 || skew.most < 0)
    }
}
