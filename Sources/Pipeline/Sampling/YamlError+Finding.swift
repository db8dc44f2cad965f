import Yams

extension YamlError {
    /// Where (a line from 1, or 0 if that is not known) and what is wrong, without the text around it, which may
    /// hold secrets.
    var finding: (line: Int, problem: String) {
        switch self {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (mark.line, "not readable as YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            (
                context.mark.line,
                "the same key stands twice: \(keys.sorted().joined(separator: ", "))"
            )
        case .reader(let problem, _, _, _): (0, "not readable as YAML: \(problem)")
        default: (0, "not readable as YAML")
        }
    }
}
