import QueryCore
import Store
import Telemetry
import TraceQL

/// Bad events as spans, newest first.
struct BadEvents: Sendable {
    struct Event: Sendable {
        var traceID: TraceID
        var spanID: SpanID
        var service: String
        var version: String
        var route: String
        var start: Timestamp
        var duration: Int64
        /// How many events it stands for.
        var weight: Double
    }

    /// More say nothing more about shares.
    static let eventsMax = 5_000
    private static let fields: SpanFields = [.identity, .core, .attributes, .rest]
    private static let routeKeys = ["http.route", "url.template", "rpc.method", "faas.name"]

    private(set) var events: [Event] = []
    /// Whether there are more, older ones.
    private(set) var isCut = false

    var weight: Double { events.reduce(0) { $0 + $1.weight } }

    /// What `query` yields of the spans that start in `range`.
    static func find(
        _ query: String, in range: TimeRange, _ store: any SpanStore, _ context: QueryContext
    ) throws(QueryError) -> BadEvents {
        var found = BadEvents()
        try TraceQLEngine(store: store).visitRows(
            TraceQLRows(query, in: range, fields: fields, attributeKeys: Set(routeKeys)),
            context: context
        ) { batch, rows in
            events(batch, rows)
        } visit: { events in
            found.events += events
            return found.events.count <= eventsMax
        }
        found.isCut = found.events.count > eventsMax
        found.events.sort { $0.start > $1.start }
        return found
    }

    private static func events(_ batch: SpanBatch, _ rows: [Int]) -> [Event] {
        let services = batch.serviceNames()
        let versions = batch.versions()
        var weights = SamplingWeights()
        return rows.map { row in
            let resource = Int(batch.resourceIndices[row])
            return Event(
                traceID: batch.traceIDs[row], spanID: batch.spanIDs[row],
                service: services[resource], version: versions[resource],
                route: route(batch, row), start: batch.starts[row],
                duration: batch.durations[row], weight: weights.weight(batch, row))
        }
    }

    private static func route(_ batch: SpanBatch, _ row: Int) -> String {
        for key in routeKeys {
            guard let id = batch.strings.id(of: key),
                let value = batch.attributes.first(
                    id, in: batch.attributeRange(row), strings: batch.strings)
            else { continue }
            return value.text
        }
        return batch.strings[batch.names[row]]
    }

    /// The most frequent value of a property, by weight; equal ones by name.
    func top(_ property: (Event) -> String) -> AlertEvidence.Share? {
        var weights: [String: Double] = [:]
        for event in events {
            let name = property(event)
            if !name.isEmpty { weights[name, default: 0] += event.weight }
        }
        let all = weight
        guard all > 0,
            let top = weights.max(by: {
                $0.value == $1.value ? $0.key > $1.key : $0.value < $1.value
            })
        else { return nil }
        return AlertEvidence.Share(name: top.key, share: top.value / all)
    }

    /// The newest event of each of the newest traces.
    func newest(_ count: Int) -> [Event] {
        var seen: Set<TraceID> = []
        var newest: [Event] = []
        for event in events where newest.count < count {
            if seen.insert(event.traceID).inserted { newest.append(event) }
        }
        return newest
    }
}

extension SpanBatch {
    /// `service.version` of each resource; "" where there is none.
    func versions() -> [String] {
        guard let key = strings.id(of: SemanticKey.serviceVersion) else {
            return [String](repeating: "", count: shared.resources.count)
        }
        return shared.resources.map { resource in
            shared.attributes.first(key, in: resource.attributes, strings: strings)?.text ?? ""
        }
    }
}

/// Queries for the bad and for all events of a service.
package struct EventQueries: Sendable, Hashable {
    package var bad: String
    package var all: String

    /// What servers answered with an error, or too late.
    /// - Parameter latencyBound: nanoseconds.
    static func ofService(_ name: String, latencyBound: Int64?) -> [EventQueries] {
        let service = "resource.service.name = \"\(escaped(name))\""
        var bad =
            "status = error || span.http.response.status_code >= 500 || "
            + "span.http.status_code >= 500"
        if let latencyBound { bad += " || duration > \(latencyBound)ns" }
        return ["(kind = server || kind = consumer) && ", ""].map { kind in
            EventQueries(
                bad: "{ \(kind)\(service) && (\(bad)) }", all: "{ \(kind)\(service) }")
        }
    }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\"", "\\": escaped += "\\\(character)"
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
