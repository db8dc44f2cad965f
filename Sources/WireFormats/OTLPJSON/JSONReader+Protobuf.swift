import Telemetry

/// Reads values as proto3's JSON mapping writes them (protobuf.dev/programming-guides/json), as
/// leniently as its parsers must: `null` is an absent field, 64-bit integers may be numbers or strings,
/// enums numbers or names. `field` names the value in errors.
extension JSONReader {
    /// As `nextKey`, passing over members that are `null`.
    @inline(__always)
    mutating func nextField() throws(DecodeError) -> JSONKey? {
        while let key = try nextKey() {
            if try !skipNull() { return key }
        }
        return nil
    }

    /// As `nextElement`, passing over elements that are `null`.
    @inline(__always)
    mutating func nextItem() throws(DecodeError) -> Bool {
        while try nextElement() {
            if try !skipNull() { return true }
        }
        return false
    }

    mutating func uint64(_ field: StaticString) throws(DecodeError) -> UInt64 {
        guard let value = try protobufNumber(field).uint64 else {
            throw invalid(field, "an unsigned 64-bit integer")
        }
        return value
    }

    mutating func int64(_ field: StaticString) throws(DecodeError) -> Int64 {
        guard let value = try protobufNumber(field).int64 else {
            throw invalid(field, "a 64-bit integer")
        }
        return value
    }

    mutating func uint32(_ field: StaticString) throws(DecodeError) -> UInt32 {
        guard let value = UInt32(exactly: try uint64(field)) else {
            throw invalid(field, "an unsigned 32-bit integer")
        }
        return value
    }

    mutating func int32(_ field: StaticString) throws(DecodeError) -> Int32 {
        guard let value = Int32(exactly: try int64(field)) else {
            throw invalid(field, "a 32-bit integer")
        }
        return value
    }

    mutating func double(_ field: StaticString) throws(DecodeError) -> Double {
        guard try peek() == .string else { return try number().double }
        let text = try string()
        if let number = JSONNumber(text: text) { return number.double }
        switch JSONKey(bytes: text) {
        case "NaN": return .nan
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        default: throw invalid(field, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
        }
    }

    /// The number of an enum value given as a number or by its name, with or without `prefix` and in any
    /// case; 0 (unspecified) for names that `number` does not know. `number` gets the name in lower
    /// case without the prefix, which must itself be in lower case.
    mutating func enumeration(
        _ field: StaticString, prefix: StaticString, number: (JSONKey) -> UInt64?
    ) throws(DecodeError) -> UInt64 {
        guard try peek() == .string else {
            // A negative number is no value of any enum here.
            return UInt64(exactly: try int64(field)) ?? 0
        }
        let text = try string()
        guard text.count <= 64 else { return 0 }
        return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { lowered in
            for index in 0..<text.count {
                let byte = text[index]
                lowered[index] = byte &- UInt8(ascii: "A") <= 25 ? byte | 0x20 : byte
            }
            let length = prefix.utf8CodeUnitCount
            var name = UnsafeRawBufferPointer(rebasing: lowered[..<text.count])
            if name.count > length {
                let start = UnsafeRawBufferPointer(rebasing: name[..<length])
                if prefix ~= JSONKey(bytes: start) {
                    name = UnsafeRawBufferPointer(rebasing: name[length...])
                }
            }
            return number(JSONKey(bytes: name)) ?? 0
        }
    }

    /// Appends the bytes of a base64 string (RFC 4648 §4 or §5, padded or not) to `output`.
    mutating func base64(
        _ field: StaticString, into output: inout [UInt8]
    ) throws(DecodeError) {
        let text = try string()
        guard Base64.decode(text, into: &output) else { throw invalid(field, "base64") }
    }

    /// A string that holds a number is as good as the number itself.
    @inline(__always)
    private mutating func protobufNumber(_ field: StaticString) throws(DecodeError) -> JSONNumber {
        guard try peek() == .string else { return try number() }
        guard let number = JSONNumber(text: try string()) else { throw invalid(field, "a number") }
        return number
    }

    @inline(never)
    func invalid(_ field: StaticString, _ expected: StaticString) -> DecodeError {
        .malformed(field: "\(field)", offset: position, reason: "expected \(expected)")
    }
}
