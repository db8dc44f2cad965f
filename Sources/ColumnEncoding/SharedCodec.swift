import Telemetry

/// Resources and scopes of a batch. They are few, so they are written entry by entry.
///
/// ```
/// column = resources varint │ (attributes │ dropped varint │ schema URL id varint)*
///        │ scopes varint │ (name id │ version id │ attributes │ dropped │ schema URL id)*
/// attributes = count varint │ (key id varint │ type u8 │ payload)*
/// payload = string id varint, zigzag varint (int), u64 (double), u8 (bool), nothing (empty)
/// ```
enum SharedCodec {
    static func encode(
        _ shared: SharedColumns, id: UInt32, into encoder: inout BatchEncoder
    ) {
        if shared.resources.isEmpty, shared.scopes.isEmpty { return }
        var writer = ByteWriter(capacity: 64 * (shared.resources.count + shared.scopes.count))
        writer.appendVarint(shared.resources.count)
        for resource in shared.resources {
            append(shared.attributes, resource.attributes, &encoder.strings, to: &writer)
            writer.appendVarint(UInt64(resource.droppedAttributeCount))
            writer.appendVarint(UInt64(encoder.strings.newID(resource.schemaURL)))
        }
        writer.appendVarint(shared.scopes.count)
        for scope in shared.scopes {
            writer.appendVarint(UInt64(encoder.strings.newID(scope.name)))
            writer.appendVarint(UInt64(encoder.strings.newID(scope.version)))
            append(shared.attributes, scope.attributes, &encoder.strings, to: &writer)
            writer.appendVarint(UInt64(scope.droppedAttributeCount))
            writer.appendVarint(UInt64(encoder.strings.newID(scope.schemaURL)))
        }
        encoder.container.addPacked(id) { $0.append(contentsOf: writer.bytes) }
    }

    private static func append(
        _ attributes: AttributeColumns, _ cells: Range<Int>, _ strings: inout StringRenumbering,
        to writer: inout ByteWriter
    ) {
        writer.appendVarint(cells.count)
        for cell in cells {
            writer.appendVarint(UInt64(strings.newID(attributes.keys[cell])))
            let type = attributes.types[cell]
            let payload = attributes.payloads[cell]
            writer.append(type.rawValue)
            switch type {
            case .empty: break
            case .string, .bytes, .array, .map:
                let id = strings.newID(StringID(truncatingIfNeeded: payload))
                writer.appendVarint(UInt64(id))
            case .bool: writer.append(payload == 0 ? 0 : 1 as UInt8)
            case .int: writer.appendSignedVarint(Int64(bitPattern: payload))
            case .double: writer.append(payload)
            }
        }
    }

    static func decode(
        id: UInt32, from decoder: BatchDecoder
    ) throws(ColumnDecodeError) -> SharedColumns {
        let limit = decoder.stringCount
        let columns = try decoder.container.read(id, "resources and scopes") {
            (reader) throws(ColumnDecodeError) in try read(&reader, stringLimit: limit)
        }
        return columns ?? SharedColumns()
    }

    private static func read(
        _ reader: inout ByteReader, stringLimit: Int
    ) throws(ColumnDecodeError) -> SharedColumns {
        var shared = SharedColumns()
        for _ in 0..<(try reader.readCount(atMost: reader.remaining)) {
            let cells = try readAttributes(&reader, stringLimit, into: &shared.attributes)
            shared.resources.append(
                ResourceEntry(
                    attributes: cells, droppedAttributeCount: try readWord(&reader),
                    schemaURL: try readString(&reader, stringLimit)))
        }
        for _ in 0..<(try reader.readCount(atMost: reader.remaining)) {
            let name = try readString(&reader, stringLimit)
            let version = try readString(&reader, stringLimit)
            let cells = try readAttributes(&reader, stringLimit, into: &shared.attributes)
            shared.scopes.append(
                ScopeEntry(
                    name: name, version: version, attributes: cells,
                    droppedAttributeCount: try readWord(&reader),
                    schemaURL: try readString(&reader, stringLimit)))
        }
        return shared
    }

    private static func readAttributes(
        _ reader: inout ByteReader, _ limit: Int, into attributes: inout AttributeColumns
    ) throws(ColumnDecodeError) -> Range<Int> {
        let start = attributes.count
        for _ in 0..<(try reader.readCount(atMost: reader.remaining)) {
            let key = try readString(&reader, limit)
            guard let type = AttributeType(rawValue: try reader.readByte()) else {
                throw reader.corrupt("attribute type")
            }
            let payload: UInt64
            switch type {
            case .empty: payload = 0
            case .string, .bytes, .array, .map: payload = UInt64(try readString(&reader, limit))
            case .bool: payload = UInt64(try reader.readByte())
            case .int: payload = UInt64(bitPattern: try reader.readSignedVarint())
            case .double: payload = try reader.readUInt64()
            }
            attributes.append(key: key, type: type, payload: payload)
        }
        return start..<attributes.count
    }

    private static func readString(
        _ reader: inout ByteReader, _ limit: Int
    ) throws(ColumnDecodeError) -> StringID {
        StringID(try reader.readCount(atMost: limit - 1))
    }

    private static func readWord(
        _ reader: inout ByteReader
    ) throws(ColumnDecodeError) -> UInt32 {
        UInt32(try reader.readCount(atMost: Int(UInt32.max)))
    }
}
