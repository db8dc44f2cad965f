import Telemetry

/// `logfmt`: labels from `key=value key="quoted \"value\"" flag` lines (go-logfmt's reading).
struct LogfmtParser: Sendable {
    private let isStrict: Bool
    /// With these alone, if there are any: label and key.
    private let wanted: [(label: [UInt8], key: [UInt8])]

    init(_ options: LogfmtOptions, _ fields: [FieldExtraction]) {
        isStrict = options.isStrict
        wanted = fields.map { (Array($0.label.utf8), Array($0.expression.utf8)) }
    }

    /// Malformed pairs are passed over unless strict.
    /// - Returns: what is wrong with the line, for people.
    func run(_ line: UnsafeRawBufferPointer, into labels: inout LineLabels) -> String? {
        var offset = 0
        var name: [UInt8] = []
        var unescaped: [UInt8] = []
        while true {
            while offset < line.count, line[offset] <= 0x20 { offset += 1 }
            guard offset < line.count else { return nil }
            let start = offset
            while offset < line.count, LogfmtParser.isKey(line[offset]) { offset += 1 }
            let key = UnsafeRawBufferPointer(rebasing: line[start..<offset])
            guard !key.isEmpty, offset == line.count || line[offset] != UInt8(ascii: "\"") else {
                // A quote or a `=` without a key.
                if isStrict { return LogfmtParser.mistake(line, at: offset) }
                LogfmtParser.skipWord(line, &offset)
                continue
            }
            var value = 0..<0
            unescaped.removeAll(keepingCapacity: true)
            var hasEscapes = false
            if offset < line.count, line[offset] == UInt8(ascii: "=") {
                offset += 1
                guard
                    let found = LogfmtParser.value(line, &offset, &unescaped, &hasEscapes)
                else {
                    if isStrict { return LogfmtParser.mistake(line, at: offset) }
                    LogfmtParser.skipWord(line, &offset)
                    continue
                }
                value = found
            }
            if hasEscapes {
                unescaped.withUnsafeBytes { add(key, $0, &name, into: &labels) }
            } else {
                add(key, UnsafeRawBufferPointer(rebasing: line[value]), &name, into: &labels)
            }
        }
    }

    private func add(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ name: inout [UInt8],
        into labels: inout LineLabels
    ) {
        guard !value.isEmpty else { return }
        guard wanted.isEmpty else {
            for field in wanted where key.elementsEqual(field.key) {
                field.label.withUnsafeBytes { labels.add(name: $0, value: value) }
            }
            return
        }
        if let wanted = labels.wanted, !wanted.mayBe(key) { return }
        name.removeAll(keepingCapacity: true)
        SanitizedName.append(key, to: &name)
        guard !name.isEmpty else { return }
        name.withUnsafeBytes { labels.add(name: $0, value: value) }
    }

    /// The value behind `=`; `nil` if a quote in it is not closed or stands inside.
    private static func value(
        _ line: UnsafeRawBufferPointer, _ offset: inout Int, _ unescaped: inout [UInt8],
        _ hasEscapes: inout Bool
    ) -> Range<Int>? {
        guard offset < line.count, line[offset] == UInt8(ascii: "\"") else {
            let start = offset
            while offset < line.count, line[offset] > 0x20 {
                if line[offset] == UInt8(ascii: "\"") || line[offset] == UInt8(ascii: "=") {
                    return nil
                }
                offset += 1
            }
            return start..<offset
        }
        offset += 1
        let start = offset
        while offset < line.count, line[offset] != UInt8(ascii: "\"") {
            if line[offset] == UInt8(ascii: "\\") {
                hasEscapes = true
                offset += 1
            }
            offset += 1
        }
        guard offset < line.count else {
            offset = line.count
            return nil
        }
        let content = start..<offset
        offset += 1
        if hasEscapes { JSONEscapes.append(line[content], to: &unescaped) }
        return content
    }

    /// In the words of go-logfmt, which counts from 1.
    private static func mistake(_ line: UnsafeRawBufferPointer, at offset: Int) -> String {
        let what =
            offset < line.count
            ? "unexpected '\(String(decoding: [line[offset]], as: UTF8.self))'"
            : "unterminated quoted value"
        return "logfmt syntax error at pos \(offset + 1) : \(what)"
    }

    private static func isKey(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\"")
    }

    private static func skipWord(_ line: UnsafeRawBufferPointer, _ offset: inout Int) {
        while offset < line.count, line[offset] > 0x20 { offset += 1 }
    }
}
