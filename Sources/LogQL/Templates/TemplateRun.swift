import RegularExpressions
import Telemetry

/// Executes a template on one line.
struct TemplateRun {
    /// What loops of one line may do, and how long its text may become.
    private static let stepsMax = 100_000
    static let outputBytesMax = 1 << 20

    enum Flow {
        case next, breakLoop, continueLoop
    }

    /// What a template sees of a line.
    struct Line {
        var text: UnsafeRawBufferPointer
        var time: Timestamp
        /// When the query began, if that is known.
        var now: Timestamp?
    }

    typealias Lookup = (LabelName?) -> TemplateValue

    let line: Line
    private(set) var output: [UInt8] = []
    private var variables: [(name: String, value: TemplateValue)] = []
    private var steps = 0
    /// Compiled ones, for the next line.
    var patterns: [String: Pattern]

    init(_ line: Line, patterns: [String: Pattern]) {
        self.line = line
        self.patterns = patterns
    }

    /// - Parameter labels: the value of a label, `""` if there is none; all labels for `nil`.
    mutating func run(_ template: Template, labels: Lookup) throws(ExpressionError) {
        _ = try run(template.nodes, dot: nil, labels)
    }

    /// - Parameter dot: `nil` for the line's labels.
    private mutating func run(
        _ nodes: [Template.Node], dot: TemplateValue?, _ labels: Lookup
    ) throws(ExpressionError) -> Flow {
        for node in nodes {
            try step()
            switch node {
            case .text(let text): output += text
            case .action(let pipeline):
                let value = try value(of: pipeline, dot, labels)
                if pipeline.variable == nil { output += Array(value.printed.utf8) }
            case .branch(let branch):
                let flow = try run(branch, dot, labels)
                if flow != .next { return flow }
            case .loop(let loop):
                try run(loop, dot, labels)
            case .breakLoop: return .breakLoop
            case .continueLoop: return .continueLoop
            }
        }
        return .next
    }

    private mutating func step() throws(ExpressionError) {
        steps += 1
        guard steps <= TemplateRun.stepsMax, output.count <= TemplateRun.outputBytesMax else {
            throw ExpressionError(reason: "the template does too much")
        }
    }

    private mutating func run(
        _ branch: Template.Branch, _ dot: TemplateValue?, _ labels: Lookup
    ) throws(ExpressionError) -> Flow {
        let known = variables.count
        defer { variables.removeLast(variables.count - known) }
        let value = try value(of: branch.condition, dot, labels)
        guard value.isTrue else { return try run(branch.otherwise, dot: dot, labels) }
        return try run(branch.body, dot: branch.movesDot ? value : dot, labels)
    }

    private mutating func run(
        _ loop: Template.Loop, _ dot: TemplateValue?, _ labels: Lookup
    ) throws(ExpressionError) {
        let known = variables.count
        defer { variables.removeLast(variables.count - known) }
        let items: [(TemplateValue, TemplateValue)]
        switch try value(of: loop.source, dot, labels) {
        case .list(let list): items = list.enumerated().map { (.int(Int64($0.offset)), $0.element) }
        case .map(let members): items = members.map { (.text($0.name), $0.value) }
        case .int(let count) where count <= TemplateRun.stepsMax:
            items = (0..<max(0, count)).map { (.int($0), .int($0)) }
        case .none: items = []
        case let other:
            throw ExpressionError(reason: "range can't iterate over \(other.printed)")
        }
        if items.isEmpty {
            _ = try run(loop.otherwise, dot: dot, labels)
            return
        }
        for (key, element) in items {
            try step()
            let outer = variables.count
            defer { variables.removeLast(variables.count - outer) }
            if let name = loop.key { variables.append((name, key)) }
            if let name = loop.element { variables.append((name, element)) }
            if try run(loop.body, dot: element, labels) == .breakLoop { return }
        }
    }

    // MARK: Values

    private mutating func value(
        of pipeline: TemplatePipeline, _ dot: TemplateValue?, _ labels: Lookup
    ) throws(ExpressionError) -> TemplateValue {
        var result: TemplateValue?
        for command in pipeline.commands {
            result = try value(of: command, piped: result, dot, labels)
        }
        let value = result ?? .none
        guard let name = pipeline.variable else { return value }
        if !pipeline.isDeclaration, let place = variables.lastIndex(where: { $0.name == name }) {
            variables[place].value = value
        } else {
            variables.append((name, value))
        }
        return value
    }

    private mutating func value(
        of command: TemplateCommand, piped: TemplateValue?, _ dot: TemplateValue?,
        _ labels: Lookup
    ) throws(ExpressionError) -> TemplateValue {
        guard case .function(let function) = command.operands[0] else {
            guard command.operands.count == 1, piped == nil else {
                throw ExpressionError(reason: "can't give argument to non-function")
            }
            return try value(of: command.operands[0], dot, labels)
        }
        if function == .and || function == .or {
            return try shortCircuit(function, command, piped: piped, dot, labels)
        }
        var arguments: [TemplateValue] = []
        for operand in command.operands.dropFirst() {
            arguments.append(try value(of: operand, dot, labels))
        }
        if let piped { arguments.append(piped) }
        return try call(function, arguments)
    }

    private mutating func shortCircuit(
        _ function: TemplateFunction, _ command: TemplateCommand, piped: TemplateValue?,
        _ dot: TemplateValue?, _ labels: Lookup
    ) throws(ExpressionError) -> TemplateValue {
        var last: TemplateValue?
        for operand in command.operands.dropFirst() {
            let value = try value(of: operand, dot, labels)
            if value.isTrue == (function == .or) { return value }
            last = value
        }
        guard let result = piped ?? last else {
            throw ExpressionError(reason: "wrong number of args for \(function.rawValue)")
        }
        return result
    }

    private mutating func value(
        of operand: TemplateOperand, _ dot: TemplateValue?, _ labels: Lookup
    ) throws(ExpressionError) -> TemplateValue {
        switch operand {
        case .field(let label, let names):
            if let dot { return try member(names[...], of: dot) }
            return try member(names.dropFirst(), of: labels(label))
        case .variable(let name, let fields):
            if name.isEmpty {
                let first = fields.first.map { LabelName($0) }
                return try member(fields.dropFirst(), of: labels(first))
            }
            guard let found = variables.last(where: { $0.name == name }) else { return .none }
            return try member(fields[...], of: found.value)
        case .literal(let value): return value
        case .function(let function): return try call(function, [])
        case .pipeline(let pipeline, let fields):
            return try member(fields[...], of: value(of: pipeline, dot, labels))
        }
    }

    private func member(
        _ names: ArraySlice<String>, of value: TemplateValue
    ) throws(ExpressionError) -> TemplateValue {
        guard let name = names.first else { return value }
        guard case .map(let members) = value else {
            if value == .none { return .none }
            throw ExpressionError(
                reason: "can't evaluate field \(name) in type \(value.typeName)")
        }
        let found = members.first { $0.name == name }?.value ?? .none
        return try member(names.dropFirst(), of: found)
    }
}
