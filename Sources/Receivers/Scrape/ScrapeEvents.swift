import Logging
import Platform

/// A target could not be scraped.
struct ScrapeFailed: InternalEvent {
    static let counter = "sidelight_scrape_failures_total"
    static let help = "Scrapes that failed."

    var job: String
    var url: String
    var reason: String
    var level: Logger.Level? { .debug }
    var message: String { "cannot scrape \(url) (job \(job)): \(reason)" }
}

/// Parts of what a target exposed were left out.
struct ScrapeIncomplete: InternalEvent {
    static let counter = "sidelight_scrape_left_out_samples_total"
    static let help = "Samples left out of scrapes that break a limit; the rest was stored."

    var job: String
    var url: String
    var reason: String
    var increment: UInt64
    var level: Logger.Level? { .debug }
    var message: String { "\(url) (job \(job)): \(reason)" }
}

/// Targets could not be found out.
struct DiscoveryFailed: InternalEvent {
    static let counter = "sidelight_scrape_discovery_failures_total"
    static let help = "Refreshes of target lists that failed; the old targets stay."

    var job: String
    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "job \(job) keeps its old targets: \(reason)" }
}
