import QueryCore
import RegularExpressions
import Telemetry

/// The stages of a query, ready to run.
struct Pipeline: Sendable {
    private enum Stage: Sendable {
        case line(LineTest)
        case json
        case jsonFields(JSONExtractor)
        case logfmt(LogfmtParser)
        case regexp(Pattern, groups: [(number: Int, name: [UInt8])])
        case pattern(LinePattern, names: [[UInt8]])
        case unpack
        case decolorize
        case label(LabelTest)
        case lineFormat(Template)
        case labelFormat([LabelAssignment])
        case drop([SelectedLabel])
        case keep([SelectedLabel])
        /// With the number of its set of values seen.
        case distinct([LabelName], Int)
    }

    private let stages: [Stage]
    let distinctCount: Int
    /// Whether a stage looks at the text of lines that are kept as fields.
    let readsText: Bool

    init(_ stages: [PipelineStage]) throws(QueryError) {
        var made: [Stage] = []
        var distinctCount = 0
        for stage in stages {
            if case .line(let filter) = stage, filter.acceptsAll { continue }
            do throws(ExpressionError) {
                made.append(try Pipeline.stage(stage, &distinctCount))
            } catch {
                throw .badData("parse error : \(stage): \(error.reason)")
            }
        }
        self.stages = made
        self.distinctCount = distinctCount
        let formatsLine = stages.contains { stage in
            guard case .labelFormat(let formats, _) = stage else { return false }
            return formats.contains { format in
                guard case .template(let text) = format.source else { return false }
                return text.contains(TemplateFunction.line.rawValue)
            }
        }
        readsText =
            formatsLine
            || made.contains { stage in
                switch stage {
                case .json, .label, .labelFormat, .drop, .keep, .distinct: false
                case .line, .jsonFields, .logfmt, .regexp, .pattern, .unpack, .decolorize,
                    .lineFormat:
                    true
                }
            }
    }

    private static func stage(
        _ stage: PipelineStage, _ distinctCount: inout Int
    ) throws(ExpressionError) -> Stage {
        switch stage {
        case .line(let filter): return .line(try LineTest(filter))
        case .json(let fields, _):
            return fields.isEmpty ? .json : .jsonFields(try JSONExtractor(fields))
        case .logfmt(let options, let fields, _): return .logfmt(LogfmtParser(options, fields))
        case .regexp(let text, _):
            let pattern = try ExpressionError.pattern(text, LineFilter.patternOptions)
            let groups = pattern.groupNames.enumerated().compactMap { number, name in
                name.map { (number: number, name: Array($0.utf8)) }
            }
            return .regexp(pattern, groups: groups)
        case .pattern(let text, _):
            let pattern = try LinePattern(parser: text)
            return .pattern(pattern, names: pattern.names.map { Array($0.utf8) })
        case .unpack: return .unpack
        case .decolorize: return .decolorize
        case .label(let filter, _): return .label(try LabelTest(filter))
        case .lineFormat(let text, _): return .lineFormat(try Template(text))
        case .labelFormat(let formats, _):
            return .labelFormat(
                try formats.map { format throws(ExpressionError) in try LabelAssignment(format) })
        case .drop(let labels, _): return .drop(try SelectedLabel.all(labels))
        case .keep(let labels, _): return .keep(try SelectedLabel.all(labels))
        case .distinct(let names, _):
            distinctCount += 1
            return .distinct(names.map { LabelName($0) }, distinctCount - 1)
        }
    }

    /// Whether the line passes all stages; `labels` are then its labels.
    @inline(__always)
    func accepts(
        _ line: UnsafeRawBufferPointer, _ batch: borrowing LogBatch, row: Int,
        labels: inout LineLabels, state: inout PipelineState
    ) -> Bool {
        labels.lineByteCount = line.count
        return accepts(line, batch, row: row, from: 0, labels: &labels, state: &state)
    }

    private func accepts(
        _ line: UnsafeRawBufferPointer, _ batch: borrowing LogBatch, row: Int, from first: Int,
        labels: inout LineLabels, state: inout PipelineState
    ) -> Bool {
        var index = first
        while index < stages.count {
            let stage = stages[index]
            index += 1
            switch stage {
            case .line(let test): if !test.accepts(line) { return false }
            case .json:
                if batch.bodyTypes[row] == .empty, labels.replacement == nil {
                    state.columns.add(batch, row: row, into: &labels)
                } else if !line.isEmpty {
                    labels.protectBeside(batch, row: row)
                    var flattener = JSONFlattener(line)
                    if !flattener.run(into: &labels) { labels.fail(.json, flattener.mistake) }
                }
            case .label(let test): if !test.accepts(&labels, batch, row: row) { return false }
            case .drop(let selected):
                for label in selected where label.isSelected(&labels, batch, row: row) {
                    labels.drop(label.name)
                }
            case .keep(let selected):
                labels.keep(
                    selected.filter { $0.isSelected(&labels, batch, row: row) }.map(\.name))
            case .distinct(let names, let number):
                if !state.isFirst(names, number, &labels, batch, row: row) { return false }
            case .labelFormat(let assignments):
                state.assign(assignments, line, batch, row: row, labels: &labels)
            case .jsonFields, .logfmt, .regexp, .pattern:
                labels.protectBeside(batch, row: row)
                Pipeline.parse(stage, line, labels: &labels, state: &state)
            case .unpack, .decolorize, .lineFormat:
                if case .unpack = stage { labels.protectBeside(batch, row: row) }
                let made = Pipeline.newLine(
                    stage, line, batch, row: row, labels: &labels, state: &state)
                guard let made else { continue }
                labels.replaceLine(made)
                return made.withUnsafeBytes {
                    accepts($0, batch, row: row, from: index, labels: &labels, state: &state)
                }
            }
        }
        return true
    }

    /// Stages that make labels of a line's text.
    private static func parse(
        _ stage: Stage, _ line: UnsafeRawBufferPointer, labels: inout LineLabels,
        state: inout PipelineState
    ) {
        guard !line.isEmpty else { return }
        switch stage {
        case .jsonFields(let extractor):
            if !extractor.run(line, into: &labels) { labels.fail(.json, JSONFlattener.noObject) }
        case .logfmt(let parser):
            if let mistake = parser.run(line, into: &labels) { labels.fail(.logfmt, mistake) }
        case .regexp(let pattern, let groups):
            guard pattern.captures(line, whole: false, into: &state.groups) else { return }
            for group in groups {
                guard let range = state.groups[group.number], !range.isEmpty else { continue }
                group.name.withUnsafeBytes {
                    labels.add(name: $0, value: UnsafeRawBufferPointer(rebasing: line[range]))
                }
            }
        case .pattern(let pattern, let names):
            pattern.captures(in: line) { number, range in
                guard !range.isEmpty else { return }
                names[number].withUnsafeBytes {
                    labels.add(name: $0, value: UnsafeRawBufferPointer(rebasing: line[range]))
                }
            }
        default: break
        }
    }

    /// What the line becomes; `nil` if it stays.
    private static func newLine(
        _ stage: Stage, _ line: UnsafeRawBufferPointer, _ batch: borrowing LogBatch, row: Int,
        labels: inout LineLabels, state: inout PipelineState
    ) -> [UInt8]? {
        switch stage {
        case .unpack:
            var entry: [UInt8]?
            if !line.isEmpty, !Unpacker.run(line, into: &labels, entry: &entry) {
                labels.fail(.json, JSONFlattener.noObject)
            }
            return entry
        case .decolorize:
            guard Decolorizer.isNeeded(line) else { return nil }
            var plain: [UInt8] = []
            Decolorizer.append(line, to: &plain)
            return plain
        case .lineFormat(let template):
            return state.render(template, line, batch, row: row, labels: &labels)
        default: return nil
        }
    }
}

extension ExpressionError {
    static func pattern(
        _ text: String, _ options: Pattern.Options = Pattern.Options()
    ) throws(ExpressionError) -> Pattern {
        do throws(PatternError) {
            return try Pattern(text, options: options)
        } catch {
            throw ExpressionError(reason: "error parsing regexp: \(error.reason)")
        }
    }
}
