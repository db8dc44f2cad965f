import Telemetry

/// Times: layouts are Go's (`2006-01-02T15:04:05Z07:00`). The zone of the server, in which Loki writes and
/// reads times, is UTC here.
enum TemplateTimes {
    static func call(_ arguments: TemplateArguments) throws(ExpressionError) -> TemplateValue {
        let values = arguments.values
        switch arguments.function {
        case .date:
            try arguments.count(2)
            return .text(GoLayout(try arguments.text(0)).format(try time(values[1])))
        case .toDate:
            try arguments.count(2)
            return read(try arguments.text(1), GoLayout(try arguments.text(0)), .utc)
        case .toDateInZone:
            try arguments.count(3)
            let zone = TemplateZone(try arguments.text(1))
            return read(try arguments.text(2), GoLayout(try arguments.text(0)), zone)
        case .unixToTime:
            try arguments.count(1)
            return .time(try fromDigits(try arguments.text(0)), .utc)
        default:
            try arguments.count(1)
            let time = try time(values[0])
            switch arguments.function {
            case .unixEpoch:
                return .text(
                    String(
                        time.milliseconds >= 0
                            ? time.milliseconds / 1_000 : (time.milliseconds - 999) / 1_000))
            case .unixEpochMillis: return .text(String(time.milliseconds))
            default: return .text(String(time.nanoseconds))
            }
        }
    }

    /// What does not fit is Go's zero time.
    private static func read(
        _ text: String, _ layout: GoLayout, _ zone: TemplateZone
    ) -> TemplateValue {
        guard let time = layout.parse(text, in: zone) else {
            return .time(Timestamp(seconds: -62_135_596_800), .utc)
        }
        return .time(time, zone)
    }

    private static func time(_ value: TemplateValue) throws(ExpressionError) -> Timestamp {
        switch value {
        case .time(let time, _): return time
        case .int(let seconds): return Timestamp(seconds: seconds)
        default: throw ExpressionError(reason: "expected time.Time; got \(value.typeName)")
        }
    }

    /// Days, seconds, milliseconds, microseconds or nanoseconds by the number of digits, as Loki.
    private static func fromDigits(_ text: String) throws(ExpressionError) -> Timestamp {
        guard let number = Int64(text) else {
            throw ExpressionError(reason: "unable to parse time '\(text)'")
        }
        switch text.utf8.count {
        case 5: return Timestamp(seconds: number * 86_400)
        case 10: return Timestamp(seconds: number)
        case 13: return Timestamp(milliseconds: number)
        case 16: return Timestamp(microseconds: number)
        case 19: return Timestamp(nanoseconds: number)
        default: throw ExpressionError(reason: "unable to parse time '\(text)'")
        }
    }
}
