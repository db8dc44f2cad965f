import Foundation
import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/status/buildinfo`. Nothing is known of a branch, user or Go version, so they are empty.
    func buildInfo(_ request: HTTPRequest) async throws -> HTTPResponse {
        let bytes = PrometheusEnvelope.success { data in
            data.object {
                $0.field("version", server.version)
                $0.field("revision", server.revision)
                $0.field("branch", "")
                $0.field("buildUser", "")
                $0.field("buildDate", "")
                $0.field("goVersion", "")
            }
        }
        return .json(bytes)
    }

    /// `/api/v1/status/runtimeinfo`. Of a Go runtime, which is not here, its defaults; threads for goroutines.
    func runtimeInfo(_ request: HTTPRequest) async throws -> HTTPResponse {
        let now = Timestamp(nanoseconds: runner.clock.wallNanoseconds)
        let known = RuntimeReadings(events?.readings() ?? [])
        let bytes = PrometheusEnvelope.success { data in
            data.object {
                $0.key("startTime")
                $0.value(rfc3339: server.startedAt)
                $0.field("CWD", server.workingDirectory)
                $0.field("hostname", server.hostname)
                $0.key("serverTime")
                $0.value(rfc3339: now)
                $0.field("reloadConfigSuccess", known.isConfigurationWell)
                $0.key("lastConfigTime")
                $0.value(rfc3339: known.configuredAt ?? server.startedAt)
                $0.field("corruptionCount", known.damageCount)
                $0.field("goroutineCount", server.threadCount())
                $0.field("GOMAXPROCS", ProcessInfo.processInfo.activeProcessorCount)
                $0.field("GOMEMLIMIT", Int.max)
                $0.field("GOGC", "")
                $0.field("GODEBUG", "")
                $0.field("storageRetention", server.retention)
            }
        }
        return .json(bytes)
    }

    /// How far back `/api/v1/status/tsdb` looks: what Prometheus keeps in its head block.
    private static let headMilliseconds: Int64 = 2 * 3_600_000

    /// `/api/v1/status/tsdb`: where the series of the last two hours come from.
    func headStatistics(_ request: HTTPRequest) async throws -> HTTPResponse {
        let limit = try Self.statisticsLimit(request.parameters["limit"] ?? "")
        let now = runner.nowMilliseconds
        let range = (now - Self.headMilliseconds)...now
        let bytes = try await runner.run { [store] context in
            let selection = try store.selectSeries([], in: range)
            guard selection.count <= context.limits.seriesMax else {
                throw QueryError.execution(
                    "more than \(context.limits.seriesMax) series to count")
            }
            var statistics = SeriesStatistics()
            for index in 0..<selection.count { statistics.add(selection.labels(index)) }
            statistics.overflows = try store.storageReport().overflows
            return statistics.answer(range, limit: limit)
        }
        return .json(bytes)
    }

    private static func statisticsLimit(_ text: String) throws(HTTPError) -> Int {
        if text.isEmpty { return 10 }
        guard let limit = Int(text), limit > 0 else {
            throw .badRequest("limit must be a positive number")
        }
        guard limit <= 10_000 else { throw .badRequest("limit must not exceed 10000") }
        return limit
    }
}

/// What the program's own counters and gauges tell of its state.
private struct RuntimeReadings {
    private(set) var isConfigurationWell = true
    private(set) var configuredAt: Timestamp?
    /// Blocks and records that could not be read.
    private(set) var damageCount = 0

    init(_ readings: [EventLog.Reading]) {
        for reading in readings {
            switch reading.name {
            case "prometheus_config_last_reload_successful":
                isConfigurationWell = reading.value != 0
            case "prometheus_config_last_reload_success_timestamp_seconds":
                configuredAt = Timestamp(
                    nanoseconds: Int64((reading.value * 1_000).rounded()) &* 1_000_000)
            case "sidelight_store_damage_total": damageCount += Int(reading.value)
            default: break
            }
        }
    }
}

/// Counts of series by what their labels hold.
private struct SeriesStatistics {
    private var count = 0
    private var byMetric: [String: Int] = [:]
    private var byPair: [String: Int] = [:]
    private var values: [String: Set<String>] = [:]
    /// Metrics that have more series on a target than are kept apart.
    var overflows: [SeriesOverflow] = []

    mutating func add(_ labels: Labels) {
        count += 1
        for (name, value) in labels.pairs {
            if name == Labels.metricName { byMetric[value, default: 0] += 1 }
            byPair["\(name)=\(value)", default: 0] += 1
            values[name, default: []].insert(value)
        }
    }

    func answer(_ range: ClosedRange<Int64>, limit: Int) -> [UInt8] {
        PrometheusEnvelope.success { data in
            data.object {
                $0.objectField("headStats") { head in
                    head.field("numSeries", count)
                    head.field("numLabelPairs", byPair.count)
                    // The head holds samples as they came, in no chunks.
                    head.field("chunkCount", 0)
                    head.field("minTime", range.lowerBound)
                    head.field("maxTime", range.upperBound)
                }
                $0.key("seriesCountByMetricName")
                top(byMetric, limit, to: &$0)
                $0.key("labelValueCountByLabelName")
                top(values.mapValues(\.count), limit, to: &$0)
                $0.key("memoryInBytesByLabelName")
                top(values.mapValues { $0.reduce(0) { $0 + $1.utf8.count } }, limit, to: &$0)
                $0.key("seriesCountByLabelValuePair")
                top(byPair, limit, to: &$0)
                if !overflows.isEmpty { $0.arrayField("seriesOverflows") { write(limit, to: &$0) } }
            }
        }
    }

    /// Not of Prometheus, which has no such bound.
    private func write(_ limit: Int, to array: inout JSONWriter) {
        for overflow in overflows.prefix(limit) {
            array.object {
                $0.field("metric", overflow.metric)
                $0.field("job", overflow.job)
                $0.field("instance", overflow.instance)
                $0.field("seriesMax", overflow.seriesMax)
                $0.field("foldedSamples", overflow.foldedSamples)
                $0.field("lastTime", overflow.lastTime)
            }
        }
    }

    private func top(_ counts: [String: Int], _ limit: Int, to writer: inout JSONWriter) {
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        writer.array { array in
            for (name, count) in sorted.prefix(limit) {
                array.object {
                    $0.field("name", name)
                    $0.field("value", count)
                }
            }
        }
    }
}
