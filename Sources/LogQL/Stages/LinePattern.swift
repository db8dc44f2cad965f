import QueryCore
import Telemetry

/// Literals with captures `<name>` between them, as Loki's stage `pattern` and its filter `|>` read a
/// line. A capture reaches up to the first place where the following literal stands.
struct LinePattern: Sendable {
    private enum Piece: Sendable {
        case literal(StringSearch)
        /// Number of the name, or none for `<_>`.
        case capture(Int?)
    }

    /// Of the captures, in order.
    let names: [String]
    private let pieces: [Piece]

    /// A pattern that names what it captures.
    init(parser text: String) throws(ExpressionError) {
        try self.init(text)
        guard !names.isEmpty else {
            throw ExpressionError(reason: "at least one capture is required")
        }
    }

    /// A pattern that only says whether a line fits.
    init(filter text: String) throws(ExpressionError) {
        try self.init(text)
        guard names.isEmpty else {
            throw ExpressionError(reason: "named captures are not allowed")
        }
    }

    private init(_ text: String) throws(ExpressionError) {
        var names: [String] = []
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        var rest = Array(text.utf8)[...]
        func flush() {
            guard !literal.isEmpty else { return }
            pieces.append(.literal(StringSearch(literal)))
            literal = []
        }
        while let byte = rest.first {
            guard byte == UInt8(ascii: "<"), let name = LinePattern.captureName(rest) else {
                literal.append(byte)
                rest = rest.dropFirst()
                continue
            }
            flush()
            if case .capture = pieces.last {
                throw ExpressionError(
                    reason: "found consecutive capture '<\(name)>': invalid expression")
            }
            rest = rest.dropFirst(name.utf8.count + 2)
            if name == "_" {
                pieces.append(.capture(nil))
                continue
            }
            guard !names.contains(name) else {
                throw ExpressionError(reason: "duplicate capture name (\(name))")
            }
            pieces.append(.capture(names.count))
            names.append(name)
        }
        flush()
        self.names = names
        self.pieces = pieces
    }

    /// The name between `<` and `>` if they enclose one.
    private static func captureName(_ text: ArraySlice<UInt8>) -> String? {
        let inner = text.dropFirst().prefix { Lexer.isAlpha($0) || Lexer.isDigit($0) }
        guard let first = inner.first, Lexer.isAlpha(first), inner.endIndex < text.endIndex,
            text[inner.endIndex] == UInt8(ascii: ">")
        else { return nil }
        return String(decoding: inner, as: UTF8.self)
    }

    /// Whether the line is the literals, in order, with something in each capture between them.
    func fits(_ line: UnsafeRawBufferPointer) -> Bool {
        guard !line.isEmpty, let last = pieces.last else { return line.isEmpty && pieces.isEmpty }
        var offset = 0
        for (index, piece) in pieces.enumerated() {
            guard case .literal(let literal) = piece else { continue }
            guard let place = literal.place(in: line, from: offset),
                index == 0 ? place == 0 : place > offset
            else { return false }
            offset = place + literal.count
        }
        if case .literal = last { return offset == line.count }
        return offset < line.count
    }

    /// Hands over number and place of each named capture. Where a literal is missing, the capture before
    /// it takes the rest; a line that does not begin as the pattern has none.
    func captures(
        in line: UnsafeRawBufferPointer, _ body: (_ name: Int, _ value: Range<Int>) -> Void
    ) {
        guard !line.isEmpty else { return }
        var offset = 0
        var open: (name: Int?, start: Int)?
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .capture(let name): open = (name, offset)
            case .literal(let literal):
                guard let place = literal.place(in: line, from: offset) else {
                    if let name = open?.name { body(name, offset..<line.count) }
                    return
                }
                if index == 0, place != 0 { return }
                if let name = open?.name { body(name, offset..<place) }
                open = nil
                offset = place + literal.count
            }
        }
        if let name = open?.name { body(name, offset..<line.count) }
    }
}
