import Telemetry
import WireFormats

/// Writes batches in the line format of `Tests/Oracles/otlp.py`.
enum NeutralDump {
    static func spans(_ batch: SpanBatch) -> [String] {
        (0..<batch.count).flatMap { row -> [String] in
            let span = batch.span(at: row)
            var lines = [
                "span \(span.traceID) \(span.spanID) \(id(span.parentID)) \(hex(span.name)) "
                    + "\(hex(span.traceState)) \(span.kind.rawValue) \(span.start.nanoseconds) "
                    + "\(span.duration) \(span.flags) \(span.status.rawValue) "
                    + "\(hex(span.statusMessage)) \(span.droppedAttributeCount) "
                    + "\(span.droppedEventCount) \(span.droppedLinkCount)",
                resource(batch.resource(at: batch.resourceIndices[row])),
                scope(batch.scope(at: batch.scopeIndices[row])),
                "attributes " + attributes(span.attributes),
            ]
            for event in span.events {
                lines.append(
                    "event \(event.time.nanoseconds) \(hex(event.name)) "
                        + "\(event.droppedAttributeCount) \(attributes(event.attributes))")
            }
            for link in span.links {
                lines.append(
                    "link \(id(link.traceID)) \(id(link.spanID)) \(hex(link.traceState)) "
                        + "\(link.flags) \(link.droppedAttributeCount) "
                        + attributes(link.attributes))
            }
            return lines
        }
    }

    static func logs(_ batch: LogBatch) -> [String] {
        (0..<batch.count).flatMap { row -> [String] in
            let log = batch.record(at: row)
            return [
                "log \(log.time.nanoseconds) \(log.observedTime.nanoseconds) "
                    + "\(log.severityNumber) \(hex(log.severityText)) \(hex(log.eventName)) "
                    + "\(id(log.traceID)) \(id(log.spanID)) \(log.flags) "
                    + "\(log.droppedAttributeCount) \(value(log.body))",
                resource(batch.resource(at: batch.resourceIndices[row])),
                scope(batch.scope(at: batch.scopeIndices[row])),
                "attributes " + attributes(log.attributes),
            ]
        }
    }

    static func metrics(_ decoded: Decoded<MetricBatch>) -> [String] {
        let batch = decoded.batch
        var lines: [String] = []
        for row in batch.sampleTimes.indices {
            lines.append(
                "sample \(labels(batch.labels(Int(batch.sampleSeries[row])))) "
                    + "\(batch.sampleTimes[row]) \(bits(batch.sampleValues[row]))")
        }
        for exemplar in batch.exemplars {
            let own = labels(exemplar.labels)
            lines.append(
                "exemplar \(labels(batch.labels(Int(exemplar.series)))) \(exemplar.time) "
                    + "\(bits(exemplar.value)) \(own.isEmpty ? "-" : own)")
        }
        for sample in batch.histograms {
            lines.append(
                "histogram \(labels(batch.labels(Int(sample.series)))) \(sample.time) "
                    + histogram(sample.histogram))
        }
        return (lines + rejections(decoded.rejections)).sorted()
    }

    static func rejections(_ rejections: [Rejection]) -> [String] {
        rejections.map { "rejected \($0.reason.rawValue) \($0.count)" }.sorted()
    }

    private static func histogram(_ histogram: NativeHistogram) -> String {
        if histogram.sum.bitPattern == Sample.staleMarker.bitPattern {
            return "\(histogram.schema) stale"
        }
        return "\(histogram.schema) \(Int(histogram.count)) \(bits(histogram.sum)) "
            + "\(Int(histogram.zeroCount)) \(bits(histogram.zeroThreshold)) "
            + "+ \(buckets(histogram.positiveSpans, histogram.positiveCounts)) "
            + "- \(buckets(histogram.negativeSpans, histogram.negativeCounts))"
    }

    private static func buckets(_ spans: [NativeHistogram.Span], _ counts: [Double]) -> String {
        var words: [String] = []
        var rest = counts[...]
        var index = 0
        for span in spans {
            index += Int(span.offset)
            for _ in 0..<span.length {
                let count = rest.removeFirst()
                if count != 0 { words.append("\(index):\(Int(count))") }
                index += 1
            }
        }
        return words.isEmpty ? "-" : words.joined(separator: " ")
    }

    private static func labels(_ labels: Labels) -> String {
        labels.pairs.map { "\($0.name)=\(hex($0.value))" }.joined(separator: ",")
    }

    private static func resource(_ resource: Resource) -> String {
        "resource \(resource.droppedAttributeCount) \(hex(resource.schemaURL)) "
            + attributes(resource.attributes)
    }

    private static func scope(_ scope: Scope) -> String {
        "scope \(hex(scope.name)) \(hex(scope.version)) \(scope.droppedAttributeCount) "
            + "\(hex(scope.schemaURL)) \(attributes(scope.attributes))"
    }

    private static func attributes(_ attributes: [Attribute]) -> String {
        attributes.isEmpty
            ? "-"
            : attributes.map { hex($0.key) + "=" + value($0.value) }.joined(separator: " ")
    }

    private static func value(_ value: AttributeValue) -> String {
        switch value {
        case .empty: "empty"
        case .string(let text): "s" + digits(Array(text.utf8))
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): "i\(number)"
        case .double(let number): "d" + bits(number)
        case .bytes(let bytes): "y" + digits(bytes)
        case .array(let elements): "[" + elements.map(Self.value).joined(separator: ",") + "]"
        case .map(let pairs):
            "{" + pairs.map { hex($0.key) + "=" + Self.value($0.value) }.joined(separator: ",")
                + "}"
        }
    }

    private static func id(_ id: TraceID) -> String { id.isValid ? id.hex : "-" }
    private static func id(_ id: SpanID) -> String { id.isValid ? id.hex : "-" }
    private static func bits(_ value: Double) -> String { HexDigits.string(value.bitPattern) }

    private static func hex(_ text: String) -> String {
        text.isEmpty ? "-" : digits(Array(text.utf8))
    }

    private static func digits(_ bytes: [UInt8]) -> String {
        bytes.map { HexDigits.string(UInt64($0)).suffix(2) }.joined()
    }
}
