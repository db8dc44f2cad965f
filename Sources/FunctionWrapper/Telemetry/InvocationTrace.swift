import Platform
import Telemetry

/// The ids of an invocation's spans.
struct InvocationTrace: Sendable {
    var traceID: TraceID
    /// The caller's span; zero at the root.
    var parentID: SpanID
    /// W3C flags: 1 is sampled.
    var flags: UInt8
    var traceState: String
    var serverSpan: SpanID
    var handlerSpan: SpanID
    /// The X-Ray context that came along. It is no parent: what X-Ray knows may never get here
    /// (semantic conventions, "AWS Lambda").
    var link: SpanLink?

    /// Continues the trace of `headers`, or begins one.
    init(headers: [(name: String, value: String)], random: some RandomSource) {
        func values(_ name: String) -> [String] {
            headers.filter { $0.name.utf8.elementsEqualIgnoringCase(name.utf8) }.map(\.value)
        }
        let parents = values("traceparent")
        if parents.count == 1, let parent = TraceParent(parents[0]) {
            traceID = parent.traceID
            parentID = parent.spanID
            flags = parent.flags
            traceState = values("tracestate").joined(separator: ",")
        } else {
            traceID = TraceID(high: random.next(), low: random.next() | 1)
            parentID = .invalid
            flags = TraceParent.sampled
            traceState = ""
        }
        serverSpan = SpanID(random.next() | 1)
        handlerSpan = SpanID(random.next() | 1)
        link = values("x-amzn-trace-id").first.flatMap(XRayHeader.link)
    }

    var isSampled: Bool { flags & TraceParent.sampled != 0 }

    /// Names the handler's span as the parent of what the function does.
    var handlerTraceParent: String {
        TraceParent(traceID: traceID, spanID: handlerSpan, flags: flags).text
    }

    /// `Root=1-{8 digits}-{24 digits};Parent={16 digits};Sampled={0|1}` (AWS X-Ray, "Tracing header").
    var xRayHeader: String {
        let hex = traceID.hex
        let epoch = hex.prefix(8)
        let rest = hex.dropFirst(8)
        return "Root=1-\(epoch)-\(rest);Parent=\(handlerSpan.hex);Sampled=\(isSampled ? 1 : 0)"
    }
}

/// The `traceparent` header (W3C Trace Context §3.2).
struct TraceParent: Sendable, Equatable {
    static let sampled: UInt8 = 1

    var traceID: TraceID
    var spanID: SpanID
    var flags: UInt8

    init(traceID: TraceID, spanID: SpanID, flags: UInt8) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
    }

    /// `nil` for what the recommendation calls invalid: upper-case digits, zero ids, version ff, a longer
    /// version 00.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, let version = Self.hex(parts[0], 2), version != 0xFF,
            version != 0 || parts.count == 4, parts[1].utf8.count == 32,
            let high = Self.hex(parts[1].prefix(16), 16),
            let low = Self.hex(parts[1].dropFirst(16), 16), high | low != 0,
            let span = Self.hex(parts[2], 16), span != 0, let flags = Self.hex(parts[3], 2)
        else { return nil }
        traceID = TraceID(high: high, low: low)
        spanID = SpanID(span)
        self.flags = UInt8(truncatingIfNeeded: flags) & (version == 0 ? 0xFF : Self.sampled)
    }

    var text: String {
        "00-\(traceID.hex)-\(spanID.hex)-\(flags < 16 ? "0" : "")\(String(flags, radix: 16))"
    }

    private static func hex(_ text: Substring, _ count: Int) -> UInt64? {
        guard text.utf8.count == count else { return nil }
        var value: UInt64 = 0
        for byte in text.utf8 {
            guard let nibble = HexDigits.nibble(byte),
                !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte)
            else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return value
    }
}

/// The `X-Amzn-Trace-Id` header (AWS X-Ray, "Tracing header").
enum XRayHeader {
    static func link(_ text: String) -> SpanLink? {
        var trace: TraceID?
        var span: SpanID?
        for field in text.split(separator: ";") {
            let pair = field.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { continue }
            do {
                switch pair[0] {
                case "Root":
                    let parts = pair[1].split(separator: "-")
                    guard parts.count == 3, parts[0] == "1", parts[1].count == 8,
                        parts[2].count == 24
                    else { return nil }
                    trace = try TraceID(hex: parts[1] + parts[2])
                case "Parent": span = try SpanID(hex: pair[1])
                default: continue
                }
            } catch {
                return nil
            }
        }
        guard let trace, let span, trace.isValid, span.isValid else { return nil }
        return SpanLink(traceID: trace, spanID: span)
    }
}
