/// The text of a log record as Loki shows it and LogQL's line filters see it: its body if it has one,
/// else its attributes as one JSON object in their order, compact but for the spaces that the line had
/// (`LineSpacing`). So a line that was a JSON object reads back with the same keys, order and values.
package enum LogLine {
    /// Appends the line of record `row`, without a line end.
    /// - Complexity: O(length of the line); nothing is allocated but what `output` needs to grow.
    package static func append(_ batch: LogBatch, row: Int, to output: inout [UInt8]) {
        let type = batch.bodyTypes[row]
        if type == .empty {
            appendObject(batch, row: row, to: &output)
        } else if type == .string {
            batch.strings.withBytes(of: StringID(truncatingIfNeeded: batch.bodyPayloads[row])) {
                output.append(contentsOf: $0)
            }
        } else {
            appendStructuredBody(batch, type: type, payload: batch.bodyPayloads[row], to: &output)
        }
    }

    package static func string(_ batch: LogBatch, row: Int) -> String {
        var bytes: [UInt8] = []
        append(batch, row: row, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func appendObject(_ batch: LogBatch, row: Int, to output: inout [UInt8]) {
        let spacing = LineSpacing(flags: batch.flags[row])
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for cell in batch.attributeRange(row) {
            if isFirst { isFirst = false } else { spacing.appendComma(to: &output) }
            batch.strings.withBytes(of: batch.attributes.keys[cell]) {
                JSONText.append(string: $0, to: &output)
            }
            spacing.appendColon(to: &output)
            JSONText.append(
                type: batch.attributes.types[cell], payload: batch.attributes.payloads[cell],
                strings: batch.strings, spacing: spacing, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Numbers and flags as they stand in JSON, bytes as bare hexadecimal digits, the rest as JSON.
    private static func appendStructuredBody(
        _ batch: LogBatch, type: AttributeType, payload: UInt64, to output: inout [UInt8]
    ) {
        guard type == .bytes else {
            return JSONText.append(
                type: type, payload: payload, strings: batch.strings, to: &output)
        }
        batch.strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
            JSONText.append(hexOf: $0, to: &output)
        }
    }
}

extension JSONText {
    /// Appends the value of a column cell (see `AttributeColumns`) as JSON: bytes as a string of
    /// hexadecimal digits, as `AttributeValue.appendJSON` does.
    @inline(__always)
    package static func append(
        type: AttributeType, payload: UInt64, strings: StringTable, spacing: LineSpacing = [],
        to output: inout [UInt8]
    ) {
        switch type {
        case .string:
            strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                append(string: $0, to: &output)
            }
        case .int: append(Int64(bitPattern: payload), to: &output)
        case .double: append(Double(bitPattern: payload), to: &output)
        case .bool: append(payload != 0, to: &output)
        case .empty: appendNull(to: &output)
        case .bytes:
            strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                append(bytes: $0, to: &output)
            }
        case .array, .map:
            strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                append(encoded: $0, spacing: spacing, to: &output)
            }
        }
    }

    package static func append(_ flag: Bool, to output: inout [UInt8]) {
        let text: StaticString = flag ? "true" : "false"
        text.withUTF8Buffer { output.append(contentsOf: $0) }
    }

    package static func appendNull(to output: inout [UInt8]) {
        let text: StaticString = "null"
        text.withUTF8Buffer { output.append(contentsOf: $0) }
    }

    /// Appends bytes as a JSON string of lower-case hexadecimal digits.
    package static func append(bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        append(hexOf: bytes, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    package static func append(hexOf bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        for byte in bytes {
            output.append(hexDigit(byte >> 4))
            output.append(hexDigit(byte & 0xF))
        }
    }

    /// Appends a value in its compact byte form (`AttributeValue.encode(into:)`) as JSON, without
    /// building it. Bytes that are not one well-formed value become `null`.
    package static func append(
        encoded: UnsafeRawBufferPointer, spacing: LineSpacing = [], to output: inout [UInt8]
    ) {
        let start = output.count
        var offset = 0
        let isWhole = appendEncoded(encoded, &offset, depth: 0, spacing, to: &output)
        guard isWhole, offset == encoded.count else {
            output.removeLast(output.count - start)
            return appendNull(to: &output)
        }
    }

    package static func append(encoded: [UInt8], to output: inout [UInt8]) {
        encoded.withUnsafeBytes { append(encoded: $0, to: &output) }
    }

    private static func appendEncoded(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, depth: Int, _ spacing: LineSpacing,
        to output: inout [UInt8]
    ) -> Bool {
        guard depth <= AttributeValue.nestingDepthMax, offset < bytes.count,
            let type = AttributeType(rawValue: bytes[offset])
        else { return false }
        offset += 1
        switch type {
        case .empty: appendNull(to: &output)
        case .bool:
            guard offset < bytes.count else { return false }
            append(bytes[offset] != 0, to: &output)
            offset += 1
        case .int:
            guard let raw = Varint.read(bytes, &offset) else { return false }
            append(Varint.unzigzag(raw), to: &output)
        case .double:
            guard bytes.count - offset >= 8 else { return false }
            let bits = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            append(Double(bitPattern: UInt64(littleEndian: bits)), to: &output)
            offset += 8
        case .string:
            guard let text = run(bytes, &offset) else { return false }
            append(string: text, to: &output)
        case .bytes:
            guard let content = run(bytes, &offset) else { return false }
            append(bytes: content, to: &output)
        case .array, .map:
            return appendMembers(
                bytes, &offset, isMap: type == .map, depth: depth, spacing, to: &output)
        }
        return true
    }

    private static func appendMembers(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, isMap: Bool, depth: Int,
        _ spacing: LineSpacing, to output: inout [UInt8]
    ) -> Bool {
        guard let count = Varint.read(bytes, &offset), count <= bytes.count - offset else {
            return false
        }
        output.append(isMap ? UInt8(ascii: "{") : UInt8(ascii: "["))
        for index in 0..<count {
            if index > 0 { spacing.appendComma(to: &output) }
            if isMap {
                guard let key = run(bytes, &offset) else { return false }
                append(string: key, to: &output)
                spacing.appendColon(to: &output)
            }
            guard appendEncoded(bytes, &offset, depth: depth + 1, spacing, to: &output) else {
                return false
            }
        }
        output.append(isMap ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        return true
    }

    private static func run(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> UnsafeRawBufferPointer? {
        guard let length = Varint.read(bytes, &offset), length <= bytes.count - offset else {
            return nil
        }
        defer { offset += Int(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + Int(length))])
    }
}
