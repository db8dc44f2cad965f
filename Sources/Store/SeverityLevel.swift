/// The level of a log record in the words that Loki's detection has for it, which Grafana colours volumes of
/// logs by: the label `detected_level`. It follows from the number of the record's severity.
package enum SeverityLevel {
    package static let label = "detected_level"

    fileprivate static let names = [
        "unknown", "trace", "debug", "info", "warn", "error", "fatal",
    ]

    /// - Parameter severity: 1 to 24; others are unknown.
    package static func name(of severity: UInt8) -> String { names[index(of: severity)] }

    @inline(__always)
    fileprivate static func index(of severity: UInt8) -> Int {
        1...24 ~= severity ? (Int(severity) &- 1) / 4 &+ 1 : 0
    }
}

extension LogFieldColumn {
    /// Gives records without the field the level that follows from the number of their severity.
    package mutating func fill(withLevelsOf severities: [UInt8]) {
        var known = [UInt32](repeating: 0, count: SeverityLevel.names.count)
        for row in codes.indices where codes[row] == 0 {
            let level = SeverityLevel.index(of: severities[row])
            if known[level] == 0 { known[level] = add(SeverityLevel.names[level].utf8) }
            codes[row] = known[level]
        }
    }
}
