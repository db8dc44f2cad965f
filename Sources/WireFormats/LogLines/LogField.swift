import Telemetry

/// What a member of a structured log line means besides being an attribute, told by its name. If several
/// members mean the same, the first usable one counts.
enum LogField: UInt8 {
    case plain
    /// `start_time`, `time`, `timestamp`, `@timestamp`, `ts`; nginx's and Traefik's names.
    case time
    /// `level`, `severity`, `lvl`.
    case severity
    /// `trace_id`, `traceId`, B3's header and others: 32 or 16 hexadecimal digits, or an X-Ray root.
    case traceID
    /// `span_id`, `spanId`, B3's header and others: 16 hexadecimal digits.
    case spanID
    /// W3C Trace Context, with trace id, span id and flags.
    case traceParent
    /// The single header of B3: trace id, span id and sampling state (openzipkin/b3-propagation).
    case b3
    /// `X-Amzn-Trace-Id` or its root alone (AWS X-Ray, "Tracing header").
    case xray
    /// Values of headers with `|` between, as HAProxy captures them, which say no names: those that look like
    /// one of the last three count.
    case capturedHeaders
    /// `projects/PROJECT/traces/ID`, or the id alone (Google Cloud, "Structured logging").
    case googleTrace
    /// An object whose `id` is a trace's or a span's (Elastic Common Schema, "Tracing fields").
    case traceObject, spanObject

    init(name: JSONKey) {
        switch name {
        case "start_time", "time", "timestamp", "@timestamp", "ts", "StartUTC", "time_iso8601",
            "time_local", "msec":
            self = .time
        case "level", "severity", "lvl": self = .severity
        case "captured_request_headers": self = .capturedHeaders
        case "trace": self = .traceObject
        case "span": self = .spanObject
        case "logging.googleapis.com/trace": self = .googleTrace
        case "logging.googleapis.com/spanId": self = .spanID
        default: self = Self.identifier(name)
        }
    }

    /// What proxies put before the names of request headers: Traefik, nginx, and our own vocabulary.
    private static let headerPrefixes: [StaticString] = [
        "http_request_header_", "request_", "http_",
    ]
    /// Of the longest name with the longest prefix.
    private static let identifierBytesMax = 48

    /// The names of ids and of headers that carry them, in any case, whatever stands between words.
    private static func identifier(_ name: JSONKey) -> LogField {
        let count = name.bytes.count
        guard count >= 2, count <= identifierBytesMax else { return .plain }
        return withUnsafeTemporaryAllocation(byteCount: identifierBytesMax, alignment: 8) { plain in
            for (index, byte) in name.bytes.enumerated() {
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): plain[index] = byte | 0x20
                case UInt8(ascii: "-"), UInt8(ascii: "."): plain[index] = UInt8(ascii: "_")
                default: plain[index] = byte
                }
            }
            let whole = UnsafeRawBufferPointer(rebasing: plain[..<count])
            for prefix in headerPrefixes {
                let length = prefix.utf8CodeUnitCount
                guard count > length,
                    prefix ~= JSONKey(bytes: UnsafeRawBufferPointer(rebasing: whole[..<length]))
                else { continue }
                return identifier(
                    plain: JSONKey(bytes: UnsafeRawBufferPointer(rebasing: whole[length...])))
            }
            return identifier(plain: JSONKey(bytes: whole))
        }
    }

    private static func identifier(plain name: JSONKey) -> LogField {
        switch name {
        case "trace_id", "traceid", "x_b3_traceid", "oteltraceid": .traceID
        case "span_id", "spanid", "x_b3_spanid", "otelspanid": .spanID
        case "traceparent": .traceParent
        case "b3": .b3
        case "x_amzn_trace_id", "xray_trace_id": .xray
        default: .plain
        }
    }
}

/// The values of recognised members as text.
enum LogFieldText {
    /// An RFC 3339 timestamp, a decimal number since the epoch whose unit its magnitude tells, or a date
    /// as Apache and nginx write it.
    static func time(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        RFC3339.parse(text) ?? epoch(text) ?? LogTimeText.commonLog(text, utcOffset: 0)
    }

    /// Below 10^11 seconds, below 10^14 milliseconds, below 10^17 microseconds, else nanoseconds: each
    /// unit reaches from 1973 to 5138. Numbers below 10^8 are durations or counts, not times.
    private static func epoch(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        guard let number = JSONNumber(text: text) else { return nil }
        var offset = 0
        var whole: Int64 = 0
        while offset < text.count, text[offset] &- UInt8(ascii: "0") <= 9 {
            guard offset < 18 || (offset == 18 && whole <= Int64.max / 10 - 1) else { return nil }
            whole = whole * 10 + Int64(text[offset] &- UInt8(ascii: "0"))
            offset += 1
        }
        guard number.isInteger || (offset < text.count && text[offset] == UInt8(ascii: ".")),
            let fraction = billionths(text, after: offset)
        else { return exponential(number) }
        guard let unit = unitNanoseconds(magnitude: whole) else { return nil }
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit)
        let (sum, overflow2) = scaled.addingReportingOverflow(fraction * unit / 1_000_000_000)
        return overflow || overflow2 ? nil : Timestamp(nanoseconds: sum)
    }

    /// To a millionth of its unit, which is as much as a double holds of today's seconds.
    private static func exponential(_ number: JSONNumber) -> Timestamp? {
        let value = number.double
        guard let whole = Int64(exactly: value.rounded(.down)),
            let unit = unitNanoseconds(magnitude: whole)
        else { return nil }
        let millionths = ((value - Double(whole)) * 1e6).rounded()
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit)
        let (sum, overflow2) = scaled.addingReportingOverflow(Int64(millionths) * unit / 1_000_000)
        return overflow || overflow2 ? nil : Timestamp(nanoseconds: sum)
    }

    private static func unitNanoseconds(magnitude: Int64) -> Int64? {
        switch magnitude {
        case ..<100_000_000: nil
        case ..<100_000_000_000: 1_000_000_000
        case ..<100_000_000_000_000: 1_000_000
        case ..<100_000_000_000_000_000: 1_000
        default: 1
        }
    }

    /// The digits after the point at `offset` as billionths; `nil` if an exponent follows.
    private static func billionths(_ text: UnsafeRawBufferPointer, after offset: Int) -> Int64? {
        var value: Int64 = 0
        var scale: Int64 = 100_000_000
        var index = offset + 1
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value += Int64(digit) * scale
            scale /= 10
            index += 1
        }
        return value
    }

    /// The OTLP severity number of a level's name, in any case, or of the multiples of ten that Bunyan
    /// and Pino write; 0 for others. Names as OpenTelemetry's "Mapping of SeverityNumber" (logs data
    /// model, appendix B) has them for syslog, Log4j, Zap and others.
    static func severity(_ text: UnsafeRawBufferPointer) -> UInt8 {
        guard text.count <= 13 else { return 0 }
        return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { lowered in
            for index in 0..<text.count {
                let byte = text[index]
                lowered[index] = byte &- UInt8(ascii: "A") <= 25 ? byte | 0x20 : byte
            }
            return severity(
                lowered: JSONKey(bytes: UnsafeRawBufferPointer(rebasing: lowered[..<text.count])))
        }
    }

    private static func severity(lowered name: JSONKey) -> UInt8 {
        switch name {
        case "info", "information", "informational", "i", "30": 9
        case "warn", "warning", "w", "40": 13
        case "error", "err", "e", "50", "severe": 17
        case "debug", "d", "20", "fine": 5
        case "trace", "t", "10", "finest", "verbose": 1
        case "notice", "n": 10
        case "critical", "crit", "dpanic": 18
        case "alert", "panic": 19
        case "fatal", "f", "60", "emergency", "emerg": 21
        default: 0
        }
    }

    /// 32 or 16 hexadecimal digits, not all zero.
    static func traceID(_ text: UnsafeRawBufferPointer) -> TraceID? {
        switch text.count {
        case 32: HexText.traceID(text)
        case 16: HexText.word(text, at: 0).flatMap { $0 == 0 ? nil : TraceID(high: 0, low: $0) }
        default: nil
        }
    }

    static func spanID(_ text: UnsafeRawBufferPointer) -> SpanID? { HexText.spanID(text) }

    /// `00-<trace id>-<span id>-<flags>` (W3C Trace Context §3.2); later versions may be longer.
    static func traceParent(
        _ text: UnsafeRawBufferPointer
    ) -> (traceID: TraceID, spanID: SpanID, flags: UInt32)? {
        guard text.count >= 55, text[2] == UInt8(ascii: "-"), text[35] == UInt8(ascii: "-"),
            text[52] == UInt8(ascii: "-"), text.count == 55 || text[55] == UInt8(ascii: "-"),
            let version = HexText.byte(text, at: 0), version != 0xFF,
            version != 0 || text.count == 55,
            let traceID = HexText.traceID(UnsafeRawBufferPointer(rebasing: text[3..<35])),
            let spanID = HexText.spanID(UnsafeRawBufferPointer(rebasing: text[36..<52])),
            let flags = HexText.byte(text, at: 53)
        else { return nil }
        return (traceID, spanID, UInt32(flags))
    }
}
