import Telemetry

/// A `prompb.Label` whose bytes still lie in the body.
struct LabelPair {
    private(set) var name = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var value = UnsafeRawBufferPointer(start: nil, count: 0)

    @inline(__always)
    init(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ProtobufKey.length(1): name = try message.bytes("label name")
            case ProtobufKey.length(2): value = try message.bytes("label value")
            default: try message.skip(key)
            }
        }
    }
}

/// Copies the labels of series after series into one run of canonical label bytes (`Labels`), checking
/// their order on the way. Senders that keep to the specification are copied in one pass; a series out of
/// order is sorted where it stands.
struct CanonicalLabelWriter {
    /// "__name__" read as one little-endian word.
    private static let metricNameWord: UInt64 = 0x5F5F_656D_616E_5F5F

    /// Canonical labels are shorter than the messages they come from, so a run as long as the body has
    /// room for all of them; labels that a body only refers to may need more.
    private var bytes: [UInt8]
    private var seriesStart = 0
    private var cursor = 0
    private var previousName = UnsafeRawBufferPointer(start: nil, count: 0)
    private var hasMetricName = false
    private var isSorted = true
    private var hasDuplicate = false
    private var hasEmptyName = false
    /// The labels of the series that `end` refused last, for the message about it.
    private(set) var rejected = ""

    init(bytesMax: Int) { bytes = [UInt8](repeating: 0, count: bytesMax + 8) }

    /// Hands over all accepted series, one after the other, without copying them.
    mutating func finish() -> [UInt8] {
        bytes.removeSubrange(cursor...)
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        return taken
    }

    /// Where the last accepted series ends.
    var endOffset: UInt32 { UInt32(truncatingIfNeeded: cursor) }

    /// The identity of the last accepted series.
    private(set) var contentHash = ContentHash(high: 0, low: 0)

    /// Whether the last accepted series has these bytes.
    func lastEquals(_ other: [UInt8]) -> Bool {
        bytes[seriesStart..<cursor].elementsEqual(other)
    }

    /// Starts a series.
    @inline(__always)
    mutating func begin() {
        seriesStart = cursor
        previousName = UnsafeRawBufferPointer(start: nil, count: 0)
        hasMetricName = false
        isSorted = true
        hasDuplicate = false
        hasEmptyName = false
    }

    /// Adds a `prompb.Label` to the series. A label with an empty value is no label.
    @inline(__always)
    mutating func append(_ message: ProtobufReader) throws(DecodeError) {
        let pair = try LabelPair(message)
        append(name: pair.name, value: pair.value)
    }

    /// Adds a label whose bytes stay where they are until the series has ended.
    @inline(__always)
    mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        if value.isEmpty { return }
        check(name)
        put(name)
        put(value)
    }

    /// Bytes of all accepted series and of the current one.
    var byteCount: Int { cursor }

    /// Forgets the labels of a series that is not ended.
    mutating func discard() { cursor = seriesStart }

    /// Ends the series: its canonical bytes are complete, or nothing of it is left.
    @inline(__always)
    mutating func end() -> RejectionReason? {
        if !isSorted { sort() }
        if let reason = defect() {
            let labels = Labels(canonicalBytes: Array(bytes[seriesStart..<cursor]))
            rejected = String(labels.description.prefix(200))
            cursor = seriesStart
            return reason
        }
        contentHash = bytes.withUnsafeBytes {
            ContentHash(UnsafeRawBufferPointer(rebasing: $0[seriesStart..<cursor]))
        }
        return nil
    }

    @inline(__always)
    private func defect() -> RejectionReason? {
        if hasEmptyName { return .emptyLabelName }
        if hasDuplicate { return .duplicateLabel }
        if !hasMetricName { return .emptyMetricName }
        return isText() ? nil : .invalidUTF8
    }

    @inline(__always)
    private mutating func check(_ name: UnsafeRawBufferPointer) {
        if name.count == 8,
            UInt64(littleEndian: name.loadUnaligned(as: UInt64.self)) == Self.metricNameWord
        {
            hasMetricName = true
        }
        if name.isEmpty { hasEmptyName = true }
        if previousName.count > 0, !Self.precedes(previousName, name) { isSorted = false }
        previousName = name
    }

    /// Whether `a` is strictly before `b` bytewise.
    @inline(__always)
    private static func precedes(
        _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer
    ) -> Bool {
        let common = min(a.count, b.count)
        var offset = 0
        // Names share long beginnings: eight bytes at a time, the first the most significant.
        while offset &+ 8 <= common {
            let left = UInt64(
                bigEndian: a.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let right = UInt64(
                bigEndian: b.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            if left != right { return left < right }
            offset &+= 8
        }
        while offset < common {
            if a[offset] != b[offset] { return a[offset] < b[offset] }
            offset &+= 1
        }
        return a.count < b.count
    }

    /// Writes `varint length │ content`.
    @inline(__always)
    private mutating func put(_ content: UnsafeRawBufferPointer) {
        let room = bytes.count &- cursor
        if room < content.count &+ 5 { grow(by: content.count) }
        bytes.withUnsafeMutableBytes { all in
            var length = UInt64(truncatingIfNeeded: content.count)
            while length >= 0x80 {
                all[cursor] = UInt8(truncatingIfNeeded: length) | 0x80
                cursor &+= 1
                length >>= 7
            }
            all[cursor] = UInt8(truncatingIfNeeded: length)
            cursor &+= 1
            let target = UnsafeMutableRawBufferPointer(
                rebasing: all[cursor..<(cursor &+ content.count)])
            target.copyMemory(from: content)
            cursor &+= content.count
        }
    }

    @inline(never)
    private mutating func grow(by count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: max(bytes.count, count &+ 64)))
    }

    /// Sorts the labels of the current series by name and notes repeated names.
    @inline(never)
    private mutating func sort() {
        let run = Array(bytes[seriesStart..<cursor])
        let (sorted, hasDuplicate) = run.withUnsafeBytes { all in
            var cursor = LabelCursor(all)
            var pairs: [LabelCursor.Pair] = []
            while let pair = cursor.next() { pairs.append(pair) }
            pairs.sort { Self.precedes($0.name, $1.name) }
            var sorted: [UInt8] = []
            sorted.reserveCapacity(all.count)
            for pair in pairs { sorted.append(contentsOf: pair.encoded) }
            let hasDuplicate = zip(pairs, pairs.dropFirst()).contains {
                !Self.precedes($0.name, $1.name)
            }
            return (sorted, hasDuplicate)
        }
        bytes.replaceSubrange(seriesStart..<cursor, with: sorted)
        self.hasDuplicate = hasDuplicate
    }

    /// Whether names and values of the current series are UTF-8.
    @inline(__always)
    private func isText() -> Bool {
        bytes.withUnsafeBytes { all in
            let run = UnsafeRawBufferPointer(rebasing: all[seriesStart..<cursor])
            return UTF8Text.isASCII(run) || Self.isText(run)
        }
    }

    @inline(never)
    private static func isText(_ run: UnsafeRawBufferPointer) -> Bool {
        var cursor = LabelCursor(run)
        while let pair = cursor.next() {
            if !UTF8Text.isValid(pair.name) || !UTF8Text.isValid(pair.value) { return false }
        }
        return true
    }
}
