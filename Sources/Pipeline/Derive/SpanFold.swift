import Telemetry

/// What one batch of spans adds to span metrics and service graph: sums by service, span name, kind and
/// status, and the spans that are one side of a call between services.
///
/// A pure function of the batch, made on the thread that appends it; adding it to the state is then a
/// matter of some dozen groups. The batch's strings are kept by reference.
struct SpanFold: Sendable {
    struct Group: Sendable {
        /// Of service, name, kind and status.
        var key: ContentHash
        var service: StringID
        var name: StringID
        var kind: SpanKind
        var status: SpanStatus
        var count: UInt64 = 0
        var nanoseconds: UInt64 = 0
        /// As OTLP protobuf.
        var bytes: UInt64 = 0
        /// The row of the longest span.
        var slowest = 0
    }

    private(set) var strings: StringTable
    private(set) var groups: [Group] = []
    /// By group, then by bucket, not cumulative.
    private(set) var buckets: [UInt32] = []
    /// Services and peers that the halves refer to.
    private(set) var services: [(name: StringID, hash: ContentHash)] = []
    private(set) var halves: [CallHalf] = []
    let bucketCount: Int

    /// - Parameter bounds: upper bounds of the latency buckets, in nanoseconds, ascending.
    init(_ batch: SpanBatch, bounds: [Int64]) {
        strings = batch.strings
        bucketCount = bounds.count + 1
        let serviceOfResource = SpanFold.services(of: batch, in: &strings)
        var numbers = LocalNumbers()
        let localOfResource = serviceOfResource.map { numbers.number($0) }
        foldGroups(batch, localOfResource, numbers.names, bounds)
        let calls = CallHalves(batch, localOfResource, &numbers)
        halves = calls.halves
        services = numbers.names.map { name in
            (name, strings.withBytes(of: name) { ContentHash($0) })
        }
    }

    /// The service of each resource as text of `strings`.
    private static func services(
        of batch: SpanBatch, in strings: inout StringTable
    ) -> [StringID] {
        let key = strings.id(of: SemanticKey.serviceName)
        var services: [StringID] = []
        services.reserveCapacity(batch.shared.resources.count)
        for resource in batch.shared.resources {
            var service: StringID = 0
            for cell in resource.attributes where batch.shared.attributes.keys[cell] == key {
                service =
                    batch.shared.attributes.types[cell] == .string
                    ? StringID(truncatingIfNeeded: batch.shared.attributes.payloads[cell])
                    : strings.intern(
                        batch.shared.attributes.value(at: cell, strings: batch.strings).text)
                break
            }
            services.append(service)
        }
        return services
    }

    private mutating func foldGroups(
        _ batch: SpanBatch, _ localOfResource: [UInt32], _ services: [StringID], _ bounds: [Int64]
    ) {
        var table = PackedKeyTable()
        groups.reserveCapacity(128)
        buckets.reserveCapacity(128 * bucketCount)
        let sizes = SpanSizes(batch)
        let unfinished = batch.unfinishedKey
        for row in 0..<batch.count {
            if let unfinished, batch.has(unfinished, row) { continue }
            let local = localOfResource[Int(batch.resourceIndices[row])]
            let name = batch.names[row]
            let kind = batch.kinds[row]
            let status = batch.statuses[row]
            let packed =
                UInt64(local) << 37 | UInt64(name) << 5 | UInt64(kind.rawValue) << 2
                | UInt64(status.rawValue)
            let (index, isNew) = table.number(of: packed)
            let duration = batch.durations[row]
            if isNew {
                groups.append(
                    Group(
                        key: .init(high: 0, low: 0), service: services[Int(local)], name: name,
                        kind: kind, status: status, slowest: row))
                for _ in 0..<bucketCount { buckets.append(0) }
            } else if duration > batch.durations[groups[index].slowest] {
                groups[index].slowest = row
            }
            groups[index].count &+= 1
            groups[index].nanoseconds.addSaturating(UInt64(clamping: duration))
            groups[index].bytes.addSaturating(sizes.bytes(of: row))
            buckets[index &* bucketCount &+ SpanFold.bucket(duration, bounds)] &+= 1
        }
        var scratch: [UInt8] = []
        for index in groups.indices { groups[index].key = key(of: groups[index], &scratch) }
    }

    /// Buckets include their upper bound.
    @inline(__always)
    static func bucket(_ duration: Int64, _ bounds: [Int64]) -> Int {
        var bucket = 0
        for bound in bounds { bucket &+= bound < duration ? 1 : 0 }
        return bucket
    }

    private func key(of group: Group, _ scratch: inout [UInt8]) -> ContentHash {
        scratch.removeAll(keepingCapacity: true)
        strings.withBytes(of: group.service) { scratch.append(contentsOf: $0) }
        // No text holds this byte.
        scratch.append(0xFF)
        strings.withBytes(of: group.name) { scratch.append(contentsOf: $0) }
        scratch.append(group.kind.rawValue)
        scratch.append(group.status.rawValue)
        return ContentHash(scratch)
    }
}

extension SpanBatch {
    /// The key that marks spans reported while they still run: the report of their end is what counts.
    var unfinishedKey: StringID? { strings.id(of: "aws.xray.in_progress") }

    func has(_ key: StringID, _ row: Int) -> Bool {
        attributeRange(row).contains { attributes.keys[$0] == key }
    }
}

extension UInt64 {
    /// Sums of what senders claim must not wrap.
    @inline(__always)
    mutating func addSaturating(_ other: UInt64) {
        let (sum, overflow) = addingReportingOverflow(other)
        self = overflow ? .max : sum
    }
}

/// Counts up distinct strings.
struct LocalNumbers {
    private(set) var names: [StringID] = []
    private var numberOf: [StringID: UInt32] = [:]

    mutating func number(_ name: StringID) -> UInt32 {
        if let known = numberOf[name] { return known }
        let number = UInt32(clamping: names.count)
        names.append(name)
        numberOf[name] = number
        return number
    }
}
