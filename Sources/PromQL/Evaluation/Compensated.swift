/// A sum with Neumaier's compensation (Zeitschrift für angewandte Mathematik und Mechanik 54, 1974), in
/// the order of additions and with the treatment of infinities that Prometheus has, so that results
/// agree to the last bit.
struct CompensatedSum {
    var sum: Double
    var compensation: Double

    init(_ sum: Double = 0, compensation: Double = 0) {
        self.sum = sum
        self.compensation = compensation
    }

    @inline(__always)
    mutating func add(_ increment: Double) {
        let total = sum + increment
        if total.isInfinite {
            compensation = 0
        } else if sum.magnitude >= increment.magnitude {
            compensation += (sum - total) + increment
        } else {
            compensation += (increment - total) + sum
        }
        sum = total
    }

    var value: Double { sum + compensation }
}

/// A mean that sums as long as the sum is finite and then goes on incrementally, as Prometheus does.
struct CompensatedMean {
    private var sum: CompensatedSum
    private var mean = 0.0
    private var count = 1.0
    private var isIncremental = false

    init(first: Double) { sum = CompensatedSum(first) }

    /// Of `count` numbers whose sum is known and finite.
    init(sum: CompensatedSum, count: Double) {
        self.sum = sum
        self.count = count
    }

    mutating func add(_ value: Double) {
        count += 1
        if !isIncremental {
            var next = sum
            next.add(value)
            if !next.sum.isInfinite {
                sum = next
                return
            }
            isIncremental = true
            mean = sum.sum / (count - 1)
            sum.compensation /= count - 1
        }
        let share = (count - 1) / count
        var next = CompensatedSum(share * mean, compensation: share * sum.compensation)
        next.add(value / count)
        mean = next.sum
        sum.compensation = next.compensation
    }

    var value: Double {
        isIncremental ? mean + sum.compensation : sum.sum / count + sum.compensation / count
    }
}
