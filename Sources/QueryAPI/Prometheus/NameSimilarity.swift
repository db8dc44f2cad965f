/// How much a name looks like what somebody typed, between 0 and 1, as Prometheus's search rates it.
package enum NameSimilarity {
    /// 1 for a beginning; less the further back the term stands. `nil` if it does not stand there.
    package static func substring(_ term: [Unicode.Scalar], in text: [Unicode.Scalar]) -> Double? {
        let last = text.count - term.count
        guard last >= 0 else { return nil }
        for start in 0...last where text[start..<(start + term.count)].elementsEqual(term) {
            return start == 0 ? 1 : 1 - 0.9 * Double(start) / Double(last)
        }
        return nil
    }

    /// Of characters that stand in the text in the same order: the squares of the lengths of unbroken runs count for
    /// it, gaps against it. Each beginning is tried, and from there the first characters that fit are taken. 0 if it
    /// is no subsequence, 1 for equal texts alone.
    package static func subsequence(_ term: [Unicode.Scalar], in text: [Unicode.Scalar]) -> Double {
        if term.isEmpty || term == text { return 1 }
        guard term.count <= text.count else { return 0 }
        var best = -1.0
        for start in 0...(text.count - term.count) where text[start] == term[0] {
            // Where it cannot be completed from here, it cannot from further back.
            guard let score = run(of: term, in: text, from: start) else { break }
            best = max(best, score)
        }
        guard best >= 0 else { return 0 }
        // No rounding may make it an exact match.
        return best / Double(term.count * term.count) * 0.999
    }

    private static func run(
        of term: [Unicode.Scalar], in text: [Unicode.Scalar], from start: Int
    ) -> Double? {
        let share = 1 / Double(text.count)
        var score = 0.0
        var next = start
        var end = 0
        var matched = 0
        while matched < term.count {
            while next < text.count, text[next] != term[matched] { next += 1 }
            guard next < text.count else { return nil }
            let begin = next
            while next < text.count, matched < term.count, text[next] == term[matched] {
                next += 1
                matched += 1
            }
            if begin > end { score -= Double(begin - end) * share }
            score += Double((next - begin) * (next - begin))
            end = next
        }
        return end < text.count ? score - Double(text.count - end) * share * 0.5 : score
    }

    /// Jaro's similarity with Winkler's weight of 0.1 for each of up to four first characters that agree (Winkler,
    /// "String Comparator Metrics and Enhanced Decision Rules", 1990).
    package static func jaroWinkler(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Double {
        if a == b { return 1 }
        let (short, long) = a.count <= b.count ? (a, b) : (b, a)
        guard !short.isEmpty else { return 0 }
        let reach = max(long.count / 2 - 1, 0)
        var isTaken = [Bool](repeating: false, count: long.count)
        var matched: [Unicode.Scalar] = []
        for (index, scalar) in short.enumerated() {
            let window = max(index - reach, 0)..<min(index + reach + 1, long.count)
            guard
                let place = window.first(where: { !isTaken[$0] && long[$0] == scalar })
            else { continue }
            isTaken[place] = true
            matched.append(scalar)
        }
        guard !matched.isEmpty else { return 0 }
        let others = long.indices.filter { isTaken[$0] }.map { long[$0] }
        let transpositions = Double(zip(matched, others).count { $0 != $1 })
        let count = Double(matched.count)
        let jaro =
            (count / Double(short.count) + count / Double(long.count)
                + (count - transpositions * 0.5) / count) / 3
        let prefix = zip(short, long).prefix { $0 == $1 }.count
        return jaro + Double(min(prefix, 4)) * 0.1 * (1 - jaro)
    }
}
