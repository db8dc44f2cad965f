/// What a page says of its alert's cause, for programs: `sidelight.evidence` of each alert in webhook
/// messages. Beside the fields of version 4, whose readers pass over it. Names are part of the contract;
/// optional fields are left out where nothing is known.
package struct PageEvidence: Codable, Hashable, Sendable {
    /// What a part of the bad events, and so of the budget that they burn, has in common.
    package struct Share: Codable, Hashable, Sendable {
        package var name: String
        /// Between 0 and 1.
        package var share: Double

        package init(name: String, share: Double) {
            self.name = name
            self.share = share
        }
    }

    /// A bad event.
    package struct Exemplar: Codable, Hashable, Sendable {
        /// Hexadecimal, like `spanId`.
        package var traceId: String
        package var spanId: String
        package var service: String
        package var name: String
        /// RFC 3339.
        package var start: String
        package var seconds: Double
        /// Shows the trace to people.
        package var link: String

        package init(
            traceId: String, spanId: String, service: String, name: String, start: String,
            seconds: Double, link: String
        ) {
            self.traceId = traceId
            self.spanId = spanId
            self.service = service
            self.name = name
            self.start = start
            self.seconds = seconds
            self.link = link
        }
    }

    /// The service whose events are bad.
    package var service = ""
    /// Bad events looked at, weighted by sampling.
    package var badEvents = 0.0
    /// At most five, newest first, one a trace.
    package var exemplars: [Exemplar] = []
    package var route: Share?
    package var version: Share?
    package var upstream: Share?
    package var failingHop: Share?
    /// Access-log lines of the exemplars.
    package var lines: [String] = []
    /// Since when it is bad, RFC 3339.
    package var changedAt: String?
    /// Shares of bad events before and after that.
    package var badShareBefore: Double?
    package var badShareAfter: Double?
    /// Of the budget: 1 is all of it, below 0 more than there was.
    package var remaining: Double?
    package var exhaustedInSeconds: Double?
    /// The service that makes the others burn, where several burn together.
    package var culprit = ""
    /// The services that burn together, the culprit first.
    package var together: [String] = []
    /// What is missing and why.
    package var notes: [String] = []

    package init() {}
}
