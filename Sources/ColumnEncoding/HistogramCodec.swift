import Telemetry

/// Native histogram samples, one after the other.
///
/// ```
/// sample = series varint │ time │ schema │ reset hint u8 │ zero threshold │ zero count │ count │ sum
///        │ positive spans │ positive counts │ negative spans │ negative counts │ custom bounds
/// spans  = count varint │ (offset │ length varint)*        counts, bounds = count varint │ double*
/// ```
/// Times, schemas and offsets are zigzag varints, doubles 8 bytes.
enum HistogramCodec {
    static func encode(_ sample: HistogramSample, into writer: inout ByteWriter) {
        let histogram = sample.histogram
        writer.appendVarint(UInt64(sample.series))
        writer.appendSignedVarint(sample.time)
        writer.appendSignedVarint(Int64(histogram.schema))
        writer.append(histogram.resetHint.rawValue)
        writer.append(histogram.zeroThreshold.bitPattern)
        writer.append(histogram.zeroCount.bitPattern)
        writer.append(histogram.count.bitPattern)
        writer.append(histogram.sum.bitPattern)
        append(histogram.positiveSpans, to: &writer)
        append(histogram.positiveCounts, to: &writer)
        append(histogram.negativeSpans, to: &writer)
        append(histogram.negativeCounts, to: &writer)
        append(histogram.customBounds, to: &writer)
    }

    static func decode(
        from reader: inout ByteReader, seriesCount: Int
    ) throws(ColumnDecodeError) -> HistogramSample {
        let series = UInt32(try reader.readCount(atMost: seriesCount - 1))
        let time = try reader.readSignedVarint()
        guard let schema = Int32(exactly: try reader.readSignedVarint()),
            let hint = NativeHistogram.ResetHint(rawValue: try reader.readByte())
        else { throw reader.corrupt("schema or reset hint out of range") }
        var histogram = NativeHistogram(schema: schema)
        histogram.resetHint = hint
        histogram.zeroThreshold = Double(bitPattern: try reader.readUInt64())
        histogram.zeroCount = Double(bitPattern: try reader.readUInt64())
        histogram.count = Double(bitPattern: try reader.readUInt64())
        histogram.sum = Double(bitPattern: try reader.readUInt64())
        histogram.positiveSpans = try readSpans(&reader)
        histogram.positiveCounts = try readDoubles(&reader)
        histogram.negativeSpans = try readSpans(&reader)
        histogram.negativeCounts = try readDoubles(&reader)
        histogram.customBounds = try readDoubles(&reader)
        return HistogramSample(series: series, time: time, histogram: histogram)
    }

    private static func append(_ spans: [NativeHistogram.Span], to writer: inout ByteWriter) {
        writer.appendVarint(spans.count)
        for span in spans {
            writer.appendSignedVarint(Int64(span.offset))
            writer.appendVarint(UInt64(span.length))
        }
    }

    private static func append(_ doubles: [Double], to writer: inout ByteWriter) {
        writer.appendVarint(doubles.count)
        for double in doubles { writer.append(double.bitPattern) }
    }

    private static func readSpans(
        _ reader: inout ByteReader
    ) throws(ColumnDecodeError) -> [NativeHistogram.Span] {
        let count = try reader.readCount(atMost: reader.remaining / 2)
        var spans: [NativeHistogram.Span] = []
        spans.reserveCapacity(count)
        for _ in 0..<count {
            guard let offset = Int32(exactly: try reader.readSignedVarint()),
                let length = UInt32(exactly: try reader.readVarint())
            else { throw reader.corrupt("bucket span out of range") }
            spans.append(NativeHistogram.Span(offset: offset, length: length))
        }
        return spans
    }

    private static func readDoubles(
        _ reader: inout ByteReader
    ) throws(ColumnDecodeError) -> [Double] {
        let count = try reader.readCount(atMost: reader.remaining / 8)
        var doubles: [Double] = []
        doubles.reserveCapacity(count)
        for _ in 0..<count { doubles.append(Double(bitPattern: try reader.readUInt64())) }
        return doubles
    }
}
