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
            if known.hasBodies, !request.names.isEmpty { return nil }
            if let batch = known.batch(request) { return batch }
        }
        let wanted = LogFieldRequest(
            request.names.filter { known?.columns[$0] == nil },
            lineByteCounts: request.lineByteCounts && known?.lineByteCounts == nil)
        guard let read = try read(wanted, of: part) else { return nil }
        var entry = known ?? LogFieldCache.Entry(read)
        entry.add(read, wanted.names)
        fieldCache.put(entry, of: owner)
        return read.hasBodies && !request.names.isEmpty ? nil : entry.batch(request)
    }

    /// The columns, or those of no fields of records with a body. `nil` if a map or the layout is in the
    /// way.
    private func read(
        _ request: LogFieldRequest, of part: LogPart
    ) throws(StoreError) -> LogFieldBatch? {
        switch part {
        case .head(let head):
            var request = request
            if head.batch.bodyTypes.contains(where: { $0 != .empty }) { request.names = [] }
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
        guard !request.names.isEmpty, !batch.hasBodies else { return batch }
        guard let columns = try reader.attributeColumns() else {
            return LogFieldReader.read(try reader.wholeBatch(), request)
        }
        let keys = columns.map { LogStream.fieldName($0.key) }
        for name in request.names {
            let isInTheWay = columns.indices.contains { place in
                columns[place].type == .map
                    && (keys[place] == name || keys[place].isEmpty
                        || name.hasPrefix(keys[place] + "_"))
            }
            if isInTheWay { return nil }
            let field = try reader.field(of: columns.indices.filter { keys[$0] == name })
            batch.columns.append(
                LogFieldColumn(codes: field.codes, texts: field.texts, textEnds: field.textEnds))
        }
        batch.overlayStreams(request.names)
        return batch
    }
}
