import Foundation
import HTTPServer
import RegularExpressions
import Telemetry
import WireFormats

/// What Prometheus tells about its targets below `/api/v1`: `targets` (parameters `state`, `scrapePool`),
/// `targets/metadata` (`match_target`, `metric`, `limit`), `targets/relabel_steps` (`scrapePool`, `labels`),
/// `scrape_pools` and `scrape_pools/config`. What discovery complains about stands in `warnings`.
package struct ScrapeRoutes: Sendable {
    /// Makes a test of labels of a selector; throws the reason if it is none.
    package typealias Selecting =
        @Sendable (_ selector: String) throws -> @Sendable (Labels) -> Bool

    private let board: ScrapeBoard
    private let selecting: Selecting

    /// - Parameters:
    ///   - board: `nil` where nothing is scraped; the answers are then empty.
    ///   - selecting: the language of selectors.
    package init(_ board: ScrapeBoard?, selecting: @escaping Selecting) {
        self.board = board ?? ScrapeBoard()
        self.selecting = selecting
    }

    package func register(on router: inout Router, prefix: String = "") {
        // No group: what is below /api/v1 and not there is for others to answer.
        let options = RouteOptions(errors: Self.errors)
        let root = prefix + "/api/v1"
        router.on(.get, root + "/targets", options: options) { try targets($0) }
        router.on(.get, root + "/targets/metadata", options: options) { try metadata($0) }
        router.on(.get, root + "/targets/relabel_steps", options: options) {
            try relabelSteps($0)
        }
        router.on(.get, root + "/scrape_pools", options: options) { _ in pools() }
        router.on(.get, root + "/scrape_pools/config", options: options) {
            try poolConfiguration($0)
        }
    }

    private static let errors: ErrorRenderer = { error, _ in
        var writer = JSONWriter()
        writer.object {
            $0.field("status", "error")
            $0.field("errorType", error.status < 500 ? "bad_data" : "internal")
            $0.field("error", error.message)
        }
        return .json(writer.bytes, status: error.status)
    }

    // MARK: Targets

    private func targets(_ request: HTTPRequest) throws(HTTPError) -> HTTPResponse {
        let pool = request.parameters["scrapePool"] ?? ""
        let state = request.parameters["state"]?.lowercased() ?? ""
        let isWanted = { (job: String) in pool.isEmpty || job == pool }
        let (showsActive, showsDropped) = (
            ["", "any", "active"].contains(state), ["", "any", "dropped"].contains(state)
        )
        let lines = !showsActive ? [] : board.lines.filter { isWanted($0.target.job) }
        let dropped = !showsDropped ? [] : board.dropped.filter { isWanted($0.job) }
        let problems = board.problems.sorted { $0.key < $1.key }.flatMap(\.value)
        return Self.success(warnings: problems) { data in
            data.arrayField("activeTargets") { list in
                for line in lines { list.object { Self.write(line, &$0) } }
            }
            data.arrayField("droppedTargets") { list in
                for (labels, job) in dropped.flatMap({ pool in
                    pool.labels.map { ($0, pool.job) }
                }) {
                    list.object {
                        $0.objectField("discoveredLabels") { Self.write(labels, &$0) }
                        $0.field("scrapePool", job)
                    }
                }
            }
            data.objectField("droppedTargetCounts") { counts in
                for pool in dropped {
                    counts.key(pool.job)
                    counts.value(pool.count)
                }
            }
        }
    }

    private static func write(_ line: ScrapeBoard.Line, _ writer: inout JSONWriter) {
        let target = line.target
        writer.objectField("discoveredLabels") { write(target.discoveredLabels, &$0) }
        writer.objectField("labels") { write(target.labels, &$0) }
        writer.field("scrapePool", target.job)
        writer.field("scrapeUrl", target.url)
        writer.field("globalUrl", target.url)
        writer.field("lastError", line.problem)
        let last =
            line.lastScrape > 0
            ? RFC3339.string(Timestamp(milliseconds: line.lastScrape)) : "0001-01-01T00:00:00Z"
        writer.field("lastScrape", last)
        writer.field("lastScrapeDuration", line.seconds)
        writer.field("health", line.isUp.map { $0 ? "up" : "down" } ?? "unknown")
        writer.field("scrapeInterval", ScrapeFileNode.duration(milliseconds: target.interval))
        writer.field("scrapeTimeout", ScrapeFileNode.duration(milliseconds: target.timeout))
    }

    private static func write(_ labels: Labels, _ writer: inout JSONWriter) {
        for (name, value) in labels.pairs {
            writer.key(name)
            writer.value(value)
        }
    }

    // MARK: Metadata

    private func metadata(_ request: HTTPRequest) throws(HTTPError) -> HTTPResponse {
        var limit = Int.max
        if let text = request.parameters["limit"], !text.isEmpty {
            guard let number = Int(text) else { throw .badRequest("limit must be a number") }
            if number >= 0 { limit = number }
        }
        let metric = request.parameters["metric"] ?? ""
        var lines = board.lines
        if let selector = request.parameters["match_target"], !selector.isEmpty {
            let accepts: @Sendable (Labels) -> Bool
            do { accepts = try selecting(selector) } catch {
                throw .badRequest("invalid parameter \"match_target\": \(error)")
            }
            lines = lines.filter { accepts($0.target.labels) }
        }
        let found = lines.flatMap { line in
            line.metadata.filter { metric.isEmpty || $0.family == metric }
                .map { (line.target, $0) }
        }
        return Self.list { list in
            for (target, entry) in found.prefix(limit) {
                list.object {
                    $0.objectField("target") { Self.write(target.labels, &$0) }
                    if metric.isEmpty { $0.field("metric", entry.family) }
                    $0.field("type", entry.type.exposedName)
                    $0.field("help", entry.help)
                    $0.field("unit", entry.unit)
                }
            }
        }
    }

    // MARK: Jobs

    private func pools() -> HTTPResponse {
        Self.success { $0.field("scrapePools", strings: board.pools) }
    }

    private func poolConfiguration(_ request: HTTPRequest) throws(HTTPError) -> HTTPResponse {
        let job = try job(request)
        return Self.success { $0.field("yaml", job.yaml) }
    }

    private func relabelSteps(_ request: HTTPRequest) throws(HTTPError) -> HTTPResponse {
        let job = try job(request)
        guard let text = request.parameters["labels"], !text.isEmpty else {
            throw .badRequest("no labels parameter provided")
        }
        let pairs: [String: String]
        do { pairs = try JSONDecoder().decode([String: String].self, from: Data(text.utf8)) } catch
        {
            throw .badRequest("error parsing labels: not a JSON object of strings")
        }
        var labels = LabelBuilder(pairs.map { (name: $0.key, value: $0.value) })
        var isKept = true
        return Self.success { data in
            data.arrayField("steps") { steps in
                for rule in job.targetRules {
                    if isKept { isKept = rule.applied(to: &labels) }
                    steps.object { step in
                        step.objectField("rule") { Self.write(rule, &$0) }
                        step.objectField("output") {
                            Self.write(isKept ? labels.labels : .empty, &$0)
                        }
                        step.field("keep", isKept)
                    }
                }
            }
        }
    }

    private func job(_ request: HTTPRequest) throws(HTTPError) -> ScrapeJob {
        guard let name = request.parameters["scrapePool"], !name.isEmpty else {
            throw .badRequest("no scrapePool parameter provided")
        }
        guard let job = board.job(name) else {
            throw .badRequest(
                "error retrieving scrape config: unknown scrape pool: \"\(name.prefix(200))\"")
        }
        return job
    }

    private static func write(_ rule: RelabelRule, _ writer: inout JSONWriter) {
        if !rule.sourceLabels.isEmpty {
            writer.field("sourceLabels", strings: rule.sourceLabels)
        }
        writer.field("separator", rule.separator)
        writer.field("regex", rule.regex.source)
        if rule.modulus > 0 { writer.field("modulus", rule.modulus) }
        if !rule.targetLabel.isEmpty { writer.field("targetLabel", rule.targetLabel) }
        writer.field("replacement", rule.replacementText)
        writer.field("action", rule.action.rawValue)
    }

    // MARK: Answers

    private static func success(
        warnings: [String] = [], _ data: (inout JSONWriter) -> Void
    ) -> HTTPResponse {
        var writer = JSONWriter(capacity: 1_024)
        writer.object { answer in
            answer.field("status", "success")
            answer.objectField("data", data)
            if !warnings.isEmpty { answer.field("warnings", strings: warnings) }
        }
        return .json(writer.bytes)
    }

    private static func list(_ data: (inout JSONWriter) -> Void) -> HTTPResponse {
        var writer = JSONWriter(capacity: 1_024)
        writer.object { answer in
            answer.field("status", "success")
            answer.arrayField("data", data)
        }
        return .json(writer.bytes)
    }
}

extension MetricType {
    /// As OpenMetrics and Prometheus spell it.
    fileprivate var exposedName: String {
        switch self {
        case .unknown: "unknown"
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .gaugeHistogram: "gaugehistogram"
        case .summary: "summary"
        case .info: "info"
        case .stateSet: "stateset"
        }
    }
}
