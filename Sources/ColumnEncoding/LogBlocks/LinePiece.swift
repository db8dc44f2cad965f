import Telemetry

/// A part of a text that is looked for in lines, such that it lies within one string of every record whose
/// line holds the text: records whose strings do not have it need not be rendered.
///
/// The line of a record without a body is a JSON object (`LogLine`), which may have spaces after commas and
/// colons. A part without quotes, commas, colons,
/// brackets and backslashes lies in one member's name or value, and if it can be no number, flag or null, in
/// a string. There it stands as it is, unless its beginning is the tail of an escape sequence.
package struct LinePiece: Sendable {
    let whole: [UInt8]
    /// Without what may be the tail of an escape sequence.
    let core: [UInt8]
    private let search: StringSearch
    /// Bytes are rendered as hexadecimal digits, which are not among strings.
    package let mayBeBytes: Bool

    private static let coreCountMin = 3

    /// The pieces of a text; none if nothing is known of lines that hold it.
    package static func all(of text: String) -> [LinePiece] {
        let separators = Set("\",:{}[]\\".utf8)
        return text.utf8.split { separators.contains($0) || $0 < 0x20 }
            // A space at the beginning may be one between members.
            .compactMap { LinePiece(Array($0.drop { $0 == UInt8(ascii: " ") })) }
    }

    private init?(_ bytes: [UInt8]) {
        let constants: [String] = ["true", "false", "null", "NaN", "-Infinity"]
        let isConstant = constants.contains { constant in
            Self.contains(Array(constant.utf8), bytes)
        }
        guard !isConstant, !Self.mayBeNumber(bytes) else { return nil }
        whole = bytes
        core = Array(bytes.dropFirst(Self.escapeTail(of: bytes)))
        search = StringSearch(core)
        mayBeBytes = bytes.allSatisfy(Self.isHexDigit)
        guard core.count >= Self.coreCountMin else { return nil }
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        guard part.count <= text.count else { return false }
        return (0...(text.count - part.count)).contains { text[$0...].starts(with: part) }
    }

    /// Numbers take up to 24 characters.
    private static func mayBeNumber(_ bytes: [UInt8]) -> Bool {
        guard bytes.count <= 24 else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                true
            default: false
            }
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }

    /// The most bytes at the beginning that may belong to `\n`, `\u001f` or the like. A piece may also
    /// lie within one.
    private static func escapeTail(of bytes: [UInt8]) -> Int {
        var most = 0
        if let first = bytes.first, "nrtbf".utf8.contains(first) { most = 1 }
        // `u00xy`, with x 0 or 1.
        for start in 0..<5 {
            let tail = 5 - start
            let fits = (0..<min(tail, bytes.count)).allSatisfy { index in
                switch start + index {
                case 0: bytes[index] == UInt8(ascii: "u")
                case 1, 2: bytes[index] == UInt8(ascii: "0")
                case 3: bytes[index] == UInt8(ascii: "0") || bytes[index] == UInt8(ascii: "1")
                default: isHexDigit(bytes[index])
                }
            }
            if fits { most = max(most, tail) }
        }
        return most
    }

    // MARK: Looking for it

    /// Whether a string holds it.
    package func isIn(_ text: UnsafeRawBufferPointer) -> Bool { search.isFound(in: text) }

    /// Where it stands in many strings, one after the other: a hit may reach into the next string.
    /// Overlapping hits are all found.
    package func offsets(in texts: UnsafeRawBufferPointer) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var start = 0
        while let place = search.place(in: texts, from: start) {
            found.append(place..<(place + core.count))
            start = place + 1
        }
        return found
    }

    /// Whether strings of a form may hold it.
    func mayBeIn(_ form: StringForm) -> Bool {
        guard core.count <= form.lengthMax else { return false }
        switch form {
        case .hex(let template, _): return mayBeIn(template)
        case .times:
            let others = Set("-:.TZ+".utf8)
            return core.allSatisfy { TextPattern.isDigit($0) || others.contains($0) }
        case .numbers(let literals, _):
            var known = [Bool](repeating: false, count: 256)
            for literal in literals { for byte in literal { known[Int(byte)] = true } }
            return core.allSatisfy { TextPattern.isDigit($0) || known[Int($0)] }
        }
    }

    /// No escape sequence stands in such a string: all of the piece does, with dashes where the template
    /// has some.
    private func mayBeIn(_ template: HexTemplate) -> Bool {
        guard whole.count <= template.length else { return false }
        return (0...(template.length - whole.count)).contains { offset in
            whole.indices.allSatisfy { index in
                template.dashes >> UInt64(offset + index) & 1 == 1
                    ? whole[index] == UInt8(ascii: "-") : Self.isHexDigit(whole[index])
            }
        }
    }
}
