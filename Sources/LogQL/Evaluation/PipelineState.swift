import RegularExpressions
import Store
import Telemetry

/// What the stages of one scan remember from line to line, and the memory they use again.
struct PipelineState {
    var columns: FieldColumns
    /// Of the last match of a pattern.
    var groups: [Range<Int>?] = []
    private var seen: [Set<[UInt8]>]
    private var patterns: [String: Pattern] = [:]
    private let startTime: Timestamp?

    /// - Parameters:
    ///   - wanted: labels that parsers need to find; `nil` finds all.
    ///   - startTime: of the query, if it is known.
    init(_ pipeline: Pipeline, wanted: WantedNames?, startTime: Timestamp?) {
        self.startTime = startTime
        columns = FieldColumns(wanted: wanted)
        seen = [Set<[UInt8]>](repeating: [], count: pipeline.distinctCount)
    }

    /// Whether no line before had the same values.
    mutating func isFirst(
        _ names: [LabelName], _ number: Int, _ labels: inout LineLabels,
        _ batch: borrowing LogBatch, row: Int
    ) -> Bool {
        var key: [UInt8] = []
        for name in names {
            labels.withValue(of: name, batch, row: row) { value in
                Varint.append(UInt64(value.count), to: &key)
                key.append(contentsOf: value)
            }
        }
        return seen[number].insert(key).inserted
    }

    /// The text of a template; `nil` if it fails.
    mutating func render(
        _ template: Template, _ line: UnsafeRawBufferPointer, _ batch: borrowing LogBatch,
        row: Int, labels: inout LineLabels
    ) -> [UInt8]? {
        var run = TemplateRun(
            TemplateRun.Line(text: line, time: batch.times[row], now: startTime),
            patterns: patterns)
        defer { patterns = run.patterns }
        do throws(ExpressionError) {
            // Copied so that the closure below may use it.
            let records = copy batch
            try run.run(template) { name in
                guard let name else {
                    return .map(
                        labels.all.pairs.map { (name: $0.name, value: .text($0.value)) })
                }
                return labels.withValue(of: name, records, row: row) {
                    .text(String(decoding: $0, as: UTF8.self))
                }
            }
            return run.output
        } catch {
            labels.fail(.template, "template: \(error.reason)")
            return nil
        }
    }

    mutating func assign(
        _ assignments: [LabelAssignment], _ line: UnsafeRawBufferPointer,
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) {
        for assignment in assignments {
            switch assignment.source {
            case .label(let other):
                let value = labels.withValue(of: other, batch, row: row) { Array($0) }
                guard !value.isEmpty else { continue }
                labels.set(assignment.name, to: value)
                labels.drop(other)
            case .template(let template):
                let text = render(template, line, batch, row: row, labels: &labels)
                if let text { labels.set(assignment.name, to: text) }
            }
        }
    }
}

/// One part of `label_format`, ready to run.
struct LabelAssignment: Sendable {
    enum Source: Sendable {
        case label(LabelName)
        case template(Template)
    }

    let name: [UInt8]
    let source: Source

    init(_ format: LabelFormat) throws(ExpressionError) {
        name = Array(format.name.utf8)
        switch format.source {
        case .label(let other): source = .label(LabelName(other))
        case .template(let text): source = .template(try Template(text))
        }
    }
}

/// What `drop` or `keep` names, ready to be asked.
struct SelectedLabel: Sendable {
    let name: LabelName
    private let test: TextTest?

    static func all(_ labels: [LabelSelection]) throws(ExpressionError) -> [SelectedLabel] {
        try labels.map { label throws(ExpressionError) in try SelectedLabel(label) }
    }

    private init(_ selection: LabelSelection) throws(ExpressionError) {
        name = LabelName(selection.name)
        switch selection {
        case .name: test = nil
        case .matching(let matcher): test = try TextTest(matcher)
        }
    }

    func isSelected(
        _ labels: inout LineLabels, _ batch: borrowing LogBatch, row: Int
    ) -> Bool {
        guard let test else { return true }
        return labels.withValue(of: name, batch, row: row) { test.accepts($0) }
    }
}
