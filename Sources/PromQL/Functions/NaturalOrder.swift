import QueryCore
import Telemetry

/// The order in which people expect names with numbers: runs of digits are compared as numbers.
enum NaturalOrder {
    /// Whether `a` comes before `b`.
    static func precedes(_ a: String, _ b: String) -> Bool {
        var left = pieces(a)[...]
        var right = pieces(b)[...]
        while let first = left.popFirst() {
            guard let second = right.popFirst() else { return false }
            if first == second { continue }
            if first.isNumber, second.isNumber {
                let (x, y) = (first.digits, second.digits)
                if x.count != y.count { return x.count < y.count }
                if x != y { return x < y }
                // Equal numbers: what has fewer leading zeros.
                return first.text.utf8.count < second.text.utf8.count
            }
            return first.text < second.text
        }
        return !right.isEmpty
    }

    private struct Piece: Equatable {
        var text: Substring
        var isNumber: Bool
        /// Without leading zeros.
        var digits: Substring { text.drop { $0 == "0" } }
    }

    private static func pieces(_ text: String) -> [Piece] {
        var pieces: [Piece] = []
        var rest = text[...]
        while let first = rest.first {
            let isNumber = ("0"..."9").contains(first)
            let piece = rest.prefix { ("0"..."9").contains($0) == isNumber }
            pieces.append(Piece(text: piece, isNumber: isNumber))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }
}

extension Evaluator {
    /// `sort_by_label` and `sort_by_label_desc`: by the values of some labels, then by all.
    mutating func sortByLabel(
        _ node: FunctionCall, descending: Bool
    ) throws(QueryError) -> [StepSeries] {
        let series = try vector(node.arguments[0])
        let names = node.arguments.dropFirst().map(text)
        guard steps.count == 1 else {
            noteIneffectiveSort(node)
            return series
        }
        return series.sorted { a, b in
            for name in names {
                let (left, right) = (a.labels[name] ?? "", b.labels[name] ?? "")
                if left == right { continue }
                return NaturalOrder.precedes(left, right) != descending
            }
            return descending
                ? b.shownLabels.comesBefore(a.shownLabels)
                : a.shownLabels.comesBefore(b.shownLabels)
        }
    }

    func noteIneffectiveSort(_ node: FunctionCall) {
        notes.warn(
            "sort is ineffective for range queries since results are always ordered by labels",
            at: node.range)
    }
}
