import HTTPServer
import Telemetry

/// The spans of a trace in the order of its tree, each with its place: the numbers of the siblings on the way
/// from the root. Roots are spans without parent and those whose parent was not received; behind them come
/// spans whose parents form a circle.
struct PlacedSpans {
    /// What spans of two traces are matched by.
    struct Identity: Hashable {
        var service: String
        var name: String
        var kind: SpanKind
    }

    struct Span {
        /// In the batch.
        var row: Int
        var path: [Int]
        var identity: Identity
        /// Of the parent, if it was received.
        var parent: Identity?
    }

    /// Numbers in all paths: of a very deep trace they would outgrow the trace itself.
    private static let pathNumbersMax = 4_000_000

    let batch: SpanBatch
    private(set) var spans: [Span] = []
    /// Spans that share the id of another one are left out.
    var duplicateCount: Int { batch.count - spans.count }

    /// - Parameter batch: all spans of one trace, by start time.
    /// - Throws: 422 for a trace that is too deep.
    init(_ batch: SpanBatch) throws(HTTPError) {
        self.batch = batch
        let names = ServiceNames(batch)
        let identities = (0..<batch.count).map { row in
            Identity(
                service: Self.service(row, batch) ?? names[row],
                name: batch.strings[batch.names[row]], kind: batch.kinds[row])
        }
        var rowOfID: [SpanID: Int] = [:]
        for row in 0..<batch.count { rowOfID[batch.spanIDs[row]] = row }
        var children: [SpanID: [Int]] = [:]
        for row in (0..<batch.count).sorted(by: { Self.precedes($0, $1, batch) }) {
            let parent = batch.parentIDs[row]
            let isRoot = !parent.isValid || rowOfID[parent] == nil
            children[isRoot ? .invalid : parent, default: []].append(row)
        }
        var seen: Set<SpanID> = []
        var numbers = 0
        var rootCount = 0
        // A row with its place, or without one for a root whose place is known when it is taken.
        typealias Entry = (row: Int, path: [Int]?, parent: Identity?)
        let rest = (0..<batch.count).sorted { Self.precedes($0, $1, batch) }
        var stack: [Entry] = (children[.invalid, default: []] + rest).reversed().map {
            ($0, nil, nil)
        }
        while let entry = stack.popLast() {
            guard seen.insert(batch.spanIDs[entry.row]).inserted else { continue }
            let path = entry.path ?? [rootCount]
            if entry.path == nil { rootCount += 1 }
            numbers += path.count
            guard numbers <= Self.pathNumbersMax else {
                throw HTTPError(.unprocessable, message: "the trace is too deep to be compared")
            }
            let identity = identities[entry.row]
            spans.append(
                Span(row: entry.row, path: path, identity: identity, parent: entry.parent))
            var below: [Entry] = []
            for child in children[batch.spanIDs[entry.row], default: []]
            where !seen.contains(batch.spanIDs[child]) {
                below.append((child, path + [below.count], identity))
            }
            stack += below.reversed()
        }
    }

    /// A span may say itself what its service is.
    private static func service(_ row: Int, _ batch: SpanBatch) -> String? {
        guard let key = batch.strings.id(of: SemanticKey.serviceName),
            case .string(let name)? = batch.attributes.first(
                key, in: batch.attributeRange(row), strings: batch.strings)
        else { return nil }
        return name
    }

    private static func precedes(_ a: Int, _ b: Int, _ batch: SpanBatch) -> Bool {
        batch.starts[a] != batch.starts[b]
            ? batch.starts[a] < batch.starts[b] : batch.spanIDs[a].value < batch.spanIDs[b].value
    }
}
