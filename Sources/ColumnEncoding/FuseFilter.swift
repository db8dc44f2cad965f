import Glibc
import Telemetry

/// A binary fuse filter of arity 3 with 8-bit fingerprints: answers "maybe" for every key it was built
/// from and "no" for 255 of 256 others (Graf & Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor
/// Filters", ACM JEA 2022).
///
/// Takes about 9 bits a key for large sets, up to 11 for a thousand keys. Never changes once built.
///
/// ```
/// stored = seed u64 │ log2 of segment length u8 │ segments varint │ fingerprint bytes
/// ```
package struct FuseFilter: Sendable {
    private let seed: UInt64
    private let segmentLengthLog: UInt8
    /// Segments that a first position can lie in; two more follow for the other positions. Zero if the
    /// set is empty.
    private let segments: UInt32
    private let fingerprints: [UInt8]

    /// Three distinct positions and a fingerprint, all from one hash.
    fileprivate struct Probe {
        var first: Int
        var second: Int
        var third: Int
        var fingerprint: UInt8
    }

    /// - Parameter keys: in any order, repeated at will.
    /// - Complexity: O(n log n) for removing duplicates, else O(n); about 24 bytes a key meanwhile.
    package init(_ keys: [UInt64]) {
        self = FuseFilterBuilder(keys).build()
    }

    package init(_ ids: some Sequence<TraceID>) {
        self.init(ids.map(FuseFilter.key))
    }

    fileprivate init(
        seed: UInt64, segmentLengthLog: UInt8, segments: UInt32, fingerprints: [UInt8]
    ) {
        self.seed = seed
        self.segmentLengthLog = segmentLengthLog
        self.segments = segments
        self.fingerprints = fingerprints
    }

    /// The key of a trace id. On disk by its effect, so it never changes.
    @inline(__always)
    package static func key(_ id: TraceID) -> UInt64 {
        id.low &+ id.high &* 0x9E37_79B9_7F4A_7C15
    }

    /// False only if `key` was not among those the filter was built from.
    package func contains(_ key: UInt64) -> Bool {
        guard segments > 0 else { return false }
        let probe = FuseFilter.probe(
            key, seed: seed, segmentLengthLog: segmentLengthLog, segments: segments)
        return probe.fingerprint
            == fingerprints[probe.first] ^ fingerprints[probe.second] ^ fingerprints[probe.third]
    }

    package func contains(_ id: TraceID) -> Bool { contains(FuseFilter.key(id)) }

    /// Bytes of memory.
    package var byteCount: Int { fingerprints.count }

    // MARK: Storage

    package func encode(into writer: inout ByteWriter) {
        writer.append(seed)
        writer.append(segmentLengthLog)
        writer.appendVarint(UInt64(segments))
        writer.append(contentsOf: fingerprints)
    }

    package init(from reader: inout ByteReader) throws(ColumnDecodeError) {
        seed = try reader.readUInt64()
        segmentLengthLog = try reader.readByte()
        guard segmentLengthLog <= FuseFilterBuilder.segmentLengthLogMax else {
            throw reader.corrupt("segment length of 2^\(segmentLengthLog)")
        }
        let count = try reader.readCount(atMost: reader.remaining)
        segments = UInt32(truncatingIfNeeded: count)
        let length = count == 0 ? 0 : (count + 2) << Int(segmentLengthLog)
        fingerprints = Array(try reader.read(length))
    }

    // MARK: Hashing

    @inline(__always)
    fileprivate static func probe(
        _ key: UInt64, seed: UInt64, segmentLengthLog: UInt8, segments: UInt32
    ) -> Probe {
        let hash = mix(key &+ seed)
        let length = UInt64(1) &<< UInt64(segmentLengthLog)
        let first = hash.multipliedFullWidth(by: UInt64(segments) &* length).high
        // One position in each of three consecutive segments.
        let second = (first &+ length) ^ (hash &>> 18 & (length &- 1))
        let third = (first &+ 2 &* length) ^ (hash & (length &- 1))
        return Probe(
            first: Int(truncatingIfNeeded: first), second: Int(truncatingIfNeeded: second),
            third: Int(truncatingIfNeeded: third),
            fingerprint: UInt8(truncatingIfNeeded: hash ^ hash &>> 32))
    }

    /// The finaliser of MurmurHash3.
    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        var hash = value
        hash ^= hash &>> 33
        hash = hash &* 0xFF51_AFD7_ED55_8CCD
        hash ^= hash &>> 33
        hash = hash &* 0xC4CE_B9FE_1A85_EC53
        return hash ^ hash &>> 33
    }
}

/// Finds fingerprints by peeling: a position that only one key is left to use is given to that key, which
/// frees its other two, until none is left; then fingerprints are assigned in reverse.
private struct FuseFilterBuilder {
    static let segmentLengthLogMax: UInt8 = 18
    private static let arity = 3
    /// Each try fails with a probability of a few percent; a larger table is taken every few tries.
    private static let triesPerSize = 8

    private let keys: [UInt64]

    init(_ keys: [UInt64]) {
        let sorted = keys.sorted()
        var distinct: [UInt64] = []
        distinct.reserveCapacity(sorted.count)
        for key in sorted where distinct.last != key { distinct.append(key) }
        self.keys = distinct
    }

    func build() -> FuseFilter {
        guard !keys.isEmpty else {
            return FuseFilter(seed: 0, segmentLengthLog: 0, segments: 0, fingerprints: [])
        }
        var (lengthLog, segments) = dimensions()
        var seed: UInt64 = 0x726B_2B9D_438B_9D4D
        var tries = 0
        while true {
            if let filter = attempt(seed: seed, lengthLog, segments) { return filter }
            seed = seed &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F
            tries += 1
            if tries % Self.triesPerSize == 0 { segments += max(1, segments / 8) }
        }
    }

    /// Segment length and count, §4.1 of the paper and its reference parameters for arity 3.
    private func dimensions() -> (lengthLog: UInt8, segments: UInt32) {
        let count = Double(keys.count)
        let log = keys.count == 1 ? 2 : (Glibc.log(count) / Glibc.log(3.33) + 2.25).rounded(.down)
        let lengthLog = min(Self.segmentLengthLogMax, UInt8(log))
        let factor = max(1.125, 0.875 + 0.25 * Glibc.log(1e6) / max(0.69, Glibc.log(count)))
        let capacity = (count * factor).rounded(.up)
        let total = (capacity / Double(1 << Int(lengthLog))).rounded(.up)
        return (lengthLog, UInt32(max(1, total - Double(Self.arity - 1))))
    }

    private func attempt(seed: UInt64, _ lengthLog: UInt8, _ segments: UInt32) -> FuseFilter? {
        let length = (Int(segments) + Self.arity - 1) << Int(lengthLog)
        // Per position: how many keys use it and the exclusive or of their indices.
        var uses = [UInt32](repeating: 0, count: length)
        var indices = [UInt32](repeating: 0, count: length)
        for (index, key) in keys.enumerated() {
            let probe = probe(key, seed, lengthLog, segments)
            let mark = UInt32(truncatingIfNeeded: index)
            uses[probe.first] &+= 1
            uses[probe.second] &+= 1
            uses[probe.third] &+= 1
            indices[probe.first] ^= mark
            indices[probe.second] ^= mark
            indices[probe.third] ^= mark
        }
        guard let peeled = peel(&uses, &indices, seed, lengthLog, segments) else { return nil }
        var fingerprints = [UInt8](repeating: 0, count: length)
        for (index, position) in peeled.reversed() {
            let probe = probe(keys[Int(index)], seed, lengthLog, segments)
            // `position` still holds 0, so it takes what makes the three agree.
            fingerprints[Int(position)] =
                probe.fingerprint ^ fingerprints[probe.first] ^ fingerprints[probe.second]
                ^ fingerprints[probe.third]
        }
        return FuseFilter(
            seed: seed, segmentLengthLog: lengthLog, segments: segments, fingerprints: fingerprints)
    }

    /// Keys with the position each is alone at, in the order of peeling; `nil` if some never are.
    private func peel(
        _ uses: inout [UInt32], _ indices: inout [UInt32], _ seed: UInt64, _ lengthLog: UInt8,
        _ segments: UInt32
    ) -> [(key: UInt32, position: UInt32)]? {
        var peeled: [(key: UInt32, position: UInt32)] = []
        peeled.reserveCapacity(keys.count)
        var alone = uses.indices.filter { uses[$0] == 1 }
        while let position = alone.popLast() {
            guard uses[position] == 1 else { continue }
            let index = indices[position]
            peeled.append((index, UInt32(truncatingIfNeeded: position)))
            let probe = probe(keys[Int(index)], seed, lengthLog, segments)
            uses[probe.first] &-= 1
            uses[probe.second] &-= 1
            uses[probe.third] &-= 1
            indices[probe.first] ^= index
            indices[probe.second] ^= index
            indices[probe.third] ^= index
            if uses[probe.first] == 1 { alone.append(probe.first) }
            if uses[probe.second] == 1 { alone.append(probe.second) }
            if uses[probe.third] == 1 { alone.append(probe.third) }
        }
        return peeled.count == keys.count ? peeled : nil
    }

    @inline(__always)
    private func probe(
        _ key: UInt64, _ seed: UInt64, _ lengthLog: UInt8, _ segments: UInt32
    ) -> FuseFilter.Probe {
        FuseFilter.probe(key, seed: seed, segmentLengthLog: lengthLog, segments: segments)
    }
}
