import Telemetry

/// Requests, times and sizes of a group of rows.
struct AccessLogValues: Sendable, Equatable {
    /// Upper bounds of all three histograms: those of the bundled proxy, which are Envoy's.
    static let bounds: [Double] = [
        0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
        600_000, 1_800_000, 3_600_000,
    ]
    static let bucketCount = bounds.count + 1

    struct Histogram: Sendable, Equatable {
        /// Not cumulative; the last is above all bounds.
        var counts = [UInt64](repeating: 0, count: bucketCount)
        var sum = 0.0

        mutating func record(_ value: Double) {
            var index = 0
            while index < bounds.count, value > bounds[index] { index += 1 }
            counts[index] &+= 1
            sum += value
        }

        mutating func add(_ other: Histogram) {
            for index in counts.indices { counts[index] &+= other.counts[index] }
            sum += other.sum
        }
    }

    var requests: UInt64 = 0
    /// Milliseconds; of rows that tell their duration.
    var duration = Histogram()
    /// Bytes.
    var received = Histogram()
    var sent = Histogram()

    mutating func record(duration: Double?, received: Double, sent: Double) {
        requests &+= 1
        if let duration { self.duration.record(duration) }
        self.received.record(received)
        self.sent.record(sent)
    }

    mutating func add(_ other: AccessLogValues) {
        requests &+= other.requests
        duration.add(other.duration)
        received.add(other.received)
        sent.add(other.sent)
    }
}

/// What access logs have told since the beginning, by service, code, flags and cluster. Bounded: beyond
/// `groupsMax` what is new counts under `__overflow__`.
struct AccessLogTotals: Sendable, Equatable {
    struct Group: Sendable, Equatable {
        var key: AccessLogFold.Key
        /// Just before its first row arrived, in milliseconds: where its series start with zero.
        var begin: Int64
        var values = AccessLogValues()
    }

    static let overflow = "__overflow__"
    /// A group is 67 series.
    static let groupsMax = 1_000

    private(set) var groups: [Group] = []
    private var places: [AccessLogFold.Key: Int] = [:]
    /// Groups whose zeros are stored.
    var begunCount = 0
    private(set) var latestArrival = Timestamp.distantPast

    mutating func add(_ fold: AccessLogFold, arrival: Timestamp) {
        guard !fold.groups.isEmpty else { return }
        latestArrival = max(latestArrival, arrival)
        for group in fold.groups {
            groups[place(of: group.key, begin: arrival.milliseconds - 1)].values.add(group.values)
        }
    }

    private mutating func place(of key: AccessLogFold.Key, begin: Int64) -> Int {
        if let place = places[key] { return place }
        var key = key
        if groups.count >= Self.groupsMax {
            key = AccessLogFold.Key(
                service: Self.overflow, code: 0, flags: Self.overflow, cluster: Self.overflow)
            if let place = places[key] { return place }
        }
        return insert(Group(key: key, begin: begin))
    }

    private mutating func insert(_ group: Group) -> Int {
        places[group.key] = groups.count
        groups.append(group)
        return groups.count - 1
    }

    // MARK: Checkpoints

    private static let version: UInt64 = 2
    /// Knew requests over HTTP only.
    private static let firstVersion: UInt64 = 1

    /// Numbers as varints, texts with their length, sums as the bits of doubles.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func put(_ number: UInt64) { Varint.append(number, to: &bytes) }
        func put(_ text: String) {
            put(UInt64(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        for number in [
            Self.version, UInt64(bitPattern: latestArrival.nanoseconds), UInt64(begunCount),
            UInt64(groups.count),
        ] {
            put(number)
        }
        for group in groups {
            for text in [
                group.key.service, group.key.flags, group.key.cluster, group.key.kind.rawValue,
                group.key.grpcStatus,
            ] {
                put(text)
            }
            put(UInt64(group.key.code))
            put(UInt64(bitPattern: group.begin))
            put(group.values.requests)
            for histogram in [group.values.duration, group.values.received, group.values.sent] {
                for count in histogram.counts { put(count) }
                put(histogram.sum.bitPattern)
            }
        }
        return bytes
    }

    init() {}

    /// `nil` if the bytes are no checkpoint.
    init?(checkpoint: [UInt8]) {
        var offset = 0
        func number() -> UInt64? {
            checkpoint.withUnsafeBytes { Varint.read($0, &offset) }
        }
        func text() -> String? {
            guard let count = number(), count <= UInt64(checkpoint.count - offset) else {
                return nil
            }
            defer { offset += Int(count) }
            return String(decoding: checkpoint[offset..<(offset + Int(count))], as: UTF8.self)
        }
        func histogram() -> AccessLogValues.Histogram? {
            var histogram = AccessLogValues.Histogram()
            for index in histogram.counts.indices {
                guard let count = number() else { return nil }
                histogram.counts[index] = count
            }
            guard let bits = number() else { return nil }
            histogram.sum = Double(bitPattern: bits)
            return histogram
        }
        guard let version = number(), (Self.firstVersion...Self.version).contains(version),
            let arrival = number(), let begun = number(), let count = number(),
            count <= UInt64(checkpoint.count), begun <= count
        else { return nil }
        latestArrival = Timestamp(nanoseconds: Int64(bitPattern: arrival))
        begunCount = Int(begun)
        for _ in 0..<count {
            guard let service = text(), let flags = text(), let cluster = text(),
                let kind = version > 1 ? text().flatMap({ AccessLogKind(rawValue: $0) }) : .http,
                let grpcStatus = version > 1 ? text() : "", let code = number(),
                let begin = number(), let requests = number(),
                let duration = histogram(), let received = histogram(), let sent = histogram()
            else { return nil }
            let key = AccessLogFold.Key(
                service: service, code: UInt32(clamping: code), flags: flags, cluster: cluster,
                kind: kind, grpcStatus: grpcStatus)
            let place = insert(Group(key: key, begin: Int64(bitPattern: begin)))
            groups[place].values = AccessLogValues(
                requests: requests, duration: duration, received: received, sent: sent)
        }
        guard offset == checkpoint.count else { return nil }
    }
}
