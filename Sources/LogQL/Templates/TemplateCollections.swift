import Telemetry

/// Lengths, members and parts, and values from JSON.
enum TemplateCollections {
    static func call(_ arguments: TemplateArguments) throws(ExpressionError) -> TemplateValue {
        let values = arguments.values
        switch arguments.function {
        case .len:
            try arguments.count(1)
            return .int(Int64(try length(values[0])))
        case .index:
            guard var value = values.first else {
                throw ExpressionError(reason: "wrong number of args for index")
            }
            for place in values.dropFirst() { value = try element(place, of: value) }
            return value
        case .slice:
            try arguments.count(1...3)
            return .text(try slice(arguments))
        case .default:
            try arguments.count(1...2)
            guard values.count == 2, values[1].isTrue else { return values[0] }
            return values[1]
        default:
            try arguments.count(1)
            var text = try arguments.text(0)
            return text.withUTF8 { parse(UnsafeRawBufferPointer($0), depth: 0) ?? .none }
        }
    }

    private static func length(_ value: TemplateValue) throws(ExpressionError) -> Int {
        switch value {
        case .text(let text): return text.utf8.count
        case .list(let list): return list.count
        case .map(let members): return members.count
        default: throw ExpressionError(reason: "len of type \(value.typeName)")
        }
    }

    private static func element(
        _ place: TemplateValue, of value: TemplateValue
    ) throws(ExpressionError) -> TemplateValue {
        switch (value, place) {
        case (.map(let members), .text(let name)):
            return members.first { $0.name == name }?.value ?? .none
        case (.list(let list), .int(let index)):
            guard index >= 0, index < list.count else {
                throw ExpressionError(reason: "index out of range: \(index)")
            }
            return list[Int(index)]
        case (.text(let text), .int(let index)):
            let bytes = Array(text.utf8)
            guard index >= 0, index < bytes.count else {
                throw ExpressionError(reason: "index out of range: \(index)")
            }
            return .int(Int64(bytes[Int(index)]))
        default: throw ExpressionError(reason: "can't index item of type \(value.typeName)")
        }
    }

    private static func slice(_ arguments: TemplateArguments) throws(ExpressionError) -> String {
        let bytes = Array(try arguments.text(0).utf8)
        let start = arguments.values.count > 1 ? try arguments.whole(1) : 0
        let end = arguments.values.count > 2 ? try arguments.whole(2) : bytes.count
        guard start >= 0, start <= end, end <= bytes.count else {
            throw ExpressionError(reason: "index out of range")
        }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    /// `nil` for what is no JSON.
    private static func parse(_ json: UnsafeRawBufferPointer, depth: Int) -> TemplateValue? {
        var scanner = JSONScanner(json)
        guard depth < 64, let value = scanner.value() else { return nil }
        var bytes: [UInt8] = []
        switch value {
        case .null: return TemplateValue.none
        case .string:
            scanner.append(value, to: &bytes)
            return .text(String(decoding: bytes, as: UTF8.self))
        case .scalar(let range):
            let text = String(decoding: json[range], as: UTF8.self)
            if text == "true" || text == "false" { return .bool(text == "true") }
            return Double(text).map { .float($0) }
        case .array(let range): return list(json, range, depth)
        case .object(let range): return map(json, range, depth)
        }
    }

    private static func list(
        _ json: UnsafeRawBufferPointer, _ range: Range<Int>, _ depth: Int
    ) -> TemplateValue {
        let inner = UnsafeRawBufferPointer(rebasing: json[range])
        var scanner = JSONScanner(inner)
        var list: [TemplateValue] = []
        _ = scanner.elements { _, element in
            list.append(part(inner, element, depth))
        }
        return .list(list)
    }

    private static func map(
        _ json: UnsafeRawBufferPointer, _ range: Range<Int>, _ depth: Int
    ) -> TemplateValue {
        let inner = UnsafeRawBufferPointer(rebasing: json[range])
        var scanner = JSONScanner(inner)
        let reader = scanner
        var members: [(name: String, value: TemplateValue)] = []
        _ = scanner.members { key, hasEscapes, member in
            var name: [UInt8] = []
            reader.append(string: key, hasEscapes, to: &name)
            members.append((String(decoding: name, as: UTF8.self), part(inner, member, depth)))
        }
        return .map(members.sorted { $0.name < $1.name })
    }

    private static func part(
        _ json: UnsafeRawBufferPointer, _ value: JSONScanner.Value, _ depth: Int
    ) -> TemplateValue {
        guard let place = value.place else { return .none }
        return parse(UnsafeRawBufferPointer(rebasing: json[place]), depth: depth + 1) ?? .none
    }
}
