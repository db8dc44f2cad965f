import Telemetry

/// Some fields of the log records of one part of the store, in columns: all that a query needs which counts
/// or compares fields. A field is the first attribute that is not empty and whose key makes its label name;
/// a label of the stream comes before it. Records with a body may have further fields in its text.
package struct LogFieldBatch: Sendable {
    /// Nanoseconds. One entry a record each.
    package var times: [Int64]
    package var resourceIndices: [UInt32]
    /// By resource.
    package var streams: [Labels]
    /// In the order in which they were asked for.
    package var columns: [LogFieldColumn]
    /// Whether there are records with a body: only when no fields were asked for, or attributes.
    package var hasBodies: Bool
    /// Bytes of each record's line, if they were asked for.
    package var lineByteCounts: [UInt32]?

    package var count: Int { times.count }

    package init(
        times: [Int64], resourceIndices: [UInt32], streams: [Labels], columns: [LogFieldColumn],
        hasBodies: Bool = false
    ) {
        self.times = times
        self.resourceIndices = resourceIndices
        self.streams = streams
        self.columns = columns
        self.hasBodies = hasBodies
    }
}

extension LogFieldBatch {
    /// Labels of streams come before fields of the same name.
    /// - Parameter names: of the columns.
    package mutating func overlayStreams(_ names: [String]) {
        for (field, name) in names.enumerated() {
            let values = streams.map { $0[name] }
            guard values.contains(where: { $0 != nil }) else { continue }
            let codes = values.map { value in value.map { columns[field].add($0.utf8) } }
            for row in 0..<count {
                if let code = codes[Int(resourceIndices[row])] { columns[field].codes[row] = code }
            }
        }
    }

    /// Whether all streams have a label of that name: no field is then seen under it.
    package func isOfStreams(_ name: String) -> Bool {
        streams.allSatisfy { $0[name] != nil }
    }
}

/// The values of one field as codes into the distinct ones.
package struct LogFieldColumn: Sendable {
    /// One entry a record.
    package var codes: [UInt32]
    /// The texts of all codes, one after the other.
    private var texts: [UInt8] = []
    /// Where the text of each code ends; that of code 0, no field, is empty.
    private var textEnds: [UInt32] = [0]

    package init(count: Int) { codes = [UInt32](repeating: 0, count: count) }

    /// - Parameters:
    ///   - codes: below `textEnds.count`.
    ///   - textEnds: ascending, from 0 up to the count of `texts`.
    package init(codes: [UInt32], texts: [UInt8], textEnds: [UInt32]) {
        precondition(textEnds.first == 0 && textEnds.last.map { Int($0) } == texts.count)
        self.codes = codes
        self.texts = texts
        self.textEnds = textEnds
    }

    /// Distinct values and "no field".
    package var codeCount: Int { textEnds.count }

    package func withText<R>(_ code: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let start = code == 0 ? 0 : Int(textEnds[code - 1])
        let end = Int(textEnds[code])
        return texts.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    }

    package var memoryBytes: Int { codes.count * 4 + texts.count + textEnds.count * 4 }

    /// Gives records without the field a value that follows from another field of theirs.
    /// - Parameter derive: appends what follows from a value; nothing if nothing does.
    package mutating func fill(
        from source: LogFieldColumn, _ derive: (UnsafeRawBufferPointer, inout [UInt8]) -> Void
    ) {
        var derived: [UInt32] = []
        for code in 0..<source.codeCount {
            var text: [UInt8] = []
            if code > 0 { source.withText(code) { derive($0, &text) } }
            derived.append(text.isEmpty ? 0 : add(text))
        }
        for row in codes.indices where codes[row] == 0 {
            codes[row] = derived[Int(source.codes[row])]
        }
    }

    /// A code for a text that has none yet; 0 when there is no room.
    mutating func add(_ text: some Collection<UInt8>) -> UInt32 {
        guard let end = UInt32(exactly: texts.count + text.count) else { return 0 }
        texts.append(contentsOf: text)
        textEnds.append(end)
        return UInt32(textEnds.count - 1)
    }
}

/// What a scan of columns is asked for, besides times and streams.
package struct LogFieldRequest: Sendable, Hashable {
    /// Fields by the names of their labels, none of them `trace_id`, `span_id` or `severity_text`. Records
    /// without a field of that name have their level as `detected_level`.
    package var names: [String]
    package var lineByteCounts: Bool
    /// Whether attributes are all that is meant, also of records with a body.
    package var attributesOnly: Bool

    package init(
        _ names: [String], lineByteCounts: Bool = false, attributesOnly: Bool = false
    ) {
        self.names = names
        self.lineByteCounts = lineByteCounts
        self.attributesOnly = attributesOnly
    }
}

/// One part of the store on its way to a visitor.
package enum LogFieldPart: Sendable {
    /// Records outside the range of time and of other streams are among them: `isAccepted` tells by
    /// resource.
    case columns(LogFieldBatch, isAccepted: [Bool])
    /// Matching records of a part that has no such columns, or of which the visitor asked for more.
    case rows(LogBatch)
}

/// What a visitor says to a part.
package enum LogFieldAnswer: Sendable, Equatable {
    case goOn
    case stop
    /// The same part once more, as `rows`.
    case askForRows
    /// Of the same part these records, ascending: as `rows`, in the order of the scan, in one piece or
    /// several.
    case askFor([Int32])
}

extension LogStore {
    /// Hands out all parts as rows: right for any store.
    package func scanLogFields(
        _ request: LogFieldRequest, _ predicate: LogPredicate, in range: TimeRange,
        direction: ScanDirection,
        visit: (_ part: LogFieldPart, _ bound: Timestamp) -> LogFieldAnswer
    ) throws(StoreError) {
        try scanLogs(predicate, in: range, direction: direction) { batch, bound in
            visit(.rows(batch), bound) != .stop
        }
    }
}

extension LogStore {
    /// Works on one batch at a time: right for any store.
    package func mapLogs<Part: Sendable>(
        _ predicate: LogPredicate, in range: TimeRange,
        _ work: @Sendable (_ matches: LogBatch) -> Part, collect: (Part) -> Bool
    ) throws(StoreError) {
        try scanLogs(predicate, in: range, direction: .oldestFirst) { batch, _ in
            collect(work(batch))
        }
    }
}

/// Takes fields out of a batch of records.
package struct LogFieldReader {
    private enum Place {
        case unknown
        case other
        case field(Int)
        /// A map that may hold a field.
        case around
    }

    private let batch: LogBatch
    private let names: [String]
    private let hasBodies: Bool
    private var places: [Place]
    private var codeOfValue: [[UInt64: UInt32]]
    private var columns: [LogFieldColumn]
    private var text: [UInt8] = []

    private init(_ batch: LogBatch, _ names: [String], hasBodies: Bool) {
        self.batch = batch
        self.names = names
        self.hasBodies = hasBodies
        places = [Place](repeating: .unknown, count: batch.strings.count)
        codeOfValue = [[UInt64: UInt32]](repeating: [:], count: names.count)
        columns = names.map { _ in LogFieldColumn(count: batch.count) }
    }

    /// The fields `names` (names of labels) of all records; `nil` if a field may lie inside another, or in
    /// a body and not only attributes are meant. Without names bodies do not matter.
    package static func read(_ batch: LogBatch, _ request: LogFieldRequest) -> LogFieldBatch? {
        let names = request.names
        let hasBodies = batch.bodyTypes.contains { $0 != .empty }
        guard !hasBodies || names.isEmpty || request.attributesOnly else { return nil }
        let sources = DerivedLogField.sources(of: names)
        var reader = LogFieldReader(batch, names + sources.map(\.source), hasBodies: hasBodies)
        guard names.isEmpty || reader.readCells() else { return nil }
        for (index, source) in sources.enumerated() {
            let values = reader.columns[names.count + index]
            reader.columns[source.field].fill(from: values, DerivedLogField.append)
        }
        reader.columns.removeLast(sources.count)
        if let level = names.firstIndex(of: SeverityLevel.label) {
            reader.columns[level].fill(withLevelsOf: batch.severityNumbers)
        }
        let streams = (0..<batch.shared.resources.count).map {
            LogStream.labels(of: batch.resource(at: UInt32($0)))
        }
        var fields = LogFieldBatch(
            times: batch.times.map(\.nanoseconds), resourceIndices: batch.resourceIndices,
            streams: streams, columns: reader.columns, hasBodies: hasBodies)
        fields.overlayStreams(names)
        if request.lineByteCounts { fields.lineByteCounts = LogLine.byteCounts(of: batch) }
        return fields
    }

    private mutating func readCells() -> Bool {
        for row in 0..<batch.count {
            for cell in batch.attributeRange(row) {
                switch place(of: batch.attributes.keys[cell]) {
                case .other, .unknown: continue
                case .field(let field):
                    guard columns[field].codes[row] == 0 else { continue }
                    guard let code = code(of: cell, field) else { return false }
                    columns[field].codes[row] = code
                case .around:
                    if batch.attributes.types[cell] == .map { return false }
                }
            }
        }
        return true
    }

    @inline(__always)
    private mutating func place(of key: StringID) -> Place {
        if case .unknown = places[Int(key)] { places[Int(key)] = find(key) }
        return places[Int(key)]
    }

    private func find(_ key: StringID) -> Place {
        let name = LogStream.fieldName(batch.strings[key])
        if let field = names.firstIndex(of: name) { return .field(field) }
        return names.contains { $0.hasPrefix(name + "_") || name.isEmpty } ? .around : .other
    }

    /// `nil` for a map, which has fields of its own.
    @inline(__always)
    private mutating func code(of cell: Int, _ field: Int) -> UInt32? {
        let type = batch.attributes.types[cell]
        let payload = batch.attributes.payloads[cell]
        switch type {
        case .map: return nil
        // Beside a body they are written in another way.
        case .array where hasBodies, .double where hasBodies: return nil
        case .empty, .array: return 0
        case .string, .int, .double, .bool, .bytes: break
        }
        // Payloads of different types are told apart by the bits that no string id and few numbers have.
        let key = payload ^ (UInt64(type.rawValue) &* 0x9E37_79B9_7F4A_7C15)
        if let known = codeOfValue[field][key] { return known }
        let code = add(type, payload, field)
        codeOfValue[field][key] = code
        return code
    }

    private mutating func add(_ type: AttributeType, _ payload: UInt64, _ field: Int) -> UInt32 {
        text.removeAll(keepingCapacity: true)
        if type == .string {
            batch.strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                text.append(contentsOf: $0)
            }
        } else {
            JSONText.append(type: type, payload: payload, strings: batch.strings, to: &text)
            if text.first == UInt8(ascii: "\"") {
                text.removeFirst()
                text.removeLast()
            }
        }
        guard !text.isEmpty else { return 0 }
        return columns[field].add(text)
    }
}
