import Store
import Telemetry

extension AlertEvidence {
    /// For programs.
    /// - Parameter server: where people reach this server, without a slash at the end.
    package func page(server: String) -> PageEvidence {
        var page = PageEvidence()
        page.service = service
        page.badEvents = badCount
        page.exemplars = exemplars.map { one in
            PageEvidence.Exemplar(
                traceId: one.traceID.hex, spanId: one.spanID.hex, service: one.service,
                name: one.name, start: RFC3339.string(one.start),
                seconds: Double(one.duration) / 1e9, link: Self.link(one, server))
        }
        page.route = route.map(Self.share)
        page.version = version.map(Self.share)
        page.upstream = upstream.map(Self.share)
        page.failingHop = failingHop.map(Self.share)
        page.lines = lines
        page.changedAt = change.map { RFC3339.string($0.at) }
        page.badShareBefore = change?.before
        page.badShareAfter = change?.after
        // JSON has no infinities.
        page.remaining = budget.flatMap { $0.remaining.isFinite ? $0.remaining : nil }
        page.exhaustedInSeconds = budget?.exhaustion.flatMap { $0.isFinite ? $0 / 1_000 : nil }
        page.culprit = culprit
        page.together = together
        page.notes = notes
        return page
    }

    private static func share(_ share: Share) -> PageEvidence.Share {
        PageEvidence.Share(name: share.name, share: share.share)
    }
}
