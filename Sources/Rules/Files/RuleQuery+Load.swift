import LogQL
import PromQL
import QueryCore
import TraceQL

/// The language of a rule's expression, as `datasource:` names it.
enum RuleLanguage: String, CaseIterable {
    case promQL = "prometheus"
    case logQL = "loki"
    case traceQL = "tempo"
}

extension YAMLNode {
    func dataSource() throws(RuleFileError) -> RuleLanguage {
        switch try text() {
        case "prometheus", "promql": return .promQL
        case "loki", "logql": return .logQL
        case "tempo", "traceql": return .traceQL
        default:
            throw failure(
                "datasource must be prometheus (PromQL), loki (LogQL) or tempo (TraceQL)")
        }
    }
}

extension RuleQuery {
    /// How far back a TraceQL expression looks where the rule does not say, in milliseconds.
    static let defaultRange: Int64 = 300_000

    /// The expression of a rule with these fields.
    init(
        _ fields: [String: YAMLNode], _ node: YAMLNode, _ language: RuleLanguage
    ) throws(RuleFileError) {
        guard let field = fields["expr"] else { throw node.failure("a rule needs expr") }
        let text = try field.text()
        if let range = fields["range"], language != .traceQL {
            throw range.failure(
                "range belongs to rules of datasource tempo; the other languages say it in expr")
        }
        let range = try fields["range"]?.duration() ?? Self.defaultRange
        if range == 0 { throw (fields["range"] ?? node).failure("range must be longer than 0") }
        do throws(QueryError) {
            self.init(
                text: text, source: try Self.source(text, language, range: range),
                line: field.line)
        } catch {
            let before = text.utf8.prefix(error.range?.start ?? 0)
            let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
            throw RuleFileError(
                path: node.path, line: field.line(ofText: line),
                reason: "expr: \(error.message)" + (error.excerpt.map { "\n\($0)" } ?? ""))
        }
    }

    private static func source(
        _ text: String, _ language: RuleLanguage, range: Int64
    ) throws(QueryError) -> Source {
        switch language {
        case .promQL:
            let expression = try PromQLEngine.parseForEvaluation(text)
            guard expression.type == .instantVector || expression.type == .scalar else {
                throw .badData(
                    "the expression yields a \(expression.type), not an instant vector or scalar")
            }
            return .promQL(expression)
        case .logQL:
            guard case .metric = try LogQLEngine.parse(text) else {
                throw .badData(
                    "the expression yields log lines; a rule needs numbers, such as "
                        + "sum(count_over_time({…}[5m]))")
            }
            return .logQL
        case .traceQL:
            guard case .metrics = try TraceQLEngine.parse(text).body else {
                throw .badData(
                    "the expression yields spans; a rule needs numbers, such as "
                        + "{…} | count_over_time()")
            }
            return .traceQL(range: range)
        }
    }
}
