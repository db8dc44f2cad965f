import Telemetry

/// Fills in what a record of OTLP says only in its text or among its attributes, for both encodings: the
/// fields of a body that is an access-log line or a JSON object, ids in logged headers, Envoy's flags as
/// words. What the record says itself stands.
struct OTLPLogCompletion {
    /// What an attribute means, by the id of its key.
    private enum Meaning: UInt8 {
        case unknown, none, traceID, spanID, traceParent, b3, xray, googleTrace, flags, flagWords

        init(_ name: UnsafeRawBufferPointer) {
            let key = JSONKey(bytes: name)
            switch key {
            case "response_flags": self = .flags
            case "response_flags_long": self = .flagWords
            default:
                switch LogField(name: key) {
                case .traceID: self = .traceID
                case .spanID: self = .spanID
                case .traceParent: self = .traceParent
                case .b3: self = .b3
                case .xray: self = .xray
                case .googleTrace: self = .googleTrace
                default: self = .none
                }
            }
        }

        var column: LogField {
            switch self {
            case .traceID: .traceID
            case .spanID: .spanID
            case .traceParent: .traceParent
            case .b3: .b3
            case .xray: .xray
            case .googleTrace: .googleTrace
            case .unknown, .none, .flags, .flagWords: .plain
            }
        }
    }

    private var formats: LineFormats
    private var meanings: [Meaning] = []
    private var text: [UInt8] = []

    init(formats: [LineTemplate]) { self.formats = LineFormats(formats: formats, utcOffset: 0) }

    /// Adds to the cells of the record that is being read, which begin at `start`.
    /// - Parameters:
    ///   - hasBody: of a record without one the attributes are the line: nothing is added to them.
    ///   - line: the body if it is a text; not in the batch's own strings.
    mutating func complete(
        _ batch: inout LogBatch, from start: Int, hasBody: Bool, line: UnsafeRawBufferPointer?,
        _ fields: inout LogRecordFields
    ) {
        let told = start..<batch.attributes.count
        if let line, !line.isEmpty {
            let format = formats.append(line, to: &batch, &fields, told: told)
            if format == nil, line[0] == UInt8(ascii: "{") {
                appendMembers(of: line, to: &batch, &fields, told: told)
            }
        }
        var flags: StringID?
        for cell in told where batch.attributes.types[cell] == .string {
            let value = StringID(truncatingIfNeeded: batch.attributes.payloads[cell])
            switch meaning(of: batch.attributes.keys[cell], batch.strings) {
            case .unknown, .none: continue
            case .flags: flags = value
            case .flagWords: return
            case let meaning: recognise(meaning.column, value, &batch, &fields)
            }
        }
        if hasBody, let flags { appendWords(of: flags, to: &batch) }
    }

    private mutating func meaning(of key: StringID, _ strings: borrowing StringTable) -> Meaning {
        let index = Int(key)
        while meanings.count <= index { meanings.append(.unknown) }
        if meanings[index] == .unknown {
            meanings[index] = strings.withBytes(of: key) { Meaning($0) }
        }
        return meanings[index]
    }

    private mutating func recognise(
        _ column: LogField, _ value: StringID, _ batch: inout LogBatch,
        _ fields: inout LogRecordFields
    ) {
        copy(value, of: batch)
        text.withUnsafeBytes { fields.recognise(column, $0, value, &batch.strings) }
    }

    private mutating func appendWords(of flags: StringID, to batch: inout LogBatch) {
        copy(flags, of: batch)
        text.withUnsafeBytes {
            if !LineFieldKind.isAbsent($0) { formats.appendFlagWords($0, to: &batch) }
        }
    }

    /// Adding to the table may move what is in it.
    private mutating func copy(_ id: StringID, of batch: borrowing LogBatch) {
        text.removeAll(keepingCapacity: true)
        batch.strings.withBytes(of: id) { text.append(contentsOf: $0) }
    }

    // MARK: JSON bodies

    /// Adds the members of a JSON object that are no objects or arrays; does nothing for other texts.
    private mutating func appendMembers(
        of line: UnsafeRawBufferPointer, to batch: inout LogBatch,
        _ fields: inout LogRecordFields, told: Range<Int>
    ) {
        do throws(DecodeError) {
            var check = JSONReader(line)
            try check.skipValue()
            try check.end()
            var reader = JSONReader(line)
            try reader.beginObject()
            while let key = try reader.nextKey() {
                let field = LogField(name: key)
                let id = batch.strings.intern(key.bytes)
                let isTold = told.contains { batch.attributes.keys[$0] == id }
                try appendMember(id, field, &reader, to: &batch, &fields, isTold: isTold)
            }
        } catch {
            // It is a text like any other.
            return
        }
    }

    private mutating func appendMember(
        _ key: StringID, _ field: LogField, _ reader: inout JSONReader, to batch: inout LogBatch,
        _ fields: inout LogRecordFields, isTold: Bool
    ) throws(DecodeError) {
        let type: AttributeType
        let payload: UInt64
        switch try reader.peek() {
        case .string:
            let value = try reader.string()
            fields.recognise(field, value, nil, &batch.strings)
            (type, payload) = (.string, UInt64(batch.strings.intern(value)))
        case .number:
            let number = try reader.number()
            fields.recognise(field, number.text, nil, &batch.strings)
            if number.isInteger, let whole = number.int64 {
                (type, payload) = (.int, UInt64(bitPattern: whole))
            } else {
                (type, payload) = (.double, number.double.bitPattern)
            }
        case .bool: (type, payload) = (.bool, try reader.bool() ? 1 : 0)
        case .null, .array, .object:
            try reader.skipValue()
            return
        }
        if !isTold { batch.attributes.append(key: key, type: type, payload: payload) }
    }

    // MARK: Resources

    /// Gives the resource that was just read a service, if it is Envoy's and has none: its cluster, as in
    /// what Envoy's other loggers send, or else the name of its log.
    static func nameService(of resource: Int, in batch: inout LogBatch) {
        let cells = batch.shared.resources[resource].attributes
        guard cells.upperBound == batch.shared.attributes.count,
            let logKey = batch.strings.id(of: "log_name"),
            let log = batch.shared.attributes.first(logKey, in: cells, strings: batch.strings)
        else { return }
        if let key = batch.strings.id(of: SemanticKey.serviceName),
            batch.shared.attributes.first(key, in: cells, strings: batch.strings) != nil
        {
            return
        }
        let cluster = batch.strings.id(of: "cluster_name").flatMap {
            batch.shared.attributes.first($0, in: cells, strings: batch.strings)
        }
        guard let cluster else { return }
        let name = cluster.text.isEmpty ? log.text : cluster.text
        guard !name.isEmpty else { return }
        batch.shared.attributes.append(
            key: SemanticKey.serviceName, value: .string(name), strings: &batch.strings)
        batch.shared.resources[resource].attributes =
            cells.lowerBound..<batch.shared.attributes.count
    }
}
