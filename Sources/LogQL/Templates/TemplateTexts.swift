import Telemetry

/// Functions from texts to a text, or to a flag.
enum TemplateTexts {
    /// Whether the second text has the first in it, or at its beginning or end.
    static func holds(_ arguments: TemplateArguments) throws(ExpressionError) -> Bool {
        try arguments.count(2)
        return test(arguments.function, try arguments.text(0), try arguments.text(1))
    }

    static func call(_ arguments: TemplateArguments) throws(ExpressionError) -> String {
        switch arguments.function {
        case .lower, .oldLower, .upper, .oldUpper, .title, .oldTrimSpace, .trim:
            try arguments.count(1)
            return shaped(arguments.function, try arguments.text(0))
        case .trunc, .indent, .nindent, .repeat, .alignLeft, .alignRight:
            try arguments.count(2)
            return try sized(arguments.function, try arguments.whole(0), try arguments.text(1))
        case .substr:
            try arguments.count(3)
            return substring(
                try arguments.whole(0), try arguments.whole(1), try arguments.text(2))
        case .replace:
            try arguments.count(3)
            return replace(
                try arguments.text(0), with: try arguments.text(1), in: try arguments.text(2))
        case .oldReplace:
            try arguments.count(4)
            return replace(
                try arguments.text(1), with: try arguments.text(2), in: try arguments.text(0),
                atMost: try arguments.whole(3))
        case .trimAll, .trimPrefix, .trimSuffix:
            try arguments.count(2)
            return trimmed(arguments.function, try arguments.text(1), try arguments.text(0))
        default:
            try arguments.count(2)
            return trimmed(arguments.function, try arguments.text(0), try arguments.text(1))
        }
    }

    private static func shaped(_ function: TemplateFunction, _ text: String) -> String {
        switch function {
        case .lower, .oldLower: return text.lowercased()
        case .upper, .oldUpper: return text.uppercased()
        case .title:
            var startsWord = true
            var result = ""
            for character in text {
                result += startsWord ? character.uppercased() : String(character)
                startsWord = !(character.isLetter || character.isNumber || character == "_")
            }
            return result
        default: return trim(text, left: true, right: true) { $0.properties.isWhitespace }
        }
    }

    private static func sized(
        _ function: TemplateFunction, _ count: Int, _ text: String
    ) throws(ExpressionError) -> String {
        let scalars = text.unicodeScalars
        let bound = TemplateRun.outputBytesMax
        switch function {
        case .trunc:
            if count < 0, scalars.count &+ count > 0 {
                return String(String.UnicodeScalarView(scalars.suffix(-count)))
            }
            guard count >= 0, scalars.count > count else { return text }
            return String(String.UnicodeScalarView(scalars.prefix(count)))
        case .repeat:
            guard count >= 0, count <= bound / max(1, text.utf8.count) else {
                throw ExpressionError(reason: "repeat of \(count) is too much")
            }
            return String(repeating: text, count: count)
        case .indent, .nindent:
            guard count >= 0, count <= 10_000, count * (text.utf8.count + 1) <= bound else {
                throw ExpressionError(reason: "indent of \(count) is too much")
            }
            let pad = String(repeating: " ", count: count)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let indented = pad + lines.joined(separator: "\n" + pad)
            return function == .nindent ? "\n" + indented : indented
        default:
            guard count >= 0, count <= bound else {
                throw ExpressionError(reason: "width of \(count) is too much")
            }
            let missing = count - scalars.count
            if function == .alignLeft {
                guard missing < 0 else { return text + String(repeating: " ", count: missing) }
                return String(String.UnicodeScalarView(scalars.prefix(count)))
            }
            guard missing < 0 else { return String(repeating: " ", count: missing) + text }
            return String(String.UnicodeScalarView(scalars.suffix(count)))
        }
    }

    private static func substring(_ start: Int, _ end: Int, _ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        let last = end < 0 ? (start < 0 ? 0 : scalars.count) : min(end, scalars.count)
        let first = max(0, min(start, scalars.count))
        guard first < last else { return "" }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: scalars[first..<last])
        return String(result)
    }

    static func replace(
        _ old: String, with new: String, in text: String, atMost count: Int = -1
    ) -> String {
        guard !old.isEmpty, count != 0 else { return text }
        let source = Array(text.utf8)
        let search = StringSearch(old)
        var result: [UInt8] = []
        var offset = 0
        var done = 0
        source.withUnsafeBytes { bytes in
            while done != count, let place = search.place(in: bytes, from: offset) {
                result.append(contentsOf: bytes[offset..<place])
                result.append(contentsOf: new.utf8)
                offset = place + search.count
                done += 1
                if result.count > TemplateRun.outputBytesMax { break }
            }
            result.append(contentsOf: bytes[offset...])
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func test(_ function: TemplateFunction, _ part: String, _ text: String) -> Bool {
        switch function {
        case .hasPrefix: return text.utf8.starts(with: part.utf8)
        case .hasSuffix: return text.utf8.reversed().starts(with: part.utf8.reversed())
        default:
            let search = StringSearch(part)
            return Array(text.utf8).withUnsafeBytes { search.isFound(in: $0) }
        }
    }

    private static func trimmed(
        _ function: TemplateFunction, _ text: String, _ part: String
    ) -> String {
        let set = Set(part.unicodeScalars)
        switch function {
        case .trimPrefix, .oldTrimPrefix:
            guard text.utf8.starts(with: part.utf8) else { return text }
            return String(decoding: text.utf8.dropFirst(part.utf8.count), as: UTF8.self)
        case .trimSuffix, .oldTrimSuffix:
            guard test(.hasSuffix, part, text) else { return text }
            return String(decoding: text.utf8.dropLast(part.utf8.count), as: UTF8.self)
        case .oldTrimLeft: return trim(text, left: true, right: false, set.contains)
        case .oldTrimRight: return trim(text, left: false, right: true, set.contains)
        default: return trim(text, left: true, right: true, set.contains)
        }
    }

    private static func trim(
        _ text: String, left: Bool, right: Bool, _ isCut: (Unicode.Scalar) -> Bool
    ) -> String {
        var rest = text.unicodeScalars[...]
        while left, let first = rest.first, isCut(first) { rest = rest.dropFirst() }
        while right, let last = rest.last, isCut(last) { rest = rest.dropLast() }
        return String(rest)
    }
}
