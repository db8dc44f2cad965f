import Telemetry

/// How many spans of the population one that was kept stands for, as samplers write it into the trace state
/// (OpenTelemetry, "TraceState: Probability Sampling"): of `ot=th:T` the rejection threshold T, up to 14
/// hexadecimal digits of a fraction of 2⁵⁶; the span was kept with probability 1 - T/2⁵⁶.
enum SamplingWeights {
    /// 1 where the trace state says nothing that can be read.
    static func weight(traceState: String) -> Double {
        for member in traceState.utf8.split(separator: UInt8(ascii: ",")) {
            let member = member.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard member.starts(with: "ot=".utf8) else { continue }
            for part in member.dropFirst(3).split(separator: UInt8(ascii: ";"))
            where part.starts(with: "th:".utf8) {
                return threshold(part.dropFirst(3)).map { 0x1p56 / (0x1p56 - $0) } ?? 1
            }
        }
        return 1
    }

    /// Below 2⁵⁶.
    private static func threshold(_ digits: Substring.UTF8View.SubSequence) -> Double? {
        guard (1...14).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard let number = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt64(number)
        }
        return Double(value << UInt64(4 * (14 - digits.count)))
    }
}

extension SpanTable {
    /// What each of the spans at `rows` stands for. Few trace states differ.
    func samplingWeights(_ rows: [Int]) -> [Double] {
        var known: [StringID: Double] = [:]
        return rows.map { row in
            let state = batch.traceStates[row]
            if let weight = known[state] { return weight }
            let weight = SamplingWeights.weight(traceState: batch.strings[state])
            known[state] = weight
            return weight
        }
    }
}
