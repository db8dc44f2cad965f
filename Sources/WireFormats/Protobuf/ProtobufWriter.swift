import Telemetry

/// Appends protobuf fields to a byte array. As in proto3, the methods with `unlessZero` or
/// `unlessEmpty` in their doc comment leave out default values.
///
/// An embedded message reserves one byte for its length; one of 128 bytes or more is moved to make room,
/// once a nesting level, which costs less than sizing everything beforehand.
package struct ProtobufWriter {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Empties it but keeps its memory.
    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    @inline(__always)
    package mutating func message(
        _ field: UInt32, _ content: (inout ProtobufWriter) -> Void
    ) {
        key(ProtobufKey.length(field))
        bytes.append(0)
        let start = bytes.count
        content(&self)
        close(start)
    }

    private mutating func close(_ start: Int) {
        let length = bytes.count - start
        if length < 0x80 {
            bytes[start - 1] = UInt8(truncatingIfNeeded: length)
            return
        }
        var prefix: [UInt8] = []
        Varint.append(UInt64(length), to: &prefix)
        bytes.replaceSubrange((start - 1)..<start, with: prefix)
    }

    /// Unless empty.
    package mutating func bytes(_ field: UInt32, _ content: UnsafeRawBufferPointer) {
        if content.isEmpty { return }
        presentBytes(field, content)
    }

    /// Also when empty: members of a oneof and optional fields.
    package mutating func presentBytes(_ field: UInt32, _ content: UnsafeRawBufferPointer) {
        key(ProtobufKey.length(field))
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    /// Unless empty.
    package mutating func string(_ field: UInt32, _ text: String) {
        if !text.isEmpty { presentString(field, text) }
    }

    package mutating func presentString(_ field: UInt32, _ text: String) {
        key(ProtobufKey.length(field))
        varint(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Unless zero: `uint32`, `uint64`, `bool` and enums; negative numbers as their two's complement.
    package mutating func varint(_ field: UInt32, _ value: UInt64) {
        if value != 0 { presentVarint(field, value) }
    }

    package mutating func presentVarint(_ field: UInt32, _ value: UInt64) {
        key(ProtobufKey.varint(field))
        varint(value)
    }

    /// Unless zero.
    package mutating func sint32(_ field: UInt32, _ value: Int32) {
        varint(field, UInt64(UInt32(bitPattern: value << 1 ^ value >> 31)))
    }

    /// Unless zero.
    package mutating func sint64(_ field: UInt32, _ value: Int64) {
        varint(field, Varint.zigzag(value))
    }

    /// Unless zero.
    package mutating func fixed64(_ field: UInt32, _ value: UInt64) {
        if value != 0 { presentFixed64(field, value) }
    }

    package mutating func presentFixed64(_ field: UInt32, _ value: UInt64) {
        key(ProtobufKey.fixed64(field))
        word(value)
    }

    /// Unless zero.
    package mutating func fixed32(_ field: UInt32, _ value: UInt32) {
        if value == 0 { return }
        key(ProtobufKey.fixed32(field))
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Unless positive zero.
    package mutating func double(_ field: UInt32, _ value: Double) {
        fixed64(field, value.bitPattern)
    }

    package mutating func presentDouble(_ field: UInt32, _ value: Double) {
        presentFixed64(field, value.bitPattern)
    }

    /// Packed, unless empty.
    package mutating func packedFixed64(_ field: UInt32, _ values: some Collection<UInt64>) {
        if values.isEmpty { return }
        key(ProtobufKey.length(field))
        varint(UInt64(values.count * 8))
        for value in values { word(value) }
    }

    /// Packed, unless empty.
    package mutating func packedDoubles(_ field: UInt32, _ values: [Double]) {
        packedFixed64(field, values.lazy.map(\.bitPattern))
    }

    /// Packed, unless empty.
    package mutating func packedVarints(_ field: UInt32, _ values: some Collection<UInt64>) {
        if values.isEmpty { return }
        message(field) { writer in
            for value in values { writer.varint(value) }
        }
    }

    @inline(__always)
    private mutating func key(_ key: UInt32) {
        if key < 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: key))
        } else {
            Varint.append(UInt64(key), to: &bytes)
        }
    }

    @inline(__always)
    private mutating func varint(_ value: UInt64) { Varint.append(value, to: &bytes) }

    @inline(__always)
    private mutating func word(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
