import Telemetry
import WireFormats

extension TracePatch {
    /// The document of the format `trace-patch-v0`.
    var json: [UInt8] {
        var writer = JSONWriter(capacity: 4_096)
        writer.object { root in
            root.field("version", "trace-patch-v0")
            root.objectField("base") { Self.write(base, to: &$0) }
            root.objectField("compare") { Self.write(compare, to: &$0) }
            root.objectField("stats") { writeStats(to: &$0) }
            root.arrayField("modified") { array in
                for (span, changes) in modified {
                    array.object {
                        $0.objectField("span") { Self.write(span, to: &$0) }
                        $0.arrayField("changes") { array in
                            for change in changes { array.object { Self.write(change, to: &$0) } }
                        }
                    }
                }
            }
            root.arrayField("added") { array in
                for span in added {
                    array.object { entry in
                        entry.objectField("target") { Self.writeInsertion(span, to: &$0) }
                        entry.objectField("span") { Self.write(span, of: compare, to: &$0) }
                    }
                }
            }
            root.arrayField("removed") { array in
                for span in removed {
                    array.object { entry in
                        entry.objectField("target") {
                            $0.field("type", "span")
                            Self.write("path", span.path[...], to: &$0)
                        }
                        entry.objectField("span") { Self.write(span, of: base, to: &$0) }
                    }
                }
            }
            root.arrayField("warnings") { array in
                for (side, spans) in [("base", base), ("compare", compare)]
                where spans.duplicateCount > 0 {
                    array.object {
                        $0.field("code", "duplicate_span_id")
                        $0.field(
                            "message",
                            "\(side) trace has \(spans.duplicateCount) span(s) with the id of another one; they are not compared"
                        )
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ trace: PlacedSpans, to writer: inout JSONWriter) {
        writer.field("traceId", trace.batch.traceIDs.first ?? .invalid)
        writer.field("spanCount", trace.batch.count)
    }

    private func writeStats(to writer: inout JSONWriter) {
        let changes = modified.flatMap(\.changes)
        let attributes = changes.count { if case .attribute = $0.target { true } else { false } }
        writer.field("spanCountA", base.batch.count)
        writer.field("spanCountB", compare.batch.count)
        writer.field("matchedSpans", matchedCount)
        writer.field("modifiedSpans", modified.count)
        writer.field("addedSpans", added.count)
        writer.field("removedSpans", removed.count)
        writer.field("fieldChanges", changes.count - attributes)
        writer.field("attributeChanges", attributes)
        writer.field("eventChanges", 0)
        writer.field("truncated", false)
    }

    /// Where a span is.
    private static func write(_ span: PlacedSpans.Span, to writer: inout JSONWriter) {
        write("path", span.path[...], to: &writer)
        writer.field("service", span.identity.service)
        writer.field("name", span.identity.name)
        writer.field("kind", "\(span.identity.kind)")
    }

    /// A whole span.
    private static func write(
        _ span: PlacedSpans.Span, of trace: PlacedSpans, to writer: inout JSONWriter
    ) {
        write(span, to: &writer)
        writer.field("duration_nanos", trace.batch.durations[span.row])
        writer.field("status", "\(trace.batch.statuses[span.row])")
    }

    private static func writeInsertion(_ span: PlacedSpans.Span, to writer: inout JSONWriter) {
        writer.field("type", "span")
        if span.path.count > 1 { write("parentPath", span.path.dropLast(), to: &writer) }
        writer.field("index", span.path.last ?? 0)
    }

    private static func write(
        _ key: StaticString, _ path: ArraySlice<Int>, to writer: inout JSONWriter
    ) {
        writer.arrayField(key) { array in for number in path { array.value(number) } }
    }

    private static func write(_ change: Change, to writer: inout JSONWriter) {
        let isAdded = change.before == nil
        writer.field("op", isAdded ? "add" : change.after == nil ? "remove" : "modify")
        writer.objectField("target") { target in
            switch change.target {
            case .duration:
                target.field("type", "field")
                target.field("name", "duration_nanos")
            case .status:
                target.field("type", "field")
                target.field("name", "status")
            case .attribute(let key):
                target.field("type", "attribute")
                target.field("scope", "span")
                target.field("key", key)
            }
        }
        writer.key("before")
        write(change.before, to: &writer)
        writer.key("after")
        write(change.after, to: &writer)
    }

    private static func write(_ value: AttributeValue?, to writer: inout JSONWriter) {
        if let value { writer.value(value) } else { writer.null() }
    }
}
