import WireFormats

/// What became of one file.
struct FileReport: Sendable {
    struct Refusal: Sendable {
        var reason: String
        var count: Int
        /// The first of them, described for the person who has to find it.
        var example: String
    }

    /// A part that could not be read.
    struct Failure: Sendable {
        var line: Int?
        /// Where that line begins in the unpacked content.
        var offset: Int?
        var reason: String
    }

    /// Failures of one file that are told one by one; the others are counted.
    static let failuresShownMax = 5

    var path: String
    /// `nil` while it is not known.
    var format: String?
    var packing: String?
    var spans = 0
    var logs = 0
    var samples = 0
    /// Items that were left out, by whom: the file's format or the store's limits.
    private(set) var undecodable: [Refusal] = []
    private(set) var refused: [Refusal] = []
    private(set) var failures: [Failure] = []
    private(set) var failureCount = 0
    /// Texts that were not UTF-8 and optional fields that were unusable.
    private(set) var repairedCount = 0

    init(path: String) { self.path = path }

    /// Whether everything of it is stored that Sidelight keeps.
    var isLoaded: Bool { failureCount == 0 && refused.isEmpty }

    mutating func fail(_ reason: String, line: Int? = nil, offset: Int? = nil) {
        failureCount += 1
        guard failures.count < Self.failuresShownMax else { return }
        failures.append(Failure(line: line, offset: offset, reason: reason))
    }

    /// Notes what decoding left out and gives the rest.
    mutating func note<Batch: Sendable>(_ decoded: Decoded<Batch>) -> Batch {
        for item in decoded.rejections {
            Self.add(item.reason.rawValue, item.count, item.example, to: &undecodable)
        }
        repairedCount += decoded.repairedStrings + decoded.ignoredFields
        return decoded.batch
    }

    /// Notes what a target took.
    mutating func note(_ items: ImportItems, _ receipt: ImportReceipt) {
        let stored = items.count - receipt.refusals.reduce(0) { $0 + $1.count }
        switch items {
        case .spans: spans += stored
        case .logs: logs += stored
        case .samples: samples += stored
        }
        for item in receipt.refusals {
            Self.add(item.reason, item.count, item.example, to: &refused)
        }
    }

    private static func add(
        _ reason: String, _ count: Int, _ example: String, to list: inout [Refusal]
    ) {
        if let index = list.firstIndex(where: { $0.reason == reason }) {
            list[index].count += count
        } else {
            list.append(Refusal(reason: reason, count: count, example: example))
        }
    }
}

/// What became of an import.
struct ImportReport {
    var files: [FileReport] = []
    var skipped: [String] = []

    var isLoaded: Bool { files.allSatisfy(\.isLoaded) }

    func total(_ count: (FileReport) -> Int) -> Int { files.reduce(0) { $0 + count($1) } }

    /// Whether something was refused that moving it to the present would save.
    var hasTooOld: Bool {
        files.contains { $0.refused.contains { $0.reason.contains("before_retention") } }
    }

    var json: [UInt8] {
        var writer = JSONWriter(capacity: 1_024)
        writer.object { report in
            report.field("spans", total(\.spans))
            report.field("logs", total(\.logs))
            report.field("samples", total(\.samples))
            report.field("loaded", isLoaded)
            report.arrayField("files") { array in
                for file in files { array.object { file.write(to: &$0) } }
            }
            report.field("skipped", strings: skipped)
        }
        writer.newline()
        return writer.bytes
    }
}

extension FileReport {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.field("path", path)
        if let format { writer.field("format", format) }
        if let packing { writer.field("packing", packing) }
        writer.field("spans", spans)
        writer.field("logs", logs)
        writer.field("samples", samples)
        writer.field("repaired", repairedCount)
        write("undecodable", undecodable, to: &writer)
        write("refused", refused, to: &writer)
        writer.field("failureCount", failureCount)
        writer.arrayField("failures") { array in
            for failure in failures {
                array.object {
                    if let line = failure.line { $0.field("line", line) }
                    if let offset = failure.offset { $0.field("offset", offset) }
                    $0.field("reason", failure.reason)
                }
            }
        }
    }

    private func write(_ key: StaticString, _ list: [Refusal], to writer: inout JSONWriter) {
        writer.arrayField(key) { array in
            for item in list {
                array.object {
                    $0.field("reason", item.reason)
                    $0.field("count", item.count)
                    $0.field("example", item.example)
                }
            }
        }
    }
}

extension FileReport {
    /// One line that says what was stored, then one for each thing that was not.
    var text: String {
        var counts: [String] = []
        for (count, name) in [(spans, "span"), (logs, "log record"), (samples, "sample")]
        where count > 0 {
            counts.append("\(count) \(name)\(count == 1 ? "" : "s")")
        }
        var line = "\(path): \(format ?? "unknown")"
        if let packing { line += " (\(packing))" }
        line += ": " + (counts.isEmpty ? "nothing stored" : counts.joined(separator: ", "))
        if repairedCount > 0 { line += "; \(repairedCount) unusable texts or fields repaired" }
        for item in undecodable {
            line += "\n  \(item.count) left out: \(item.reason) (first: \(item.example))"
        }
        for item in refused {
            line += "\n  \(item.count) refused: \(item.reason) (first: \(item.example))"
        }
        return line
    }

    /// The failures as lines for standard error.
    var failureText: [String] {
        var lines = failures.map { failure in
            let place = failure.line.map { ":\($0)" } ?? ""
            let offset = failure.offset.map { " (the line begins at byte \($0))" } ?? ""
            return "\(path)\(place): \(failure.reason)\(offset)"
        }
        if failureCount > failures.count {
            lines.append("\(path): \(failureCount - failures.count) more lines cannot be read")
        }
        return lines
    }
}
