/// Swift source with comments and the contents of string literals blanked out, line by line as it was:
/// what is left is code. Good enough to look for words in; not a parser.
struct SwiftText {
    let lines: [String]

    init(_ source: String) {
        var scanner = Scanner(Array(source.unicodeScalars))
        scanner.run()
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scanner.output)
        lines = String(text).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
    }

    private struct Scanner {
        private let input: [Unicode.Scalar]
        private var offset = 0
        var output: [Unicode.Scalar] = []

        init(_ input: [Unicode.Scalar]) { self.input = input }

        private func sees(_ text: String) -> Bool {
            input[offset...].starts(with: text.unicodeScalars)
        }

        private mutating func keep() {
            output.append(input[offset])
            offset += 1
        }

        private mutating func blank(_ count: Int = 1) {
            for _ in 0..<count where offset < input.count {
                output.append(input[offset] == "\n" ? "\n" : " ")
                offset += 1
            }
        }

        mutating func run() {
            while offset < input.count {
                if sees("//") {
                    while offset < input.count, input[offset] != "\n" { blank() }
                } else if sees("/*") {
                    blockComment()
                } else if input[offset] == "\"" || input[offset] == "#" {
                    string()
                } else {
                    keep()
                }
            }
        }

        private mutating func blockComment() {
            var depth = 0
            repeat {
                if sees("/*") {
                    depth += 1
                    blank(2)
                } else if sees("*/") {
                    depth -= 1
                    blank(2)
                } else {
                    blank()
                }
            } while depth > 0 && offset < input.count
        }

        private mutating func string() {
            let pounds = input[offset...].prefix { $0 == "#" }.count
            guard input[(offset + pounds)...].first == "\"" else {
                for _ in 0..<max(1, pounds) { keep() }
                return
            }
            let fence = String(repeating: "#", count: pounds)
            let quote = input[(offset + pounds)...].starts(with: "\"\"\"".unicodeScalars) ? 3 : 1
            let end = String(repeating: "\"", count: quote) + fence
            blank(pounds + quote)
            while offset < input.count, !sees(end) {
                if sees("\\" + fence + "(") {
                    blank(2 + pounds)
                    interpolation()
                } else if sees("\\" + fence) {
                    blank(2 + pounds)
                } else if quote == 1, input[offset] == "\n" {
                    return
                } else {
                    blank()
                }
            }
            blank(quote + pounds)
        }

        /// Code inside a string is code.
        private mutating func interpolation() {
            var depth = 1
            while offset < input.count, depth > 0 {
                if input[offset] == "\"" || input[offset] == "#" {
                    string()
                    continue
                }
                if input[offset] == "(" { depth += 1 }
                if input[offset] == ")" { depth -= 1 }
                keep()
            }
        }
    }
}

/// A file of the repository.
struct SourceFile: Sendable {
    /// From the root, as `Sources/Store/Catalog.swift`.
    let path: String
    let text: String
    let lines: [String]
    /// The lines without comments and string contents.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = path.hasSuffix(".swift") ? SwiftText(text).lines : lines
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isSource: Bool { path.hasPrefix("Sources/") }
    /// The target it belongs to.
    var target: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : ""
    }

    /// Lines of text, not counting the emptiness after the last line feed.
    var lineCount: Int { lines.last == "" ? lines.count - 1 : lines.count }
}
