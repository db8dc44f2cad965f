import Telemetry

/// What must hold of an attribute value, prepared so that a column cell is tested without building its
/// value.
package struct AttributeValueTest {
    private enum Wanted {
        case anything
        /// The value's text form.
        case text(bytes: [UInt8], text: String, int: Int64?, double: Double?, flag: Bool?)
        case value(AttributeValue, bytes: [UInt8])
    }

    private let wanted: Wanted
    /// Whether an array passes if one of its elements does.
    private let looksIntoArrays: Bool

    private init(_ wanted: Wanted, looksIntoArrays: Bool = false) {
        self.wanted = wanted
        self.looksIntoArrays = looksIntoArrays
    }

    package static let exists = AttributeValueTest(.anything)

    /// A value whose `AttributeValue.text` is `text`; `orElement`: also an array of which an element's is.
    package static func text(
        _ text: String, orElement: Bool = false
    ) -> AttributeValueTest {
        // "007" and "1.0" are numbers, but not the text of one.
        let int = Int64(text).flatMap { String($0) == text ? $0 : nil }
        let double = Double(text).flatMap { AttributeValue.double($0).text == text ? $0 : nil }
        let flag: Bool? =
            switch text {
            case "true": true
            case "false": false
            default: nil
            }
        return AttributeValueTest(
            .text(bytes: Array(text.utf8), text: text, int: int, double: double, flag: flag),
            looksIntoArrays: orElement)
    }

    /// A value of this type that is equal.
    package static func equals(_ value: AttributeValue) -> AttributeValueTest {
        let bytes: [UInt8] =
            switch value {
            case .string(let string): Array(string.utf8)
            case .bytes(let bytes): bytes
            default: []
            }
        return AttributeValueTest(.value(value, bytes: bytes))
    }

    var acceptsAll: Bool {
        if case .anything = wanted { return true }
        return false
    }

    /// Whether no value of `type` can pass.
    func refuses(_ type: AttributeType) -> Bool {
        switch wanted {
        case .anything: false
        case .value(let value, _): value.type != type
        case .text(_, let text, let int, let double, let flag):
            switch type {
            case .empty: !text.isEmpty
            case .bool: flag == nil
            case .int: int == nil
            case .double: double == nil
            case .string, .bytes, .array, .map: false
            }
        }
    }

    /// The one payload of `type` that passes, where there is one.
    func payload(of type: AttributeType) -> UInt64? {
        switch (wanted, type) {
        case (.value(.int(let number), _), .int): UInt64(bitPattern: number)
        case (.text(_, _, let int?, _, _), .int): UInt64(bitPattern: int)
        default: nil
        }
    }

    /// Whether a payload that is no id of a string passes.
    @inline(__always)
    func accepts(_ type: AttributeType, payload: UInt64) -> Bool {
        switch wanted {
        case .anything: return true
        case .value(let value, _):
            return switch (value, type) {
            case (.empty, .empty): true
            case (.bool(let flag), .bool): flag == (payload != 0)
            case (.int(let number), .int): number == Int64(bitPattern: payload)
            case (.double(let number), .double): number == Double(bitPattern: payload)
            default: false
            }
        case .text(_, let text, let int, let double, let flag):
            return switch type {
            case .empty: text.isEmpty
            case .bool: flag == (payload != 0)
            case .int: int == Int64(bitPattern: payload)
            case .double:
                double.map { wanted in
                    let number = Double(bitPattern: payload)
                    return number == wanted || (number.isNaN && wanted.isNaN)
                } ?? false
            case .string, .bytes, .array, .map: false
            }
        }
    }

    /// Whether a value that is kept as the string `bytes` passes.
    func accepts(_ type: AttributeType, bytes: UnsafeRawBufferPointer) -> Bool {
        switch wanted {
        case .anything: return true
        case .value(let value, let wanted):
            guard value.type == type else { return false }
            switch type {
            case .string, .bytes: return bytes.elementsEqual(wanted)
            default: return AttributeValue(encoded: bytes) == value
            }
        case .text(let wanted, let text, _, _, _):
            switch type {
            case .string: return bytes.count == wanted.count && bytes.elementsEqual(wanted)
            case .bytes: return AttributeValue.bytes(Array(bytes)).text == text
            default:
                return (AttributeValue(encoded: bytes) ?? .empty).hasText(
                    text, orElement: looksIntoArrays)
            }
        }
    }
}
