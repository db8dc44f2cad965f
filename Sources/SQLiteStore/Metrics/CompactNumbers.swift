/// Numbers in two bytes each where all are below 65,536, else in four.
struct CompactNumbers: Sendable {
    private var narrow: [UInt16] = []
    private var wide: [UInt32] = []

    /// - Parameter bound: above all of `numbers`.
    init(_ numbers: [UInt32], below bound: Int) {
        if bound <= 1 << 16 {
            narrow = numbers.map { UInt16(truncatingIfNeeded: $0) }
        } else {
            wide = numbers
        }
    }

    var count: Int { narrow.count + wide.count }

    @inline(__always)
    subscript(index: Int) -> UInt32 { wide.isEmpty ? UInt32(narrow[index]) : wide[index] }

    func array(_ range: Range<Int>) -> [UInt32] {
        wide.isEmpty ? narrow[range].map { UInt32($0) } : Array(wide[range])
    }

    @inline(__always)
    func forEach(_ body: (UInt32) -> Void) {
        for number in narrow { body(UInt32(number)) }
        for number in wide { body(number) }
    }
}
