import HTTPServer
import PromQL
import QueryCore
import Store
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/parse_query`: an expression as a tree, as Prometheus's own pages draw it.
    func parseQuery(_ request: HTTPRequest) async throws -> HTTPResponse {
        let text = request.parameters["query"] ?? ""
        let expression: Expression
        do throws(QueryError) {
            expression = try PromQLEngine.parse(text)
        } catch {
            throw PrometheusParameters.invalid("query", error.message)
        }
        return .json(PrometheusEnvelope.success { $0.value(tree: expression) })
    }
}

extension JSONWriter {
    fileprivate mutating func value(tree expression: Expression) {
        object { object in
            switch expression {
            case .number(let node):
                object.field("type", "numberLiteral")
                object.field("val", NumberFormat.decimal(node.value))
            case .string(let node):
                object.field("type", "stringLiteral")
                object.field("val", node.value)
            case .vectorSelector(let node):
                object.field("type", "vectorSelector")
                object.members(of: node)
            case .rangeSelector(let node):
                object.field("type", "matrixSelector")
                object.members(of: node.selector)
                object.field("range", node.duration)
                object.field("rangeExpr", node.computedDuration)
            case .subquery(let node):
                object.field("type", "subquery")
                object.field("expr", tree: node.inner)
                object.field("range", node.duration)
                object.field("rangeExpr", node.computedDuration)
                object.field("step", node.step ?? 0)
                object.field("stepExpr", node.computedStep)
                object.members(of: node.shift)
            case .call(let node): object.members(of: node)
            case .aggregation(let node): object.members(of: node)
            case .binary(let node): object.members(of: node)
            case .unary(let node):
                object.field("type", "unaryExpr")
                object.field("op", node.isNegation ? "-" : "+")
                object.field("expr", tree: node.operand)
            case .parenthesized(let node):
                object.field("type", "parenExpr")
                object.field("expr", tree: node.inner)
            }
        }
    }

    private mutating func field(_ name: StaticString, tree expression: Expression?) {
        key(name)
        if let expression { value(tree: expression) } else { null() }
    }

    private mutating func members(of node: VectorSelector) {
        field("name", node.name ?? "")
        arrayField("matchers") { array in
            for matcher in node.allMatchers {
                array.object {
                    $0.field("name", matcher.name)
                    $0.field("value", matcher.value)
                    $0.field("type", matcher.operator.rawValue)
                }
            }
        }
        members(of: node.shift)
        field("anchored", node.edges == .anchored)
        field("smoothed", node.edges == .smoothed)
    }

    private mutating func members(of shift: TimeShift) {
        field("offset", shift.offset)
        field("offsetExpr", shift.computedOffset)
        key("timestamp")
        if case .time(let time) = shift.at { value(time) } else { null() }
        key("startOrEnd")
        switch shift.at {
        case .start: value("start")
        case .end: value("end")
        default: null()
        }
    }

    private mutating func members(of node: FunctionCall) {
        let arguments = node.function.arguments
        let arity = node.function.arity
        field("type", "call")
        objectField("func") { function in
            function.field("name", node.function.rawValue)
            function.field("argTypes", strings: arguments.map(\.rawValue))
            // As Prometheus counts: how many more than those named there may be, −1 without end.
            function.field(
                "variadic", arity.upperBound == .max ? -1 : arity.upperBound - arity.lowerBound)
            function.field("returnType", node.function.returns.rawValue)
        }
        arrayField("args") { array in
            for argument in node.arguments { array.value(tree: argument) }
        }
    }

    private mutating func members(of node: Aggregation) {
        field("type", "aggregation")
        field("op", node.operator.rawValue)
        field("expr", tree: node.operand)
        field("param", tree: node.parameter)
        switch node.grouping {
        case .by(let labels):
            field("grouping", strings: labels)
            field("without", false)
        case .without(let labels):
            field("grouping", strings: labels)
            field("without", true)
        }
    }

    private mutating func members(of node: BinaryOperation) {
        field("type", "binaryExpr")
        field("op", node.operator.rawValue)
        field("lhs", tree: node.left)
        field("rhs", tree: node.right)
        key("matching")
        if node.left.type == .instantVector, node.right.type == .instantVector {
            value(node.matching, ofSets: node.operator.isSetOperator)
        } else {
            null()
        }
        field("bool", node.returnsBool)
    }

    private mutating func value(_ matching: VectorMatching, ofSets isSetOperator: Bool) {
        object { object in
            let cardinality =
                switch matching.cardinality {
                case .oneToOne: isSetOperator ? "many-to-many" : "one-to-one"
                case .manyToOne: "many-to-one"
                case .oneToMany: "one-to-many"
                }
            object.field("card", cardinality)
            switch matching.labels {
            case .on(let labels):
                object.field("labels", strings: labels)
                object.field("on", true)
            case .ignoring(let labels):
                object.field("labels", strings: labels)
                object.field("on", false)
            case nil:
                object.field("labels", strings: [])
                object.field("on", false)
            }
            object.field("include", strings: matching.include)
            object.objectField("fillValues") { fill in
                fill.key("lhs")
                if let value = matching.fillLeft { fill.value(value) } else { fill.null() }
                fill.key("rhs")
                if let value = matching.fillRight { fill.value(value) } else { fill.null() }
            }
        }
    }

    // MARK: Durations

    private mutating func field(_ name: StaticString, _ duration: ComputedDuration?) {
        key(name)
        if let duration { value(duration, isWrapped: false) } else { null() }
    }

    private mutating func value(_ duration: ComputedDuration, isWrapped: Bool) {
        switch duration {
        case .literal(let literal):
            object {
                $0.field("type", "numberLiteral")
                $0.field("val", NumberFormat.decimal(literal.value))
                $0.field("duration", literal.isDuration)
            }
        case .step: operation("step", nil, nil, isWrapped)
        case .range: operation("range", nil, nil, isWrapped)
        case .extreme(let isMaximum, let a, let b):
            operation(isMaximum ? "max_of" : "min_of", a, b, isWrapped)
        case .negated(let inner): operation("-", nil, inner, isWrapped)
        case .binary(let binary, let left, let right):
            operation(binary.rawValue, left, right, isWrapped)
        case .parenthesized(let inner): value(inner, isWrapped: true)
        }
    }

    private mutating func operation(
        _ name: String, _ left: ComputedDuration?, _ right: ComputedDuration?, _ isWrapped: Bool
    ) {
        object {
            $0.field("type", "durationExpr")
            $0.field("op", name)
            $0.field("lhs", left)
            $0.field("rhs", right)
            $0.field("wrapped", isWrapped)
        }
    }
}
