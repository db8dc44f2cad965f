import Telemetry

/// A metric family to be exposed: series of one name and kind, each with one sample.
package struct ExposedFamily: Sendable {
    package enum Kind: UInt64, Sendable {
        case untyped = 3
        case histogram = 4
        case gaugeHistogram = 5
    }

    package enum Value: Sendable {
        case number(Double)
        case histogram(NativeHistogram)
    }

    package struct Metric: Sendable {
        /// Without the family's name.
        package var labels: [(name: String, value: String)]
        /// Milliseconds.
        package var time: Int64
        package var value: Value

        package init(labels: [(name: String, value: String)], time: Int64, value: Value) {
            self.labels = labels
            self.time = time
            self.value = value
        }
    }

    package var name: String
    package var kind: Kind
    package var metrics: [Metric] = []

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

extension ExposedFamily {
    /// Appends it as a delimited `io.prometheus.client.MetricFamily` (prometheus/client_model,
    /// io/prometheus/client/metrics.proto). Histograms with custom bounds, for which that has no form, become
    /// classic ones, as Prometheus federates them.
    package func appendDelimited(to bytes: inout [UInt8]) {
        var writer = ProtobufWriter()
        writer.presentString(1, name)
        writer.presentVarint(3, kind.rawValue)
        for metric in metrics { writer.message(4) { metric.write(to: &$0) } }
        Varint.append(UInt64(writer.bytes.count), to: &bytes)
        bytes.append(contentsOf: writer.bytes)
    }
}

extension ExposedFamily.Metric {
    fileprivate func write(to writer: inout ProtobufWriter) {
        for label in labels {
            writer.message(1) {
                $0.presentString(1, label.name)
                $0.presentString(2, label.value)
            }
        }
        switch value {
        case .number(let number): writer.message(5) { $0.presentDouble(1, number) }
        case .histogram(let histogram): writer.message(7) { histogram.writeExposed(to: &$0) }
        }
        writer.presentVarint(6, UInt64(bitPattern: time))
    }
}

extension NativeHistogram {
    /// Of a histogram with custom bounds: how many observations lie at or below each, +Inf apart.
    package var cumulativeBuckets: [(bound: Double, count: Double)] {
        var counts = [Double](repeating: 0, count: customBounds.count)
        var index = 0
        var next = positiveCounts.makeIterator()
        for span in positiveSpans {
            index = index &+ Int(span.offset)
            for _ in 0..<span.length {
                guard let count = next.next() else { break }
                if counts.indices.contains(index) { counts[index] = count }
                index = index &+ 1
            }
        }
        var sum = 0.0
        return zip(customBounds, counts).map { bound, count in
            sum += count
            return (bound, sum)
        }
    }

    fileprivate func writeExposed(to writer: inout ProtobufWriter) {
        writer.presentDouble(2, sum)
        guard schema != Self.customBucketsSchema else {
            for bucket in cumulativeBuckets {
                writer.message(3) {
                    $0.presentDouble(2, bucket.bound)
                    $0.presentDouble(4, bucket.count)
                }
            }
            return writer.presentDouble(4, count)
        }
        writer.presentDouble(4, count)
        writer.presentVarint(5, UInt64(UInt32(bitPattern: schema << 1 ^ schema >> 31)))
        writer.presentDouble(6, zeroThreshold)
        writer.presentDouble(8, zeroCount)
        Self.write(negativeSpans, 9, to: &writer)
        writer.packedDoubles(11, negativeCounts)
        // An empty span says that it is a native histogram where nothing else would.
        let isBare = positiveSpans.isEmpty && negativeSpans.isEmpty
        Self.write(isBare ? [Span(offset: 0, length: 0)] : positiveSpans, 12, to: &writer)
        writer.packedDoubles(14, positiveCounts)
    }

    private static func write(_ spans: [Span], _ field: UInt32, to writer: inout ProtobufWriter) {
        for span in spans {
            writer.message(field) {
                $0.sint32(1, span.offset)
                $0.varint(2, UInt64(span.length))
            }
        }
    }
}
