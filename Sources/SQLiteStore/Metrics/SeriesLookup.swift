/// Finds ascending numbers of series among others: by a table where they lie close together, else by a
/// small filter, which most others fail, and a search. What it costs to make depends on how many they are,
/// not on how large.
struct SeriesLookup: Sendable {
    private let numbers: [UInt32]
    /// By number, from the first one on: the place in `numbers`, one more than it, zero for none.
    private var table: [UInt32] = []
    /// A bit each, by the number's last bits.
    private var filter: [UInt64] = []

    /// Above this many entries a number a table costs more than it saves.
    private static let sparseness = 16

    /// - Parameter numbers: ascending.
    init(_ numbers: [UInt32]) {
        self.numbers = numbers
        guard let first = numbers.first, let last = numbers.last else { return }
        let span = Int(last - first) + 1
        if span <= max(256, numbers.count * Self.sparseness) {
            table = [UInt32](repeating: 0, count: span)
            for (place, number) in numbers.enumerated() {
                table[Int(number - first)] = UInt32(place + 1)
            }
        } else {
            var words = 8
            while words * 8 < numbers.count { words *= 2 }
            filter = [UInt64](repeating: 0, count: words)
            for number in numbers { filter[word(number)] |= 1 &<< UInt64(number & 63) }
        }
    }

    @inline(__always)
    private func word(_ number: UInt32) -> Int { Int(number >> 6) & (filter.count - 1) }

    /// Where a number stands among the numbers; `nil` if it is none of them.
    @inline(__always)
    func place(_ number: UInt32) -> Int? {
        if filter.isEmpty {
            guard let first = numbers.first, number >= first else { return nil }
            let offset = Int(number - first)
            guard offset < table.count, table[offset] > 0 else { return nil }
            return Int(table[offset]) - 1
        }
        guard filter[word(number)] & (1 &<< UInt64(number & 63)) != 0 else { return nil }
        return search(number)
    }

    @inline(never)
    private func search(_ number: UInt32) -> Int? {
        let place = numbers.firstIndex(atLeast: number)
        return place < numbers.count && numbers[place] == number ? place : nil
    }
}

extension [UInt32] {
    /// Where the first number that is not below `wanted` stands; the numbers ascend.
    func firstIndex(atLeast wanted: UInt32) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
