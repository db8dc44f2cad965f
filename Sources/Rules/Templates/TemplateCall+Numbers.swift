import PromQL

/// Numbers and times for people.
extension TemplateCall {
    func number() throws(RenderFailure) -> TemplateValue {
        switch function {
        case .humanize: return .string(GoNumber.humanized(try float(0)))
        case .humanize1024: return .string(Self.humanized1024(try float(0)))
        case .humanizePercentage:
            return .string(GoNumber.significant4(try float(0) * 100) + "%")
        case .humanizeDuration: return .string(GoNumber.humanizedDuration(try float(0)))
        case .humanizeTimestamp:
            let seconds = try float(0)
            guard seconds.isFinite else { return .string(GoNumber.significant4(seconds)) }
            return .string(GoTime.text(try nanoseconds(seconds)))
        case .toTime: return .time(try nanoseconds(try float(0)))
        case .toDuration: return .duration(try nanoseconds(try float(0)))
        default: return .number(try parsedDuration())
        }
    }

    private func nanoseconds(_ seconds: Double) throws(RenderFailure) -> Int64 {
        guard seconds.isFinite else {
            throw RenderFailure(reason: "error calling \(function.rawValue): value is NaN or Inf")
        }
        guard let nanoseconds = Int64(exactly: (seconds * 1e9).rounded(.towardZero)) else {
            throw RenderFailure(
                reason:
                    "error calling \(function.rawValue): \(GoNumber.shortest(seconds)) cannot be "
                    + "represented as a nanoseconds timestamp since it overflows int64")
        }
        return nanoseconds
    }

    private func parsedDuration() throws(RenderFailure) -> Double {
        let text = try text(0)
        let isNegative = text.hasPrefix("-")
        do throws(PromQLDuration.Failure) {
            let milliseconds = try PromQLDuration.parse(
                isNegative ? String(text.dropFirst()) : text)
            return Double(isNegative ? -milliseconds : milliseconds) / 1_000
        } catch {
            throw RenderFailure(
                reason: "error calling parseDuration: not a valid duration string: \"\(text)\"")
        }
    }

    private static func humanized1024(_ number: Double) -> String {
        guard number.magnitude > 1, number.isFinite else { return GoNumber.significant4(number) }
        var rest = number
        var prefix = ""
        for next in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] where rest.magnitude >= 1_024 {
            prefix = next
            rest /= 1_024
        }
        return GoNumber.significant4(rest) + prefix
    }
}
