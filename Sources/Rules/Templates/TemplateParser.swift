/// Makes a tree of a template's tokens.
struct TemplateParser {
    private typealias Token = TemplateLexer.Token

    /// How a list of nodes came to its end.
    private enum End: Equatable {
        case text, end, otherwise
        /// `else if` or `else with`: what follows is the next branch.
        case chain(String)
    }

    private static let depthMax = 100
    private static let keywords: Set<String> = [
        "if", "else", "end", "range", "with", "define", "template", "block", "break", "continue",
    ]

    private let tokens: [(token: Token, line: Int)]
    private var index = 0
    private var depth = 0
    private var loops = 0
    private let dialect: TemplateDialect
    /// Variables in scope.
    private var variables: [String]
    private(set) var definitions: [String: [TemplateNode]] = [:]

    init(
        _ tokens: [(token: TemplateLexer.Token, line: Int)], dialect: TemplateDialect = .rules
    ) {
        self.tokens = tokens
        self.dialect = dialect
        variables = dialect.variables
    }

    mutating func template() throws(TemplateError) -> [TemplateNode] {
        let (nodes, end) = try list()
        guard end == .text else {
            throw failure(end == .end ? "unexpected {{end}}" : "unexpected {{else}}")
        }
        return nodes
    }

    // MARK: Nodes

    private mutating func list() throws(TemplateError) -> ([TemplateNode], End) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw failure("actions are nested too deeply") }
        var nodes: [TemplateNode] = []
        while index < tokens.count {
            if case .text(let text) = tokens[index].token {
                index += 1
                nodes.append(.text(text))
                continue
            }
            index += 1
            skipSpace()
            guard case .word(let word)? = peek, Self.keywords.contains(word) else {
                nodes.append(.action(try pipeline(until: .close)))
                continue
            }
            index += 1
            skipSpace()
            if word == "end" {
                try expect(.close, "end")
                return (nodes, .end)
            }
            if word == "else" { return (nodes, try otherwise()) }
            if let node = try control(word) { nodes.append(node) }
        }
        return (nodes, .text)
    }

    private mutating func otherwise() throws(TemplateError) -> End {
        if case .word(let next)? = peek, next == "if" || next == "with" {
            index += 1
            skipSpace()
            return .chain(next)
        }
        try expect(.close, "else")
        return .otherwise
    }

    private mutating func control(_ word: String) throws(TemplateError) -> TemplateNode? {
        switch word {
        case "if", "with": return try branch(changesDot: word == "with")
        case "range": return try loop()
        case "define":
            try define(try name(of: word))
            return nil
        case "block":
            let name = try name(of: word)
            let pipeline = try pipeline(until: .close)
            try define(name, isClosed: true)
            return .call(name: name, pipeline)
        case "template":
            let name = try name(of: word)
            if peek == .close {
                index += 1
                return .call(name: name, nil)
            }
            return .call(name: name, try pipeline(until: .close))
        default:
            try expect(.close, word)
            guard loops > 0 else { throw failure("{{\(word)}} outside {{range}}") }
            return word == "break" ? .leave : .next
        }
    }

    private mutating func branch(changesDot: Bool) throws(TemplateError) -> TemplateNode {
        let scope = variables
        defer { variables = scope }
        let condition = try pipeline(until: .close)
        let inner = variables
        let (body, end) = try list()
        variables = inner
        return .branch(
            TemplateBranch(
                condition: condition, changesDot: changesDot, body: body,
                otherwise: try rest(after: end)))
    }

    /// What stands behind `else`.
    private mutating func rest(after end: End) throws(TemplateError) -> [TemplateNode] {
        switch end {
        case .end: return []
        case .text: throw failure("unexpected end of the template: an action lacks its {{end}}")
        case .chain(let word):
            depth += 1
            defer { depth -= 1 }
            guard depth <= Self.depthMax else { throw failure("actions are nested too deeply") }
            return [try branch(changesDot: word == "with")]
        case .otherwise:
            let (nodes, end) = try list()
            guard end == .end else { throw failure("expected {{end}} after {{else}}") }
            return nodes
        }
    }

    private mutating func loop() throws(TemplateError) -> TemplateNode {
        let scope = variables
        defer { variables = scope }
        let pipeline = try pipeline(until: .close, isLoop: true)
        loops += 1
        let (body, end) = try list()
        loops -= 1
        if case .chain = end { throw failure("{{range}} has no else if") }
        return .loop(pipeline, body: body, otherwise: try rest(after: end))
    }

    private mutating func define(_ name: String, isClosed: Bool = false) throws(TemplateError) {
        if !isClosed { try expect(.close, "define") }
        let (scope, outerLoops) = (variables, loops)
        (variables, loops) = (["$"], 0)
        let (body, end) = try list()
        (variables, loops) = (scope, outerLoops)
        guard end == .end else { throw failure("\(name) lacks its {{end}}") }
        definitions[name] = body
    }

    private mutating func name(of word: String) throws(TemplateError) -> String {
        guard case .string(let name)? = peek else {
            throw failure("\(word) must name a template in quotes")
        }
        index += 1
        skipSpace()
        return name
    }

    // MARK: Pipelines

    private mutating func pipeline(
        until end: Token, isLoop: Bool = false
    ) throws(TemplateError) -> TemplatePipeline {
        var pipeline = TemplatePipeline(line: line)
        try declarations(of: &pipeline, isLoop: isLoop)
        while true {
            pipeline.commands.append(try command())
            if peek == .pipe {
                index += 1
                continue
            }
            guard peek == end else {
                throw failure(
                    end == .close ? "{{ is not closed by }}" : "unclosed left parenthesis")
            }
            index += 1
            break
        }
        for command in pipeline.commands.dropFirst() {
            guard case .function? = command.operands.first else {
                throw failure(
                    "non executable command in pipeline: it goes on with a function after |")
            }
        }
        if !pipeline.isAssignment { variables += pipeline.variables }
        return pipeline
    }

    /// `$a :=`, `$a =` or, in loops, `$a, $b :=`.
    private mutating func declarations(
        of pipeline: inout TemplatePipeline, isLoop: Bool
    ) throws(TemplateError) {
        let start = index
        skipSpace()
        guard case .variable(let first)? = peek else { return }
        index += 1
        skipSpace()
        var names = [first]
        if isLoop, peek == .comma {
            index += 1
            skipSpace()
            guard case .variable(let second)? = peek else {
                throw failure("range can only initialize variables")
            }
            index += 1
            skipSpace()
            names.append(second)
        }
        switch peek {
        case .declare: break
        case .assign:
            pipeline.isAssignment = true
            for name in names where !variables.contains(name) {
                throw failure("undefined variable \(name)")
            }
        default:
            index = start
            return
        }
        index += 1
        pipeline.variables = names
    }

    private mutating func command() throws(TemplateError) -> TemplateCommand {
        var operands: [TemplateOperand] = []
        while true {
            skipSpace()
            guard let operand = try operand() else { break }
            operands.append(operand)
            switch peek {
            case .space, .pipe, .close, .rightParenthesis, nil: continue
            default: throw failure("unexpected token in operand; write a space between values")
            }
        }
        guard let first = operands.first else {
            throw failure(
                "missing value for command: nothing stands before or after |, or it is empty")
        }
        if operands.count > 1 {
            switch first {
            case .function, .field, .variable, .pipeline: break
            case .literal: throw failure("can't give arguments to a value, it takes no arguments")
            }
        }
        return TemplateCommand(operands: operands)
    }

    /// `nil` where none begins.
    private mutating func operand() throws(TemplateError) -> TemplateOperand? {
        guard let token = peek else { return nil }
        switch token {
        case .string(let text): return literal(.string(text))
        case .integer(let number): return literal(.int(number))
        case .number(let number): return literal(.number(number))
        case .dot:
            index += 1
            return .field([])
        case .field(let name):
            index += 1
            return .field([name] + path())
        case .variable(let name):
            guard variables.contains(name) else { throw failure("undefined variable \(name)") }
            index += 1
            return .variable(name, path())
        case .word(let word): return try named(word)
        case .leftParenthesis:
            index += 1
            depth += 1
            defer { depth -= 1 }
            guard depth <= Self.depthMax else { throw failure("parentheses are nested too deeply") }
            skipSpace()
            let inner = try pipeline(until: .rightParenthesis)
            return .pipeline(inner, path())
        case .text, .open, .close, .pipe, .comma, .declare, .assign, .rightParenthesis, .space:
            return nil
        }
    }

    private mutating func named(_ word: String) throws(TemplateError) -> TemplateOperand {
        switch word {
        case "true": return literal(.bool(true))
        case "false": return literal(.bool(false))
        case "nil": return literal(.nothing)
        default: break
        }
        guard let function = TemplateFunction(rawValue: word), dialect.knows(function) else {
            throw failure("function \"\(word)\" not defined")
        }
        index += 1
        return .function(function)
    }

    private mutating func literal(_ value: TemplateValue) -> TemplateOperand {
        index += 1
        return .literal(value)
    }

    /// Fields that follow a value directly.
    private mutating func path() -> [String] {
        var path: [String] = []
        while case .field(let name)? = peek {
            path.append(name)
            index += 1
        }
        return path
    }

    // MARK: Tokens

    private var peek: Token? { index < tokens.count ? tokens[index].token : nil }
    private var line: Int { tokens.isEmpty ? 1 : tokens[min(index, tokens.count - 1)].line }

    private mutating func skipSpace() {
        while peek == .space { index += 1 }
    }

    private mutating func expect(_ token: Token, _ word: String) throws(TemplateError) {
        skipSpace()
        guard peek == token else { throw failure("unexpected token in \(word)") }
        index += 1
    }

    private func failure(_ reason: String) -> TemplateError {
        TemplateError(line: line, reason: reason)
    }
}
