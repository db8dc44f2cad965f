/// A segment that is no longer written to.
struct SegmentInfo {
    var number: UInt64
    var path: String
    var bytes: Int
    /// The first and last sequence of its records; `nil` if it has none that can be read.
    var sequences: ClosedRange<UInt64>?
    /// Everything in it is at most this: it may go once the store has sealed through here.
    var through: UInt64
    var isDamaged: Bool
}

/// Names of segment files: the number in decimal, six digits or more, and `.log`.
enum SegmentName {
    static let suffix = ".log"
    static let damagedSuffix = ".log.damaged"

    static func name(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + suffix
    }

    /// The number in `000042.log`.
    static func number(of name: String) -> UInt64? { number(of: name, suffix: suffix) }

    /// The number in `000042.log.damaged`.
    static func numberOfDamaged(_ name: String) -> UInt64? {
        number(of: name, suffix: damagedSuffix)
    }

    private static func number(of name: String, suffix: String) -> UInt64? {
        guard name.hasSuffix(suffix), name.utf8.count >= 6 + suffix.utf8.count else { return nil }
        return UInt64(name.dropLast(suffix.count))
    }
}
