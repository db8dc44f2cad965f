/// A part of a template.
indirect enum TemplateNode: Sendable, Hashable {
    case text(String)
    case action(TemplatePipeline)
    case branch(TemplateBranch)
    case loop(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    case call(name: String, TemplatePipeline?)
    case leave
    case next
}

/// `if` and `with`.
struct TemplateBranch: Sendable, Hashable {
    var condition: TemplatePipeline
    /// `with` makes the value the dot.
    var changesDot: Bool
    var body: [TemplateNode]
    var otherwise: [TemplateNode]
}

/// `$a, $b := command | command`: each command gets what stands before it as its last argument.
struct TemplatePipeline: Sendable, Hashable {
    var variables: [String] = []
    /// `=` instead of `:=`.
    var isAssignment = false
    var commands: [TemplateCommand] = []
    /// Of the template, from 1.
    var line = 1
}

/// A function with its arguments, or a value.
struct TemplateCommand: Sendable, Hashable {
    var operands: [TemplateOperand]
}

/// Something that has a value.
indirect enum TemplateOperand: Sendable, Hashable {
    case literal(TemplateValue)
    /// `.` or `.A.B`.
    case field([String])
    /// `$`, `$name` or `$name.A.B`; the name with its dollar sign.
    case variable(String, [String])
    case function(TemplateFunction)
    case pipeline(TemplatePipeline, [String])
}

extension TemplateNode {
    /// Calls `visit` for every operand, those inside of parentheses as well.
    func visitOperands(_ visit: (TemplateOperand) -> Void) {
        switch self {
        case .text, .leave, .next: break
        case .action(let pipeline): pipeline.visitOperands(visit)
        case .branch(let branch):
            branch.condition.visitOperands(visit)
            for node in branch.body + branch.otherwise { node.visitOperands(visit) }
        case .loop(let pipeline, let body, let otherwise):
            pipeline.visitOperands(visit)
            for node in body + otherwise { node.visitOperands(visit) }
        case .call(_, let pipeline): pipeline?.visitOperands(visit)
        }
    }
}

extension TemplatePipeline {
    fileprivate func visitOperands(_ visit: (TemplateOperand) -> Void) {
        for operand in commands.flatMap(\.operands) {
            visit(operand)
            if case .pipeline(let inner, _) = operand { inner.visitOperands(visit) }
        }
    }
}
