/// A typed attribute value, as OTLP's `AnyValue` (opentelemetry/proto/common/v1/common.proto).
package indirect enum AttributeValue: Hashable, Sendable {
    /// An `AnyValue` with no member set.
    case empty
    case string(String)
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case bytes([UInt8])
    case array([AttributeValue])
    /// Order is kept; keys may repeat, as on the wire.
    case map([Attribute])
}

/// A key with its value.
package struct Attribute: Hashable, Sendable {
    package var key: String
    package var value: AttributeValue

    package init(_ key: String, _ value: AttributeValue) {
        self.key = key
        self.value = value
    }
}

/// The type tag of a column cell and of the compact encoding; raw values are on disk.
package enum AttributeType: UInt8, Sendable, CaseIterable {
    case empty = 0
    case string = 1
    case bool = 2
    case int = 3
    case double = 4
    case bytes = 5
    case array = 6
    case map = 7

    /// Whether a cell of this type holds the id of a string or byte sequence.
    @inlinable package var isInterned: Bool {
        switch self {
        case .string, .bytes, .array, .map: true
        case .empty, .bool, .int, .double: false
        }
    }
}

extension AttributeValue {
    package var type: AttributeType {
        switch self {
        case .empty: .empty
        case .string: .string
        case .bool: .bool
        case .int: .int
        case .double: .double
        case .bytes: .bytes
        case .array: .array
        case .map: .map
        }
    }

    /// The text that Jaeger tags, Zipkin tags and Loki labels show: strings as they are, numbers in
    /// shortest form, bytes in lower-case hexadecimal, arrays and maps as JSON.
    package var text: String {
        switch self {
        case .empty: return ""
        case .string(let string): return string
        case .bool(let flag): return flag ? "true" : "false"
        case .int(let number): return String(number)
        case .double(let number):
            return number == number.rounded() && abs(number) < 0x1p53
                ? String(Int64(number)) : "\(number)"
        case .bytes(let bytes): return Self.hexadecimal(bytes)
        case .array, .map:
            var json = ""
            appendJSON(to: &json)
            return json
        }
    }

    /// Whether `text` is the text of this value or, with `orElement`, of an element of this array.
    package func hasText(_ wanted: String, orElement: Bool) -> Bool {
        if orElement, case .array(let elements) = self,
            elements.contains(where: { $0.text == wanted })
        {
            return true
        }
        return text == wanted
    }

    /// Appends this value as JSON (RFC 8259); NaN and infinities as strings, bytes in hexadecimal.
    package func appendJSON(to output: inout String) {
        switch self {
        case .empty: output += "null"
        case .string(let string): Self.appendJSONString(string, to: &output)
        case .bool(let flag): output += flag ? "true" : "false"
        case .int(let number): output += String(number)
        case .double(let number): output += number.isFinite ? "\(number)" : "\"\(number)\""
        case .bytes(let bytes): output += "\"\(Self.hexadecimal(bytes))\""
        case .array(let elements):
            output += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { output += "," }
                element.appendJSON(to: &output)
            }
            output += "]"
        case .map(let attributes):
            output += "{"
            for (index, attribute) in attributes.enumerated() {
                if index > 0 { output += "," }
                Self.appendJSONString(attribute.key, to: &output)
                output += ":"
                attribute.value.appendJSON(to: &output)
            }
            output += "}"
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        var text = ""
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            let digits = String(byte, radix: 16)
            text += digits.count == 1 ? "0" + digits : digits
        }
        return text
    }

    private static func appendJSONString(_ string: String, to output: inout String) {
        output += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}
