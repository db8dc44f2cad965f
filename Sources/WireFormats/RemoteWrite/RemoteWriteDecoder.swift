import Telemetry

/// Turns `prompb.TimeSeries` into series and samples of a `MetricBatch`.
struct RemoteWriteDecoder {
    private enum RequestField {
        static let timeSeries = ProtobufKey.length(1)
        static let metadata = ProtobufKey.length(3)
    }

    private enum SeriesField {
        static let labels = ProtobufKey.length(1)
        static let samples = ProtobufKey.length(2)
        static let exemplars = ProtobufKey.length(3)
        static let histograms = ProtobufKey.length(4)
    }

    private enum SampleField {
        static let value = ProtobufKey.fixed64(1)
        static let timestamp = ProtobufKey.varint(2)
    }

    private enum ExemplarField {
        static let labels = ProtobufKey.length(1)
        static let value = ProtobufKey.fixed64(2)
        static let timestamp = ProtobufKey.varint(3)
    }

    private enum MetadataField {
        static let type = ProtobufKey.varint(1)
        static let family = ProtobufKey.length(2)
        static let help = ProtobufKey.length(4)
        static let unit = ProtobufKey.length(5)
    }

    private var batch = MetricBatch()
    private var labels: CanonicalLabelWriter
    private var tally = RejectionTally()
    private var repairedStrings = 0
    /// Where the labels of the messages lie, as far as that was found out before.
    private let runs: [LabelRun]
    private var nextRun = 0
    private var unread: [Range<UInt32>] = []
    /// Series with labels in the simple order that were read from their messages.
    private(set) var new: [LabelRun] = []

    /// - Parameters:
    ///   - labelBytes: what the labels that must be read take at most.
    ///   - runs: of the first messages of the body, in their order.
    init(bodyBytes: Int, labelBytes: Int, runs: [LabelRun] = []) {
        labels = CanonicalLabelWriter(bytesMax: labelBytes)
        self.runs = runs
        unread.reserveCapacity(runs.count)
        // A series with its first sample takes 200 to 600 bytes.
        let series = max(runs.count, min(bodyBytes / 400, 65_536))
        batch.labelEnds.reserveCapacity(series)
        batch.seriesIDs.reserveCapacity(series)
        batch.sampleSeries.reserveCapacity(series)
        batch.sampleTimes.reserveCapacity(series)
        batch.sampleValues.reserveCapacity(series)
    }

    mutating func finish() -> Decoded<MetricBatch> {
        batch.labelBytes = labels.finish()
        return Decoded(
            batch: batch, rejections: tally.rejections, repairedStrings: repairedStrings)
    }

    /// - Parameter body: what was decoded.
    mutating func finish(_ body: [UInt8]) -> Decoded<MetricBatch> {
        if unread.contains(where: { !$0.isEmpty }) {
            batch.unread = UnreadLabels(body: body, runs: unread) { LabelRun.read($0, to: &$1) }
        }
        return finish()
    }

    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case RequestField.timeSeries:
                let series = try message.message("timeseries")
                if try !knownSeries(series) { try self.series(series) }
            case RequestField.metadata: try metadata(try message.message("metadata"))
            default: try message.skip(key)
            }
        }
    }

    /// Reads the samples of a series whose labels are known.
    /// - Returns: false, and nothing is read, if the labels must be read.
    @inline(__always)
    private mutating func knownSeries(_ message: ProtobufReader) throws(DecodeError) -> Bool {
        guard nextRun < runs.count else { return false }
        let run = runs[nextRun]
        nextRun &+= 1
        guard let id = run.id else { return false }
        var message = message
        message.advance(to: Int(run.end))
        let series = UInt32(truncatingIfNeeded: batch.labelEnds.count)
        let start = batch.sampleTimes.count
        while true {
            switch try message.nextKey() {
            case 0:
                batch.labelEnds.append(labels.endOffset)
                batch.seriesIDs.append(id)
                unread.append(run.start..<run.end)
                return true
            case SeriesField.samples: try sample(try message.message("sample"), series)
            default:
                // Anything else is rare; labels behind samples would change the series.
                batch.sampleSeries.removeSubrange(start...)
                batch.sampleTimes.removeSubrange(start...)
                batch.sampleValues.removeSubrange(start...)
                return false
            }
        }
    }

    private mutating func series(_ message: ProtobufReader) throws(DecodeError) {
        let whole = message
        var message = message
        let start = (
            samples: batch.sampleTimes.count, histograms: batch.histograms.count,
            exemplars: batch.exemplars.count
        )
        // Samples may stand before the labels, so they refer to the series that will be next.
        let series = UInt32(truncatingIfNeeded: batch.labelEnds.count)
        labels.begin()
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                if let reason = finishSeries() {
                    reject(reason, samples: start.samples, start.histograms, start.exemplars)
                } else {
                    learn(whole)
                }
                return
            case SeriesField.labels: try labels.append(try message.message("label"))
            case SeriesField.samples: try sample(try message.message("sample"), series)
            case SeriesField.exemplars: try exemplar(try message.message("exemplar"), series)
            case SeriesField.histograms: try histogram(try message.message("histogram"), series)
            default: try message.skip(key)
            }
        }
    }

    @inline(__always)
    private mutating func finishSeries() -> RejectionReason? {
        if let reason = labels.end() { return reason }
        batch.labelEnds.append(labels.endOffset)
        batch.seriesIDs.append(SeriesID(labels.contentHash))
        return nil
    }

    /// Notes the run of labels of the series just read, if it says the same as all of the message.
    @inline(__always)
    private mutating func learn(_ message: ProtobufReader) {
        if runs.isEmpty { return }
        unread.append(0..<0)
        guard nextRun > 0, nextRun <= runs.count else { return }
        var run = runs[nextRun - 1]
        guard Int(run.start) == message.offset, !run.isEmpty else { return }
        var simple: [UInt8] = []
        message.withBytes(Int(run.start)..<Int(run.end)) { LabelRun.read($0, to: &simple) }
        guard labels.lastEquals(simple) else { return }
        run.id = SeriesID(labels.contentHash)
        new.append(run)
    }

    private mutating func reject(
        _ reason: RejectionReason, samples: Int, _ histograms: Int, _ exemplars: Int
    ) {
        let count = batch.sampleTimes.count - samples + batch.histograms.count - histograms
        tally.add(reason, count: max(1, count), example: labels.rejected)
        batch.sampleSeries.removeSubrange(samples...)
        batch.sampleTimes.removeSubrange(samples...)
        batch.sampleValues.removeSubrange(samples...)
        batch.histograms.removeSubrange(histograms...)
        batch.exemplars.removeSubrange(exemplars...)
    }

    @inline(__always)
    private mutating func sample(
        _ message: ProtobufReader, _ series: UInt32
    ) throws(DecodeError) {
        var message = message
        var value = 0.0
        var time: Int64 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                batch.append(series: series, time: time, value: value)
                return
            case SampleField.value: value = try message.double("sample value")
            case SampleField.timestamp: time = try message.int64("sample timestamp")
            default: try message.skip(key)
            }
        }
    }

    private mutating func exemplar(
        _ message: ProtobufReader, _ series: UInt32
    ) throws(DecodeError) {
        try WireLimits.checkItems(batch.exemplars.count)
        var message = message
        var pairs: [(name: String, value: String)] = []
        var value = 0.0
        var time: Int64 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                batch.exemplars.append(
                    Exemplar(series: series, time: time, value: value, labels: Labels(pairs)))
                return
            case ExemplarField.labels:
                let pair = try LabelPair(try message.message("exemplar label"))
                pairs.append((name: text(pair.name), value: text(pair.value)))
            case ExemplarField.value: value = try message.double("exemplar value")
            case ExemplarField.timestamp: time = try message.int64("exemplar timestamp")
            default: try message.skip(key)
            }
        }
    }

    private mutating func histogram(
        _ message: ProtobufReader, _ series: UInt32
    ) throws(DecodeError) {
        try WireLimits.checkItems(batch.histograms.count)
        var raw = RemoteWriteHistogram()
        try raw.read(message)
        let histogram: NativeHistogram
        do throws(HistogramFault) { histogram = try raw.native() } catch {
            return tally.add(
                .invalidHistogram, example: "a histogram at \(raw.time) ms: \(error.rawValue)")
        }
        batch.histograms.append(
            HistogramSample(series: series, time: raw.time, histogram: histogram))
    }

    /// Adds the metadata of one family; without a family name it says nothing and is ignored.
    private mutating func metadata(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var entry = MetricMetadata(family: "", type: .unknown)
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                if !entry.family.isEmpty { batch.metadata.append(entry) }
                return
            case MetadataField.type:
                let raw = UInt8(exactly: try message.varint("metadata type")) ?? 0
                entry.type = MetricType(rawValue: raw) ?? .unknown
            case MetadataField.family:
                entry.family = text(try message.bytes("metric_family_name"))
            case MetadataField.help: entry.help = text(try message.bytes("help"))
            case MetadataField.unit: entry.unit = text(try message.bytes("unit"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func text(_ bytes: UnsafeRawBufferPointer) -> String {
        if !UTF8Text.isValid(bytes) { repairedStrings += 1 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
