import Telemetry

/// Where the labels of a `prompb.TimeSeries` lie in the body: the run of label fields that it begins with.
/// Senders encode a series the same way every time, so equal runs are equal series.
package struct LabelRun: Sendable {
    /// Offsets in the body. Equal if the message begins otherwise.
    package var start: UInt32
    package var end: UInt32
    /// Of the run's bytes.
    package var hash: ContentHash
    /// The series, as far as known.
    package var id: SeriesID?

    package var isEmpty: Bool { start == end }

    private static let timeSeriesKey: UInt8 = 0x0A
    private static let labelKey: UInt8 = 0x0A
    private static let nameKey: UInt8 = 0x0A
    private static let valueKey: UInt8 = 0x12

    /// The runs of the body's messages, one a message, up to the first field that is not a series.
    static func all(of body: UnsafeRawBufferPointer) -> [LabelRun] {
        guard UInt32(exactly: body.count) != nil else { return [] }
        var runs: [LabelRun] = []
        runs.reserveCapacity(body.count / 256)
        var offset = 0
        while offset < body.count, body[offset] == timeSeriesKey,
            let message = content(of: body, keyAt: offset, end: body.count)
        {
            let end = labelsEnd(body, message)
            let hash =
                end > message.lowerBound
                ? hash(UnsafeRawBufferPointer(rebasing: body[message.lowerBound..<end]))
                : ContentHash(high: 0, low: 0)
            runs.append(
                LabelRun(
                    start: UInt32(truncatingIfNeeded: message.lowerBound),
                    end: UInt32(truncatingIfNeeded: end), hash: hash))
            offset = message.upperBound
        }
        return runs
    }

    /// The content of the length-delimited field whose one-byte key stands at an offset; `nil` if it is
    /// not whole, or too long to be worth it.
    @inline(__always)
    private static func content(
        of body: UnsafeRawBufferPointer, keyAt offset: Int, end: Int
    ) -> Range<Int>? {
        guard offset &+ 1 < end else { return nil }
        var start = offset &+ 2
        var length = Int(body[offset &+ 1])
        if length >= 0x80 {
            guard start < end else { return nil }
            length = length & 0x7F | Int(body[start]) << 7
            start &+= 1
            if length >= 0x4000 {
                guard start < end, body[start] < 0x80 else { return nil }
                length = length & 0x3FFF | Int(body[start]) << 14
                start &+= 1
            }
        }
        guard length <= end &- start else { return nil }
        return start..<(start &+ length)
    }

    @inline(__always)
    private static func labelsEnd(_ body: UnsafeRawBufferPointer, _ message: Range<Int>) -> Int {
        var offset = message.lowerBound
        while offset < message.upperBound, body[offset] == labelKey {
            guard let label = content(of: body, keyAt: offset, end: message.upperBound) else {
                return message.lowerBound
            }
            offset = label.upperBound
        }
        return offset
    }

    /// Appends name and value of each label, each behind its length: canonical label bytes, if the labels
    /// are in their order and none is empty. Stops at what is not a plain label.
    static func read(_ run: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        var offset = 0
        while offset < run.count, run[offset] == labelKey,
            let label = content(of: run, keyAt: offset, end: run.count),
            label.lowerBound < label.upperBound, run[label.lowerBound] == nameKey,
            let name = content(of: run, keyAt: label.lowerBound, end: label.upperBound),
            name.upperBound < label.upperBound, run[name.upperBound] == valueKey,
            let value = content(of: run, keyAt: name.upperBound, end: label.upperBound),
            value.upperBound == label.upperBound
        {
            // The lengths are written alike in both forms.
            bytes.append(
                contentsOf: UnsafeRawBufferPointer(
                    rebasing: run[(label.lowerBound + 1)..<name.upperBound]))
            bytes.append(
                contentsOf: UnsafeRawBufferPointer(
                    rebasing: run[(name.upperBound + 1)..<value.upperBound]))
            offset = label.upperBound
        }
    }

    // MARK: Hash

    /// As `ContentHash`, with four lanes and 32 bytes a step: in memory only.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> ContentHash {
        guard bytes.count >= 32 else { return ContentHash(bytes) }
        var lanes = Lanes(count: bytes.count)
        var offset = 0
        while offset &+ 32 <= bytes.count {
            lanes.add(bytes, at: offset)
            offset &+= 32
        }
        // What is left, together with what stands before it.
        if offset < bytes.count { lanes.add(bytes, at: bytes.count &- 32) }
        return withUnsafeBytes(of: lanes) { ContentHash($0) }
    }

    private struct Lanes {
        var a: UInt64 = 0x9E37_79B9_7F4A_7C15
        var b: UInt64 = 0xC2B2_AE3D_27D4_EB4F
        var c: UInt64 = 0x1656_67B1_9E37_79F9
        var d: UInt64

        init(count: Int) { d = 0x2545_F491_4F6C_DD1D ^ UInt64(truncatingIfNeeded: count) }

        @inline(__always)
        mutating func add(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
            let w = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let x = bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
            let y = bytes.loadUnaligned(fromByteOffset: offset &+ 16, as: UInt64.self)
            let z = bytes.loadUnaligned(fromByteOffset: offset &+ 24, as: UInt64.self)
            a = Self.fold(a ^ w, x ^ 0xA076_1D64_78BD_642F)
            b = Self.fold(b ^ x, w ^ 0xE703_7ED1_A0B4_28DB)
            c = Self.fold(c ^ y, z ^ 0x8EBC_6AF0_9C88_C6E3)
            d = Self.fold(d ^ z, y ^ 0x5899_65CC_7537_4CC3)
        }

        @inline(__always)
        private static func fold(_ x: UInt64, _ y: UInt64) -> UInt64 {
            let (high, low) = x.multipliedFullWidth(by: y)
            return high ^ low ^ x
        }
    }
}
