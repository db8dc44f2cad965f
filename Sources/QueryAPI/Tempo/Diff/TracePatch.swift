import HTTPServer
import Telemetry

/// What changes one trace into another, as Tempo's format `trace-patch-v0` has it: spans are matched by
/// service, name and kind, of several alike first by those of their parents, then in order; matched ones
/// are compared by duration, status and attributes.
struct TracePatch {
    struct Change {
        enum Target {
            case duration, status
            case attribute(String)
        }

        var target: Target
        /// `nil`: it was added, or removed.
        var before: AttributeValue?
        var after: AttributeValue?
    }

    let base: PlacedSpans
    let compare: PlacedSpans
    /// Spans of `compare` with what changed.
    private(set) var modified: [(span: PlacedSpans.Span, changes: [Change])] = []
    /// Spans of `compare`.
    private(set) var added: [PlacedSpans.Span] = []
    /// Spans of `base`.
    private(set) var removed: [PlacedSpans.Span] = []
    private(set) var matchedCount = 0

    init(_ base: PlacedSpans, _ compare: PlacedSpans) {
        self.base = base
        self.compare = compare
        var candidates: [PlacedSpans.Identity: [Int]] = [:]
        for (index, span) in base.spans.enumerated() {
            candidates[span.identity, default: []].append(index)
        }
        var isUsed = [Bool](repeating: false, count: base.spans.count)
        for span in compare.spans {
            let free = candidates[span.identity, default: []].filter { !isUsed[$0] }
            let alike = free.first {
                span.parent != nil && base.spans[$0].parent == span.parent
            }
            guard let match = alike ?? free.first else {
                added.append(span)
                continue
            }
            isUsed[match] = true
            // What is used at the front is not looked at again.
            if candidates[span.identity]?.first == match {
                candidates[span.identity]?.removeFirst()
            }
            matchedCount += 1
            let changes = changes(base.spans[match].row, span.row)
            if !changes.isEmpty { modified.append((span, changes)) }
        }
        for (index, span) in base.spans.enumerated() where !isUsed[index] { removed.append(span) }
    }

    private func changes(_ before: Int, _ after: Int) -> [Change] {
        let (a, b) = (base.batch, compare.batch)
        var changes: [Change] = []
        if !Self.isClose(
            Double(a.durations[before]), Double(b.durations[after]), relative: 0.2, absolute: 1e6)
        {
            changes.append(
                Change(
                    target: .duration, before: .int(a.durations[before]),
                    after: .int(b.durations[after])))
        }
        if a.statuses[before] != b.statuses[after] {
            changes.append(
                Change(
                    target: .status, before: .string("\(a.statuses[before])"),
                    after: .string("\(b.statuses[after])")))
        }
        let (old, new) = (Self.attributes(a, before), Self.attributes(b, after))
        for key in Set(old.keys).union(new.keys).sorted()
        where !Self.areAlike(key, old[key], new[key]) {
            changes.append(Change(target: .attribute(key), before: old[key], after: new[key]))
        }
        return changes
    }

    private static func attributes(_ batch: SpanBatch, _ row: Int) -> [String: AttributeValue] {
        Dictionary(
            batch.attributes.attributes(in: batch.attributeRange(row), strings: batch.strings).map {
                ($0.key, $0.value)
            }, uniquingKeysWith: { $1 })
    }

    private static func areAlike(
        _ key: String, _ a: AttributeValue?, _ b: AttributeValue?
    ) -> Bool {
        guard let a, let b else { return false }
        guard let x = a.measure, let y = b.measure else { return a == b }
        if case (.int(let x), .int(let y)) = (a, b), !magnitudes.contains(key) { return x == y }
        return isClose(x, y, relative: magnitudes.contains(key) ? 0.05 : 0, absolute: 0)
    }

    private static func isClose(
        _ a: Double, _ b: Double, relative: Double, absolute: Double
    ) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        if a.isInfinite || b.isInfinite { return a == b }
        return (a - b).magnitude <= absolute + relative * max(a.magnitude, b.magnitude)
    }

    /// Attributes of OpenTelemetry's conventions of which small differences mean nothing.
    private static let magnitudes: Set<String> = [
        "http.request.body.size", "http.request.size", "http.response.body.size",
        "http.response.size", "http.request_content_length",
        "http.request_content_length_uncompressed", "http.response_content_length",
        "http.response_content_length_uncompressed", "messaging.message.body.size",
        "messaging.message.envelope.size", "message.compressed_size", "message.uncompressed_size",
        "rpc.message.compressed_size", "rpc.message.uncompressed_size", "file.size",
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.completion_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.response.time_to_first_chunk", "app.jank.period",
    ]
}

extension AttributeValue {
    fileprivate var measure: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}
