import Telemetry

/// Bodies of Elasticsearch's `_bulk` (Elasticsearch reference, "Bulk API"), as Filebeat, Vector and Fluent
/// Bit send logs, to `LogBatch`.
///
/// A document with a text in `message` (or `log`, as Fluent Bit has it) is that line, read as any other
/// (`LogLines`), with the other members beside it as attributes; one without is a structured line.
/// `@timestamp`, or else `timestamp` (Vector), is its time. The index, `service.name` and `host.name` are
/// the resource.
package enum ElasticsearchBulk {
    /// What became of one action, in the order of the body.
    package struct Item: Sendable, Equatable {
        package var action: String
        package var index: String
        /// Why it was refused; `nil` if it was taken.
        package var error: String?

        package init(action: String, index: String, error: String?) {
            self.action = action
            self.index = index
            self.error = error
        }
    }

    /// Lines of an action and its document in turn. An action that is neither `create` nor `index`, and a
    /// document that is no object, is refused and the others are taken.
    /// - Parameter index: of actions that name none.
    /// - Throws: for a line that should be an action and is none: what follows it cannot be told apart.
    package static func decode(
        _ body: UnsafeRawBufferPointer, index: String = "", options: LogLineOptions,
        receivedAt: Timestamp
    ) throws(DecodeError) -> (Decoded<LogBatch>, items: [Item]) {
        try WireLimits.checkBody(body.count)
        var decoder = BulkDecoder(bodyBytes: body.count, options: options, receivedAt: receivedAt)
        var offset = 0
        var pending: BulkAction?
        while offset < body.count {
            let end = LogLines.lineEnd(in: body, from: offset)
            let line = UnsafeRawBufferPointer(rebasing: body[offset..<end])
            let isEmpty = line.allSatisfy { $0 <= 0x20 }
            if !isEmpty || pending != nil {
                if let action = pending {
                    try decoder.document(line, action)
                    pending = nil
                } else {
                    pending = try decoder.action(line, at: offset, defaultIndex: index)
                }
            }
            offset = end + 1
        }
        if let pending {
            decoder.refuse(pending, "the document is missing")
        }
        let items = decoder.items
        return (decoder.finish(), items)
    }

    package static func decode(
        _ body: [UInt8], index: String = "", options: LogLineOptions = LogLineOptions(),
        receivedAt: Timestamp
    ) throws(DecodeError) -> (Decoded<LogBatch>, items: [Item]) {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(bytes, index: index, options: options, receivedAt: receivedAt)
        }
    }
}

/// What is to be done with the document that follows.
private struct BulkAction {
    var name = ""
    var index: String
    /// The ingest pipeline that it shall go through.
    var pipeline: String?
}

private struct BulkDecoder: ~Copyable {
    private var lines: LogLineDecoder
    private(set) var items: [ElasticsearchBulk.Item] = []
    private let fixed: [Attribute]

    init(bodyBytes: Int, options: LogLineOptions, receivedAt: Timestamp) {
        fixed = options.resource
        lines = LogLineDecoder(bodyBytes: bodyBytes, options: options, receivedAt: receivedAt)
    }

    consuming func finish() -> Decoded<LogBatch> { lines.finish() }

    mutating func refuse(_ action: BulkAction, _ reason: String) {
        let number = items.count + 1
        lines.tally.add(.malformedItem, example: "action \(number): \(reason)")
        items.append(
            ElasticsearchBulk.Item(action: action.name, index: action.index, error: reason))
    }

    /// The action of a line whose document follows; `nil` if none does, or it is refused with it.
    mutating func action(
        _ line: UnsafeRawBufferPointer, at offset: Int, defaultIndex: String
    ) throws(DecodeError) -> BulkAction? {
        var reader = JSONReader(line)
        var action = BulkAction(index: defaultIndex)
        do {
            try reader.beginObject()
            while let key = try reader.nextKey() {
                action.name = String(decoding: key.bytes, as: UTF8.self)
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    switch key {
                    case "_index": action.index = try text(&reader)
                    case "pipeline": action.pipeline = try text(&reader)
                    default: try reader.skipValue()
                    }
                }
            }
            try reader.end()
        } catch {
            action.name = ""
        }
        switch action.name {
        case "create", "index", "update": return action
        case "delete":
            refuse(action, "delete is not supported: logs are only added")
            return nil
        default:
            throw .malformed(
                field: "action", offset: offset, reason: "expected {\"create\":{…}} or the like")
        }
    }

    private func text(_ reader: inout JSONReader) throws(DecodeError) -> String {
        String(decoding: try reader.string(), as: UTF8.self)
    }

    mutating func document(
        _ line: UnsafeRawBufferPointer, _ action: BulkAction
    ) throws(DecodeError) {
        guard action.name != "update" else {
            return refuse(action, "update is not supported: logs are only added")
        }
        if let pipeline = action.pipeline, !pipeline.isEmpty, pipeline != "_none" {
            return refuse(action, "ingest pipelines are not run here (\(pipeline))")
        }
        guard line.count <= LogLines.lineBytesMax else {
            return refuse(action, "the document is over \(LogLines.lineBytesMax) bytes")
        }
        let facts: Facts
        do { facts = try Facts(of: line) } catch {
            return refuse(action, "the document is no object: \(error)")
        }
        let resource = resource(facts, index: action.index)
        var known = LogRecordFields()
        known.time = facts.time?.withUnsafeBytes { LogFieldText.time($0) } ?? nil
        known.hasUnreadableTime = known.time == nil && facts.time != nil
        if let message = facts.message {
            try keepOthers(of: line, &known)
            // It tells when the sender read the line.
            known.yieldsTime = true
            try message.decoded { (text) throws(DecodeError) in
                try lines.line(
                    text, number: items.count + 1, known: known, resource: resource)
            }
        } else {
            try lines.line(line, number: items.count + 1, known: known, resource: resource)
        }
        items.append(
            ElasticsearchBulk.Item(action: action.name, index: action.index, error: nil))
    }

    private mutating func resource(_ facts: Facts, index: String) -> UInt32 {
        var attributes: [Attribute] = []
        if let service = facts.service {
            attributes.append(Attribute(SemanticKey.serviceName, .string(service)))
        }
        if let host = facts.host { attributes.append(Attribute("host.name", .string(host))) }
        if !index.isEmpty { attributes.append(Attribute("index", .string(index))) }
        let names = Set(attributes.map(\.key))
        return lines.batch.append(
            Resource(attributes: fixed.filter { !names.contains($0.key) } + attributes))
    }

    /// Keeps the members beside the message.
    private mutating func keepOthers(
        of line: UnsafeRawBufferPointer, _ known: inout LogRecordFields
    ) throws(DecodeError) {
        var reader = JSONReader(line)
        var hasMessage = false
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let isMessage = !hasMessage && Facts.isMessage(key)
            let isTime = "@timestamp" ~= key
            let name = Array(key.bytes)
            let kind = try reader.peek()
            if isTime || isMessage && kind == .string {
                hasMessage = hasMessage || isMessage
                try reader.skipValue()
            } else if kind == .string {
                let value = try reader.string()
                name.withUnsafeBytes { lines.addMetadata($0, value, &known) }
            } else {
                try lines.addMetadata(name, json: &reader, depth: 0, &known)
            }
        }
    }
}

extension LogLineDecoder {
    /// Keeps a member that is no text beside the next line, an object as its members: `kubernetes.pod`.
    fileprivate mutating func addMetadata(
        _ name: [UInt8], json reader: inout JSONReader, depth: Int,
        _ known: inout LogRecordFields
    ) throws(DecodeError) {
        if depth < AttributeValue.nestingDepthMax, try reader.peek() == .object {
            return try addMembers(of: name, &reader, depth: depth, &known)
        }
        let key = name.withUnsafeBytes { batch.strings.intern($0) }
        switch try reader.peek() {
        case .bool: metadata.append(key: key, type: .bool, payload: try reader.bool() ? 1 : 0)
        case .number:
            let number = try reader.number()
            if number.isInteger, let whole = number.int64 {
                metadata.append(key: key, type: .int, payload: UInt64(bitPattern: whole))
            } else {
                metadata.append(key: key, type: .double, payload: number.double.bitPattern)
            }
        case .array, .object:
            let type: AttributeType = try reader.peek() == .array ? .array : .map
            nested.removeAll()
            try nested.json(&reader)
            let id = batch.strings.intern(bytes: nested.bytes)
            metadata.append(key: key, type: type, payload: UInt64(id))
        case .null, .string: try reader.skipValue()
        }
    }

    private mutating func addMembers(
        of name: [UInt8], _ reader: inout JSONReader, depth: Int,
        _ known: inout LogRecordFields
    ) throws(DecodeError) {
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let path = name + [UInt8(ascii: ".")] + key.bytes
            if try reader.peek() == .string {
                let value = try reader.string()
                path.withUnsafeBytes { addMetadata($0, value, &known) }
            } else {
                try addMetadata(path, json: &reader, depth: depth + 1, &known)
            }
        }
    }
}

/// What a document says about itself.
private struct Facts {
    var time: [UInt8]?
    var message: [UInt8]?
    var service: String?
    var host: String?

    static func isMessage(_ key: JSONKey) -> Bool {
        switch key {
        case "message", "log", "MESSAGE": true
        default: false
        }
    }

    /// - Throws: if the document is no well-formed object.
    init(of line: UnsafeRawBufferPointer) throws(DecodeError) {
        var reader = JSONReader(line)
        var hasOwnTime = false
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "@timestamp":
                time = try Self.scalar(&reader)
                hasOwnTime = true
            case "timestamp" where !hasOwnTime: time = try Self.scalar(&reader)
            case "service": service = try Self.name(&reader) ?? service
            case "service.name": service = try Self.text(&reader)
            case "host": host = try Self.name(&reader) ?? host
            case "host.name": host = try Self.text(&reader)
            case _ where message == nil && Self.isMessage(key):
                if try reader.peek() == .string {
                    message = Array(try reader.string())
                } else {
                    try reader.skipValue()
                }
            default: try reader.skipValue()
            }
        }
        try reader.end()
    }

    private static func scalar(_ reader: inout JSONReader) throws(DecodeError) -> [UInt8]? {
        switch try reader.peek() {
        case .string: return Array(try reader.string())
        case .number: return Array(try reader.number().text)
        default:
            try reader.skipValue()
            return nil
        }
    }

    private static func text(_ reader: inout JSONReader) throws(DecodeError) -> String? {
        try scalar(&reader).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The `name` of an object, or a text itself.
    private static func name(_ reader: inout JSONReader) throws(DecodeError) -> String? {
        guard try reader.peek() == .object else { return try text(&reader) }
        var name: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "name": name = try text(&reader)
            default: try reader.skipValue()
            }
        }
        return name
    }
}
