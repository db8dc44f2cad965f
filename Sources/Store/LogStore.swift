import Telemetry

/// Keeps log records. Reads block and see every acknowledged record exactly once.
package protocol LogStore: Sendable {
    func append(logs batch: LogBatch, digest: ContentHash?, completion: @escaping AppendCompletion)

    /// Visits records whose time lies in `range` and that satisfy `predicate`.
    ///
    /// `visit` gets matching rows, in order of `direction` within the batch, and `bound`: no record
    /// visited later is newer (older, for `oldestFirst`) than it. It returns false to stop.
    func scanLogs(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (_ matches: LogBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError)

    /// Visits the columns of some fields of the records that `scanLogs` would visit, as far as the store
    /// has them. The bound is that of `scanLogs`.
    func scanLogFields(
        _ request: LogFieldRequest, _ predicate: LogPredicate, in range: TimeRange,
        direction: ScanDirection,
        visit: (_ part: LogFieldPart, _ bound: Timestamp) -> LogFieldAnswer
    ) throws(StoreError)

    /// Gives the records that `scanLogs` would visit to `work`, several batches at once, and what it makes
    /// of them to `collect`, one after the other and the oldest batches first. `collect` returns false to
    /// stop.
    func mapLogs<Part: Sendable>(
        _ predicate: LogPredicate, in range: TimeRange,
        _ work: @Sendable (_ matches: LogBatch) -> Part, collect: (Part) -> Bool
    ) throws(StoreError)

    /// The label sets of the streams with records in `range` that `predicate.stream` accepts.
    func logStreams(
        _ predicate: LogPredicate, in range: TimeRange
    ) throws(StoreError) -> [Labels]
}

/// In which order of time records are visited.
package enum ScanDirection: Sendable, Hashable {
    case newestFirst
    case oldestFirst
}

/// Conditions on log records that the store checks or uses to skip blocks.
package struct LogPredicate: Sendable {
    /// Accepts a stream by its labels (`LogStream.labels`). Asked once per resource and block. `nil`
    /// accepts all.
    package var stream: (@Sendable (Labels) -> Bool)?
    package var traceID: TraceID?
    /// Text that the line must contain, to skip blocks early. Advisory: rows without it may be visited.
    package var requiredTexts: [String] = []
    /// Fields that the record must have, to skip blocks early. Advisory, and of records without a body
    /// only: those with one may have them in their text.
    package var identifiers: [LogIdentifier] = []

    package init(
        stream: (@Sendable (Labels) -> Bool)? = nil, traceID: TraceID? = nil,
        requiredTexts: [String] = [], identifiers: [LogIdentifier] = []
    ) {
        self.stream = stream
        self.traceID = traceID
        self.requiredTexts = requiredTexts
        self.identifiers = identifiers
    }
}

/// How a resource becomes a stream's label set, as Loki reads OTLP resources: attribute names with
/// every character outside `[a-zA-Z0-9_]` replaced by `_`, values as text, and `service_name` always
/// present.
package enum LogStream {
    package static let unknownService = "unknown_service"

    package static func labels(of resource: Resource) -> Labels {
        var pairs: [(name: String, value: String)] = [(name: "service_name", value: unknownService)]
        for attribute in resource.attributes {
            pairs.append((name: labelName(attribute.key), value: attribute.value.text))
        }
        return Labels(pairs)
    }

    /// The name of the label that a field becomes: spaces around its key do not count.
    package static func fieldName(_ key: String) -> String {
        let spaces: Set<Unicode.Scalar> = [" ", "\t", "\n", "\u{B}", "\u{C}", "\r"]
        var scalars = key.unicodeScalars[...]
        while let first = scalars.first, spaces.contains(first) { scalars.removeFirst() }
        while let last = scalars.last, spaces.contains(last) { scalars.removeLast() }
        return labelName(String(scalars))
    }

    package static func labelName(_ key: String) -> String {
        var name = ""
        for scalar in key.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": name.unicodeScalars.append(scalar)
            case "0"..."9":
                if name.isEmpty { name = "_" }
                name.unicodeScalars.append(scalar)
            default: name += "_"
            }
        }
        return name
    }
}
