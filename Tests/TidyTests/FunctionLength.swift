extension Check {
    static let functionLinesMax = 90

    /// Longer functions that have a reason: `path` and name with the lines they may have. They may
    /// shrink; the list may not grow without a reason beside each entry.
    static let functionExceptions: [String: Int] = [:]

    static let functionLength = Check(name: "function length") { file in
        guard file.isSource, file.isSwift else { return [] }
        return functions(of: file).compactMap { function in
            let limit = functionExceptions["\(file.path) \(function.name)"] ?? functionLinesMax
            guard function.lineCount > limit else { return nil }
            return Finding(
                path: file.path, line: function.line,
                message: "\(function.name): \(function.lineCount) lines, at most \(limit)")
        }
    }

    struct Function {
        var name: String
        /// From 1.
        var line: Int
        /// From the declaration to the closing brace, both included.
        var lineCount: Int
    }

    /// The functions and initialisers that have bodies, nested ones too.
    static func functions(of file: SourceFile) -> [Function] {
        file.code.indices.compactMap { index in
            let line = file.code[index]
            let declaration = line.rangeOfWord("func") ?? initialiser(in: line)
            guard let declaration,
                let end = endOfBody(file.code, line: index, from: declaration.upperBound)
            else { return nil }
            let name = line[declaration.upperBound...].drop { $0 == " " }.prefix { $0.isIdentifier }
            return Function(
                name: name.isEmpty ? "init" : String(name), line: index + 1,
                lineCount: end - index + 1)
        }
    }

    /// `init`, but not a call such as `self.init`.
    private static func initialiser(in line: String) -> Range<String.Index>? {
        guard let range = line.rangeOfWord("init"),
            line[..<range.lowerBound].allSatisfy({ $0.isIdentifier || " @()".contains($0) })
        else { return nil }
        return range
    }

    /// The line of the brace that ends the body; nil for a requirement, which has none.
    private static func endOfBody(
        _ code: [String], line start: Int, from position: String.Index
    ) -> Int? {
        var parentheses = 0
        var braces = 0
        for index in start..<code.count {
            let text = index == start ? code[index][position...] : code[index][...]
            if index > start, braces == 0, parentheses == 0, !continuesHead(code[index]) {
                return nil
            }
            for character in text {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{" where braces > 0 || parentheses == 0: braces += 1
                case "}" where braces > 0:
                    braces -= 1
                    if braces == 0 { return index }
                case "}" where parentheses == 0: return nil
                default: break
                }
            }
        }
        return nil
    }

    /// Whether a line goes on with a function's head: its brace, result or constraints.
    private static func continuesHead(_ line: String) -> Bool {
        let rest = line.trimmed
        return rest.isEmpty
            || ["{", "->", "where", "throws", "async", "rethrows", ")"].contains {
                rest.hasPrefix($0)
            }
    }
}
