import PromQL
import QueryCore
import Store

/// What a Pyrra objective measures, as queries.
struct PyrraIndicator {
    let indicator: ServiceLevelObjective.Indicator
    /// Selectors without which there is nothing to measure.
    let absences: [String]

    private static let kinds = ["ratio", "latency", "latencyNative", "bool_gauge"]

    init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields(Self.kinds)
        let given = Self.kinds.filter { fields.given($0) != nil }
        guard given.count == 1, let kind = given.first, let body = fields[kind] else {
            throw node.failure(
                "indicator needs exactly one of \(Self.kinds.joined(separator: ", "))")
        }
        switch kind {
        case "ratio": (indicator, absences) = try Self.ratio(body)
        case "latency": (indicator, absences) = try Self.latency(body)
        case "latencyNative": (indicator, absences) = try Self.nativeLatency(body)
        default: (indicator, absences) = try Self.boolGauge(body)
        }
    }

    private typealias Reading = (ServiceLevelObjective.Indicator, [String])

    private static func ratio(_ node: YAMLNode) throws(RuleFileError) -> Reading {
        let fields = try node.fields(["errors", "total", "grouping"])
        let errors = try selector(try fields.required("errors", of: node))
        let total = try selector(try fields.required("total", of: node))
        let sum = try sum(fields)
        return (
            .events(
                error: try query("\(sum)(rate(\(errors.text)[{{.window}}]))", node),
                total: try query("\(sum)(rate(\(total.text)[{{.window}}]))", node)),
            errors.name == total.name ? [total.text] : [total.text, errors.text]
        )
    }

    private static func latency(_ node: YAMLNode) throws(RuleFileError) -> Reading {
        let fields = try node.fields(["success", "total", "grouping"])
        let successNode = try fields.required("success", of: node)
        let success = try selector(successNode)
        let total = try selector(try fields.required("total", of: node))
        guard success.matchers.contains(where: { $0.name == "le" && Double($0.value) != nil })
        else { throw successNode.failure("success must have a matcher le with a number") }
        let sum = try sum(fields)
        let all = "\(sum)(rate(\(total.text)[{{.window}}]))"
        return (
            .events(
                error: try query("\(all) - \(sum)(rate(\(success.text)[{{.window}}]))", node),
                total: try query(all, node)), [total.text, success.text]
        )
    }

    private static func nativeLatency(_ node: YAMLNode) throws(RuleFileError) -> Reading {
        let fields = try node.fields(["total", "latency", "grouping"])
        let total = try selector(try fields.required("total", of: node))
        let latency = try fields.required("latency", of: node)
        let seconds = NumberFormat.decimal(Double(try latency.duration()) / 1_000)
        let rate = "\(try sum(fields))(rate(\(total.text)[{{.window}}]))"
        return (
            .raw(try query("1 - histogram_fraction(0, \(seconds), \(rate))", node)), [total.text]
        )
    }

    private static func boolGauge(_ node: YAMLNode) throws(RuleFileError) -> Reading {
        let fields = try node.fields(["metric", "grouping"])
        let gauge = try selectorText(try fields.required("metric", of: node))
        let sum = try sum(fields)
        let count = "\(sum)(count_over_time(\(gauge.text)[{{.window}}]))"
        let good = "\(sum)(sum_over_time(\(gauge.text)[{{.window}}]))"
        return (
            .events(error: try query("\(count) - \(good)", node), total: try query(count, node)),
            [gauge.text]
        )
    }

    private static func sum(_ fields: [String: YAMLNode]) throws(RuleFileError) -> String {
        var labels: [String] = []
        for entry in try fields.given("grouping")?.elements() ?? [] {
            let label = try entry.text()
            guard label.isLabelName else {
                throw entry.failure("\"\(label)\" in grouping is no name of a label")
            }
            labels.append(label)
        }
        return labels.isEmpty ? "sum" : "sum by (\(labels.joined(separator: ", ")))"
    }

    private struct Selector {
        var text: String
        var name: String
        var matchers: [LabelMatcher]
    }

    private static func selector(_ node: YAMLNode) throws(RuleFileError) -> Selector {
        try selectorText(try node.fields(["metric"]).required("metric", of: node))
    }

    private static func selectorText(_ node: YAMLNode) throws(RuleFileError) -> Selector {
        let text = try node.text()
        do throws(QueryError) {
            guard case .vectorSelector(let selector) = try PromQLEngine.parse(text) else {
                throw QueryError.badData("it is an expression, not a selector of series")
            }
            return Selector(
                text: text.trimmedLines, name: selector.name ?? "",
                matchers: selector.matchers)
        } catch {
            throw node.failure("\(node.what): \(error.message)")
        }
    }

    private static func query(
        _ text: String, _ node: YAMLNode
    ) throws(RuleFileError) -> WindowQuery {
        do throws(WindowQuery.Failure) {
            return try WindowQuery(text)
        } catch {
            throw node.failure("\(node.what): \(error.reason)")
        }
    }
}

extension String {
    /// Without white space at both ends.
    var trimmedLines: String {
        var text = self[...]
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text.drop { $0.isWhitespace })
    }
}
