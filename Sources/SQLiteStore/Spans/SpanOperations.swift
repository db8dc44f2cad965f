import Telemetry

/// The operations of a batch, in order of appearance: its spans by service, name and kind.
struct SpanOperations {
    struct Group {
        fileprivate var service: Int
        fileprivate var name: StringID
        fileprivate var kind: SpanKind
        /// Nanoseconds.
        var shortest: Int64
        var longest: Int64
        /// Bit `s` is set if a span has the status of raw value `s`.
        var statuses: UInt8 = 0
    }

    private(set) var groups: [Group] = []
    /// Of each group.
    let summaries: [SpanSummary]

    init(_ batch: SpanBatch) {
        let (services, ofResource) = Self.services(of: batch)
        var table = PackedKeyTable()
        var groups: [Group] = []
        for row in 0..<batch.count {
            let service = ofResource[Int(batch.resourceIndices[row])]
            let (name, kind) = (batch.names[row], batch.kinds[row])
            let (number, isNew) = table.number(
                of: UInt64(service) << 40 | UInt64(name) << 8 | UInt64(kind.rawValue))
            let duration = batch.durations[row]
            if isNew {
                groups.append(
                    Group(
                        service: Int(service), name: name, kind: kind, shortest: duration,
                        longest: duration))
            }
            groups[number].shortest = min(groups[number].shortest, duration)
            groups[number].longest = max(groups[number].longest, duration)
            groups[number].statuses |= 1 << batch.statuses[row].rawValue
        }
        self.groups = groups
        summaries = groups.map { group in
            SpanSummary(
                service: services[group.service], name: batch.strings[group.name],
                kind: group.kind)
        }
    }

    /// Distinct services, and the number of each resource's.
    private static func services(of batch: SpanBatch) -> ([String], ofResource: [UInt32]) {
        var services: [String] = []
        var numbers: [String: UInt32] = [:]
        let ofResource = batch.serviceNames().map { service in
            if let known = numbers[service] { return known }
            let number = UInt32(clamping: services.count)
            numbers[service] = number
            services.append(service)
            return number
        }
        return (services, ofResource)
    }
}
