import ColumnEncoding
import Store
import Telemetry

/// Reads of single fields of log records.
extension BlockStore where Signal == LogSignal {
    /// `nil` if the part has no such columns.
    func fields(
        _ request: LogFieldRequest, of part: LogPart
    ) throws(StoreError) -> LogFieldBatch? {
        let owner: any AnyObject & Sendable =
            switch part {
            case .head(let head): head.identity
            case .block(let block): block
            }
        let known = fieldCache.entry(of: owner)
        if let known {
            if known.hasBodies, request.isInBodies { return nil }
            if let batch = known.batch(request) { return batch }
        }
        let wanted = LogFieldRequest(
            request.names.filter { known?.columns[$0] == nil },
            lineByteCounts: request.lineByteCounts && known?.lineByteCounts == nil,
            attributesOnly: request.attributesOnly)
        guard let read = try read(wanted, of: part) else { return nil }
        var entry = known ?? LogFieldCache.Entry(read)
        entry.add(read, wanted.names)
        fieldCache.put(entry, of: owner)
        return read.hasBodies && request.isInBodies ? nil : entry.batch(request)
    }

    /// The columns, or none if fields may lie in bodies. `nil` if a map or the layout is in the way.
    private func read(
        _ request: LogFieldRequest, of part: LogPart
    ) throws(StoreError) -> LogFieldBatch? {
        switch part {
        case .head(let head):
            var request = request
            if request.isInBodies, head.batch.bodyTypes.contains(where: { $0 != .empty }) {
                request.names = []
            }
            return LogFieldReader.read(head.batch, request)
        case .block(let block):
            let found = try withReader(of: block) { (reader) throws(ColumnDecodeError) in
                try Self.read(request, of: reader)
            }
            return found ?? nil
        }
    }

    private static func read(
        _ request: LogFieldRequest, of reader: LogBlockReader
    ) throws(ColumnDecodeError) -> LogFieldBatch? {
        var batch = LogFieldBatch(
            times: try reader.times(), resourceIndices: try reader.resourceIndices(),
            streams: try reader.resources().map { LogStream.labels(of: $0) }, columns: [],
            hasBodies: try reader.hasBodies())
        if request.lineByteCounts {
            batch.lineByteCounts = LogLine.byteCounts(of: try reader.wholeBatch())
        }
        guard !request.names.isEmpty, !(batch.hasBodies && request.isInBodies) else {
            return batch
        }
        guard let columns = try reader.attributeColumns() else {
            return LogFieldReader.read(try reader.wholeBatch(), request)
        }
        let keys = columns.map { LogStream.fieldName($0.key) }
        /// `nil` if something is in the way.
        func column(_ name: String) throws(ColumnDecodeError) -> LogFieldColumn? {
            let isInTheWay = columns.indices.contains { place in
                switch columns[place].type {
                case .map:
                    keys[place] == name || keys[place].isEmpty
                        || name.hasPrefix(keys[place] + "_")
                // Beside a body they are written in another way.
                case .array, .double: batch.hasBodies && keys[place] == name
                default: false
                }
            }
            if isInTheWay { return nil }
            let field = try reader.field(of: columns.indices.filter { keys[$0] == name })
            return LogFieldColumn(
                codes: field.codes, texts: field.texts, textEnds: field.textEnds)
        }
        for name in request.names {
            if batch.isOfStreams(name) {
                batch.columns.append(LogFieldColumn(count: reader.rows))
                continue
            }
            guard var values = try column(name) else { return nil }
            if name == SeverityLevel.label {
                values.fill(withLevelsOf: try reader.severityNumbers())
            }
            if let source = DerivedLogField.source(of: name) {
                guard let others = try column(source) else { return nil }
                values.fill(from: others, DerivedLogField.append)
            }
            batch.columns.append(values)
        }
        batch.overlayStreams(request.names)
        return batch
    }
}

extension LogFieldRequest {
    /// Whether fields are asked for that may lie in bodies.
    fileprivate var isInBodies: Bool { !names.isEmpty && !attributesOnly }
}
