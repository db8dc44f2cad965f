/// `json label="a.b[0]"`: sets labels from single values of a JSON line. Of objects and arrays the text is
/// taken; what is missing or null becomes no label.
struct JSONExtractor: Sendable {
    private let fields: [(label: [UInt8], path: FieldPath)]

    init(_ fields: [FieldExtraction]) throws(ExpressionError) {
        self.fields = try fields.map { field throws(ExpressionError) in
            (Array(field.label.utf8), try FieldPath(field.expression))
        }
    }

    /// - Returns: whether the line is a JSON object.
    func run(_ line: UnsafeRawBufferPointer, into labels: inout LineLabels) -> Bool {
        var scanner = JSONScanner(line)
        guard case .object? = scanner.value() else { return false }
        var text: [UInt8] = []
        for field in fields {
            text.removeAll(keepingCapacity: true)
            guard JSONExtractor.find(field.path.steps[...], in: line, into: &text) else { continue }
            field.label.withUnsafeBytes { label in
                text.withUnsafeBytes { labels.add(name: label, value: $0) }
            }
        }
        return true
    }

    /// Appends the value at a path of well-formed JSON; false if there is none.
    private static func find(
        _ steps: ArraySlice<FieldPath.Step>, in json: UnsafeRawBufferPointer,
        into text: inout [UInt8]
    ) -> Bool {
        var scanner = JSONScanner(json)
        guard let step = steps.first else {
            guard let value = scanner.value() else { return false }
            if case .null = value { return false }
            scanner.append(value, to: &text)
            return true
        }
        var place: Range<Int>?
        switch step {
        case .field(let name):
            var key: [UInt8] = []
            let reader = scanner
            _ = scanner.members { range, hasEscapes, value in
                guard place == nil else { return }
                key.removeAll(keepingCapacity: true)
                reader.append(string: range, hasEscapes, to: &key)
                if key == name { place = value.place }
            }
        case .index(let wanted):
            _ = scanner.elements { index, value in
                if index == wanted { place = value.place }
            }
        }
        guard let place else { return false }
        return find(
            steps.dropFirst(), in: UnsafeRawBufferPointer(rebasing: json[place]), into: &text)
    }
}

extension JSONScanner.Value {
    /// Where the value stands, quotes included; `nil` for null.
    var place: Range<Int>? {
        switch self {
        case .string(let range, _): (range.lowerBound - 1)..<(range.upperBound + 1)
        case .scalar(let range), .array(let range), .object(let range): range
        case .null: nil
        }
    }
}
