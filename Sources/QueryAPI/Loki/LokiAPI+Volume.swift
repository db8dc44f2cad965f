import HTTPServer
import LogQL
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// How much there is: `index/stats`, `index/volume` and `index/volume_range`.
extension LokiAPI {
    /// Series of a volume without `limit`, as Loki's.
    private static let volumeLimit = 100

    /// `/loki/api/v1/index/stats`: streams, lines and bytes that a selector takes. Counted, not estimated.
    func indexStats(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let text = request.parameters["query"] ?? ""
        let bytes = try await runner.run { [store] context in
            let found = try LogQLEngine(store: store).statistics(
                try Self.logQuery(text).matchers, start: range.start, end: range.end,
                context: context)
            var writer = JSONWriter()
            writer.object {
                $0.field("streams", found.streams)
                $0.field("chunks", found.streams)
                $0.field("bytes", found.bytes)
                $0.field("entries", found.entries)
            }
            return writer.bytes
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/index/volume`: bytes by stream or label, the largest first.
    func volume(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let limit = try parameters.count("limit", default: Self.volumeLimit, most: 5_000)
        let query = try VolumeQuery(request, parameters)
        let bytes = try await runner.run { [store, runner, clock = runner.clock] context in
            let began = clock.monotonicNanoseconds
            let found = try query.volumes(
                LogQLEngine(store: store), range.start, range.end, context)
            let elements = found.prefix(limit).map {
                VectorElement(labels: $0.labels, value: Double($0.bytes))
            }
            let writer = LokiResult(
                bytesMax: runner.answerLimits.bytesMax, isCategorized: false)
            return try writer.answer(
                QueryResult(value: .vector(time: range.end.milliseconds, elements)),
                LokiStats(context, since: began, until: clock.monotonicNanoseconds))
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/index/volume_range`: the same in steps.
    func volumeRange(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let limit = try parameters.count("limit", default: Self.volumeLimit, most: 5_000)
        let step = try parameters.step(range)
        let query = try VolumeQuery(request, parameters)
        let bytes = try await runner.run { [store, runner, clock = runner.clock] context in
            let began = clock.monotonicNanoseconds
            let steps = try EvaluationSteps(
                start: range.start.milliseconds, end: range.end.milliseconds, step: step,
                countMax: context.limits.stepsMax)
            var series: [Labels: StepSeries] = [:]
            for index in 0..<steps.count {
                let start = Timestamp(milliseconds: steps.time(index))
                let end = start.advanced(byNanoseconds: step * 1_000_000)
                let found = try query.volumes(LogQLEngine(store: store), start, end, context)
                for volume in found.prefix(limit) {
                    let empty = StepSeries(
                        labels: volume.labels,
                        values: [Double](repeating: StepValue.absent, count: steps.count))
                    series[volume.labels, default: empty].values[index] = Double(volume.bytes)
                }
            }
            let writer = LokiResult(
                bytesMax: runner.answerLimits.bytesMax, isCategorized: false)
            let sorted = series.values.sorted { $0.labels.comesBefore($1.labels) }
            return try writer.answer(
                QueryResult(value: .matrix(steps, sorted)),
                LokiStats(context, since: began, until: clock.monotonicNanoseconds))
        }
        return .json(bytes)
    }

    /// - Throws: `bad_data` for a query of numbers.
    static func logQuery(_ text: String) throws(QueryError) -> LogQuery {
        guard case .log(let query) = try LogQLEngine.parse(text) else {
            throw .badData("only a query of log lines is supported here")
        }
        return query
    }
}

/// What a volume is asked of and by which labels.
private struct VolumeQuery: Sendable {
    let matchers: [LabelMatcher]
    let names: [String]?
    /// Values of single labels rather than of streams.
    let isByLabel: Bool

    init(_ request: HTTPRequest, _ parameters: LokiParameters) throws {
        do throws(QueryError) {
            matchers = try LokiAPI.logQuery(request.parameters["query"] ?? "").matchers
        } catch {
            throw HTTPError(error)
        }
        names = parameters.names("targetLabels")
        let aggregation = request.parameters["aggregateBy"] ?? ""
        guard ["", "series", "labels"].contains(aggregation) else {
            throw HTTPError.badRequest("invalid aggregateBy '\(aggregation)': series or labels")
        }
        isByLabel = aggregation == "labels"
    }

    /// The largest first.
    func volumes(
        _ engine: LogQLEngine, _ start: Timestamp, _ end: Timestamp, _ context: QueryContext
    ) throws(QueryError) -> [LogVolume] {
        // Without target labels Loki takes those of the selector.
        let wanted = names ?? Set(matchers.map(\.name)).sorted()
        guard isByLabel else {
            return try engine.volume(
                matchers, by: wanted, start: start, end: end, context: context)
        }
        var byName: [Labels: LogVolume] = [:]
        let all = try engine.volume(matchers, by: nil, start: start, end: end, context: context)
        for volume in all {
            for pair in volume.labels.pairs where names.map({ $0.contains(pair.name) }) ?? true {
                let key = Labels([(name: pair.name, value: pair.value)])
                byName[key, default: LogVolume(labels: key)].bytes += volume.bytes
                byName[key, default: LogVolume(labels: key)].entries += volume.entries
            }
        }
        return byName.values.sorted {
            $0.bytes == $1.bytes ? $0.labels.comesBefore($1.labels) : $0.bytes > $1.bytes
        }
    }
}
