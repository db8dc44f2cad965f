import QueryCore
import Telemetry

/// Arithmetic and comparison of two vectors: one-to-one, or many-to-one with the "one" side on the
/// right after a possible swap.
struct VectorOperation {
    let node: BinaryOperation
    let stepCount: Int
    let context: QueryContext
    let notes: QueryNotes

    private var isSwapped: Bool {
        if case .oneToMany = node.matching.cardinality { true } else { false }
    }

    func apply(
        _ left: [StepSeries], _ right: [StepSeries], _ matching: MatchGroups
    ) throws(QueryError) -> [StepSeries] {
        let many = isSwapped ? right : left
        let one = isSwapped ? left : right
        let groups = matching.groups.map {
            isSwapped ? (many: $0.right, one: $0.left) : (many: $0.left, one: $0.right)
        }
        try checkUniqueness(groups.map(\.one), many, one, matching)
        var collector = SeriesCollector(capacity: many.count)
        for group in groups {
            try context.check()
            try combine(
                group.many.map { many[$0] }, group.one.map { one[$0] }, matching, into: &collector)
        }
        return collector.series
    }

    /// The "one" side may have a single series of a group at each step. Steps at which one of the
    /// vectors is empty match nothing and so are not judged.
    private func checkUniqueness(
        _ groups: [[Int]], _ many: [StepSeries], _ one: [StepSeries], _ matching: MatchGroups
    ) throws(QueryError) {
        guard groups.contains(where: { $0.count > 1 }) else { return }
        var judged = PresenceMask(count: stepCount)
        for series in many { judged.include(series) }
        if node.matching.isFilled { for series in one { judged.include(series) } }
        for members in groups where members.count > 1 {
            var owner = [Int?](repeating: nil, count: stepCount)
            for member in members {
                for step in 0..<stepCount
                where judged.isPresent[step] && StepValue.isPresent(one[member].values[step]) {
                    if let other = owner[step] {
                        throw duplicate(one[other], one[member], matching)
                    }
                    owner[step] = member
                }
            }
        }
    }

    private func duplicate(
        _ a: StepSeries, _ b: StepSeries, _ matching: MatchGroups
    ) -> QueryError {
        let names = [a, b].map(\.shownLabels.promQL).sorted()
        return .execution(
            "found duplicate series for the match group \(matching.signature(a).promQL) on the "
                + "\(isSwapped ? "left" : "right") hand-side of the operation: "
                + "[\(names.joined(separator: ", "))];many-to-many matching not allowed: "
                + "matching labels must be unique on one side")
    }

    /// Pairs every series of the "many" side with every one of the "one" side where both have values, and
    /// with the fill values where one has none.
    private func combine(
        _ many: [StepSeries], _ one: [StepSeries], _ matching: MatchGroups,
        into collector: inout SeriesCollector
    ) throws(QueryError) {
        // Steps matched before, by result labels, to find elements that would collide.
        var matched: [Labels: [Bool]] = [:]
        for first in many {
            for second in one {
                try pair(first, second, claims: many.count > 1, &matched, into: &collector)
            }
            if let fill = node.matching.fillRight {
                let missing = filler(fill, like: first, where: one, matching)
                try pair(first, missing, claims: many.count > 1, &matched, into: &collector)
            }
        }
        guard let fill = node.matching.fillLeft else { return }
        for second in one {
            let missing = filler(fill, like: second, where: many, matching)
            try pair(missing, second, claims: false, &matched, into: &collector)
        }
    }

    /// A constant for the steps at which no series of `others` has a value.
    private func filler(
        _ value: Double, like series: StepSeries, where others: [StepSeries],
        _ matching: MatchGroups
    ) -> StepSeries {
        var present = PresenceMask(count: stepCount)
        for other in others { present.include(other) }
        return StepSeries(
            labels: matching.signature(series),
            values: present.isPresent.map { $0 ? StepValue.absent : value })
    }

    private func pair(
        _ first: StepSeries, _ second: StepSeries, claims: Bool,
        _ matched: inout [Labels: [Bool]], into collector: inout SeriesCollector
    ) throws(QueryError) {
        let labels = resultLabels(first.labels, second.labels)
        if claims { try claim(first, second, labels, &matched) }
        // Arithmetic took the name at once, and a name that is included stays.
        let dropsName =
            !node.matching.include.contains(Labels.metricName)
            && (node.returnsBool || first.dropsName && !node.operator.changesMeaning)
        if first.hasHistograms || second.hasHistograms || node.operator.isTrimming {
            var result = mixed(first, second)
            result.dropsName = dropsName
            try collector.add(labels, result)
        } else {
            try collector.add(
                labels, values(first.values, second.values), dropsName: dropsName)
        }
    }

    private func values(_ many: [Double], _ one: [Double]) -> [Double] {
        let binary = node.operator
        var output = [Double](repeating: StepValue.absent, count: stepCount)
        for step in 0..<stepCount {
            let a = many[step]
            let b = one[step]
            guard StepValue.isPresent(a), StepValue.isPresent(b) else { continue }
            output[step] =
                isSwapped
                ? binary.element(b, a, returnsBool: node.returnsBool)
                : binary.element(a, b, returnsBool: node.returnsBool)
        }
        return output
    }

    /// As `values`, of series of which one has histograms.
    private func mixed(_ many: StepSeries, _ one: StepSeries) -> StepSeries {
        let operation = HistogramOperation(node: node, notes: notes)
        var output = StepSeries(
            labels: many.labels,
            values: [Double](repeating: StepValue.absent, count: stepCount))
        for step in 0..<stepCount {
            let (left, right) = isSwapped ? (one, many) : (many, one)
            let (a, b) = (left.element(step), right.element(step))
            switch (a, b) {
            case (.absent, _), (_, .absent): continue
            case (.number(let a), .number(let b)) where !node.operator.isTrimming:
                output.values[step] = node.operator.element(a, b, returnsBool: node.returnsBool)
            default: output.set(operation.apply(a, b), at: step)
            }
        }
        return output
    }

    private func claim(
        _ first: StepSeries, _ second: StepSeries, _ labels: Labels,
        _ matched: inout [Labels: [Bool]]
    ) throws(QueryError) {
        let isOneToOne = node.matching.cardinality == .oneToOne
        // One-to-one matching allows one element a group, whatever its labels.
        let key = isOneToOne ? Labels.empty : labels
        var steps = matched[key] ?? [Bool](repeating: false, count: stepCount)
        for step in 0..<stepCount
        where StepValue.isPresent(first.values[step]) && StepValue.isPresent(second.values[step]) {
            guard !steps[step] else {
                throw .execution(
                    isOneToOne
                        ? "multiple matches for labels: many-to-one matching must be explicit "
                            + "(group_left/group_right)"
                        : "multiple matches for labels: grouping labels must ensure unique matches")
            }
            steps[step] = true
        }
        matched[key] = steps
    }

    private func resultLabels(_ many: Labels, _ one: Labels) -> Labels {
        var labels = many
        if node.operator.changesMeaning { labels = labels.withoutName }
        if node.matching.cardinality == .oneToOne {
            switch node.matching.labels {
            case .on(let names): labels = labels.keeping(LabelNames(names))
            case .ignoring(let names): labels = labels.dropping(LabelNames(names))
            case nil: break
            }
        }
        for name in node.matching.include { labels = labels.setting(name, one[name] ?? "") }
        return labels
    }
}

extension Labels {
    /// As Prometheus shows label sets in errors: `{__name__="a", b="c"}`.
    var promQL: String {
        let shown = pairs.map { pair in
            let name =
                QuotedText.isPlainLabelName(pair.name) ? pair.name : QuotedText.quote(pair.name)
            return "\(name)=\(QuotedText.quote(pair.value))"
        }
        return "{\(shown.joined(separator: ", "))}"
    }
}
