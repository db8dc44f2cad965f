import Telemetry

/// The first failing hop of a failure: from a bad span down, always to the failed child that ended last,
/// because its parent waited for it; of a span that was only slow, to the child that took at least half of
/// its time. The span at the end of the way has no failing child: the failure began there.
package struct FailingHop: Sendable, Hashable {
    /// Service, version and name of the span.
    package var text: String
    /// The service below the bad span's own that the failure came from; "" if it came from itself.
    package var upstream: String

    /// A way down is no longer than this in any trace that people look at; loops of parents end, too.
    private static let depthMax = 256

    /// `nil` if the span is not among `spans`.
    package init?(below spanID: SpanID, in spans: SpanBatch) {
        var children: [SpanID: [Int]] = [:]
        for row in 0..<spans.count { children[spans.parentIDs[row], default: []].append(row) }
        // Client and server halves may share an id: the way begins at the one that others hang below.
        guard var row = (0..<spans.count).first(where: { spans.spanIDs[$0] == spanID }) else {
            return nil
        }
        let services = spans.serviceNames()
        let own = services[Int(spans.resourceIndices[row])]
        let isFailure = Self.isFailed(spans, row)
        var seen: Set<Int> = [row]
        for _ in 0..<Self.depthMax {
            let below = (children[spans.spanIDs[row]] ?? []).filter { !seen.contains($0) }
            let next =
                isFailure
                ? below.filter { Self.isFailed(spans, $0) }.max { spans.end($0) < spans.end($1) }
                : below.filter { spans.durations[$0] >= spans.durations[row] / 2 }
                    .max { spans.durations[$0] < spans.durations[$1] }
            guard let next else { break }
            seen.insert(next)
            row = next
        }
        let service = services[Int(spans.resourceIndices[row])]
        upstream = service == own ? Self.peer(spans, row) : service
        let version = spans.versions()[Int(spans.resourceIndices[row])]
        text =
            [service, version].filter { !$0.isEmpty }.joined(separator: " ")
            + ": \(spans.strings[spans.names[row]])"
    }

    private static func isFailed(_ spans: SpanBatch, _ row: Int) -> Bool {
        if spans.statuses[row] == .error { return true }
        for key in ["http.response.status_code", "http.status_code"] {
            guard let id = spans.strings.id(of: key),
                let value = spans.attributes.first(
                    id, in: spans.attributeRange(row), strings: spans.strings),
                case .int(let code) = value
            else { continue }
            return code >= 500
        }
        return false
    }

    /// Whom a client span that nobody answered had called.
    private static func peer(_ spans: SpanBatch, _ row: Int) -> String {
        guard spans.kinds[row] == .client || spans.kinds[row] == .producer else { return "" }
        for key in [SemanticKey.peerService, "server.address", "db.system.name", "db.system"] {
            guard let id = spans.strings.id(of: key),
                let value = spans.attributes.first(
                    id, in: spans.attributeRange(row), strings: spans.strings)
            else { continue }
            return value.text
        }
        return ""
    }
}
