import Telemetry

/// Enums of OTLP as JSON carries them: as numbers (what OTLP asks for), by the names of the protobuf
/// definition, or by those names without their prefix in any case, as some senders write them. Unknown
/// values are unspecified ones.
enum OTLPJSONEnums {
    static func spanKind(_ reader: inout JSONReader) throws(DecodeError) -> SpanKind {
        let raw = try reader.enumeration("kind", prefix: "span_kind_") { name in
            switch name {
            case "internal": 1
            case "server": 2
            case "client": 3
            case "producer": 4
            case "consumer": 5
            default: nil
            }
        }
        return UInt8(exactly: raw).flatMap(SpanKind.init(rawValue:)) ?? .unspecified
    }

    static func spanStatus(_ reader: inout JSONReader) throws(DecodeError) -> SpanStatus {
        let raw = try reader.enumeration("status code", prefix: "status_code_") { name in
            switch name {
            case "ok": 1
            case "error": 2
            default: nil
            }
        }
        return UInt8(exactly: raw).flatMap(SpanStatus.init(rawValue:)) ?? .unset
    }

    /// Whether points are increments or absolute values since a start.
    enum Temporality: UInt8 {
        case unspecified = 0
        case delta = 1
        case cumulative = 2
    }

    static func temporality(_ reader: inout JSONReader) throws(DecodeError) -> Temporality {
        let raw = try reader.enumeration(
            "aggregationTemporality", prefix: "aggregation_temporality_"
        ) { name in
            switch name {
            case "delta": 1
            case "cumulative": 2
            default: nil
            }
        }
        return UInt8(exactly: raw).flatMap(Temporality.init(rawValue:)) ?? .unspecified
    }

    /// 0 to 24: `SEVERITY_NUMBER_INFO` is 9, `SEVERITY_NUMBER_INFO2` is 10.
    static func severityNumber(_ reader: inout JSONReader) throws(DecodeError) -> UInt8 {
        let raw = try reader.enumeration("severityNumber", prefix: "severity_number_") { name in
            var family = name.bytes
            var step: UInt64 = 0
            if let last = family.last, UInt8(ascii: "2")...UInt8(ascii: "4") ~= last {
                step = UInt64(last - UInt8(ascii: "1"))
                family = UnsafeRawBufferPointer(rebasing: family.dropLast())
            }
            return severityFamily(JSONKey(bytes: family)).map { $0 + step }
        }
        return raw <= 24 ? UInt8(raw) : 0
    }

    private static func severityFamily(_ name: JSONKey) -> UInt64? {
        switch name {
        case "trace": 1
        case "debug": 5
        case "info": 9
        case "warn": 13
        case "error": 17
        case "fatal": 21
        default: nil
        }
    }
}
