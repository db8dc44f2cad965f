import Telemetry

/// Writes OTLP `KeyValue`, `AnyValue`, `Resource` and `InstrumentationScope`
/// (opentelemetry/proto/common/v1/common.proto, resource/v1/resource.proto).
extension ProtobufWriter {
    /// Each attribute in `cells` as a `KeyValue` under `field`.
    mutating func attributes(
        _ field: UInt32, _ columns: AttributeColumns, _ cells: Range<Int>,
        _ strings: StringTable
    ) {
        for cell in cells {
            message(field) { pair in
                strings.withBytes(of: columns.keys[cell]) { pair.bytes(1, $0) }
                pair.message(2) { value in
                    value.anyValue(
                        type: columns.types[cell], payload: columns.payloads[cell], strings)
                }
            }
        }
    }

    package mutating func attributes(_ field: UInt32, _ attributes: [Attribute]) {
        for attribute in attributes {
            message(field) { pair in
                pair.string(1, attribute.key)
                pair.message(2) { $0.anyValue(attribute.value) }
            }
        }
    }

    /// The members of an `AnyValue` from a cell's type and payload.
    mutating func anyValue(type: AttributeType, payload: UInt64, _ strings: StringTable) {
        let id = StringID(truncatingIfNeeded: payload)
        switch type {
        case .empty: break
        case .string: strings.withBytes(of: id) { presentBytes(1, $0) }
        case .bool: presentVarint(2, payload == 0 ? 0 : 1)
        case .int: presentVarint(3, payload)
        case .double: presentFixed64(4, payload)
        case .bytes: strings.withBytes(of: id) { presentBytes(7, $0) }
        case .array, .map:
            let value = strings.withBytes(of: id) { AttributeValue(encoded: $0) }
            anyValue(value ?? .empty)
        }
    }

    /// The members of an `AnyValue`.
    mutating func anyValue(_ value: AttributeValue) {
        switch value {
        case .empty: break
        case .string(let text): presentString(1, text)
        case .bool(let flag): presentVarint(2, flag ? 1 : 0)
        case .int(let number): presentVarint(3, UInt64(bitPattern: number))
        case .double(let number): presentDouble(4, number)
        case .bytes(let content): content.withUnsafeBytes { presentBytes(7, $0) }
        case .array(let elements):
            message(5) { array in
                for element in elements { array.message(1) { $0.anyValue(element) } }
            }
        case .map(let attributes):
            message(6) { $0.attributes(1, attributes) }
        }
    }

    /// The members of a `Resource`.
    mutating func resource(
        _ entry: ResourceEntry, _ shared: SharedColumns, _ strings: StringTable
    ) {
        attributes(1, shared.attributes, entry.attributes, strings)
        varint(2, UInt64(entry.droppedAttributeCount))
    }

    /// The members of a `Resource`; its schema URL belongs to the envelope.
    mutating func resource(_ resource: Resource) {
        attributes(1, resource.attributes)
        varint(2, UInt64(resource.droppedAttributeCount))
    }

    /// The members of an `InstrumentationScope`.
    mutating func scope(_ entry: ScopeEntry, _ shared: SharedColumns, _ strings: StringTable) {
        strings.withBytes(of: entry.name) { bytes(1, $0) }
        strings.withBytes(of: entry.version) { bytes(2, $0) }
        attributes(3, shared.attributes, entry.attributes, strings)
        varint(4, UInt64(entry.droppedAttributeCount))
    }

    /// The members of an `InstrumentationScope`; its schema URL belongs to the envelope.
    mutating func scope(_ scope: Scope) {
        string(1, scope.name)
        string(2, scope.version)
        attributes(3, scope.attributes)
        varint(4, UInt64(scope.droppedAttributeCount))
    }

    /// 16 big-endian bytes, unless invalid.
    mutating func traceID(_ field: UInt32, _ id: TraceID) {
        guard id.isValid else { return }
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { presentBytes(field, $0) }
    }

    /// 8 big-endian bytes, unless invalid.
    mutating func spanID(_ field: UInt32, _ id: SpanID) {
        guard id.isValid else { return }
        withUnsafeBytes(of: id.value.bigEndian) { presentBytes(field, $0) }
    }

    /// Nanoseconds since the epoch, unless zero; earlier instants become zero.
    mutating func time(_ field: UInt32, _ time: Timestamp) {
        fixed64(field, UInt64(clamping: time.nanoseconds))
    }

    /// Writes the envelopes of an export request around its items: one per resource, inside it one per
    /// scope, both in order of first appearance; items keep their order within a scope.
    mutating func envelopes(
        _ batch: some ItemBatch, resources: [UInt32], scopes: [UInt32],
        item: (inout ProtobufWriter, _ row: Int) -> Void
    ) {
        for group in ItemGroup.groups(resources: resources, scopes: scopes) {
            message(1) { envelope in
                let resource = batch.shared.resources[Int(group.resource)]
                envelope.message(1) { $0.resource(resource, batch.shared, batch.strings) }
                for inner in group.scopes {
                    let scope = batch.shared.scopes[Int(inner.scope)]
                    envelope.message(2) { envelope in
                        envelope.message(1) { $0.scope(scope, batch.shared, batch.strings) }
                        for row in inner.rows { envelope.message(2) { item(&$0, row) } }
                        batch.strings.withBytes(of: scope.schemaURL) { envelope.bytes(3, $0) }
                    }
                }
                batch.strings.withBytes(of: resource.schemaURL) { envelope.bytes(3, $0) }
            }
        }
    }
}

/// The rows of one resource, by scope.
struct ItemGroup {
    var resource: UInt32
    var scopes: [(scope: UInt32, rows: [Int])]

    /// Groups rows by resource and scope, in order of first appearance.
    static func groups(resources: [UInt32], scopes: [UInt32]) -> [ItemGroup] {
        var groups: [ItemGroup] = []
        var groupOfResource: [UInt32: Int] = [:]
        var innerOfPair: [UInt64: Int] = [:]
        for row in resources.indices {
            let (resource, scope) = (resources[row], scopes[row])
            let pair = UInt64(resource) << 32 | UInt64(scope)
            let group = groupOfResource[resource] ?? groups.count
            if group == groups.count {
                groups.append(ItemGroup(resource: resource, scopes: []))
                groupOfResource[resource] = group
            }
            let inner = innerOfPair[pair] ?? groups[group].scopes.count
            if inner == groups[group].scopes.count {
                groups[group].scopes.append((scope: scope, rows: []))
                innerOfPair[pair] = inner
            }
            groups[group].scopes[inner].rows.append(row)
        }
        return groups
    }
}
