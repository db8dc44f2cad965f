import ColumnEncoding
import Store
import Telemetry

/// What is kept in memory of a block of spans so that searches can skip it: the extremes of each
/// operation and a filter over attributes.
///
/// ```
/// stored = version u8 │ operations varint │ (key u32 │ shortest varint │ longest − shortest varint
///        │ statuses u8)* │ has filter u8 │ attribute filter │ checksum u64
/// ```
/// The checksum is the low word of the `ContentHash` of all bytes before it.
///
/// An operation is named by the low word of the `ContentHash` of its `SpanSummary`; two of one key are
/// kept as one.
struct SpanBlockIndex: Sendable {
    private static let version: UInt8 = 1

    /// Of the spans of one service, name and kind.
    struct Operation: Sendable {
        var key: UInt32
        /// Nanoseconds.
        var durations: ClosedRange<Int64>
        /// Bit `s` is set if a span has the status of raw value `s`.
        var statuses: UInt8

        mutating func add(_ other: Operation) {
            durations =
                min(
                    durations.lowerBound, other.durations.lowerBound)...max(
                    durations.upperBound, other.durations.upperBound)
            statuses |= other.statuses
        }
    }

    /// By key.
    let operations: [Operation]
    let attributes: AttributeFilter?

    static func key(_ summary: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: ContentHash(summary).low)
    }

    /// The extremes of the operation whose summary has this key; `nil` if the block has none.
    func operation(_ key: UInt32) -> Operation? {
        var low = 0
        var high = operations.count
        while low < high {
            let middle = (low + high) / 2
            if operations[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low < operations.count && operations[low].key == key ? operations[low] : nil
    }

    // MARK: Building

    init(_ batch: SpanBatch) {
        operations = Self.operations(batch)
        var builder = AttributeFilterBuilder(batch.strings)
        builder.add(batch.attributes, cells: 0..<batch.attributes.count, at: .span)
        builder.add(batch.events.attributes, cells: 0..<batch.events.attributes.count, at: .event)
        builder.add(batch.links.attributes, cells: 0..<batch.links.attributes.count, at: .link)
        for resource in batch.shared.resources {
            builder.add(batch.shared.attributes, cells: resource.attributes, at: .resource)
        }
        for scope in batch.shared.scopes {
            builder.add(batch.shared.attributes, cells: scope.attributes, at: .scope)
        }
        attributes = builder.build()
    }

    private static func operations(_ batch: SpanBatch) -> [Operation] {
        let found = SpanOperations(batch)
        var byKey: [UInt32: Operation] = [:]
        for (summary, group) in zip(found.summaries, found.groups) {
            let operation = Operation(
                key: summary.encoded.withUnsafeBytes { key($0) },
                durations: group.shortest...group.longest, statuses: group.statuses)
            byKey[operation.key, default: operation].add(operation)
        }
        // Such a block is not known by its operations.
        guard byKey.count <= SpanSignal.operationsMax else { return [] }
        return byKey.values.sorted { $0.key < $1.key }
    }

    // MARK: Storage

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.version)
        writer.appendVarint(UInt64(operations.count))
        for operation in operations {
            let (low, high) = (operation.durations.lowerBound, operation.durations.upperBound)
            writer.append(operation.key)
            writer.appendVarint(UInt64(bitPattern: low))
            writer.appendVarint(UInt64(bitPattern: high &- low))
            writer.append(operation.statuses)
        }
        writer.append(attributes == nil ? 0 : 1 as UInt8)
        attributes?.encode(into: &writer)
        writer.append(ContentHash(writer.bytes).low)
        return writer.bytes
    }

    /// - Returns: `nil` for no bytes and for a version that this code does not know: such a block is
    ///   never skipped.
    init?(_ bytes: [UInt8]) throws(ColumnDecodeError) {
        guard bytes.first == Self.version else { return nil }
        (operations, attributes) = try bytes.withUnsafeBufferPointer {
            (content) throws(ColumnDecodeError) in
            let bytes = UnsafeRawBufferPointer(content)
            let end = max(1, bytes.count - 8)
            var checksum = ByteReader(
                UnsafeRawBufferPointer(rebasing: bytes[end...]), column: "span index")
            let content = UnsafeRawBufferPointer(rebasing: bytes[..<end])
            guard try checksum.readUInt64() == ContentHash(content).low else {
                throw checksum.corrupt("wrong checksum")
            }
            var reader = ByteReader(content, column: "span index")
            _ = try reader.readByte()
            var operations: [Operation] = []
            for _ in 0..<(try reader.readCount(atMost: reader.remaining / 7)) {
                let key = try reader.readUInt32()
                let low = Int64(bitPattern: try reader.readVarint())
                let high = low &+ Int64(bitPattern: try reader.readVarint())
                guard low <= high else { throw reader.corrupt("durations from \(low) to \(high)") }
                operations.append(
                    Operation(
                        key: key, durations: low...high, statuses: try reader.readByte()))
            }
            let hasFilter = try reader.readByte() == 1
            return (operations, hasFilter ? try AttributeFilter(from: &reader) : nil)
        }
    }
}
