import Telemetry

/// Calls, latency and size of spans since the beginning, by service, span name, kind and status.
struct SpanMetricTotals: Sendable {
    struct Group: Sendable {
        var service: String
        var name: String
        var kind: SpanKind
        var status: SpanStatus
        /// Just before its first span arrived, in milliseconds: where its series start with zero.
        var begin: Int64
        var count: UInt64 = 0
        var nanoseconds: UInt64 = 0
        var bytes: UInt64 = 0
    }

    private(set) var groups: [Group] = []
    /// By group, then by bucket, not cumulative.
    private(set) var buckets: [UInt64] = []
    let bucketCount: Int
    private var indexOf: [ContentHash: Int] = [:]
    private var groupsOfService: [String: Int] = [:]
    private let limits: DerivationLimits

    init(bucketCount: Int, limits: DerivationLimits) {
        self.bucketCount = bucketCount
        self.limits = limits
    }

    /// - Returns: the index of the group that the fold's group counts under.
    mutating func add(_ group: SpanFold.Group, of fold: SpanFold, number: Int, begin: Int64) -> Int
    {
        let index = indexOf[group.key] ?? insert(group, fold.strings, begin)
        groups[index].count.addSaturating(group.count)
        groups[index].nanoseconds.addSaturating(group.nanoseconds)
        groups[index].bytes.addSaturating(group.bytes)
        for bucket in 0..<bucketCount {
            buckets[index &* bucketCount &+ bucket].addSaturating(
                UInt64(fold.buckets[number &* bucketCount &+ bucket]))
        }
        return index
    }

    private mutating func insert(
        _ group: SpanFold.Group, _ strings: StringTable, _ begin: Int64
    ) -> Int {
        let overflow = DerivationLimits.overflow
        let isLongService = strings.range(of: group.service).count > limits.nameBytesMax
        let service = isLongService ? overflow : strings[group.service]
        let isLong = isLongService || strings.range(of: group.name).count > limits.nameBytesMax
        if !isLong, groups.count < limits.groupsMax,
            groupsOfService[service, default: 0] < limits.groupsOfServiceMax
        {
            return insert(
                Group(
                    service: service, name: strings[group.name], kind: group.kind,
                    status: group.status, begin: begin), key: group.key)
        }
        let ofService = Group(
            service: service, name: overflow, kind: group.kind, status: group.status, begin: begin)
        let key = SpanMetricTotals.key(of: ofService)
        if let known = indexOf[key] { return known }
        if groups.count < limits.groupsMax + limits.overflowGroupsMax {
            return insert(ofService, key: key)
        }
        var ofAll = ofService
        ofAll.service = overflow
        let last = SpanMetricTotals.key(of: ofAll)
        // Kinds and statuses bound these.
        return indexOf[last] ?? insert(ofAll, key: last)
    }

    private mutating func insert(_ group: Group, key: ContentHash) -> Int {
        indexOf[key] = groups.count
        groupsOfService[group.service, default: 0] += 1
        groups.append(group)
        buckets.append(contentsOf: repeatElement(0, count: bucketCount))
        return groups.count - 1
    }

    /// Takes back a group of a checkpoint.
    mutating func restore(_ group: Group, buckets: [UInt64]) {
        let index = insert(group, key: SpanMetricTotals.key(of: group))
        for (bucket, count) in buckets.enumerated() {
            self.buckets[index * bucketCount + bucket] = count
        }
    }

    /// The same as that of a fold's group.
    private static func key(of group: Group) -> ContentHash {
        var bytes = Array(group.service.utf8)
        bytes.append(0xFF)
        bytes += group.name.utf8
        bytes += [group.kind.rawValue, group.status.rawValue]
        return ContentHash(bytes)
    }
}
