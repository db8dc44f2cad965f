/// A text with actions in `{{ }}`, as Go's `text/template` reads it: pipelines of labels, literals and
/// functions, variables, `if`, `with`, `range`. What is not known is refused when the query is parsed.
struct Template: Sendable {
    indirect enum Node: Sendable {
        case text([UInt8])
        case action(TemplatePipeline)
        case branch(Branch)
        case loop(Loop)
        case breakLoop
        case continueLoop
    }

    /// `if` and `with`.
    struct Branch: Sendable {
        /// `with`: the value becomes the dot.
        var movesDot: Bool
        var condition: TemplatePipeline
        var body: [Node]
        var otherwise: [Node]
    }

    struct Loop: Sendable {
        var key: String?
        var element: String?
        var source: TemplatePipeline
        var body: [Node]
        var otherwise: [Node]
    }

    let nodes: [Node]

    init(_ text: String) throws(ExpressionError) {
        var parser = try TemplateParser(text)
        nodes = try parser.parse()
    }
}

/// Commands of which each gets the result of the one before as its last argument.
struct TemplatePipeline: Sendable {
    /// `$x := …` or `$x = …`.
    var variable: String?
    var isDeclaration = false
    /// At least one.
    var commands: [TemplateCommand]
}

/// A function with its arguments, or a value.
struct TemplateCommand: Sendable {
    /// At least one.
    var operands: [TemplateOperand]
}

indirect enum TemplateOperand: Sendable {
    /// The dot, and fields of it: the first of the dot of a line is a label.
    case field(LabelName?, [String])
    case variable(String, [String])
    case literal(TemplateValue)
    case function(TemplateFunction)
    case pipeline(TemplatePipeline, [String])
}
