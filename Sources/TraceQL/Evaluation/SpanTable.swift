import RegularExpressions
import Synchronization
import Telemetry

/// The spans of one batch as a query sees them: columns of fields and of expressions. If the batch is a
/// list of whole traces it also knows how their spans relate. For one thread, as long as one batch is
/// looked at.
final class SpanTable {
    let batch: SpanBatch
    let texts = TextPool()
    /// How the spans relate, if the batch is one of whole traces.
    let trace: TraceStructure?
    private(set) lazy var nestedSets = trace?.nestedSets() ?? TraceStructure.NestedSets(count: 0)
    private var keys: [String: StringID?] = [:]
    private var elementsOfList: [UInt64: [Cell]] = [:]
    private let patterns: PatternCache

    /// - Parameter hasWholeTraces: whether the batch holds all spans of its traces, those of each one after
    ///   the other by start time.
    init(_ batch: SpanBatch, hasWholeTraces: Bool, patterns: PatternCache) {
        self.batch = batch
        self.patterns = patterns
        trace = hasWholeTraces ? TraceStructure(batch) : nil
    }

    /// The id of an attribute's name; `nil` if no attribute has it.
    func key(_ name: String) -> StringID? {
        if let known = keys[name] { return known }
        let id = batch.strings.id(of: name)
        keys[name] = .some(id)
        return id
    }

    // MARK: Arrays

    private func list(_ payload: UInt64) -> AttributeValue {
        batch.strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
            AttributeValue(encoded: $0) ?? .empty
        }
    }

    /// Of a cell that is a list; each distinct list is decoded once.
    func elements(_ cell: Cell) -> [Cell] {
        if let known = elementsOfList[cell.payload] { return known }
        var elements: [Cell] = []
        if case .array(let values) = list(cell.payload) {
            elements = values.map { value in
                switch value {
                case .empty: .null
                case .bool(let flag): .bool(flag)
                case .int(let number): .int(number)
                case .double(let number): .double(number)
                case .string(let text): textCell(text)
                case .bytes, .array, .map: .other
                }
            }
        }
        elementsOfList[cell.payload] = elements
        return elements
    }

    func pattern(_ source: String) -> Pattern? { patterns.pattern(source) }

    // MARK: Texts

    func textCell(_ text: String) -> Cell {
        if let id = batch.strings.id(of: text) { return .text(id) }
        return Cell(kind: .string, payload: texts.intern(text))
    }

    func cell(_ literal: Literal) -> Cell {
        switch literal {
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let text): textCell(text)
        case .bool(let flag): .bool(flag)
        case .duration(let value): .duration(value)
        case .status(let status): .status(status)
        case .kind(let kind): .kind(kind)
        }
    }

    func text(_ payload: UInt64) -> String {
        payload >= TextPool.firstID ? texts[payload] : batch.strings[StringID(payload)]
    }

    func withText<Result>(
        _ payload: UInt64, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        if payload < TextPool.firstID {
            return batch.strings.withBytes(of: StringID(payload), body)
        }
        var text = texts[payload]
        return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }

    /// As answers show it: durations as Go prints them, statuses and kinds by name.
    func value(_ cell: Cell) -> AttributeValue {
        switch cell.kind {
        case .null, .other: .empty
        case .list: list(cell.payload)
        case .int: .int(Int64(bitPattern: cell.payload))
        case .double: .double(Double(bitPattern: cell.payload))
        case .string: .string(text(cell.payload))
        case .bool: .bool(cell.payload != 0)
        case .duration: .string(DurationText.format(Int64(bitPattern: cell.payload)))
        case .status: .string(SpanStatus(rawValue: UInt8(cell.payload)).map { "\($0)" } ?? "")
        case .kind: .string(SpanKind(rawValue: UInt8(cell.payload)).map { "\($0)" } ?? "")
        }
    }
}

/// The patterns of a query, each compiled once. The validator has seen that they compile.
final class PatternCache: Sendable {
    private let patterns = Mutex<[String: Pattern]>([:])

    func pattern(_ source: String) -> Pattern? {
        if let known = patterns.withLock({ $0[source] }) { return known }
        do throws(PatternError) {
            let pattern = try Pattern(source)
            patterns.withLock { $0[source] = pattern }
            return pattern
        } catch {
            return nil
        }
    }
}
