import Telemetry

/// Batches of metric samples as bytes and back, for the journal. The id of a series follows from its
/// labels and is stored only where these are left out because an earlier record has them.
package enum MetricBatchCodec {
    /// Column ids, on disk.
    enum Column {
        /// How many series, histograms, exemplars and metadata there are.
        static let counts: UInt32 = 1
        static let labelLengths: UInt32 = 2
        static let labelBytes: UInt32 = 3
        static let sampleSeries: UInt32 = 4
        static let sampleTimes: UInt32 = 5
        static let sampleValues: UInt32 = 6
        static let histograms: UInt32 = 7
        static let exemplars: UInt32 = 8
        static let metadata: UInt32 = 9
        /// High and low half of the ids of the series without labels, little endian, in their order.
        static let bareSeriesIDs: UInt32 = 10
        /// How many there are, then each.
        static let starts: UInt32 = 11
    }

    private static let seriesIDBytes = 16

    package static func encode(_ batch: MetricBatch, effort: EncodingEffort) -> [UInt8] {
        var encoder = BatchEncoder(
            kind: .metrics, effort: effort, rows: batch.sampleTimes.count, table: StringTable(),
            bytesExpected: batch.labelBytes.count + batch.sampleTimes.count * 12 + 1_024)
        encoder.add(
            Column.counts,
            [
                batch.seriesCount, batch.histograms.count, batch.exemplars.count,
                batch.metadata.count,
            ].map { Int64($0) })
        encoder.add(Column.labelLengths, countsOf: batch.labelEnds)
        encoder.addBytes(Column.labelBytes, batch.labelBytes)
        encoder.addBytes(Column.bareSeriesIDs, bareSeriesIDs(batch))
        encoder.add(Column.sampleSeries, batch.sampleSeries)
        encoder.add(Column.sampleTimes, batch.sampleTimes)
        if !batch.sampleValues.isEmpty {
            encoder.container.add(Column.sampleValues) { writer, layout in
                FloatCodec.encode(batch.sampleValues, into: &writer, layout: layout)
            }
        }
        encodeItems(batch, into: &encoder)
        return encoder.container.finish()
    }

    private static func bareSeriesIDs(_ batch: MetricBatch) -> [UInt8] {
        var bytes: [UInt8] = []
        for series in 0..<batch.seriesCount where batch.labelRange(series).isEmpty {
            let hash = batch.seriesIDs[series].hash
            for half in [hash.high, hash.low] {
                withUnsafeBytes(of: half.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    private static func encodeItems(_ batch: MetricBatch, into encoder: inout BatchEncoder) {
        if !batch.histograms.isEmpty {
            encoder.container.addPacked(Column.histograms) { writer in
                for sample in batch.histograms { HistogramCodec.encode(sample, into: &writer) }
            }
        }
        if !batch.exemplars.isEmpty {
            encoder.container.addPacked(Column.exemplars) { writer in
                for exemplar in batch.exemplars {
                    writer.appendVarint(UInt64(exemplar.series))
                    writer.appendSignedVarint(exemplar.time)
                    writer.append(exemplar.value.bitPattern)
                    writer.appendRun(exemplar.labels.bytes)
                }
            }
        }
        if !batch.starts.isEmpty {
            encoder.container.addPacked(Column.starts) { writer in
                writer.appendVarint(UInt64(batch.starts.count))
                for start in batch.starts {
                    writer.appendVarint(UInt64(start.series))
                    writer.appendSignedVarint(start.firstSampleTime)
                    writer.appendSignedVarint(start.time)
                }
            }
        }
        if !batch.metadata.isEmpty {
            encoder.container.addPacked(Column.metadata) { writer in
                for metadata in batch.metadata {
                    writer.append(metadata.type.rawValue)
                    writer.appendRun(Array(metadata.family.utf8))
                    writer.appendRun(Array(metadata.help.utf8))
                    writer.appendRun(Array(metadata.unit.utf8))
                }
            }
        }
    }

    /// Reads back what `encode` wrote.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) throws(ColumnDecodeError) -> MetricBatch {
        let decoder = try BatchDecoder(bytes, kind: .metrics)
        var batch = MetricBatch()
        let counts = try decoder.longs(Column.counts, "counts", count: 4)
        try decodeLabels(decoder, series: counts[0], into: &batch)
        let rows = decoder.rows
        batch.sampleSeries = try decoder.indices(
            Column.sampleSeries, "sample series", count: rows, below: batch.seriesCount)
        batch.sampleTimes = try decoder.longs(Column.sampleTimes, "sample times", count: rows)
        batch.sampleValues =
            try decoder.container.read(Column.sampleValues, "sample values") {
                (reader) throws(ColumnDecodeError) -> [Double] in
                try FloatCodec.decode(from: &reader, count: rows)
            } ?? [Double](repeating: 0, count: rows)
        let series = batch.seriesCount
        batch.histograms = try items(
            decoder, Column.histograms, "histograms", count: counts[1]
        ) { (reader) throws(ColumnDecodeError) in
            try HistogramCodec.decode(from: &reader, seriesCount: series)
        }
        batch.exemplars = try items(decoder, Column.exemplars, "exemplars", count: counts[2]) {
            (reader) throws(ColumnDecodeError) in try exemplar(&reader, seriesCount: series)
        }
        batch.starts =
            try decoder.container.read(Column.starts, "starts") {
                (reader) throws(ColumnDecodeError) in try starts(&reader, seriesCount: series)
            } ?? []
        batch.metadata = try items(
            decoder, Column.metadata, "metadata", count: counts[3], metadata)
        return batch
    }

    package static func decode(_ bytes: [UInt8]) throws(ColumnDecodeError) -> MetricBatch {
        try bytes.withUnsafeBufferPointer { (bytes) throws(ColumnDecodeError) in
            try decode(UnsafeRawBufferPointer(bytes))
        }
    }

    private static func decodeLabels(
        _ decoder: BatchDecoder, series: Int64, into batch: inout MetricBatch
    ) throws(ColumnDecodeError) {
        guard series >= 0, series <= ColumnLimits.rowsMax else {
            throw .corrupt(column: "counts", offset: 0, reason: "\(series) series")
        }
        batch.labelBytes = try decoder.rawBytes(Column.labelBytes, "labels")
        batch.labelEnds = try decoder.ends(
            Column.labelLengths, "label lengths", count: Int(series),
            totalMax: batch.labelBytes.count)
        guard batch.labelEnds.last.map({ Int($0) }) ?? 0 == batch.labelBytes.count else {
            throw .corrupt(column: "labels", offset: 0, reason: "bytes that belong to no series")
        }
        let bare = try decoder.rawBytes(Column.bareSeriesIDs, "ids of series without labels")
        let bareCount = (0..<Int(series)).count { batch.labelRange($0).isEmpty }
        guard bare.count == bareCount * seriesIDBytes else {
            throw .corrupt(
                column: "ids of series without labels", offset: 0,
                reason: "\(bare.count) bytes for \(bareCount) series")
        }
        batch.seriesIDs.reserveCapacity(Int(series))
        var next = 0
        for index in 0..<Int(series) {
            let range = batch.labelRange(index)
            if range.isEmpty {
                batch.seriesIDs.append(bare.withUnsafeBytes { seriesID($0, at: next) })
                next += seriesIDBytes
            } else {
                batch.labelBytes.withUnsafeBytes { bytes in
                    let labels = UnsafeRawBufferPointer(rebasing: bytes[range])
                    batch.seriesIDs.append(SeriesID(ContentHash(labels)))
                }
            }
        }
    }

    private static func seriesID(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> SeriesID {
        func half(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        return SeriesID(ContentHash(high: half(offset), low: half(offset + 8)))
    }

    private static func items<Item>(
        _ decoder: BatchDecoder, _ id: UInt32, _ name: String, count: Int64,
        _ read: (inout ByteReader) throws(ColumnDecodeError) -> Item
    ) throws(ColumnDecodeError) -> [Item] {
        let items = try decoder.container.read(id, name) {
            (reader) throws(ColumnDecodeError) -> [Item] in
            // Every item has at least a byte.
            guard count >= 0, count <= reader.remaining else {
                throw reader.corrupt("\(count) items in \(reader.remaining) bytes")
            }
            var items: [Item] = []
            items.reserveCapacity(Int(count))
            for _ in 0..<count { items.append(try read(&reader)) }
            return items
        }
        guard let items else {
            guard count == 0 else {
                throw .corrupt(column: name, offset: 0, reason: "\(count) items are missing")
            }
            return []
        }
        return items
    }

    private static func starts(
        _ reader: inout ByteReader, seriesCount: Int
    ) throws(ColumnDecodeError) -> [SeriesStart] {
        // Every start has three bytes at least.
        let count = try reader.readCount(atMost: reader.remaining / 3 + 1)
        var starts: [SeriesStart] = []
        starts.reserveCapacity(count)
        for _ in 0..<count {
            let series = UInt32(try reader.readCount(atMost: seriesCount - 1))
            let first = try reader.readSignedVarint()
            let time = try reader.readSignedVarint()
            starts.append(SeriesStart(series: series, time: time, firstSampleTime: first))
        }
        return starts
    }

    private static func exemplar(
        _ reader: inout ByteReader, seriesCount: Int
    ) throws(ColumnDecodeError) -> Exemplar {
        let series = UInt32(try reader.readCount(atMost: seriesCount - 1))
        let time = try reader.readSignedVarint()
        let value = Double(bitPattern: try reader.readUInt64())
        let labels = Labels(canonicalBytes: Array(try reader.readRun()))
        return Exemplar(series: series, time: time, value: value, labels: labels)
    }

    private static func metadata(
        _ reader: inout ByteReader
    ) throws(ColumnDecodeError) -> MetricMetadata {
        guard let type = MetricType(rawValue: try reader.readByte()) else {
            throw reader.corrupt("unknown metric type")
        }
        let family = String(decoding: try reader.readRun(), as: UTF8.self)
        let help = String(decoding: try reader.readRun(), as: UTF8.self)
        let unit = String(decoding: try reader.readRun(), as: UTF8.self)
        return MetricMetadata(family: family, type: type, help: help, unit: unit)
    }
}
