/// A replacement text with references to groups, as `label_replace` and relabelling write it: `$1`,
/// `${1}`, `$name`, `${name}`, and `$$` for a dollar sign (Go, `regexp.Regexp.Expand`).
package struct Replacement: Hashable, Sendable {
    private enum Part: Hashable {
        case text(String)
        case group(Int)
    }

    private let parts: [Part]

    /// References to groups that `pattern` does not have become empty text; a `$` that begins no
    /// reference stands for itself. A name is as long as letters, digits and `_` go on.
    package init(_ template: String, for pattern: Pattern) {
        var parts: [Part] = []
        var rest = template[...]
        while let dollar = rest.firstIndex(of: "$") {
            parts.append(.text(String(rest[..<dollar])))
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                parts.append(.text("$"))
                rest = rest.dropFirst()
            } else if let name = Replacement.takeName(&rest) {
                if let group = pattern.group(named: name) { parts.append(.group(group)) }
            } else {
                parts.append(.text("$"))
            }
        }
        self.parts = parts + [.text(String(rest))]
    }

    /// - Parameter captures: the texts of the match and its groups (`Pattern.captures`).
    package func expanded(with captures: [String?]) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let literal): text += literal
            case .group(let group): text += captures[group] ?? ""
            }
        }
        return text
    }

    /// Reads a name after a `$`, leaving `rest` alone if there is none.
    private static func takeName(_ rest: inout Substring) -> Substring? {
        func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "_" || scalar.properties.isAlphabetic
                || scalar.properties.numericType == .decimal
        }
        let isBraced = rest.first == "{"
        let body = isBraced ? rest.dropFirst() : rest
        let name = Substring(body.unicodeScalars.prefix(while: isNameCharacter))
        guard !name.isEmpty else { return nil }
        let after = body[name.endIndex...]
        if isBraced, after.first != "}" { return nil }
        rest = isBraced ? after.dropFirst() : after
        return name
    }
}

extension Pattern {
    /// The group of that number or name; of a repeated name the first.
    package func group(named name: some StringProtocol) -> Int? {
        if let number = Int(name) { return groupNames.indices.contains(number) ? number : nil }
        return groupNames.firstIndex { $0.map { $0 == name } ?? false }
    }
}
