import Telemetry

/// Expands a template for one alert.
struct TemplateRun {
    /// What a node says about those after it.
    private enum Flow {
        case goOn, next, leave
    }

    /// An alert's description has no use for more; a loop in a template must not exhaust memory.
    private static let outputBytesMax = 1 << 20
    private static let stepsMax = 1_000_000
    private static let depthMax = 100

    private let template: Template
    private let definitions: [String: [TemplateNode]]
    private let dot: TemplateValue
    let subject: Template.Subject
    /// Whether values are escaped as text of HTML.
    let escapesHTML: Bool
    /// What the function `now` gives.
    let now: TemplateValue
    /// Whether this makes a message to a receiver, rather than a label or annotation of a rule.
    let isNotification: Bool
    private var output = ""
    private var steps = 0
    private var depth = 0
    /// Innermost last.
    private var variables: [(name: String, value: TemplateValue)]

    init(_ template: Template, _ subject: Template.Subject) {
        self.template = template
        self.subject = subject
        definitions = template.definitions
        dot = .data
        escapesHTML = false
        now = .number(Double(subject.surroundings.time) / 1_000)
        isNotification = false
        variables = [
            ("$", .data),
            (
                "$labels",
                .texts(TemplateSurroundings.Sample(labels: subject.labels, value: 0).labelTexts)
            ),
            ("$externalLabels", .texts(subject.surroundings.externalLabels)),
            ("$externalURL", .string(subject.surroundings.externalURL)),
            ("$value", .number(subject.value)),
        ]
    }

    /// - Parameters:
    ///   - definitions: named templates beside the template's own.
    ///   - now: nanoseconds since the epoch.
    init(
        _ template: Template, of dot: TemplateValue, definitions: [String: [TemplateNode]],
        escapesHTML: Bool, now: Int64
    ) {
        self.template = template
        self.definitions = definitions.merging(template.definitions) { $1 }
        self.dot = dot
        self.escapesHTML = escapesHTML
        self.now = .time(now)
        isNotification = true
        subject = Template.Subject(labels: .empty, value: 0, surroundings: TemplateSurroundings())
        variables = [("$", dot)]
    }

    mutating func text() throws(RenderFailure) -> String {
        _ = try run(template.body, dot: dot)
        return output
    }

    // MARK: Nodes

    private mutating func run(
        _ nodes: [TemplateNode], dot: TemplateValue
    ) throws(RenderFailure) -> Flow {
        for node in nodes {
            let flow = try run(node, dot: dot)
            if flow != .goOn { return flow }
        }
        return .goOn
    }

    private mutating func run(
        _ node: TemplateNode, dot: TemplateValue
    ) throws(RenderFailure) -> Flow {
        try step()
        switch node {
        case .text(let text): try write(text)
        case .action(let pipeline):
            let value = try value(of: pipeline, dot)
            if pipeline.variables.isEmpty {
                try write(value)
            }
        case .branch(let branch): return try run(branch, dot)
        case .loop(let pipeline, let body, let otherwise):
            return try loop(pipeline, body, otherwise, dot)
        case .call(let name, let pipeline):
            try call(
                name,
                try pipeline.map { pipeline throws(RenderFailure) in try value(of: pipeline, dot) }
                    ?? .nothing)
        case .leave: return .leave
        case .next: return .next
        }
        return .goOn
    }

    private mutating func run(
        _ branch: TemplateBranch, _ dot: TemplateValue
    ) throws(RenderFailure) -> Flow {
        let scope = variables.count
        defer { variables.removeSubrange(scope...) }
        let condition = try value(of: branch.condition, dot)
        guard condition.isTrue else { return try run(branch.otherwise, dot: dot) }
        return try run(branch.body, dot: branch.changesDot ? condition : dot)
    }

    private mutating func loop(
        _ pipeline: TemplatePipeline, _ body: [TemplateNode], _ otherwise: [TemplateNode],
        _ dot: TemplateValue
    ) throws(RenderFailure) -> Flow {
        let scope = variables.count
        defer { variables.removeSubrange(scope...) }
        let entries = try Self.entries(of: try value(of: pipeline, dot))
        guard !entries.isEmpty else { return try run(otherwise, dot: dot) }
        let inner = variables.count
        for (key, value) in entries {
            try step()
            try bind(pipeline, key, value)
            let flow = try run(body, dot: value)
            variables.removeSubrange(inner...)
            if flow == .leave { break }
        }
        return .goOn
    }

    private mutating func bind(
        _ pipeline: TemplatePipeline, _ key: TemplateValue, _ value: TemplateValue
    ) throws(RenderFailure) {
        guard let last = pipeline.variables.last else { return }
        set(last, value, isAssignment: pipeline.isAssignment)
        if pipeline.variables.count > 1 {
            set(pipeline.variables[0], key, isAssignment: pipeline.isAssignment)
        }
    }

    private static func entries(
        of value: TemplateValue
    ) throws(RenderFailure) -> [(TemplateValue, TemplateValue)] {
        switch value {
        case .nothing: return []
        case .list(let values):
            return values.enumerated().map { (.int(Int64($0.offset)), $0.element) }
        case .texts(let texts):
            return texts.sorted { $0.key < $1.key }.map { (.string($0.key), .string($0.value)) }
        case .map(let values):
            return values.sorted { $0.key < $1.key }.map { (.string($0.key), $0.value) }
        case .labels(let texts):
            return texts.sorted { $0.key < $1.key }.map { (.string($0.key), .string($0.value)) }
        case .pairs(let pairs):
            return pairs.enumerated().map { (.int(Int64($0.offset)), .record($0.element.record)) }
        case .int(let count):
            guard count <= stepsMax else { throw RenderFailure(reason: "the loop is too long") }
            return (0..<max(0, count)).map { (.int($0), .int($0)) }
        default:
            throw RenderFailure(reason: "range can't iterate over \(value.text)")
        }
    }

    private mutating func call(_ name: String, _ dot: TemplateValue) throws(RenderFailure) {
        guard let body = definitions[name] else {
            throw RenderFailure(reason: "template \"\(name)\" not defined")
        }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else {
            throw RenderFailure(reason: "exceeded maximum template depth (\(Self.depthMax))")
        }
        let outer = variables
        variables = [("$", dot)]
        _ = try run(body, dot: dot)
        variables = outer
    }

    // MARK: Pipelines

    private mutating func value(
        of pipeline: TemplatePipeline, _ dot: TemplateValue
    ) throws(RenderFailure) -> TemplateValue {
        var value: TemplateValue?
        for command in pipeline.commands { value = try self.value(of: command, piped: value, dot) }
        let result = value ?? .nothing
        // Loops set theirs for each entry.
        if pipeline.variables.count == 1, let name = pipeline.variables.first {
            set(name, result, isAssignment: pipeline.isAssignment)
        }
        return result
    }

    private mutating func set(_ name: String, _ value: TemplateValue, isAssignment: Bool) {
        if isAssignment, let place = variables.lastIndex(where: { $0.name == name }) {
            variables[place].value = value
        } else {
            variables.append((name, value))
        }
    }

    private mutating func value(
        of command: TemplateCommand, piped: TemplateValue?, _ dot: TemplateValue
    ) throws(RenderFailure) -> TemplateValue {
        guard case .function(let function) = command.operands[0] else {
            let arguments = command.operands.count > 1 || piped != nil
            if arguments { return try method(command, piped: piped, dot) }
            if case .literal(.nothing) = command.operands[0] {
                throw RenderFailure(reason: "nil is not a command")
            }
            return try value(of: command.operands[0], dot)
        }
        var arguments: [TemplateValue] = []
        for operand in command.operands.dropFirst() {
            arguments.append(try value(of: operand, dot))
            // `and` and `or` look no further than they must.
            if let last = arguments.last, function.isSettled(by: last) { return last }
        }
        if let piped { arguments.append(piped) }
        // A step for every few bytes.
        try step(1 + Self.weigh(arguments) / 64)
        return try function.apply(arguments, in: self)
    }

    /// A value with arguments: `Format` of a time, `Remove` of labels or `Join` of texts.
    private mutating func method(
        _ command: TemplateCommand, piped: TemplateValue?, _ dot: TemplateValue
    ) throws(RenderFailure) -> TemplateValue {
        var receiver = command.operands[0]
        let name = receiver.takeLast() ?? ""
        guard
            ["Format", "Remove", "Join"].contains(name) || TemplateValue.timeMethods.contains(name)
        else {
            throw RenderFailure(reason: "can't give argument to non-function")
        }
        let value = try value(of: receiver, dot)
        var arguments: [TemplateValue] = []
        for operand in command.operands.dropFirst() {
            arguments.append(try self.value(of: operand, dot))
        }
        if let piped { arguments.append(piped) }
        return try value.method(name, arguments)
    }

    private mutating func value(
        of operand: TemplateOperand, _ dot: TemplateValue
    ) throws(RenderFailure) -> TemplateValue {
        switch operand {
        case .literal(let value): return value
        case .field(let path): return try follow(path, from: dot)
        case .variable(let name, let path):
            guard let variable = variables.last(where: { $0.name == name }) else {
                throw RenderFailure(reason: "undefined variable \(name)")
            }
            return try follow(path, from: variable.value)
        case .function(let function): return try function.apply([], in: self)
        case .pipeline(let pipeline, let path):
            return try follow(path, from: try value(of: pipeline, dot))
        }
    }

    private func follow(
        _ path: [String], from value: TemplateValue
    ) throws(RenderFailure) -> TemplateValue {
        var value = value
        for name in path { value = try value.field(name, of: subject) }
        return value
    }

    // MARK: Bounds

    private mutating func step(_ count: Int = 1) throws(RenderFailure) {
        steps += count
        if steps > Self.stepsMax { throw RenderFailure(reason: "the template takes too long") }
    }

    private mutating func write(_ value: TemplateValue) throws(RenderFailure) {
        switch value {
        case .nothing: try write("<no value>")
        case .safe(let text): try write(text)
        default: try write(escapesHTML ? TemplateCall.htmlText(value.text) : value.text)
        }
    }

    private mutating func write(_ text: String) throws(RenderFailure) {
        guard output.utf8.count + text.utf8.count <= Self.outputBytesMax else {
            throw RenderFailure(reason: "the text has more than \(Self.outputBytesMax) bytes")
        }
        output += text
    }
}

extension TemplateOperand {
    /// Takes the last field off.
    fileprivate mutating func takeLast() -> String? {
        switch self {
        case .field(var path):
            let last = path.popLast()
            self = .field(path)
            return last
        case .variable(let name, var path):
            let last = path.popLast()
            self = .variable(name, path)
            return last
        case .pipeline(let inner, var path):
            let last = path.popLast()
            self = .pipeline(inner, path)
            return last
        case .literal, .function: return nil
        }
    }
}
