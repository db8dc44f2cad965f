import HTTPServer
import Telemetry
import WireFormats

/// What Prometheus tells about its targets: `GET /api/v1/targets` (parameters `state`, `scrapePool`) and
/// `GET /api/v1/scrape_pools`. Dropped targets are not remembered; what discovery complains about stands
/// in `warnings`.
package struct ScrapeRoutes: Sendable {
    private let board: ScrapeBoard

    /// - Parameter board: `nil` where nothing is scraped; the answers are then empty.
    package init(_ board: ScrapeBoard?) { self.board = board ?? ScrapeBoard() }

    package func register(on router: inout Router, prefix: String = "") {
        router.on(.get, prefix + "/api/v1/targets") { targets($0) }
        router.on(.get, prefix + "/api/v1/scrape_pools") { _ in pools() }
    }

    private func targets(_ request: HTTPRequest) -> HTTPResponse {
        let pool = request.parameters["scrapePool"] ?? ""
        let isActiveWanted = request.parameters["state"]?.lowercased() != "dropped"
        let lines =
            isActiveWanted ? board.lines.filter { pool.isEmpty || $0.target.job == pool } : []
        let problems = board.problems.sorted { $0.key < $1.key }.flatMap(\.value)
        var writer = JSONWriter(capacity: 512 * (lines.count + 1))
        writer.object { answer in
            answer.field("status", "success")
            answer.objectField("data") { data in
                data.arrayField("activeTargets") { list in
                    for line in lines { list.object { Self.write(line, &$0) } }
                }
                data.arrayField("droppedTargets") { _ in }
                data.objectField("droppedTargetCounts") { _ in }
            }
            if !problems.isEmpty { answer.field("warnings", strings: problems) }
        }
        return .json(writer.bytes)
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
        writer.field("scrapeInterval", seconds(target.interval))
        writer.field("scrapeTimeout", seconds(target.timeout))
    }

    private static func write(_ labels: Labels, _ writer: inout JSONWriter) {
        for (name, value) in labels.pairs {
            writer.key(name)
            writer.value(value)
        }
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }

    private func pools() -> HTTPResponse {
        var writer = JSONWriter()
        writer.object { answer in
            answer.field("status", "success")
            answer.objectField("data") { $0.field("scrapePools", strings: board.pools) }
        }
        return .json(writer.bytes)
    }
}
