extension TemplateValue {
    /// Most bytes of the values that a function is called with.
    static let weightMax = 1 << 20

    /// About how much a value that templates can make larger and larger takes as text. What the data is made
    /// of counts little: it does not grow.
    /// - Complexity: O(elements), which are fewer than `weightMax` in every value that a function gave.
    var weight: Int {
        switch self {
        case .string(let text), .safe(let text): text.utf8.count + 1
        case .list(let values): values.reduce(1) { $0 + $1.weight }
        case .map(let values): values.reduce(1) { $0 + $1.key.utf8.count + $1.value.weight }
        case .nothing, .bool, .int, .number, .time, .duration, .texts, .sample, .data, .record,
            .labels, .pairs, .zonedTime:
            1
        }
    }
}

extension TemplateRun {
    /// Values that a loop makes twice as long each time must not exhaust memory, nor time.
    static func weigh(_ arguments: [TemplateValue]) throws(RenderFailure) -> Int {
        let weight = arguments.reduce(0) { $0 + $1.weight }
        guard weight <= TemplateValue.weightMax else {
            throw RenderFailure(
                reason: "a function is called with more than \(TemplateValue.weightMax) bytes")
        }
        return weight
    }
}
