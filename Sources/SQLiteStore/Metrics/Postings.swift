/// Set operations on ascending lists of series numbers.
enum Postings {
    static func intersect(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(min(a.count, b.count))
        var i = 0
        var j = 0
        while i < a.count, j < b.count {
            if a[i] < b[j] {
                i += 1
            } else if a[i] > b[j] {
                j += 1
            } else {
                result.append(a[i])
                i += 1
                j += 1
            }
        }
        return result
    }

    static func subtract(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        if b.isEmpty { return a }
        var result: [UInt32] = []
        result.reserveCapacity(a.count)
        var j = 0
        for value in a {
            while j < b.count, b[j] < value { j += 1 }
            if j == b.count || b[j] != value { result.append(value) }
        }
        return result
    }

    static func union(_ lists: [[UInt32]]) -> [UInt32] {
        if lists.count < 2 { return lists.first ?? [] }
        var all = lists.flatMap(\.self)
        all.sort()
        var result: [UInt32] = []
        result.reserveCapacity(all.count)
        for value in all where result.last != value { result.append(value) }
        return result
    }
}
