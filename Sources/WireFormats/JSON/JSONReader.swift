/// A pull parser for JSON (RFC 8259) over bytes that it does not own. It builds nothing: the caller asks
/// for what it expects next, strings without escapes are given as ranges of the input, numbers as their
/// text.
///
///     try reader.beginObject()
///     while let key = try reader.nextKey() {
///         switch key {
///         case "name": name = strings.intern(try reader.string())
///         default: try reader.skipValue()
///         }
///     }
///     try reader.end()
///
/// Grammar is checked as far as it is read, skipped values included. UTF-8 is not: `StringTable` checks
/// what it interns. Duplicate keys are handed out as they come.
///
/// The input must stay where it is while the reader is used. Errors are `DecodeError.malformed` with the
/// offset and what was expected there.
package struct JSONReader: ~Copyable {
    /// The value that comes next, told from its first byte.
    package enum Kind: Sendable {
        case object, array, string, number, bool, null
    }

    /// Deeper documents are refused: skipping recurses once a level. An OTLP attribute that nests as deep
    /// as attributes may takes four levels of JSON for each of its own.
    package static let nestingDepthMax = 256

    /// Where the next byte is read.
    package internal(set) var offset = 0
    var bytes: UnsafeRawBufferPointer
    private var depth = 0
    /// Whether the innermost object or array has just been opened: its first member needs no comma.
    private var isFirst = false
    /// Strings that had escapes, decoded; valid until the next string is read.
    var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    /// What precedes `bytes` in the body, so that errors tell offsets in the body.
    private var origin = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Reads a value that another reader passed over.
    package init(_ slice: JSONSlice) {
        bytes = slice.bytes
        origin = slice.origin
    }

    deinit { scratch.deallocate() }

    /// Starts over on other bytes, keeping the scratch memory.
    package mutating func restart(on bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        offset = 0
        origin = 0
        depth = 0
        isFirst = false
    }

    /// Goes on at `offset`, behind what somebody else has read: a value of the object or array that is
    /// being read, and what stands before its next one.
    mutating func skip(to offset: Int) {
        self.offset = offset
        isFirst = false
    }

    /// What has been read since `start`, an offset that the reader was at.
    func read(from start: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    }

    // MARK: Looking ahead

    /// The kind of the value that starts at the next byte that is not white space.
    package mutating func peek() throws(DecodeError) -> Kind {
        switch skipWhitespace() {
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw failure("a value")
        }
    }

    /// Consumes a `null` if one comes next.
    package mutating func skipNull() throws(DecodeError) -> Bool {
        guard skipWhitespace() == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    // MARK: Structure

    package mutating func beginObject() throws(DecodeError) {
        try open(UInt8(ascii: "{"), "an object")
    }

    package mutating func beginArray() throws(DecodeError) {
        try open(UInt8(ascii: "["), "an array")
    }

    /// The next key of the object that is being read, with its colon consumed; `nil` when the object
    /// ends. The value must be read or skipped before the next call.
    @inline(__always)
    package mutating func nextKey() throws(DecodeError) -> JSONKey? {
        guard try nextMember(closing: UInt8(ascii: "}"), "',' or '}'") else { return nil }
        guard skipWhitespace() == UInt8(ascii: "\"") else { throw failure("a key") }
        let key = try string()
        guard skipWhitespace() == UInt8(ascii: ":") else { throw failure("':'") }
        offset &+= 1
        return JSONKey(bytes: key)
    }

    /// Whether the array that is being read has another element, which then must be read or skipped.
    @inline(__always)
    package mutating func nextElement() throws(DecodeError) -> Bool {
        try nextMember(closing: UInt8(ascii: "]"), "',' or ']'")
    }

    /// Checks that nothing but white space follows.
    package mutating func end() throws(DecodeError) {
        _ = skipWhitespace()
        guard offset == bytes.count else { throw failure("the end") }
    }

    /// Skips a value of any kind and gives its bytes.
    @discardableResult
    package mutating func skipValue() throws(DecodeError) -> UnsafeRawBufferPointer {
        let kind = try peek()
        let start = offset
        switch kind {
        case .string: try skipString()
        case .number: _ = try number()
        case .bool: _ = try bool()
        case .null: try literal("null")
        case .array:
            try beginArray()
            while try nextElement() { try skipValue() }
        case .object:
            try beginObject()
            while try skipKey() { try skipValue() }
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    }

    /// Skips a value that will be read later.
    package mutating func slice() throws(DecodeError) -> JSONSlice {
        let bytes = try skipValue()
        return JSONSlice(bytes: bytes, origin: position - bytes.count)
    }

    // MARK: Literals

    package mutating func bool() throws(DecodeError) -> Bool {
        let first = skipWhitespace()
        guard first == UInt8(ascii: "t") else {
            try literal("false")
            return false
        }
        try literal("true")
        return true
    }

    package mutating func null() throws(DecodeError) { try literal("null") }

    private mutating func literal(_ word: StaticString) throws(DecodeError) {
        _ = skipWhitespace()
        let length = word.utf8CodeUnitCount
        guard bytes.count - offset >= length else { throw failure("\(word)") }
        for index in 0..<length where bytes[offset &+ index] != word.utf8Start[index] {
            throw failure("\(word)")
        }
        offset += length
    }

    // MARK: Bytes

    /// Where the next byte stands in the body.
    package var position: Int { origin &+ offset }

    /// Moves to the next byte that is not white space and gives it; 0 at the end.
    @inline(__always)
    mutating func skipWhitespace() -> UInt8 {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                return byte
            }
            offset &+= 1
        }
        return 0
    }

    @inline(never)
    func failure(_ expected: String) -> DecodeError {
        let found = offset < bytes.count ? Self.name(of: bytes[offset]) : "the end"
        return .malformed(
            field: "JSON", offset: position, reason: "expected \(expected), found \(found)")
    }

    private static func name(of byte: UInt8) -> String {
        0x21...0x7E ~= byte
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    }

    @inline(__always)
    private mutating func open(_ bracket: UInt8, _ what: StaticString) throws(DecodeError) {
        guard skipWhitespace() == bracket else { throw failure("\(what)") }
        guard depth < Self.nestingDepthMax else {
            throw .malformed(
                field: "JSON", offset: position,
                reason: "nests deeper than \(Self.nestingDepthMax) levels")
        }
        offset &+= 1
        depth &+= 1
        isFirst = true
    }

    @inline(__always)
    private mutating func nextMember(
        closing bracket: UInt8, _ expected: StaticString
    ) throws(DecodeError) -> Bool {
        let byte = skipWhitespace()
        if byte == bracket {
            offset &+= 1
            depth &-= 1
            isFirst = false
            return false
        }
        if isFirst {
            isFirst = false
            return true
        }
        guard byte == UInt8(ascii: ",") else { throw failure("\(expected)") }
        offset &+= 1
        return true
    }

    @inline(__always)
    private mutating func skipKey() throws(DecodeError) -> Bool {
        guard try nextMember(closing: UInt8(ascii: "}"), "',' or '}'") else { return false }
        guard skipWhitespace() == UInt8(ascii: "\"") else { throw failure("a key") }
        try skipString()
        guard skipWhitespace() == UInt8(ascii: ":") else { throw failure("':'") }
        offset &+= 1
        return true
    }
}

/// A value that was passed over, with its place in the body; valid as long as the input.
package struct JSONSlice {
    package let bytes: UnsafeRawBufferPointer
    package let origin: Int
}

/// A key of a JSON object, to be matched against literals; valid until the reader reads on.
package struct JSONKey {
    package let bytes: UnsafeRawBufferPointer

    @inline(__always)
    package static func ~= (pattern: StaticString, key: JSONKey) -> Bool {
        let length = pattern.utf8CodeUnitCount
        guard key.bytes.count == length else { return false }
        for index in 0..<length where key.bytes[index] != pattern.utf8Start[index] {
            return false
        }
        return true
    }
}
