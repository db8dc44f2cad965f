import Telemetry

/// `unwrap`, ready to run: the value that a line has.
struct ValueReader: Sendable {
    let label: LabelName
    private let conversion: Unwrap.Conversion
    private let filters: [LabelTest]

    init(_ unwrap: Unwrap) throws(ExpressionError) {
        label = LabelName(unwrap.label)
        conversion = unwrap.conversion
        filters = try unwrap.filters.map { filter throws(ExpressionError) in
            try LabelTest(filter)
        }
    }

    /// `nil` for a line without the label, or that a filter behind `unwrap` drops. A value that is none
    /// fails and counts as 0, so that the filters can tell.
    func value(
        _ labels: inout LineLabels, _ batch: borrowing LogBatch, row: Int
    ) -> Double? {
        var found: Double?
        var mistake = ""
        let isPresent = labels.withValue(of: label, batch, row: row) { text in
            guard !text.isEmpty else { return false }
            found = ValueReader.convert(text, conversion)
            if found == nil { mistake = "\"\(String(decoding: text, as: UTF8.self))\"" }
            return true
        }
        guard isPresent else { return nil }
        if found == nil {
            labels.fail(
                .sampleExtraction, "\(label.text): \(mistake) is no \(conversion.kindName)")
        }
        for filter in filters where !filter.accepts(&labels, batch, row: row) { return nil }
        return found ?? 0
    }

    func convert(_ text: UnsafeRawBufferPointer) -> Double? {
        ValueReader.convert(text, conversion)
    }

    /// - Returns: `nil` for what is no such quantity.
    private static func convert(
        _ text: UnsafeRawBufferPointer, _ conversion: Unwrap.Conversion
    ) -> Double? {
        switch conversion {
        case .number: return LabelTest.number(text)
        case .duration, .durationSeconds:
            return Quantity.duration(String(decoding: text, as: UTF8.self)).map { Double($0) / 1e9 }
        case .bytes:
            return Quantity.bytes(String(decoding: text, as: UTF8.self)).map { Double($0) }
        }
    }
}

extension Unwrap.Conversion {
    /// For people.
    fileprivate var kindName: String {
        switch self {
        case .number: "number"
        case .duration, .durationSeconds: "duration"
        case .bytes: "size"
        }
    }
}
