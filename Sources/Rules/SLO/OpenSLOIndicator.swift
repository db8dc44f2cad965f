import PromQL
import QueryCore

/// A service level indicator of OpenSLO over Prometheus, from which the queries of an objective come.
struct OpenSLOIndicator {
    private enum Metric {
        case threshold(String)
        case ratio(numerator: WindowQuery, isGood: Bool, total: WindowQuery)
        case raw(WindowQuery, isSuccess: Bool)
    }

    private let node: YAMLNode
    private let metric: Metric
    /// Events that are counted for the queries.
    private(set) var sources: [EventSource] = []
    /// Queries for bad and for all spans.
    private(set) var spans: EventQueries?

    init(_ spec: YAMLNode, objects: OpenSLOObjects) throws(RuleFileError) {
        node = spec
        let fields = try spec.fields(["description", "thresholdMetric", "ratioMetric"])
        switch (fields.given("thresholdMetric"), fields.given("ratioMetric")) {
        case (let threshold?, nil):
            let query = try Self.query(threshold, objects)
            metric = .threshold(try query.text())
            _ = try Self.made(
                "avg_over_time((\(try query.text()))[{{.window}}:1m])", at: query)
        case (nil, let ratio?):
            var found: [(String, EventSource)] = []
            metric = try Self.ratio(ratio, objects, &found)
            sources = found.map(\.1)
            let byRole = Dictionary(found) { $1 }
            if let bad = byRole["bad"], let total = byRole["total"], bad.language == .traceQL,
                total.language == .traceQL
            {
                spans = EventQueries(bad: bad.query, all: total.query)
            }
        case (nil, nil): throw spec.failure("an SLI needs one of thresholdMetric and ratioMetric")
        case (_?, _?): throw spec.failure("an SLI has thresholdMetric or ratioMetric, not both")
        }
    }

    private static func ratio(
        _ node: YAMLNode, _ objects: OpenSLOObjects, _ sources: inout [(String, EventSource)]
    ) throws(RuleFileError) -> Metric {
        let fields = try node.fields(["counter", "good", "bad", "total", "rawType", "raw"])
        let isCounter = try fields.given("counter")?.boolean() ?? true
        if let raw = fields.given("raw") {
            try fields.refuse(["good", "bad", "total"], because: "raw stands alone")
            let type = try fields.required("rawType", of: node)
            guard ["success", "failure"].contains(try type.text()) else {
                throw type.failure("rawType must be success or failure")
            }
            let query = try query(raw, objects)
            let text = try query.text()
            let windowed =
                text.contains("{{")
                ? text
                : "avg_over_time(\(isSelector(text) ? "\(text)[{{.window}}]" : "(\(text))[{{.window}}:]"))"
            return .raw(try made(windowed, at: query), isSuccess: try type.text() == "success")
        }
        try fields.refuse(["rawType"], because: "it belongs to raw")
        func events(_ key: String, _ node: YAMLNode) throws(RuleFileError) -> WindowQuery {
            guard let source = try Self.eventSource(node, objects) else {
                return try Self.events(node, isCounter, objects)
            }
            sources.append((key, source))
            return try made(source.windowQuery, at: node)
        }
        let total = try events("total", try fields.required("total", of: node))
        switch (fields.given("good"), fields.given("bad")) {
        case (let good?, nil):
            return .ratio(
                numerator: try events("good", good), isGood: true, total: total)
        case (nil, let bad?):
            return .ratio(
                numerator: try events("bad", bad), isGood: false, total: total)
        case (nil, nil): throw node.failure("ratioMetric needs one of good and bad beside total")
        case (_?, _?): throw node.failure("ratioMetric has good or bad, not both")
        }
    }

    /// A query as it is, if it says where its window goes; else how many events a selector, or a sum
    /// over one, tells of.
    private static func events(
        _ node: YAMLNode, _ isCounter: Bool, _ objects: OpenSLOObjects
    ) throws(RuleFileError) -> WindowQuery {
        let query = try query(node, objects)
        let text = try query.text()
        if text.contains("{{") { return try made(text, at: query) }
        let expression: Expression
        do throws(QueryError) {
            expression = try PromQLEngine.parse(text)
        } catch {
            throw query.failure("\(query.what): \(error.message)")
        }
        let function = isCounter ? "rate" : "sum_over_time"
        func windowed(_ range: SourceRange) -> String {
            let bytes = Array(text.utf8)
            let before = String(decoding: bytes[..<range.start], as: UTF8.self)
            let inside = String(decoding: bytes[range.start..<range.end], as: UTF8.self)
            let after = String(decoding: bytes[range.end...], as: UTF8.self)
            return "\(before)\(function)(\(inside)[{{.window}}])\(after)"
        }
        switch expression.unwrapped {
        case .vectorSelector(let selector):
            return try made("sum(\(windowed(selector.range)))", at: query)
        case .aggregation(let sum) where sum.operator == .sum:
            guard case .vectorSelector(let selector) = sum.operand.unwrapped else { break }
            return try made(windowed(selector.range), at: query)
        default: break
        }
        throw query.failure(
            "\(query.what) must be a selector, a sum over one, or contain {{.window}}, the window "
                + "it is asked for")
    }

    private static func isSelector(_ text: String) -> Bool {
        do throws(QueryError) {
            guard case .vectorSelector = try PromQLEngine.parse(text) else { return false }
            return true
        } catch {
            // What does not parse is complained of when the whole query is made.
            return false
        }
    }

    /// Events of a metric source of type TraceQL (Tempo) or LogQL (Loki); `nil` for other types.
    private static func eventSource(
        _ node: YAMLNode, _ objects: OpenSLOObjects
    ) throws(RuleFileError) -> EventSource? {
        let source = try node.fields(["metricSource"]).required("metricSource", of: node)
        let fields = try source.fields(["metricSourceRef", "type", "spec"])
        let reference = try fields.given("metricSourceRef")?.text()
        let type = try fields.given("type")?.text() ?? reference.flatMap { objects.sourceTypes[$0] }
        guard let type, let language = EventSource.Language(type: type) else { return nil }
        let spec = try fields.required("spec", of: source)
        let query = try spec.fields(["query"]).required("query", of: spec)
        return try query.eventSource(language)
    }

    /// The query of a metric source of type Prometheus.
    private static func query(
        _ node: YAMLNode, _ objects: OpenSLOObjects
    ) throws(RuleFileError) -> YAMLNode {
        let source = try node.fields(["metricSource"]).required("metricSource", of: node)
        let fields = try source.fields(["metricSourceRef", "type", "spec"])
        let reference = try fields.given("metricSourceRef")?.text()
        guard
            let type = try fields.given("type")?.text()
                ?? reference.flatMap({ objects.sourceTypes[$0] })
        else {
            throw source.failure(
                "metricSource needs type: Prometheus, or metricSourceRef of a DataSource in these "
                    + "files")
        }
        guard type.lowercased() == "prometheus" else {
            throw (fields["type"] ?? source).failure(
                "a metric source of type \(type) is not supported here; there are Prometheus, and "
                    + "for good, bad and total TraceQL and LogQL")
        }
        let spec = try fields.required("spec", of: source)
        return try spec.fields(["query"]).required("query", of: spec)
    }

    private static func made(
        _ text: String, at node: YAMLNode
    ) throws(RuleFileError) -> WindowQuery {
        do throws(WindowQuery.Failure) {
            return try WindowQuery(text)
        } catch {
            throw node.failure("\(node.what): \(error.reason)")
        }
    }

    // MARK: The queries of an objective

    func queries(for terms: OpenSLOTerms) throws(RuleFileError) -> ServiceLevelObjective.Indicator {
        if case .threshold(let query) = metric { return try threshold(query, terms) }
        guard terms.comparison == nil else {
            throw terms.node.failure("op and value belong to thresholdMetric")
        }
        guard let slice = terms.sliceLength else { return try occurrences() }
        let step = PromQLDuration.format(milliseconds: slice)
        guard terms.method == .timeslices else {
            let good = try goodShare(over: slice)
            return try raw("1 - avg_over_time((\(good))[{{.window}}:\(step)])")
        }
        let isGood = try ratioTest(terms, slice)
        return try raw("1 - avg_over_time((\(isGood))[{{.window}}:\(step)])")
    }

    /// 1 at the end of slices that are good, 0 of others; `nil` where slices are not judged one by one.
    func sliceTest(for terms: OpenSLOTerms) throws(RuleFileError) -> String? {
        guard terms.method == .timeslices, let slice = terms.sliceLength else { return nil }
        if case .threshold(let query) = metric { return try thresholdTest(query, terms) }
        return try ratioTest(terms, slice)
    }

    private func ratioTest(
        _ terms: OpenSLOTerms, _ slice: Int64
    ) throws(RuleFileError) -> String {
        guard let target = terms.sliceTarget, target > 0, target <= 1 else {
            throw terms.node.failure(
                "Timeslices need timeSliceTarget, above 0 and at most 1, the share of good events "
                    + "that makes a slice good")
        }
        return "(\(try goodShare(over: slice))) >= bool \(NumberFormat.decimal(target))"
    }

    /// The share of moments, or of slices, at which the comparison does not hold.
    private func threshold(
        _ query: String, _ terms: OpenSLOTerms
    ) throws(RuleFileError) -> ServiceLevelObjective.Indicator {
        let isGood = try thresholdTest(query, terms)
        let step = PromQLDuration.format(milliseconds: terms.sliceLength ?? 60_000)
        return try raw("1 - avg_over_time((\(isGood))[{{.window}}:\(step)])")
    }

    private func thresholdTest(
        _ query: String, _ terms: OpenSLOTerms
    ) throws(RuleFileError) -> String {
        guard let comparison = terms.comparison else {
            throw terms.node.failure("an objective over thresholdMetric needs op and value")
        }
        guard terms.method != .ratioTimeslices, terms.sliceTarget == nil else {
            throw terms.node.failure(
                "RatioTimeslices and timeSliceTarget belong to ratioMetric: a threshold holds or not"
            )
        }
        return "(\(query)) \(comparison.operator) bool \(NumberFormat.decimal(comparison.value))"
    }

    private func occurrences() throws(RuleFileError) -> ServiceLevelObjective.Indicator {
        switch metric {
        case .ratio(let bad, false, let total): return .events(error: bad, total: total)
        case .ratio(let good, true, let total):
            return try raw("1 - (\n  (\(good.source))\n  /\n  (\(total.source))\n)")
        case .raw(let query, false): return .raw(query)
        case .raw(let query, true): return try raw("1 - (\(query.source))")
        case .threshold: preconditionFailure("BUG: thresholds are asked for elsewhere")
        }
    }

    /// The same as bad and all events, where good ones were asked for: alerts weigh counts.
    func counted(for terms: OpenSLOTerms) throws(RuleFileError) -> ServiceLevelObjective.Counted? {
        guard terms.sliceLength == nil, case .ratio(let good, true, let total) = metric else {
            return nil
        }
        let all = total.source
        return ServiceLevelObjective.Counted(
            error: try Self.made("((\(all)) - (\(good.source))) or (\(all))", at: node),
            total: total)
    }

    /// The share of good events over `window` milliseconds.
    private func goodShare(over window: Int64) throws(RuleFileError) -> String {
        switch metric {
        case .ratio(let numerator, let isGood, let total):
            let share = "(\(numerator.text(window: window))) / (\(total.text(window: window)))"
            return isGood ? share : "1 - \(share)"
        case .raw(let query, let isSuccess):
            let share = query.text(window: window)
            return isSuccess ? share : "1 - (\(share))"
        case .threshold: preconditionFailure("BUG: thresholds are asked for elsewhere")
        }
    }

    private func raw(_ text: String) throws(RuleFileError) -> ServiceLevelObjective.Indicator {
        .raw(try Self.made(text, at: node))
    }
}
