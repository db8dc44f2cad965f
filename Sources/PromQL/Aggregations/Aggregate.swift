import QueryCore
import Store
import Telemetry

/// Series of a vector by the labels they are aggregated by.
struct AggregationGroups {
    private(set) var labels: [Labels] = []
    /// Indices of the members, in order.
    private(set) var members: [[Int]] = []
    /// Whether the name of some member goes, and with it the group's.
    private(set) var dropsName: [Bool] = []

    init(_ grouping: Aggregation.Grouping, _ series: [StepSeries]) {
        var indices: [Labels: Int] = [:]
        let filter = GroupingFilter(grouping)
        for (index, series) in series.enumerated() {
            let key = filter.labels(series.labels, dropsName: series.dropsName)
            if let group = indices[key] {
                members[group].append(index)
                if series.dropsName { dropsName[group] = filter.keepsMetadata }
            } else {
                dropsName.append(series.dropsName && filter.keepsMetadata)
                indices[key] = labels.count
                labels.append(key)
                members.append([index])
            }
        }
    }
}

/// The labels that stay for a grouping.
struct GroupingFilter {
    private let names: LabelNames
    /// Those that go where the metric's name does; `nil` for the labels that stay.
    private let namesOfUnnamed: LabelNames?
    /// Whether labels may stay that describe the metric and may have to go later.
    let keepsMetadata: Bool

    init(_ grouping: Aggregation.Grouping) {
        switch grouping {
        case .by(let labels):
            names = LabelNames(labels)
            namesOfUnnamed = nil
            keepsMetadata = labels.contains(where: LabelNames.metadataNames.contains)
        case .without(let labels):
            names = LabelNames(labels + [Labels.metricName])
            namesOfUnnamed = LabelNames(labels + LabelNames.metadataNames)
            keepsMetadata = false
        }
    }

    func labels(_ labels: Labels, dropsName: Bool) -> Labels {
        guard let namesOfUnnamed else { return labels.keeping(names) }
        return labels.dropping(dropsName ? namesOfUnnamed : names)
    }
}

/// Aggregates the members of one group, a series at a time.
protocol GroupAccumulator: Sendable {
    init(stepCount: Int)
    /// - Parameter values: one entry a step, some absent.
    mutating func add(_ values: [Double])
    /// One entry a step; absent where no member had a value.
    mutating func result() -> [Double]
}

extension Evaluator {
    mutating func aggregate(_ node: Aggregation) throws(QueryError) -> [StepSeries] {
        switch node.operator {
        case .sum: return try accumulate(node, SumAccumulator.self)
        case .avg: return try accumulate(node, MeanAccumulator.self)
        case .count: return try accumulate(node, CountAccumulator.self)
        case .group: return try accumulate(node, GroupPresence.self)
        case .min: return try accumulate(node, MinimumAccumulator.self)
        case .max: return try accumulate(node, MaximumAccumulator.self)
        case .stddev: return try accumulate(node, DeviationAccumulator.self)
        case .stdvar: return try accumulate(node, VarianceAccumulator.self)
        case .quantile: return try quantile(node)
        case .topk: return try select(node, largest: true)
        case .bottomk: return try select(node, largest: false)
        case .countValues: return try countValues(node)
        case .limitk: return try limit(node)
        case .limitRatio: return try limitRatio(node)
        }
    }

    private mutating func accumulate<Accumulator: GroupAccumulator>(
        _ node: Aggregation, _: Accumulator.Type
    ) throws(QueryError) -> [StepSeries] {
        if steps.count == 1 || !node.operand.isStepInvariant,
            let columns = try lazyColumns(node.operand)
        {
            // Series that collide without their names are an error, which collecting them finds.
            let areApart = !dropsNamesAtOnce || columns.areDistinct && !dropsMetadata(node)
            if areApart, !columns.mayHoldHistograms {
                return try stream(columns, node, Accumulator.self)
            }
            return try accumulate(try collect(columns), node, Accumulator.self)
        }
        return try accumulate(try vector(node.operand), node, Accumulator.self)
    }

    /// Whether groups are made by labels that a function may have dropped.
    private func dropsMetadata(_ node: Aggregation) -> Bool {
        GroupingFilter(node.grouping).keepsMetadata
    }

    private func accumulate<Accumulator: GroupAccumulator>(
        _ input: [StepSeries], _ node: Aggregation, _: Accumulator.Type
    ) throws(QueryError) -> [StepSeries] {
        var input = input
        if input.contains(where: \.hasHistograms) {
            switch node.operator {
            case .sum, .avg: return try sumOfMixed(node, input)
            case .count, .group: break
            default: input = numbersOnly(node, input)
            }
        }
        let groups = AggregationGroups(node.grouping, input)
        var output: [StepSeries] = []
        output.reserveCapacity(groups.labels.count)
        for (index, members) in groups.members.enumerated() {
            try context.check()
            var accumulator = Accumulator(stepCount: steps.count)
            for member in members { accumulator.add(input[member].values) }
            output.append(
                StepSeries(
                    labels: groups.labels[index], values: accumulator.result(),
                    dropsName: groups.dropsName[index]))
        }
        return output
    }

    /// Aggregates while columns are computed, so that only the groups' results are held.
    private func stream<Accumulator: GroupAccumulator>(
        _ columns: SeriesColumns, _ node: Aggregation, _: Accumulator.Type
    ) throws(QueryError) -> [StepSeries] {
        let groups = groups(of: columns, node.grouping)
        let held = groups.labels.count * steps.count
        try context.hold(samples: held)
        defer { context.release(samples: held) }
        let fold = GroupFold<Accumulator>(
            groupOf: groups.groupOf, groupCount: groups.labels.count, stepCount: steps.count)
        try SeriesLoop(
            stepCount: steps.count, context: context, concurrency: options.concurrency
        ).fold(columns, into: fold)
        return fold.results().map {
            StepSeries(
                labels: groups.labels[$0.group], values: $0.values,
                dropsName: groups.dropsName[$0.group])
        }
    }

    /// The groups of series, which are known where the same series were grouped so before.
    private func groups(
        of columns: SeriesColumns, _ grouping: Aggregation.Grouping
    ) -> SeriesGroups {
        guard let list = columns.list, columns.dropped.isEmpty else {
            return SeriesGroups(of: columns, grouping)
        }
        let key =
            switch grouping {
            case .by(let names):
                SeriesGroups.Key(names: names, namesStay: true, dropsName: !columns.keepsName)
            case .without(let names):
                SeriesGroups.Key(names: names, namesStay: false, dropsName: !columns.keepsName)
            }
        return list.groups(key) { SeriesGroups(of: columns, grouping) }
    }
}

extension SeriesGroups {
    fileprivate init(of columns: SeriesColumns, _ grouping: Aggregation.Grouping) {
        self.init()
        let filter = GroupingFilter(grouping)
        var indices: [Labels: UInt32] = [:]
        groupOf.reserveCapacity(columns.labels.count)
        for index in columns.labels.indices {
            let isDropped = columns.dropsName(index)
            let key = filter.labels(columns.labels[index], dropsName: isDropped)
            if let known = indices[key] {
                groupOf.append(known)
                if isDropped { dropsName[Int(known)] = filter.keepsMetadata }
            } else {
                dropsName.append(isDropped && filter.keepsMetadata)
                indices[key] = UInt32(labels.count)
                groupOf.append(UInt32(labels.count))
                labels.append(key)
            }
        }
    }
}
