import Telemetry

/// Appends fixed-width words, varints and runs of bytes to one growing array. Words are little-endian.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// About how much fewer bytes these would be if their columns of integers were packed.
    var savedByPacking = 0

    package init() {}

    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    package var count: Int { bytes.count }

    package mutating func append(_ byte: UInt8) { bytes.append(byte) }

    package mutating func append(_ word: UInt32) {
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ word: UInt64) {
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// LEB128, 1 to 10 bytes.
    package mutating func appendVarint(_ value: UInt64) { Varint.append(value, to: &bytes) }

    /// LEB128 of a count or length, which is never negative.
    package mutating func appendVarint(_ value: Int) {
        Varint.append(UInt64(truncatingIfNeeded: value), to: &bytes)
    }

    /// Zigzag LEB128.
    package mutating func appendSignedVarint(_ value: Int64) {
        Varint.append(Varint.zigzag(value), to: &bytes)
    }

    package mutating func append(contentsOf run: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: run)
    }

    package mutating func append(contentsOf run: [UInt8]) { bytes.append(contentsOf: run) }

    /// A varint length, then the bytes.
    package mutating func appendRun(_ run: UnsafeRawBufferPointer) {
        appendVarint(run.count)
        append(contentsOf: run)
    }

    package mutating func appendRun(_ run: [UInt8]) {
        appendVarint(run.count)
        append(contentsOf: run)
    }

    package mutating func removeAll(keepingCapacity: Bool = true) {
        bytes.removeAll(keepingCapacity: keepingCapacity)
        savedByPacking = 0
    }
}
