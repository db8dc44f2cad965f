import Telemetry

/// Turns the `TimeSeries` of remote write 2.0, whose texts are references into one table, into series and
/// samples of a `MetricBatch`.
struct SymbolizedWriteDecoder {
    private enum RequestField {
        static let symbols = ProtobufKey.length(4)
        static let timeSeries = ProtobufKey.length(5)
    }

    private enum SeriesField {
        static let labels: UInt32 = 1
        static let samples = ProtobufKey.length(2)
        static let histograms = ProtobufKey.length(3)
        static let exemplars = ProtobufKey.length(4)
        static let metadata = ProtobufKey.length(5)
        /// Where drafts of the specification had the start of all samples.
        static let createdTimestamp = ProtobufKey.varint(6)
    }

    private enum SampleField {
        static let value = ProtobufKey.fixed64(1)
        static let timestamp = ProtobufKey.varint(2)
        static let startTimestamp = ProtobufKey.varint(3)
    }

    private enum ExemplarField {
        static let labels: UInt32 = 1
        static let value = ProtobufKey.fixed64(2)
        static let timestamp = ProtobufKey.varint(3)
    }

    /// Type, help and unit of a series, by reference.
    private struct Metadata: Hashable {
        var name: UInt32 = 0
        var type: UInt8 = 0
        var help: UInt32 = 0
        var unit: UInt32 = 0

        var isEmpty: Bool { type == 0 && help == 0 && unit == 0 }
    }

    private var write = SymbolizedWrite()
    private var symbols: [UnsafeRawBufferPointer] = []
    private var labels: CanonicalLabelWriter
    private var tally = RejectionTally()
    private var knownMetadata: Set<Metadata> = []
    private var repairedStrings = 0

    // Of the current series; the arrays keep their memory.
    private var references: [UInt64] = []
    private var exemplars: [ProtobufReader] = []
    private var metadata = Metadata()
    private var createdTime: Int64 = 0
    private var lastStart: Int64 = 0

    init(bodyBytes: Int) { labels = CanonicalLabelWriter(bytesMax: bodyBytes) }

    mutating func finish() -> Decoded<SymbolizedWrite> {
        write.batch.labelBytes = labels.finish()
        return Decoded(
            batch: write, rejections: tally.rejections, repairedStrings: repairedStrings)
    }

    /// Two passes: the table may stand behind what refers to it.
    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var reader = message
        reading: while true {
            let key = try reader.nextKey()
            switch key {
            case 0: break reading
            case RequestField.symbols:
                try WireLimits.checkItems(symbols.count)
                symbols.append(try reader.bytes("symbols"))
            default: try reader.skip(key)
            }
        }
        reader = message
        while true {
            let key = try reader.nextKey()
            switch key {
            case 0: return
            case RequestField.timeSeries: try series(try reader.message("timeseries"))
            default: try reader.skip(key)
            }
        }
    }

    private mutating func series(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        let start = (
            samples: write.batch.sampleTimes.count, histograms: write.batch.histograms.count,
            starts: write.batch.starts.count
        )
        references.removeAll(keepingCapacity: true)
        exemplars.removeAll(keepingCapacity: true)
        metadata = Metadata()
        createdTime = 0
        lastStart = 0
        let series = UInt32(truncatingIfNeeded: write.batch.labelEnds.count)
        reading: while true {
            let key = try message.nextKey()
            switch key {
            case 0: break reading
            case SeriesField.samples: try sample(try message.message("sample"), series)
            case SeriesField.histograms: try histogram(try message.message("histogram"), series)
            case SeriesField.exemplars: exemplars.append(try message.message("exemplar"))
            case SeriesField.metadata: try readMetadata(try message.message("metadata"))
            case SeriesField.createdTimestamp:
                createdTime = try message.int64("created_timestamp")
            case _ where Self.isReferences(key, SeriesField.labels):
                try message.appendVarints(key, "labels_refs", to: &references)
            default: try message.skip(key)
            }
        }
        if let (reason, example) = try finishLabels() {
            reject(reason, example, samples: start.samples, start.histograms, start.starts)
            return
        }
        if createdTime > 0, write.batch.starts.count == start.starts,
            write.batch.sampleTimes.count > start.samples
        {
            begin(series, at: createdTime, sample: write.batch.sampleTimes[start.samples])
        }
        for exemplar in exemplars { try self.exemplar(exemplar, series) }
        keepMetadata()
    }

    /// A repeated varint field, packed or not.
    private static func isReferences(_ key: UInt32, _ field: UInt32) -> Bool {
        key == ProtobufKey.length(field) || key == ProtobufKey.varint(field)
    }

    private func symbol(_ reference: UInt64) -> UnsafeRawBufferPointer? {
        Int(exactly: reference).flatMap { symbols.indices.contains($0) ? symbols[$0] : nil }
    }

    /// Writes the labels that the references name; what is wrong with them, if anything.
    private mutating func finishLabels() throws(DecodeError) -> (RejectionReason, String)? {
        labels.begin()
        for index in stride(from: 0, to: references.count - references.count % 2, by: 2) {
            guard let name = symbol(references[index]), let value = symbol(references[index + 1])
            else { return (.invalidReference, "a label refers to a missing symbol") }
            labels.append(name: name, value: value)
            if metadata.name == 0, name.elementsEqual(Labels.metricName.utf8) {
                metadata.name = UInt32(truncatingIfNeeded: references[index + 1])
            }
            guard labels.byteCount <= WireLimits.labelBytesMax else {
                throw .tooLarge(
                    limit: "\(WireLimits.labelBytesMax) bytes of labels", value: labels.byteCount)
            }
        }
        guard references.count.isMultiple(of: 2) else {
            return (.invalidReference, "a label has a name without a value")
        }
        if let reason = labels.end() { return (reason, labels.rejected) }
        write.batch.labelEnds.append(labels.endOffset)
        write.batch.seriesIDs.append(SeriesID(labels.contentHash))
        return nil
    }

    private mutating func reject(
        _ reason: RejectionReason, _ example: String, samples: Int, _ histograms: Int,
        _ starts: Int
    ) {
        let count =
            write.batch.sampleTimes.count - samples + write.batch.histograms.count - histograms
        tally.add(reason, count: max(1, count), example: example)
        labels.discard()
        write.batch.sampleSeries.removeSubrange(samples...)
        write.batch.sampleTimes.removeSubrange(samples...)
        write.batch.sampleValues.removeSubrange(samples...)
        write.batch.histograms.removeSubrange(histograms...)
        write.batch.starts.removeSubrange(starts...)
    }

    @inline(__always)
    private mutating func sample(
        _ message: ProtobufReader, _ series: UInt32
    ) throws(DecodeError) {
        var message = message
        var value = 0.0
        var time: Int64 = 0
        var start: Int64 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                write.batch.append(series: series, time: time, value: value)
                begin(series, at: start, sample: time)
                return
            case SampleField.value: value = try message.double("sample value")
            case SampleField.timestamp: time = try message.int64("sample timestamp")
            case SampleField.startTimestamp:
                start = try message.int64("sample start_timestamp")
            default: try message.skip(key)
            }
        }
    }

    /// Notes a start unless it is that of the sample before.
    @inline(__always)
    private mutating func begin(
        _ series: UInt32, at start: Int64, sample: Int64, schema: Int32? = nil
    ) {
        guard start > 0, start != lastStart else { return }
        lastStart = start
        write.batch.starts.append(
            SeriesStart(
                series: series, time: start, firstSampleTime: sample, histogramSchema: schema))
    }

    private mutating func histogram(
        _ message: ProtobufReader, _ series: UInt32
    ) throws(DecodeError) {
        try WireLimits.checkItems(write.batch.histograms.count)
        var raw = RemoteWriteHistogram()
        try raw.read(message)
        let histogram: NativeHistogram
        do throws(HistogramFault) { histogram = try raw.native() } catch {
            return tally.add(
                .invalidHistogram, example: "a histogram at \(raw.time) ms: \(error.rawValue)")
        }
        write.batch.histograms.append(
            HistogramSample(series: series, time: raw.time, histogram: histogram))
        begin(series, at: raw.startTime, sample: raw.time, schema: histogram.schema)
    }
}

extension SymbolizedWriteDecoder {
    private mutating func exemplar(
        _ message: ProtobufReader, _ series: UInt32
    ) throws(DecodeError) {
        try WireLimits.checkItems(write.batch.exemplars.count)
        var message = message
        var exemplar = Exemplar(series: series, time: 0, value: 0, labels: .empty)
        references.removeAll(keepingCapacity: true)
        reading: while true {
            let key = try message.nextKey()
            switch key {
            case 0: break reading
            case ExemplarField.value: exemplar.value = try message.double("exemplar value")
            case ExemplarField.timestamp: exemplar.time = try message.int64("exemplar timestamp")
            case _ where Self.isReferences(key, ExemplarField.labels):
                try message.appendVarints(key, "exemplar labels_refs", to: &references)
            default: try message.skip(key)
            }
        }
        var pairs: [(name: String, value: String)] = []
        // Exemplars name a trace and a span; a thousand labels would be a way to use up memory.
        for index in stride(from: 0, to: min(references.count - 1, 128), by: 2) {
            guard let name = symbol(references[index]), let value = symbol(references[index + 1])
            else {
                return tally.add(
                    .invalidReference, example: "an exemplar refers to a missing symbol")
            }
            pairs.append((name: text(name), value: text(value)))
        }
        exemplar.labels = Labels(pairs)
        write.batch.exemplars.append(exemplar)
    }

    private mutating func readMetadata(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ProtobufKey.varint(1):
                metadata.type = UInt8(exactly: try message.varint("metadata type")) ?? 0
            case ProtobufKey.varint(3): metadata.help = try message.uint32("help_ref")
            case ProtobufKey.varint(4): metadata.unit = try message.uint32("unit_ref")
            default: try message.skip(key)
            }
        }
    }

    /// Keeps the metadata of the series just read, once for each name.
    private mutating func keepMetadata() {
        guard !metadata.isEmpty, knownMetadata.insert(metadata).inserted,
            let name = symbol(UInt64(metadata.name)),
            let help = symbol(UInt64(metadata.help)), let unit = symbol(UInt64(metadata.unit))
        else { return }
        let type = MetricType(rawValue: metadata.type) ?? .unknown
        let entry = MetricMetadata(
            family: Self.family(of: text(name), type), type: type, help: text(help),
            unit: text(unit))
        if write.batch.metadata.last != entry { write.batch.metadata.append(entry) }
    }

    private static func family(of name: String, _ type: MetricType) -> String {
        let suffixes: [String] =
            switch type {
            case .histogram, .gaugeHistogram: ["_bucket", "_count", "_sum"]
            case .summary: ["_count", "_sum"]
            default: []
            }
        guard let suffix = suffixes.first(where: { name.hasSuffix($0) }) else { return name }
        return String(name.dropLast(suffix.count))
    }

    private mutating func text(_ bytes: UnsafeRawBufferPointer) -> String {
        if !UTF8Text.isValid(bytes) { repairedStrings += 1 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
