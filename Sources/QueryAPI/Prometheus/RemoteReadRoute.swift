import Compression
import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// `POST /api/v1/read`: Prometheus remote read. Answers samples, or streams XOR chunks to clients that prefer
/// them, native histograms as chunks of float histograms.
struct RemoteReadRoute: Sendable {
    /// What is evaluated at once of a streamed answer: about this much waits to be sent.
    private static let streamedBytesAtOnce = 1 << 20

    let store: any MetricStore
    let runner: QueryRunner
    private let expandedBytesMax = HTTPLimits().expandedBytesMax

    init(store: any MetricStore, runner: QueryRunner) {
        self.store = store
        self.runner = runner
    }

    func read(_ request: HTTPRequest) async throws -> HTTPResponse {
        let read = try decoded(request)
        guard !read.namesKinds || !read.accepted.isEmpty else {
            throw HTTPError.badRequest(
                "server does not support any of the requested response types")
        }
        let selections = try await runner.run { [store] context in
            var selections: [any SeriesSelection] = []
            for query in read.queries {
                try context.check()
                guard query.start <= query.end else {
                    throw QueryError.badData(
                        "end timestamp \(query.end) before start \(query.start)")
                }
                let selection = try store.selectSeries(
                    query.matchers.map(LabelMatcher.init), in: query.start...query.end)
                guard selection.count <= context.limits.seriesMax else {
                    throw QueryError.badData(
                        "more than \(context.limits.seriesMax) series match")
                }
                selections.append(selection)
            }
            return selections
        }
        if read.accepted.first == .streamedChunks { return streamed(selections) }
        return try await samples(selections)
    }

    private func decoded(_ request: HTTPRequest) throws(HTTPError) -> RemoteRead.Request {
        let body: [UInt8]
        do throws(CompressionError) {
            body = try Snappy.decompress(request.body, limit: expandedBytesMax)
        } catch {
            throw HTTPError.badRequest("the body is not snappy: \(error)")
        }
        do throws(DecodeError) { return try RemoteRead.decode(body) } catch {
            throw HTTPError.badRequest("the body is no ReadRequest: \(error)")
        }
    }

    private func samples(_ selections: [any SeriesSelection]) async throws -> HTTPResponse {
        let bytes = try await runner.run { context in
            var held = 0
            defer { context.release(samples: held) }
            var results: [MetricBatch] = []
            for selection in selections {
                var batch = MetricBatch()
                var columns = SampleColumns()
                for index in 0..<selection.count {
                    try context.check()
                    try selection.samples(index, into: &columns)
                    let count = columns.times.count + columns.histograms.count
                    guard count > 0 else { continue }
                    guard held + count <= context.limits.samplesMax else {
                        throw QueryError.badData(
                            "exceeded sample limit (\(context.limits.samplesMax))")
                    }
                    held += count
                    try context.hold(samples: count)
                    let series = batch.append(selection.labels(index))
                    for (time, value) in zip(columns.times, columns.values) {
                        batch.append(series: series, time: time, value: value)
                    }
                    for sample in columns.histograms {
                        batch.histograms.append(
                            HistogramSample(
                                series: series, time: sample.time, histogram: sample.histogram))
                    }
                }
                results.append(batch)
            }
            return Snappy.compress(RemoteRead.encode(samples: results))
        }
        return HTTPResponse(status: 200, contentType: "application/x-protobuf", body: bytes)
            .with("content-encoding", "snappy")
    }

    private func streamed(_ selections: [any SeriesSelection]) -> HTTPResponse {
        .stream(
            contentType: "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
        ) { [runner] body in
            for (query, selection) in selections.enumerated() {
                var next = 0
                while next < selection.count {
                    let start = next
                    let part = try await runner.run { context in
                        try Self.frames(selection, from: start, query: query, context)
                    }
                    next = part.end
                    try await body.write(part.bytes)
                }
            }
        }
    }

    /// Frames of the series from `start` on, until they are enough to be sent.
    private static func frames(
        _ selection: any SeriesSelection, from start: Int, query: Int, _ context: QueryContext
    ) throws -> (bytes: [UInt8], end: Int) {
        var writer = RemoteRead.FrameWriter()
        var columns = SampleColumns()
        var index = start
        while index < selection.count, writer.bytes.count < streamedBytesAtOnce {
            try context.check()
            try selection.samples(index, into: &columns)
            writer.append(
                selection.labels(index), query: query, columns.times, columns.values,
                columns.histograms)
            index += 1
        }
        return (writer.bytes, index)
    }
}

extension LabelMatcher {
    fileprivate init(_ matcher: RemoteRead.Matcher) {
        let kind: Operator =
            switch matcher.kind {
            case .equal: .equal
            case .notEqual: .notEqual
            case .matches: .matches
            case .doesNotMatch: .doesNotMatch
            }
        self.init(matcher.name, kind, matcher.value)
    }
}
