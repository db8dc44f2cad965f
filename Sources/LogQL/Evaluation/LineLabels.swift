import Store
import Telemetry

/// The labels of one line on its way through the stages: those of the stream, fields that a parser
/// found, and what the record itself tells. Reused from line to line.
struct LineLabels {
    static let traceID = "trace_id"
    static let spanID = "span_id"
    static let severity = "severity_text"
    static let level = SeverityLevel.label
    static let errorName = "__error__"
    static let errorDetailsName = "__error_details__"

    /// Why a stage could not do its work on the line; values of the label `__error__`, as Loki's.
    enum Failure: String {
        case json = "JSONParserErr"
        case logfmt = "LogfmtParserErr"
        case labelFilter = "LabelFilterErr"
        case template = "TemplateFormatErr"
        case sampleExtraction = "SampleExtractionErr"
    }

    /// Each field of a line brings its whole path: what is beyond these bounds is left out.
    private static let fieldsMax = 1_000
    private static let fieldBytesMax = 4 << 20

    struct Field {
        var name: Range<Int>
        var value: Range<Int>
    }

    private(set) var stream = Labels.empty
    /// Bytes of the line, if it was rendered.
    var lineByteCount = 0
    /// The line that a stage made; `nil` while it is that of the record.
    private(set) var replacement: [UInt8]?
    /// Fields of other names are left out; `nil` takes all.
    var wanted: WantedNames?
    private(set) var failure: Failure?
    /// Of the failure, in words; as in Loki they stay when only `__error__` is dropped.
    private(set) var failureDetails = ""
    /// Names and values of the fields.
    private var arena: [UInt8] = []
    private var fields: [Field] = []
    private var index = FieldIndex()
    private var dropped: [[UInt8]] = []
    /// After `keep`, the only names that the record itself may answer to.
    private(set) var kept: [LabelName]?
    /// Names of what came beside the line, each with where it ends; known once a parser has run.
    private var besideNames: [UInt8] = []
    private var besideEnds: [Int] = []
    private var knowsBeside = false
    private var scratch: [UInt8] = []
    private var hasTrace = false
    private var hasSpan = false

    mutating func begin(stream: Labels, _ batch: borrowing LogBatch, row: Int) {
        begin(stream: stream)
        hasTrace = batch.traceIDs[row].isValid
        hasSpan = batch.spanIDs[row].isValid
    }

    /// For a line without a record.
    mutating func begin(stream: Labels) {
        self.stream = stream
        lineByteCount = 0
        replacement = nil
        kept = nil
        failure = nil
        failureDetails = ""
        arena.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        index.forget()
        knowsBeside = false
        besideNames.removeAll(keepingCapacity: true)
        besideEnds.removeAll(keepingCapacity: true)
        dropped.removeAll(keepingCapacity: true)
        hasTrace = false
        hasSpan = false
    }

    /// Has parsers leave alone what came beside the line.
    @inline(__always)
    mutating func protectBeside(_ batch: borrowing LogBatch, row: Int) {
        if !knowsBeside { learnBeside(batch, row: row) }
    }

    private mutating func learnBeside(_ batch: borrowing LogBatch, row: Int) {
        knowsBeside = true
        let count = BesideLine.count(batch, row: row)
        var name: [UInt8] = []
        for cell in batch.attributeRange(row).prefix(count) {
            name.removeAll(keepingCapacity: true)
            batch.strings.withBytes(of: batch.attributes.keys[cell]) {
                SanitizedName.append($0, to: &name)
            }
            besideNames += name
            besideEnds.append(besideNames.count)
        }
    }

    /// The first failure stays.
    mutating func fail(_ failure: Failure, _ details: @autoclosure () -> String) {
        guard self.failure == nil else { return }
        self.failure = failure
        failureDetails = details()
    }

    mutating func replaceLine(_ line: [UInt8]) {
        lineByteCount = line.count
        replacement = line
    }

    mutating func drop(_ name: LabelName) {
        if name.kind == .error { failure = nil }
        if name.kind == .errorDetails { failureDetails = "" }
        removeField(name.bytes)
        if !dropped.contains(name.bytes) { dropped.append(name.bytes) }
    }

    /// Drops all labels of other names.
    mutating func keep(_ names: [LabelName]) {
        fields.removeAll { field in
            !names.contains { $0.bytes.elementsEqual(arena[field.name]) }
        }
        index.forget()
        kept = names
        stream.bytes.withUnsafeBytes { all in
            var cursor = LabelCursor(all)
            while let pair = cursor.next() {
                guard !names.contains(where: { $0.bytes.elementsEqual(pair.name) }) else {
                    continue
                }
                dropped.append(Array(pair.name))
            }
        }
    }

    /// Gives a label a value, whoever else has one of that name. An empty value is no label.
    mutating func set(_ name: [UInt8], to value: some Collection<UInt8>) {
        removeField(name)
        dropped.removeAll { $0 == name }
        guard !value.isEmpty else { return dropped.append(name) }
        guard name.count + value.count <= LineLabels.fieldBytesMax - arena.count else { return }
        let start = arena.count
        arena += name
        let middle = arena.count
        arena.append(contentsOf: value)
        fields.append(Field(name: start..<middle, value: middle..<arena.count))
    }

    private mutating func removeField(_ name: [UInt8]) {
        guard !fields.isEmpty else { return }
        fields.removeAll { arena[$0.name].elementsEqual(name) }
        index.forget()
    }

    /// Adds a field unless there is one of that name. A name that the stream or the record has gets the
    /// suffix `_extracted`, as in Loki.
    mutating func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        guard fields.count < LineLabels.fieldsMax,
            name.count + value.count <= LineLabels.fieldBytesMax - arena.count
        else { return }
        let start = arena.count
        arena.append(contentsOf: name)
        if isTaken(name) { arena.append(contentsOf: "_extracted".utf8) }
        let nameRange = start..<arena.count
        if let wanted, !wanted.contains(arena[nameRange]) {
            arena.removeLast(nameRange.count)
            return
        }
        if !dropped.isEmpty { dropped.removeAll { $0.elementsEqual(arena[nameRange]) } }
        guard index.place(of: nameRange, in: arena, fields) == nil else {
            arena.removeLast(nameRange.count)
            return
        }
        arena.append(contentsOf: value)
        fields.append(Field(name: nameRange, value: nameRange.upperBound..<arena.count))
    }

    private func isTaken(_ name: UnsafeRawBufferPointer) -> Bool {
        if hasTrace, name.elementsEqual(LineLabels.traceID.utf8) { return true }
        if hasSpan, name.elementsEqual(LineLabels.spanID.utf8) { return true }
        if !besideEnds.isEmpty, isBeside(name) { return true }
        return stream.bytes.withUnsafeBytes { all in
            var cursor = LabelCursor(all)
            while let pair = cursor.next() {
                if LineLabels.equal(pair.name, name) { return true }
            }
            return false
        }
    }

    private func isBeside(_ name: UnsafeRawBufferPointer) -> Bool {
        besideNames.withUnsafeBytes { names in
            var start = 0
            for end in besideEnds {
                let known = UnsafeRawBufferPointer(rebasing: names[start..<end])
                if LineLabels.equal(known, name) { return true }
                start = end
            }
            return false
        }
    }

    @inline(__always)
    static func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        for offset in 0..<a.count where a[offset] != b[offset] { return false }
        return true
    }

    // MARK: Reading

    /// The value of a label; a missing one is empty.
    mutating func withValue<Result>(
        of name: LabelName, _ batch: borrowing LogBatch, row: Int,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        if !dropped.isEmpty, dropped.contains(name.bytes) { return body(empty) }
        if let range = field(name.bytes) {
            return arena.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        }
        if name.kind == .error { return LineLabels.withText(failure?.rawValue ?? "", body) }
        if name.kind == .errorDetails { return LineLabels.withText(failureDetails, body) }
        if let kept, !kept.contains(where: { $0.bytes == name.bytes }) { return body(empty) }
        // The record's ids, or nothing: the store looks for them before any line is seen.
        switch name.kind {
        case .traceID:
            return hasTrace ? LineLabels.withText(batch.traceIDs[row].hex, body) : body(empty)
        case .spanID:
            return hasSpan ? LineLabels.withText(batch.spanIDs[row].hex, body) : body(empty)
        default: break
        }
        return stream.bytes.withUnsafeBytes { all in
            var cursor = LabelCursor(all)
            while let pair = cursor.next() {
                if pair.name.elementsEqual(name.bytes) { return body(pair.value) }
            }
            scratch.removeAll(keepingCapacity: true)
            LineLabels.appendMetadata(name, batch, row: row, to: &scratch)
            return scratch.withUnsafeBytes { body($0) }
        }
    }

    /// Whether a name means what the record says: no label of the stream and no field has it.
    mutating func answersToRecord(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        if dropped.contains(bytes) || field(bytes) != nil || stream[name] != nil { return false }
        return kept.map { $0.contains { $0.bytes == bytes } } ?? true
    }

    /// The value of a parsed field, if there is one.
    mutating func withField(_ name: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
        guard let range = field(name) else { return }
        arena.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    private mutating func field(_ name: [UInt8]) -> Range<Int>? {
        guard !fields.isEmpty else { return nil }
        return name.withUnsafeBytes { index.place(of: $0, in: arena, fields) }
            .map { fields[$0].value }
    }

    private static func withText<Result>(
        _ text: String, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        var text = text
        return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }

    // MARK: All

    /// As in a result: those of the stream and the fields.
    var all: Labels {
        guard !fields.isEmpty || !dropped.isEmpty || hasFailed else { return stream }
        let kept =
            dropped.isEmpty
            ? stream : stream.filter { name in !dropped.contains { name.elementsEqual($0) } }
        // A field without a value hides a label of the stream.
        let hidden = fields.filter { $0.value.isEmpty }
        let shown =
            hidden.isEmpty
            ? kept
            : kept.filter { name in !hidden.contains { name.elementsEqual(arena[$0.name]) } }
        return shown.merging(parsed)
    }

    /// Those that stages have found or made, without those of the stream.
    var parsed: Labels {
        guard !fields.isEmpty || hasFailed else { return .empty }
        guard !hasFailed, arena.allSatisfy({ $0 < 0x80 }) else { return Labels(fieldPairs) }
        return arena.withUnsafeBytes { arena in
            let sorted = fields.sorted { a, b in
                LineLabels.precedes(
                    UnsafeRawBufferPointer(rebasing: arena[a.name]),
                    UnsafeRawBufferPointer(rebasing: arena[b.name]))
            }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(arena.count + 4 * fields.count)
            for field in sorted where !field.value.isEmpty {
                Varint.append(UInt64(field.name.count), to: &bytes)
                bytes.append(contentsOf: arena[field.name])
                Varint.append(UInt64(field.value.count), to: &bytes)
                bytes.append(contentsOf: arena[field.value])
            }
            return Labels(canonicalBytes: bytes)
        }
    }

    private static func precedes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        for offset in 0..<min(a.count, b.count) where a[offset] != b[offset] {
            return a[offset] < b[offset]
        }
        return a.count < b.count
    }

    private var hasFailed: Bool { failure != nil || !failureDetails.isEmpty }

    private var fieldPairs: [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        pairs.reserveCapacity(fields.count + 1)
        for field in fields {
            pairs.append(
                (
                    String(decoding: arena[field.name], as: UTF8.self),
                    String(decoding: arena[field.value], as: UTF8.self)
                ))
        }
        if let failure { pairs.append((LineLabels.errorName, failure.rawValue)) }
        if !failureDetails.isEmpty {
            pairs.append((LineLabels.errorDetailsName, failureDetails))
        }
        return pairs
    }
}

/// The name of a label that a query asks for.
struct LabelName: Sendable {
    enum Kind: Sendable {
        case traceID, spanID, error, errorDetails, severityText, detectedLevel, other
    }

    let bytes: [UInt8]
    let kind: Kind
    /// The field that it follows from, where a record has none of its own.
    let derivedFrom: String?

    var text: String { String(decoding: bytes, as: UTF8.self) }

    init(_ name: String) {
        bytes = Array(name.utf8)
        derivedFrom = DerivedLogField.source(of: name)
        switch name {
        case LineLabels.traceID: kind = .traceID
        case LineLabels.spanID: kind = .spanID
        case LineLabels.errorName: kind = .error
        case LineLabels.errorDetailsName: kind = .errorDetails
        case LineLabels.severity: kind = .severityText
        case LineLabels.level: kind = .detectedLevel
        default: kind = .other
        }
    }
}
