import Glibc
import Telemetry

/// How the text of a field becomes a value.
enum LineFieldKind: Sendable, Equatable {
    case text
    /// As `text`; does not match with a quotation mark inside that no backslash escapes.
    case quoted
    /// An IP address, with or without port, or the name of a host or socket: at least a letter or digit
    /// and no white space.
    case address
    /// As `address`, with a port.
    case hostAndPort
    case integer
    /// Seconds with a fraction, kept as milliseconds; of several attempts their sum.
    case seconds
    /// Milliseconds with or without a fraction.
    case milliseconds
    /// Whole nanoseconds, kept as milliseconds.
    case nanoseconds
    /// Fills the record's time. `isStrict`: a line whose time cannot be read does not match.
    case time(isStrict: Bool)
    /// `METHOD TARGET PROTOCOL`, kept as three fields.
    case request
    /// The target alone, kept as its parts.
    case target
    /// The id of a trace, or else of the request, under whose name it then is kept.
    case traceOrRequest
    /// Envoy's short flags separated by commas; words are added.
    case flags
    /// Values of headers with `|` between; a request id among them is a field of its own.
    case headers
    /// Matches anything and keeps nothing.
    case skipped
}

/// A line format: literal text with fields between. Matches the lines that are exactly so and finds
/// their fields; a line it does not match is another's.
package struct LineTemplate: Sendable {
    struct Field: Sendable {
        var name: String
        var kind: LineFieldKind
        var column: LogField
        /// False for what only has to match.
        var isKept = true
        /// How a time is laid out, if not as usual.
        var timeLayout = ""
    }

    /// A field and the text that ends it.
    private struct Step: Sendable {
        var field: Field
        var literal: Range<Int>
        /// How often that text stands in the field itself.
        var passes = 0
    }

    /// Of the format, for people: it becomes the scope of its records.
    package let name: String
    private let prefix: [UInt8]
    private let literals: [UInt8]
    private let steps: [Step]
    /// Whether values may have quotation marks, each behind a backslash. Envoy writes values as they are: a
    /// backslash at the end of one means nothing.
    private let hasEscapes: Bool

    var fieldCount: Int { steps.count }
    func field(_ index: Int) -> Field { steps[index].field }

    /// Pieces in their order: text, or a field. Two fields must have text between.
    enum Piece {
        case text([UInt8])
        case field(Field)
    }

    init(
        name: String, _ pieces: [Piece], hasEscapes: Bool = true
    ) throws(LineTemplateError) {
        var prefix: [UInt8] = []
        var literals: [UInt8] = []
        var steps: [Step] = []
        var isOpen = false
        for piece in pieces {
            switch piece {
            case .text(let text) where steps.isEmpty: prefix += text
            case .text(let text):
                literals += text
                let start = steps[steps.count - 1].literal.lowerBound
                steps[steps.count - 1].literal = start..<literals.count
                if !text.isEmpty { isOpen = false }
            case .field(let field):
                guard !isOpen else { throw .adjacentFields(field.name) }
                steps.append(Step(field: field, literal: literals.count..<literals.count))
                isOpen = true
            }
        }
        guard !steps.isEmpty else { throw .noFields }
        for index in steps.indices where !steps[index].field.timeLayout.isEmpty {
            let literal = String(decoding: literals[steps[index].literal], as: UTF8.self)
            guard !literal.isEmpty else { continue }
            let layout = Self.expanded(steps[index].field.timeLayout)
            steps[index].passes =
                layout.split(separator: literal, omittingEmptySubsequences: false)
                .count - 1
        }
        self.hasEscapes = hasEscapes
        self.name = name
        self.prefix = prefix
        self.literals = literals
        self.steps = steps
    }

    /// A layout of `strftime` with what its shorthands stand for.
    private static func expanded(_ layout: String) -> String {
        let shorthands = [
            "%T": "%H:%M:%S", "%D": "%m/%d/%y", "%F": "%Y-%m-%d", "%R": "%H:%M",
            "%c": "%a %b %e %H:%M:%S %Y", "%r": "%I:%M:%S %p",
        ]
        return shorthands.reduce(layout) { $0.replacing($1.key, with: $1.value) }
    }

    /// Whether lines of this format begin as JSON objects do.
    var beginsAsObject: Bool { prefix.first == UInt8(ascii: "{") }

    /// Where the fields of a matching line are. Reused from line to line.
    struct Match {
        var ranges: [Range<Int>] = []
        var time: Timestamp?
    }

    /// - Parameter utcOffset: seconds east of UTC of times that tell no zone.
    /// - Complexity: O(line); nothing is allocated.
    func matches(
        _ line: UnsafeRawBufferPointer, utcOffset: Int, _ match: inout Match
    ) -> Bool {
        guard hasPrefix(line) else { return false }
        match.ranges.removeAll(keepingCapacity: true)
        match.time = nil
        return literals.withUnsafeBytes { literals in
            var offset = prefix.count
            for index in steps.indices {
                let literal = UnsafeRawBufferPointer(rebasing: literals[steps[index].literal])
                let isLast = index == steps.count - 1
                guard
                    let end = isLast
                        ? Self.suffix(literal, of: line, from: offset)
                        : find(literal, in: line, from: offset, passes: steps[index].passes)
                else { return false }
                let text = UnsafeRawBufferPointer(rebasing: line[offset..<end])
                guard steps[index].field.kind.accepts(text, utcOffset: utcOffset, &match.time)
                else { return false }
                match.ranges.append(offset..<end)
                offset = end + literal.count
            }
            return true
        }
    }

    private func hasPrefix(_ line: UnsafeRawBufferPointer) -> Bool {
        guard line.count >= prefix.count else { return false }
        for index in prefix.indices where line[index] != prefix[index] { return false }
        return true
    }

    /// Where `literal` stands so that the line ends with it.
    private static func suffix(
        _ literal: UnsafeRawBufferPointer, of line: UnsafeRawBufferPointer, from offset: Int
    ) -> Int? {
        let end = line.count - literal.count
        guard end >= offset else { return nil }
        return equals(literal, line, at: end) ? end : nil
    }

    /// Where `literal` stands first, `passes` of them passed over. Where values have escapes, a quotation
    /// mark behind a backslash is part of the field.
    private func find(
        _ literal: UnsafeRawBufferPointer, in line: UnsafeRawBufferPointer, from offset: Int,
        passes: Int
    ) -> Int? {
        guard let base = line.baseAddress, let first = literal.first else { return nil }
        var start = offset
        var passes = passes
        while line.count - start >= literal.count,
            let found = memchr(base + start, Int32(first), line.count - start)
        {
            let end = UnsafeRawPointer(found) - base
            let isEscaped =
                hasEscapes && first == UInt8(ascii: "\"")
                && Self.backslashes(line, before: end, from: offset) % 2 == 1
            if !isEscaped, line.count - end >= literal.count, Self.equals(literal, line, at: end) {
                guard passes > 0 else { return end }
                passes -= 1
            }
            start = end + 1
        }
        return nil
    }

    private static func backslashes(
        _ line: UnsafeRawBufferPointer, before end: Int, from start: Int
    ) -> Int {
        var index = end
        while index > start, line[index - 1] == UInt8(ascii: "\\") { index -= 1 }
        return end - index
    }

    @inline(__always)
    private static func equals(
        _ literal: UnsafeRawBufferPointer, _ line: UnsafeRawBufferPointer, at offset: Int
    ) -> Bool {
        for index in 0..<literal.count where line[offset + index] != literal[index] {
            return false
        }
        return true
    }
}

/// Why a format string cannot become a parser.
package enum LineTemplateError: Error, Equatable, CustomStringConvertible {
    case adjacentFields(String)
    case noFields
    case unclosedOperator(String)
    case misspeltOperator(String, meant: String)

    package var description: String {
        switch self {
        case .adjacentFields(let name):
            "nothing stands between \(name) and the operator before it, so that lines could not be"
                + " taken apart again"
        case .noFields: "it has no operator"
        case .misspeltOperator(let name, let meant): "%\(name)% is no operator; %\(meant)% is"
        case .unclosedOperator(let text): "\"\(text)\" is no operator such as %START_TIME%"
        }
    }
}

extension LineFieldKind {
    /// Whether `text` can be such a value; an absent one (`-`, or nothing) is one too, but for a strict
    /// time and a request.
    @inline(__always)
    func accepts(
        _ text: UnsafeRawBufferPointer, utcOffset: Int, _ time: inout Timestamp?
    ) -> Bool {
        switch self {
        case .text, .skipped, .headers, .target, .traceOrRequest: return true
        case .hostAndPort: return Self.isAddress(text) && Self.hasPort(text)
        case .quoted: return !Self.hasBareQuote(text)
        case .address: return Self.isAddress(text)
        case .integer, .nanoseconds: return Self.isAbsent(text) || Self.integer(text) != nil
        case .seconds, .milliseconds: return Self.isAbsent(text) || Self.decimal(text) != nil
        case .request: return !Self.hasBareQuote(text)
        case .flags: return Self.isAbsent(text) || text.allSatisfy(Self.isFlagByte)
        case .time(let isStrict):
            time = LogTimeText.commonLog(text, utcOffset: utcOffset) ?? LogFieldText.time(text)
            return time != nil || !isStrict
        }
    }

    static func isAbsent(_ text: UnsafeRawBufferPointer) -> Bool {
        text.isEmpty || text.count == 1 && text[0] == UInt8(ascii: "-")
    }

    /// Up to 18 digits with or without a sign; HAProxy writes a plus where it did not wait for the end.
    static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        var offset = 0
        let isNegative = text.first == UInt8(ascii: "-")
        if isNegative || text.first == UInt8(ascii: "+") { offset = 1 }
        guard text.count > offset, text.count - offset <= 18 else { return nil }
        var value: Int64 = 0
        while offset < text.count {
            let digit = text[offset] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value * 10 + Int64(digit)
            offset += 1
        }
        return isNegative ? -value : value
    }

    /// A number as in JSON, which leading zeros are not kept from.
    static func decimal(_ text: UnsafeRawBufferPointer) -> Double? {
        if let whole = integer(text) { return Double(whole) }
        guard let number = JSONNumber(text: text) else { return nil }
        let value = number.double
        return value.isFinite ? value : nil
    }

    /// Of several times as nginx writes them: commas between servers that were tried, colons between groups
    /// of servers, a dash for one that was not reached.
    static func decimalSum(_ text: UnsafeRawBufferPointer) -> Double? {
        if let number = decimal(text) { return number }
        var sum: Double?
        for part in text.split(whereSeparator: {
            $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ":")
        }) {
            let part = UnsafeRawBufferPointer(
                rebasing: part.drop { $0 == UInt8(ascii: " ") })
            let end = part.firstIndex(of: UInt8(ascii: " ")) ?? part.count
            let word = UnsafeRawBufferPointer(rebasing: part[..<end])
            if isAbsent(word) { continue }
            guard let number = decimal(word) else { return nil }
            sum = (sum ?? 0) + number
        }
        return sum
    }

    private static func hasPort(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")), colon + 1 < text.count else {
            return false
        }
        return text[(colon + 1)...].allSatisfy { $0 &- UInt8(ascii: "0") <= 9 }
    }

    private static func hasBareQuote(_ text: UnsafeRawBufferPointer) -> Bool {
        var isEscaped = false
        for byte in text {
            if byte == UInt8(ascii: "\""), !isEscaped { return true }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        return false
    }

    private static func isAddress(_ text: UnsafeRawBufferPointer) -> Bool {
        if isAbsent(text) { return text.count == 1 }
        guard text.count <= 256 else { return false }
        var hasWord = false
        for byte in text {
            guard byte > 0x20, byte != UInt8(ascii: "="), byte != UInt8(ascii: "\""),
                byte != UInt8(ascii: "{")
            else { return false }
            if byte &- UInt8(ascii: "0") <= 9 || (byte | 0x20) &- UInt8(ascii: "a") <= 25
                || byte == UInt8(ascii: ":")
            {
                hasWord = true
            }
        }
        return hasWord
    }

    private static func isFlagByte(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "A") <= 25 || byte &- UInt8(ascii: "0") <= 9
            || byte == UInt8(ascii: ",")
    }
}
