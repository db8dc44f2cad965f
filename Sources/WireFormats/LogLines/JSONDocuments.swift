import Telemetry

/// Bodies of JSON objects that are not one a line: in an array, as Fluent Bit sends them, as a sequence (RFC 7464),
/// or indented.
package enum JSONDocuments {
    private static let recordSeparator: UInt8 = 0x1E

    /// The same objects one a line, each in the bytes it came in but for line breaks and what they indent; `nil`
    /// if the body is none of these, or has objects one a line already.
    /// - Parameter isJSON: whether its sender calls the body JSON rather than lines.
    package static func lines(_ body: [UInt8], isJSON: Bool) -> [UInt8]? {
        body.withUnsafeBytes { bytes in
            guard let first = bytes.first(where: { $0 > 0x20 || $0 == recordSeparator }) else {
                return nil
            }
            switch first {
            case UInt8(ascii: "["), recordSeparator: return lines(bytes)
            case UInt8(ascii: "{") where isJSON && !endsFirstLine(bytes): return lines(bytes)
            default: return nil
            }
        }
    }

    /// Whether the first line may be an object by itself.
    private static func endsFirstLine(_ body: UnsafeRawBufferPointer) -> Bool {
        guard let start = body.firstIndex(where: { $0 > 0x20 }) else { return true }
        let end = LogLines.lineEnd(in: body, from: start)
        return body[start..<end].last { $0 > 0x20 } == UInt8(ascii: "}")
    }

    private static func lines(_ body: UnsafeRawBufferPointer) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(body.count)
        var offset = 0
        do throws(DecodeError) {
            while let start = body[offset...].firstIndex(where: {
                $0 > 0x20 && $0 != recordSeparator
            }) {
                var reader = JSONReader(UnsafeRawBufferPointer(rebasing: body[start...]))
                switch try reader.peek() {
                case .object: append(try reader.skipValue(), to: &output)
                case .array:
                    try reader.beginArray()
                    while try reader.nextElement() {
                        guard try reader.peek() == .object else { return nil }
                        append(try reader.skipValue(), to: &output)
                    }
                default: return nil
                }
                offset = start + reader.offset
            }
        } catch {
            return nil
        }
        return output
    }

    /// Texts of JSON have no line breaks of their own.
    private static func append(_ object: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var isIndent = false
        for byte in object {
            if byte == 0x0A || byte == 0x0D {
                isIndent = true
            } else if !isIndent || byte != 0x20 && byte != 0x09 {
                isIndent = false
                output.append(byte)
            }
        }
        output.append(0x0A)
    }
}
