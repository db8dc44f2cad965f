import Glibc
import Telemetry

/// Reads the text format and OpenMetrics line by line.
struct ExpositionTextDecoder {
    /// OpenMetrics bounds the labels of an exemplar; longer ones are left out, their sample is kept.
    static let exemplarCharactersMax = 128

    private let body: UnsafeRawBufferPointer
    private let isOpenMetrics: Bool
    private let options: ExpositionOptions
    private var exposed = ExposedMetrics()
    private var tally = RejectionTally()
    private var labels = ExpositionLabels()
    private var exemplarLabels = ExpositionLabels()
    /// Index of a family in the metadata.
    private var families: [String: Int] = [:]
    /// Of the latest `# TYPE` line.
    private var type = MetricType.unknown
    private var created = CreatedSeries()
    private var hasEnded = false
    private var ignoredFields = 0
    private var repairedStrings = 0

    init(_ body: UnsafeRawBufferPointer, isOpenMetrics: Bool, options: ExpositionOptions) {
        self.body = body
        self.isOpenMetrics = isOpenMetrics
        self.options = options
    }

    mutating func decode() throws(DecodeError) -> Decoded<ExposedMetrics> {
        var start = 0
        var number = 0
        while start < body.count {
            let end = endOfLine(from: start)
            number += 1
            // What is left of a line that was cut off may be a wrong number.
            if end == body.count, options.isTruncated { break }
            try line(start, end, number)
            start = end + 1
        }
        if isOpenMetrics, !hasEnded, !options.isTruncated, !options.skipsBadLines {
            throw .malformed(
                field: "line \(number + 1)", offset: body.count,
                reason: "OpenMetrics must end with \"# EOF\"")
        }
        created.endFamily(&exposed.batch)
        return Decoded(
            batch: exposed, rejections: tally.rejections, repairedStrings: repairedStrings,
            ignoredFields: ignoredFields)
    }

    private func endOfLine(from start: Int) -> Int {
        let rest = UnsafeRawBufferPointer(rebasing: body[start...])
        guard let base = rest.baseAddress,
            let found = memchr(base, Int32(UInt8(ascii: "\n")), rest.count)
        else { return body.count }
        return start + (UnsafeRawPointer(found) - base)
    }

    private mutating func line(
        _ start: Int, _ end: Int, _ number: Int
    ) throws(DecodeError) {
        let isCarriageReturn = end > start && body[end - 1] == UInt8(ascii: "\r")
        var cursor = ExpositionCursor(
            UnsafeRawBufferPointer(rebasing: body[start..<(isCarriageReturn ? end - 1 : end)]))
        do throws(ExpositionFailure) {
            try statement(&cursor)
        } catch {
            let text = String(decoding: cursor.line.prefix(80), as: UTF8.self)
            guard options.skipsBadLines else {
                throw .malformed(
                    field: "line \(number)", offset: start + error.offset,
                    reason: "\(error.reason) in \"\(text)\"")
            }
            tally.add(.malformedItem, example: "line \(number), \(error.reason): \"\(text)\"")
        }
        try WireLimits.checkItems(exposed.batch.sampleTimes.count)
        guard exposed.batch.labelBytes.count <= WireLimits.labelBytesMax else {
            throw .tooLarge(
                limit: "\(WireLimits.labelBytesMax) bytes of labels",
                value: exposed.batch.labelBytes.count)
        }
    }

    private mutating func statement(_ cursor: inout ExpositionCursor) throws(ExpositionFailure) {
        cursor.skipBlanks()
        if cursor.isAtEnd { return }
        if hasEnded { throw cursor.failure("text after \"# EOF\"") }
        if cursor.take(UInt8(ascii: "#")) {
            try comment(&cursor)
        } else {
            try sample(&cursor)
        }
    }
}

extension ExpositionTextDecoder {
    private mutating func comment(_ cursor: inout ExpositionCursor) throws(ExpositionFailure) {
        cursor.skipBlanks()
        let keyword = cursor.word()
        if isOpenMetrics, Self.spells("EOF", keyword) {
            hasEnded = true
        } else if Self.spells("HELP", keyword) {
            let family = try family(&cursor)
            exposed.batch.metadata[family].help = text(
                ExpositionCursor.unescaped(cursor.rest()))
        } else if Self.spells("TYPE", keyword) {
            let family = try family(&cursor)
            guard let type = Self.type(cursor.word()) else {
                throw cursor.failure("an unknown metric type")
            }
            self.type = type
            created.endFamily(&exposed.batch)
            exposed.batch.metadata[family].type = type
        } else if isOpenMetrics, Self.spells("UNIT", keyword) {
            let family = try family(&cursor)
            exposed.batch.metadata[family].unit = text(Array(cursor.rest()))
        }
    }

    /// The place in the metadata of the family that is named next.
    private mutating func family(_ cursor: inout ExpositionCursor) throws(ExpositionFailure) -> Int
    {
        cursor.skipBlanks()
        var name: [UInt8] = []
        if cursor.take(UInt8(ascii: "\"")) {
            try cursor.quoted { name.append(contentsOf: $0) }
        } else {
            name = Array(cursor.name(allowsColon: true))
        }
        guard !name.isEmpty else { throw cursor.failure("a metric name was expected") }
        cursor.skipBlanks()
        let family = text(name)
        if let index = families[family] { return index }
        let index = exposed.batch.metadata.count
        families[family] = index
        exposed.batch.metadata.append(MetricMetadata(family: family, type: .unknown))
        return index
    }

    private mutating func text(_ bytes: [UInt8]) -> String {
        if String(validating: bytes, as: UTF8.self) == nil { repairedStrings += 1 }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func spells(_ word: StaticString, _ text: UnsafeRawBufferPointer) -> Bool {
        word.withUTF8Buffer { $0.elementsEqual(text) }
    }

    private static func type(_ word: UnsafeRawBufferPointer) -> MetricType? {
        switch String(decoding: word, as: UTF8.self) {
        case "counter": .counter
        case "gauge": .gauge
        case "histogram": .histogram
        case "gaugehistogram": .gaugeHistogram
        case "summary": .summary
        case "info": .info
        case "stateset": .stateSet
        case "untyped", "unknown": .unknown
        default: nil
        }
    }
}

extension ExpositionTextDecoder {
    private mutating func sample(_ cursor: inout ExpositionCursor) throws(ExpositionFailure) {
        labels.removeAll()
        let name = cursor.name(allowsColon: true)
        if !name.isEmpty { labels.insert("__name__", name) }
        cursor.skipBlanks()
        if cursor.take(UInt8(ascii: "{")) {
            let isNamed = try Self.braces(&cursor, isNamed: !name.isEmpty, into: &labels)
            guard isNamed else { throw cursor.failure("the metric has no name") }
        } else if name.isEmpty {
            throw cursor.failure("a metric name was expected")
        }
        try check(labels, cursor)
        cursor.skipBlanks()
        guard let value = ExpositionNumber.double(cursor.word()) else {
            throw cursor.failure("the value is no number")
        }
        cursor.skipBlanks()
        var time = options.receivedAt
        var hasOwnTime = false
        if !cursor.isAtEnd, cursor.byte != UInt8(ascii: "#") {
            let named = try self.time(&cursor)
            if options.honorsTimestamps { (time, hasOwnTime) = (named, true) }
        }
        cursor.skipBlanks()
        var exemplar: Exemplar?
        if isOpenMetrics, cursor.take(UInt8(ascii: "#")) {
            exemplar = try self.exemplar(&cursor, sampledAt: time)
        }
        guard cursor.isAtEnd else { throw cursor.failure("text after the sample") }
        let series = finishSeries(hasOwnTime)
        exposed.batch.append(series: series, time: time, value: value)
        if isOpenMetrics {
            created.note(name, type, series: series, value: value, of: exposed.batch)
        }
        if var exemplar {
            exemplar.series = series
            exposed.batch.exemplars.append(exemplar)
        }
    }

    private mutating func finishSeries(_ hasOwnTime: Bool) -> UInt32 {
        switch type {
        case .histogram, .gaugeHistogram: labels.normalizeBound("le")
        case .summary: labels.normalizeBound("quantile")
        default: break
        }
        labels.write(to: &exposed.batch.labelBytes)
        exposed.hasOwnTime.append(hasOwnTime)
        return exposed.batch.finishSeries()
    }

    private func check(
        _ labels: ExpositionLabels, _ cursor: ExpositionCursor
    ) throws(ExpositionFailure) {
        if labels.hasDuplicate { throw cursor.failure("a label stands twice") }
        if !labels.isText { throw cursor.failure("a label is not UTF-8") }
    }

    /// Milliseconds; the text format writes them, OpenMetrics writes seconds.
    private func time(_ cursor: inout ExpositionCursor) throws(ExpositionFailure) -> Int64 {
        let word = cursor.word()
        let time: Int64? =
            isOpenMetrics
            ? ExpositionNumber.double(word).flatMap {
                Int64(exactly: ($0 * 1_000).rounded(.toNearestOrAwayFromZero))
            } : ExpositionNumber.int64(word)
        guard let time else { throw cursor.failure("the timestamp is no number in range") }
        return time
    }

    /// Reads behind `{` up to `}`.
    /// - Returns: whether the metric has its name, before the braces or quoted in them.
    private static func braces(
        _ cursor: inout ExpositionCursor, isNamed: Bool, into labels: inout ExpositionLabels
    ) throws(ExpositionFailure) -> Bool {
        var isNamed = isNamed
        while true {
            cursor.skipBlanks()
            if cursor.take(UInt8(ascii: "}")) { return isNamed }
            if try label(&cursor, isNamed: isNamed, into: &labels) { isNamed = true }
            cursor.skipBlanks()
            if cursor.take(UInt8(ascii: ",")) { continue }
            guard cursor.byte == UInt8(ascii: "}") else {
                throw cursor.failure("\",\" or \"}\" was expected")
            }
        }
    }

    /// - Returns: whether it was the quoted name of the metric.
    private static func label(
        _ cursor: inout ExpositionCursor, isNamed: Bool, into labels: inout ExpositionLabels
    ) throws(ExpositionFailure) -> Bool {
        if cursor.take(UInt8(ascii: "\"")) {
            var name: [UInt8] = []
            try cursor.quoted { name.append(contentsOf: $0) }
            guard !name.isEmpty else { throw cursor.failure("a name is empty") }
            cursor.skipBlanks()
            guard cursor.byte == UInt8(ascii: "=") else {
                guard !isNamed else { throw cursor.failure("the metric has two names") }
                labels.insert("__name__", name)
                return true
            }
            labels.beginLabel(name)
        } else {
            let name = cursor.name(allowsColon: false)
            guard !name.isEmpty else { throw cursor.failure("a label name was expected") }
            labels.beginLabel(name)
            cursor.skipBlanks()
        }
        guard cursor.take(UInt8(ascii: "=")) else { throw cursor.failure("\"=\" was expected") }
        cursor.skipBlanks()
        guard cursor.take(UInt8(ascii: "\"")) else {
            throw cursor.failure("a quoted label value was expected")
        }
        try cursor.quoted { labels.append($0) }
        labels.endLabel()
        return false
    }

    /// Reads behind the `#` of an exemplar; `nil` if its labels are too long to be kept.
    private mutating func exemplar(
        _ cursor: inout ExpositionCursor, sampledAt: Int64
    ) throws(ExpositionFailure) -> Exemplar? {
        cursor.skipBlanks()
        guard cursor.take(UInt8(ascii: "{")) else {
            throw cursor.failure("the labels of an exemplar were expected")
        }
        exemplarLabels.removeAll()
        // Without a name of its own: quoted texts must be label names.
        _ = try Self.braces(&cursor, isNamed: true, into: &exemplarLabels)
        try check(exemplarLabels, cursor)
        cursor.skipBlanks()
        guard let value = ExpositionNumber.double(cursor.word()) else {
            throw cursor.failure("the value of an exemplar is no number")
        }
        cursor.skipBlanks()
        var time = sampledAt
        if !cursor.isAtEnd { time = try self.time(&cursor) }
        cursor.skipBlanks()
        guard exemplarLabels.characterCount <= Self.exemplarCharactersMax else {
            ignoredFields += 1
            return nil
        }
        return Exemplar(series: 0, time: time, value: value, labels: exemplarLabels.labels)
    }
}
