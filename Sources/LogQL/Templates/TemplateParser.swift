/// Builds the tree of a template.
struct TemplateParser {
    /// Branches and parentheses within each other: each takes stack.
    private static let depthMax = 50

    private let tokens: [TemplateToken]
    private var index = 0
    private var depth = 0
    private var loops = 0
    private var variables: [String] = [""]

    init(_ text: String) throws(ExpressionError) { tokens = try TemplateLexer.tokens(of: text) }

    mutating func parse() throws(ExpressionError) -> [Template.Node] {
        let (nodes, ending) = try list()
        guard ending == nil else {
            throw ExpressionError(reason: "unexpected {{\(ending ?? "")}}")
        }
        return nodes
    }

    /// Nodes up to `{{end}}` or `{{else}}`, whose word is returned, or to the end.
    private mutating func list() throws(ExpressionError) -> ([Template.Node], ending: String?) {
        var nodes: [Template.Node] = []
        while index < tokens.count {
            let token = tokens[index]
            index += 1
            if case .text(let text) = token {
                nodes.append(.text(text))
                continue
            }
            guard case .word(let word)? = peek else {
                nodes.append(.action(try closedPipeline()))
                continue
            }
            switch word {
            case "end", "else": return (nodes, word)
            case "if", "with":
                index += 1
                nodes.append(.branch(try branch(movesDot: word == "with")))
            case "range":
                index += 1
                nodes.append(.loop(try loop()))
            case "break", "continue":
                guard loops > 0 else {
                    throw ExpressionError(reason: "{{\(word)}} outside {{range}}")
                }
                index += 1
                try expectClose()
                nodes.append(word == "break" ? .breakLoop : .continueLoop)
            case "template", "define", "block":
                throw ExpressionError(reason: "{{\(word)}} is not supported")
            default: nodes.append(.action(try closedPipeline()))
            }
        }
        return (nodes, nil)
    }

    private mutating func branch(movesDot: Bool) throws(ExpressionError) -> Template.Branch {
        try enter()
        let known = variables.count
        let condition = try closedPipeline()
        let (body, ending) = try list()
        variables.removeLast(variables.count - known)
        let otherwise = try rest(after: ending, elseBranch: true)
        depth -= 1
        return Template.Branch(
            movesDot: movesDot, condition: condition, body: body, otherwise: otherwise)
    }

    /// What stands between `{{else}}` and `{{end}}`; `{{else if …}}` is one branch.
    private mutating func rest(
        after ending: String?, elseBranch: Bool
    ) throws(ExpressionError) -> [Template.Node] {
        guard let ending else { throw ExpressionError(reason: "unexpected EOF") }
        index += 1
        if ending == "end" {
            try expectClose()
            return []
        }
        if elseBranch, case .word(let word)? = peek, word == "if" || word == "with" {
            index += 1
            return [.branch(try branch(movesDot: word == "with"))]
        }
        try expectClose()
        let (nodes, last) = try list()
        guard last == "end" else { throw ExpressionError(reason: "expected {{end}}") }
        index += 1
        try expectClose()
        return nodes
    }

    private mutating func loop() throws(ExpressionError) -> Template.Loop {
        try enter()
        let known = variables.count
        var names: [String] = []
        let start = index
        while case .variable(let name, let fields)? = peek, fields.isEmpty {
            names.append(name)
            index += 1
            guard peek == .comma else { break }
            index += 1
        }
        if !names.isEmpty, peek == .declare, names.count <= 2 {
            index += 1
            variables += names
        } else {
            names = []
            index = start
        }
        let source = try closedPipeline()
        loops += 1
        let (body, ending) = try list()
        loops -= 1
        variables.removeLast(variables.count - known)
        let otherwise = try rest(after: ending, elseBranch: false)
        depth -= 1
        return Template.Loop(
            key: names.count == 2 ? names[0] : nil, element: names.last, source: source,
            body: body, otherwise: otherwise)
    }

    // MARK: Pipelines

    private mutating func closedPipeline() throws(ExpressionError) -> TemplatePipeline {
        let pipeline = try pipeline()
        try expectClose()
        return pipeline
    }

    private mutating func pipeline() throws(ExpressionError) -> TemplatePipeline {
        var result = TemplatePipeline(commands: [])
        if case .variable(let name, let fields)? = peek, fields.isEmpty, index + 1 < tokens.count,
            tokens[index + 1] == .declare || tokens[index + 1] == .assign
        {
            result.variable = name
            result.isDeclaration = tokens[index + 1] == .declare
            guard result.isDeclaration || variables.contains(name) else {
                throw ExpressionError(reason: "undefined variable \"$\(name)\"")
            }
            index += 2
        }
        repeat {
            let command = try command()
            if !result.commands.isEmpty, case .literal? = command.operands.first {
                throw ExpressionError(reason: "non executable command in pipeline")
            }
            result.commands.append(command)
        } while accept(.pipe)
        if let name = result.variable, result.isDeclaration { variables.append(name) }
        return result
    }

    private mutating func command() throws(ExpressionError) -> TemplateCommand {
        var operands: [TemplateOperand] = []
        while let operand = try operand() { operands.append(operand) }
        guard !operands.isEmpty else { throw ExpressionError(reason: "missing value for command") }
        return TemplateCommand(operands: operands)
    }

    private mutating func operand() throws(ExpressionError) -> TemplateOperand? {
        guard let token = peek else { return nil }
        switch token {
        case .field(let names):
            index += 1
            return .field(names.first.map { LabelName($0) }, names)
        case .variable(let name, let fields):
            guard variables.contains(name) else {
                throw ExpressionError(reason: "undefined variable \"$\(name)\"")
            }
            index += 1
            return .variable(name, fields)
        case .string(let text):
            index += 1
            return .literal(.text(text))
        case .number(let value):
            index += 1
            return .literal(value)
        case .word(let word):
            index += 1
            return try named(word)
        case .leftParenthesis:
            index += 1
            try enter()
            let inner = try pipeline()
            depth -= 1
            guard case .rightParenthesis(let fields)? = peek else {
                throw ExpressionError(reason: "unclosed left paren")
            }
            index += 1
            return .pipeline(inner, fields)
        default: return nil
        }
    }

    private func named(_ word: String) throws(ExpressionError) -> TemplateOperand {
        switch word {
        case "true": return .literal(.bool(true))
        case "false": return .literal(.bool(false))
        case "nil": return .literal(.none)
        default:
            guard let function = TemplateFunction(rawValue: word) else {
                throw ExpressionError(reason: "function \"\(word)\" not defined")
            }
            return .function(function)
        }
    }

    // MARK: Tokens

    private var peek: TemplateToken? { index < tokens.count ? tokens[index] : nil }

    private mutating func accept(_ token: TemplateToken) -> Bool {
        guard peek == token else { return false }
        index += 1
        return true
    }

    private mutating func expectClose() throws(ExpressionError) {
        guard accept(.close) else { throw ExpressionError(reason: "unexpected token in an action") }
    }

    private mutating func enter() throws(ExpressionError) {
        depth += 1
        guard depth <= TemplateParser.depthMax else {
            throw ExpressionError(reason: "more than \(TemplateParser.depthMax) levels")
        }
    }
}
