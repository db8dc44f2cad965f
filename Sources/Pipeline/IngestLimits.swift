/// Bounds on what an item may be before it is stored, with their reasons. An item beyond one is refused
/// and counted, or what is too long in it is cut; the others of its batch are kept.
package struct IngestLimits: Sendable, Hashable {
    /// A clock that is ahead by more than this is wrong, and its data would sit outside every query
    /// that ends now.
    package var futureMax = Duration.seconds(600)
    /// How far back data is kept; older items would be deleted at once. `nil` keeps everything.
    package var spanRetention: Duration?
    package var logRetention: Duration?
    package var metricRetention: Duration?
    /// One text (attribute, name, message, body) of a span or log record. Captured prompts and payloads
    /// reach hundreds of kilobytes; beyond a mebibyte it is a mistake: a span's is cut and marked, a log
    /// record is refused.
    package var textBytesMax = 1 << 20
    /// Labels are kept in an index; a sender that needs longer ones means an attribute of a span or log.
    package var labelNameBytesMax = 1_024
    package var labelValueBytesMax = 4_096
    package var labelsMax = 64

    package init() {}

    /// The same retention for all signals.
    package init(retention: Duration) {
        spanRetention = retention
        logRetention = retention
        metricRetention = retention
    }
}
