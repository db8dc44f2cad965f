import Glibc

/// Looks for a text of some length in a much longer one, where most pairs of bytes are not in the text: what
/// follows a pair that is not there need not be looked at (R. N. Horspool, "Practical fast searching in
/// strings", 1980, with two bytes for one).
@usableFromInline
struct SkippingSearch: Sendable {
    private static let lengths = 16...255

    /// By hash of a pair: how far behind it the text may end next; 0 where it may end here.
    private let shifts: [UInt8]
    /// The same for the text's own last pair, where it did not end.
    private let lastShift: Int

    /// `nil` for texts that are too short to gain by it, or too long for the table.
    init?(_ wanted: [UInt8]) {
        guard Self.lengths.contains(wanted.count) else { return nil }
        let last = wanted.count - 1
        var shifts = [UInt8](repeating: UInt8(last), count: 256)
        for index in 1..<last {
            shifts[Int(Self.hash(wanted[index - 1], wanted[index]))] = UInt8(last - index)
        }
        let end = Int(Self.hash(wanted[last - 1], wanted[last]))
        lastShift = Int(shifts[end])
        shifts[end] = 0
        self.shifts = shifts
    }

    /// - Parameter wanted: what it was made of.
    @usableFromInline
    func place(of wanted: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer) -> Int? {
        guard let start = wanted.baseAddress, let base = text.baseAddress else { return nil }
        let last = wanted.count &- 1
        return shifts.withUnsafeBufferPointer { shifts in
            var end = last
            while end < text.count {
                let shift = Int(shifts[Int(Self.hash(text[end &- 1], text[end]))])
                if shift != 0 {
                    end &+= shift
                    continue
                }
                if memcmp(base + (end &- last), start, wanted.count) == 0 { return end &- last }
                end &+= lastShift
            }
            return nil
        }
    }

    @inline(__always)
    private static func hash(_ first: UInt8, _ second: UInt8) -> UInt8 { second &- (first &<< 3) }
}
