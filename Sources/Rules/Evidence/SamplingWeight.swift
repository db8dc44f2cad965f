import Telemetry

/// How many spans one that was kept stands for, as its `tracestate` says (OpenTelemetry, "TraceState
/// probability sampling"): `ot=th:HEX` is the rejection threshold T of 56 bits, most significant digits
/// first, and the span stands for 2^56 / (2^56 − T); the older `ot=p:N` stands for 2^N. Spans that say
/// nothing stand for themselves.
package enum SamplingWeight {
    /// Longer values are no tracestate.
    private static let bytesMax = 512

    package static func weight(traceState: String) -> Double {
        guard !traceState.isEmpty, traceState.utf8.count <= bytesMax else { return 1 }
        for member in traceState.split(separator: ",") {
            let member = member.drop { $0 == " " || $0 == "\t" }
            guard member.hasPrefix("ot=") else { continue }
            for field in member.dropFirst(3).split(separator: ";") {
                if field.hasPrefix("th:"), let weight = threshold(field.dropFirst(3)) {
                    return weight
                }
                if field.hasPrefix("p:"), let exponent = Int(field.dropFirst(2)),
                    (0..<63).contains(exponent)
                {
                    return Double(UInt64(1) << UInt64(exponent))
                }
            }
        }
        return 1
    }

    private static func threshold(_ digits: Substring) -> Double? {
        let digits = digits.prefix { $0.isHexDigit }
        guard (1...14).contains(digits.utf8.count), let number = UInt64(digits, radix: 16) else {
            return nil
        }
        let rejected = number << UInt64(4 * (14 - digits.utf8.count))
        let all = UInt64(1) << 56
        return Double(all) / Double(all - rejected)
    }
}

/// Weights of a batch's spans, each distinct tracestate read once.
struct SamplingWeights {
    private var byText: [StringID: Double] = [:]

    mutating func weight(_ batch: SpanBatch, _ row: Int) -> Double {
        let id = batch.traceStates[row]
        if let known = byText[id] { return known }
        let weight = SamplingWeight.weight(traceState: batch.strings[id])
        byText[id] = weight
        return weight
    }
}
