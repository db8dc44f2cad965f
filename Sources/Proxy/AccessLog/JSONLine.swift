import Telemetry

/// Writes access-log lines as JSON objects. Text that is no UTF-8 is repaired with U+FFFD.
struct JSONLine: AccessFieldSink {
    private(set) var bytes: [UInt8]

    /// - Parameter bytes: the lines so far, to append to; moved in and out to avoid a copy.
    init(appendingTo bytes: consuming [UInt8]) { self.bytes = bytes }

    mutating func text(_ field: AccessField, _ value: UnsafeRawBufferPointer) {
        key(field)
        quote(value)
    }

    mutating func number(_ field: AccessField, _ value: UInt64) {
        key(field)
        bytes.append(decimal: value)
    }

    mutating func absent(_ field: AccessField) {
        key(field)
        bytes.append("null")
    }

    /// Closes the line with the ids that join it to its span.
    mutating func finish(_ trace: TraceID, _ span: SpanID) {
        bytes.append(",\"trace_id\":\"")
        bytes.append(hex: trace.high)
        bytes.append(hex: trace.low)
        bytes.append("\",\"span_id\":\"")
        bytes.append(hex: span.value)
        bytes.append("\"}\n")
    }

    private mutating func key(_ field: AccessField) {
        bytes.append(field == .startTime ? "{\"" : ",\"")
        bytes.append(field.key)
        bytes.append("\":")
    }

    private mutating func quote(_ value: UnsafeRawBufferPointer) {
        bytes.append(UInt8(ascii: "\""))
        if value.allSatisfy(Self.isPlain) {
            bytes.append(contentsOf: value)
        } else {
            escape(String(decoding: value, as: UTF8.self))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func escape(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append("\\\"")
            case UInt8(ascii: "\\"): bytes.append("\\\\")
            case 0..<0x20:
                bytes.append("\\u00")
                bytes.append(HexText.digits[Int(byte >> 4)])
                bytes.append(HexText.digits[Int(byte & 0xF)])
            default: bytes.append(byte)
            }
        }
    }
}
