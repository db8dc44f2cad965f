import Telemetry

extension RemoteWrite {
    /// A `WriteRequest` with everything in `batch`, samples grouped by series. Histograms are written
    /// as float histograms, which hold any count exactly.
    package static func encode(_ batch: MetricBatch) -> [UInt8] {
        let samples = rows(by: batch.sampleSeries, batch.seriesCount)
        let histograms = rows(by: batch.histograms.map(\.series), batch.seriesCount)
        let exemplars = rows(by: batch.exemplars.map(\.series), batch.seriesCount)
        var writer = ProtobufWriter(capacity: batch.labelBytes.count * 2)
        for series in 0..<batch.seriesCount {
            writer.message(1) { message in
                message.labels(batch.labels(series))
                for row in samples[series] {
                    message.message(2) {
                        $0.double(1, batch.sampleValues[row])
                        $0.varint(2, UInt64(bitPattern: batch.sampleTimes[row]))
                    }
                }
                for row in exemplars[series] { message.exemplar(batch.exemplars[row]) }
                for row in histograms[series] {
                    message.message(4) { $0.histogram(batch.histograms[row]) }
                }
            }
        }
        for metadata in batch.metadata {
            writer.message(3) {
                $0.varint(1, UInt64(metadata.type.rawValue))
                $0.string(2, metadata.family)
                $0.string(4, metadata.help)
                $0.string(5, metadata.unit)
            }
        }
        return writer.bytes
    }

    private static func rows(by series: [UInt32], _ count: Int) -> [[Int]] {
        var rows = [[Int]](repeating: [], count: count)
        for (row, series) in series.enumerated() { rows[Int(series)].append(row) }
        return rows
    }
}

extension ProtobufWriter {
    mutating func labels(_ labels: Labels) {
        labels.bytes.withUnsafeBytes { all in
            var cursor = LabelCursor(all)
            while let pair = cursor.next() {
                message(1) {
                    $0.bytes(1, pair.name)
                    $0.bytes(2, pair.value)
                }
            }
        }
    }

    fileprivate mutating func exemplar(_ exemplar: Exemplar) {
        message(3) {
            $0.labels(exemplar.labels)
            $0.double(2, exemplar.value)
            $0.varint(3, UInt64(bitPattern: exemplar.time))
        }
    }

    fileprivate mutating func histogram(_ sample: HistogramSample) {
        let histogram = sample.histogram
        presentDouble(2, histogram.count)
        double(3, histogram.sum)
        sint32(4, histogram.schema)
        double(5, histogram.zeroThreshold)
        presentDouble(7, histogram.zeroCount)
        for span in histogram.negativeSpans { message(8) { $0.span(span) } }
        packedDoubles(10, histogram.negativeCounts)
        for span in histogram.positiveSpans { message(11) { $0.span(span) } }
        packedDoubles(13, histogram.positiveCounts)
        varint(14, UInt64(histogram.resetHint.rawValue))
        varint(15, UInt64(bitPattern: sample.time))
        packedDoubles(16, histogram.customBounds)
    }

    private mutating func span(_ span: NativeHistogram.Span) {
        sint32(1, span.offset)
        varint(2, UInt64(span.length))
    }
}
