import Telemetry

/// The trace that a request belongs to, as its headers say.
package struct TraceContext: Hashable, Sendable {
    /// Where it was read from, which is also how it is passed on.
    package enum Origin: UInt8, Sendable {
        /// There was none, or a broken one: this proxy began the trace.
        case new
        case w3c
        case b3Single
        case b3Multi
    }

    package var traceID: TraceID
    /// Zero at the root of a trace.
    package var parentID: SpanID
    package var flags: UInt8
    package var origin: Origin

    package static let sampledFlag: UInt8 = 1

    package init(traceID: TraceID, parentID: SpanID, flags: UInt8, origin: Origin) {
        self.traceID = traceID
        self.parentID = parentID
        self.flags = flags
        self.origin = origin
    }

    package var isSampled: Bool { flags & Self.sampledFlag != 0 }

    /// Reads a `traceparent` value (W3C Trace Context, Recommendation, §3.2.2).
    ///
    /// Version `ff` is invalid; a version above 00 may be longer, if a dash follows; of its flags only
    /// `sampled` is understood. Upper-case digits and all-zero ids are invalid.
    package init?(traceparent value: UnsafeRawBufferPointer) {
        guard value.count >= 55, value[2] == UInt8(ascii: "-"), value[35] == UInt8(ascii: "-"),
            value[52] == UInt8(ascii: "-"), let version = Self.hex(value, 0, 2), version != 0xFF,
            let high = Self.hex(value, 3, 16), let low = Self.hex(value, 19, 16),
            let parent = Self.hex(value, 36, 16), let flags = Self.hex(value, 53, 2),
            high | low != 0, parent != 0
        else { return nil }
        if version == 0 {
            guard value.count == 55 else { return nil }
        } else {
            guard value.count == 55 || value[55] == UInt8(ascii: "-") else { return nil }
        }
        self.init(
            traceID: TraceID(high: high, low: low), parentID: SpanID(parent),
            flags: UInt8(truncatingIfNeeded: flags) & (version == 0 ? 0xFF : Self.sampledFlag),
            origin: .w3c)
    }

    /// `count` (at most 16) lower-case hexadecimal digits.
    static func hex(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> UInt64? {
        var value: UInt64 = 0
        for offset in start..<(start + count) {
            let byte = bytes[offset]
            let nibble: UInt8
            if ByteClass.isDigit(byte) {
                nibble = byte &- UInt8(ascii: "0")
            } else if byte &- UInt8(ascii: "a") < 6 {
                nibble = byte &- UInt8(ascii: "a") &+ 10
            } else {
                return nil
            }
            value = value << 4 | UInt64(nibble)
        }
        return value
    }
}

extension TraceContext {
    /// Reads the context of a request: W3C first, then B3 single, then B3 multi
    /// (openzipkin/b3-propagation). A repeated or malformed `traceparent` counts as none, and so its
    /// `tracestate` must go.
    static func extract(_ block: FieldBlock, _ bytes: UnsafeRawBufferPointer) -> TraceContext? {
        if let value = block.value(.traceparent), !block.isRepeated(.traceparent),
            let context = TraceContext(traceparent: bytes[value])
        {
            return context
        }
        if let value = block.value(.b3), let context = TraceContext(b3: bytes[value]) {
            return context
        }
        guard let trace = block.value(.b3TraceID), let span = block.value(.b3SpanID) else {
            return nil
        }
        return TraceContext(
            b3Trace: bytes[trace], span: bytes[span],
            sampled: block.value(.b3Sampled).map { bytes[$0] },
            flags: block.value(.b3Flags).map { bytes[$0] })
    }

    /// `{trace}-{span}[-{state}[-{parent}]]`; a lone state carries no ids.
    package init?(b3 value: UnsafeRawBufferPointer) {
        var parts: [UnsafeRawBufferPointer] = []
        var start = 0
        for offset in 0...value.count
        where offset == value.count || value[offset] == UInt8(ascii: "-") {
            parts.append(UnsafeRawBufferPointer(rebasing: value[start..<offset]))
            start = offset + 1
        }
        guard (2...4).contains(parts.count), let trace = Self.b3TraceID(parts[0]),
            let span = Self.b3SpanID(parts[1])
        else { return nil }
        var flags = Self.sampledFlag
        if parts.count > 2 {
            if parts[2].equals("0") {
                flags = 0
            } else if !parts[2].equals("1"), !parts[2].equals("d") {
                return nil
            }
        }
        self.init(traceID: trace, parentID: span, flags: flags, origin: .b3Single)
    }

    private init?(
        b3Trace trace: UnsafeRawBufferPointer, span: UnsafeRawBufferPointer,
        sampled: UnsafeRawBufferPointer?, flags debug: UnsafeRawBufferPointer?
    ) {
        guard let trace = Self.b3TraceID(trace), let span = Self.b3SpanID(span) else { return nil }
        var flags = Self.sampledFlag
        if let sampled, sampled.equals("0") || sampled.equals("false") { flags = 0 }
        if let debug, debug.equals("1") { flags = Self.sampledFlag }
        self.init(traceID: trace, parentID: span, flags: flags, origin: .b3Multi)
    }

    private static func b3TraceID(_ text: UnsafeRawBufferPointer) -> TraceID? {
        let id: TraceID
        switch text.count {
        case 16:
            guard let low = hex(text, 0, 16) else { return nil }
            id = TraceID(high: 0, low: low)
        case 32:
            guard let high = hex(text, 0, 16), let low = hex(text, 16, 16) else { return nil }
            id = TraceID(high: high, low: low)
        default: return nil
        }
        return id.isValid ? id : nil
    }

    private static func b3SpanID(_ text: UnsafeRawBufferPointer) -> SpanID? {
        guard text.count == 16, let value = hex(text, 0, 16), value != 0 else { return nil }
        return SpanID(value)
    }
}
