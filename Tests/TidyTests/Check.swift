/// Something that is not as the house style wants it.
struct Finding: CustomStringConvertible {
    var path: String
    /// From 1.
    var line: Int
    var message: String

    var description: String { "\(path):\(line): \(message)" }
}

/// One rule of the house style.
struct Check: Sendable {
    var name: String
    var run: @Sendable (SourceFile) -> [Finding]

    func findings(in files: [SourceFile]) -> [Finding] { files.flatMap(run) }
}

extension Check {
    static let sourceLinesMax = 600
    static let testLinesMax = 900

    static let fileLength = Check(name: "file length") { file in
        let limit = file.isSource ? sourceLinesMax : testLinesMax
        guard file.lineCount > limit else { return [] }
        return [
            Finding(
                path: file.path, line: file.lineCount,
                message: "\(file.lineCount) lines, at most \(limit): split by concern")
        ]
    }

    /// What must not stand in code, with the reason.
    private static let banned: [(word: String, reason: String)] = [
        ("try!", "a throw would crash"), ("try?", "the error is lost"),
        ("fatalError(", "input must not be able to stop the program"),
        ("as!", "a wrong type would crash"), ("Date()", "time is an argument: Platform.Clock"),
        ("Thread.sleep", "blocks a thread"),
    ]

    static let bannedCalls = Check(name: "banned calls") { file in
        guard file.isSource, file.isSwift else { return [] }
        var found: [Finding] = []
        for (index, line) in file.code.enumerated() {
            for (word, reason) in banned where line.hasWord(word) {
                found.append(
                    Finding(path: file.path, line: index + 1, message: "\(word): \(reason)"))
            }
            if file.target != "sidelight", line.hasWord("print(") {
                found.append(
                    Finding(
                        path: file.path, line: index + 1,
                        message: "print(: only the executable talks to people"))
            }
        }
        return found
    }

    static let forceUnwraps = Check(name: "force unwraps") { file in
        guard file.isSource, file.isSwift else { return [] }
        return file.code.enumerated().compactMap { index, line in
            let operand: (Character) -> Bool = { $0.isIdentifier || ")]?".contains($0) }
            let isForced = zip(zip(line, line.dropFirst()), line.dropFirst(2) + " ").contains {
                operand($0.0) && $0.1 == "!" && $1 != "="
            }
            guard isForced, !line.hasWord("try!"), !line.hasWord("as!") else { return nil }
            return Finding(path: file.path, line: index + 1, message: "!: nil would crash")
        }
    }

    static let emptyCatch = Check(name: "empty catch") { file in
        guard file.isSource, file.isSwift else { return [] }
        return file.code.indices.compactMap { index in
            guard let range = file.code[index].rangeOfWord("catch") else { return nil }
            let rest =
                file.code[index][range.upperBound...]
                + file.code[(index + 1)...].prefix(20).joined()
            guard let brace = rest.firstIndex(of: "{") else { return nil }
            let body = rest[rest.index(after: brace)...].drop { $0.isWhitespace }
            guard body.first == "}" else { return nil }
            return Finding(
                path: file.path, line: index + 1, message: "empty catch: the error is lost")
        }
    }

    static let leftovers = Check(name: "leftovers") { file in
        guard file.isSource else { return [] }
        return file.lines.enumerated().flatMap { index, line in
            ["TO" + "DO", "FIX" + "ME"].filter { line.hasWord($0) }.map {
                Finding(path: file.path, line: index + 1, message: "\($0): do it or delete it")
            }
        }
    }

    /// A proof stands in the line, in the line before as a plain comment, or in the doc comment before,
    /// then under that word.
    static let uncheckedSendable = Check(name: "unchecked Sendable") { file in
        guard file.isSource, file.isSwift else { return [] }
        return file.code.indices.compactMap { index in
            guard file.code[index].contains("@unchecked Sendable") else { return nil }
            if file.lines[index].contains("//") { return nil }
            let before = file.lines[..<index].reversed().map(\.trimmed).drop { $0.hasPrefix("@") }
            let comments = before.prefix { $0.hasPrefix("//") }
            if let nearest = comments.first, !nearest.hasPrefix("///") { return nil }
            if comments.contains(where: { $0.contains("Sendable") }) { return nil }
            return Finding(
                path: file.path, line: index + 1,
                message: "@unchecked Sendable without a comment that proves it")
        }
    }

    static let publicAccess = Check(name: "public") { file in
        guard file.isSource, file.isSwift, file.target != "SidelightTracing" else { return [] }
        return file.code.indices.compactMap { index in
            guard file.code[index].hasWord("public") else { return nil }
            return Finding(
                path: file.path, line: index + 1, message: "public: targets share by `package`")
        }
    }

    static let documentation = Check(name: "doc comments") { file in
        guard file.isSource, file.isSwift else { return [] }
        return file.code.indices.compactMap { index in
            let words = file.code[index].split(separator: " ")
            let kinds: Set<Substring> = [
                "struct", "class", "enum", "protocol", "actor", "typealias",
            ]
            guard file.code[index].hasPrefix("package "),
                words.dropFirst().prefix(3).contains(where: { kinds.contains($0) })
            else { return nil }
            let before = file.lines[..<index].last { !$0.trimmed.hasPrefix("@") } ?? ""
            guard !before.trimmed.hasPrefix("///") else { return nil }
            return Finding(
                path: file.path, line: index + 1, message: "a type without a doc comment")
        }
    }

    /// Names that belong to a place of work or to somebody else's machines. Spelt in halves, so that this
    /// file passes.
    private static let places = [
        "/wo" + "rk/", "pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com",
        "deb.debian" + ".org", "archive.ubuntu" + ".com", "crates" + ".io",
    ]

    static let workplaces = Check(name: "places") { file in
        file.lines.enumerated().flatMap { index, line in
            places.filter { line.contains($0) }.map {
                Finding(path: file.path, line: index + 1, message: "names \($0)")
            }
        }
    }
}

extension String {
    var trimmed: Substring { drop { $0.isWhitespace } }

    func hasWord(_ word: String) -> Bool { rangeOfWord(word) != nil }

    /// Where `word` stands, not as part of a longer one.
    func rangeOfWord(_ word: String) -> Range<String.Index>? {
        var rest = self[...]
        while let range = rest.firstRange(of: word) {
            let before =
                range.lowerBound == startIndex ? nil : self[index(before: range.lowerBound)]
            let after = range.upperBound == endIndex ? nil : self[range.upperBound]
            let isWordEnd = word.last.map { !$0.isIdentifier } ?? true
            if before?.isIdentifier != true, isWordEnd || after?.isIdentifier != true {
                return range
            }
            rest = self[range.upperBound...]
        }
        return nil
    }
}

extension Character {
    var isIdentifier: Bool { isLetter || isNumber || self == "_" }
}
