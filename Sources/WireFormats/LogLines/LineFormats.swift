import Telemetry

/// Reads the fields of text lines, for the lines of one body: mostly they all have the same format.
struct LineFormats {
    let templates: [LineTemplate]
    /// Seconds east of UTC of times that tell no zone.
    let utcOffset: Int
    private var match = LineTemplate.Match()
    private var logfmt = Logfmt()
    private var scratch: [UInt8] = []
    /// Which one the last line was of.
    private var last: Int?
    /// Ids of the names of the fields, interned when a format is first met in a batch.
    private var keys: [[StringID]]
    private var scopes: [UInt32?]
    private let configuredCount: Int
    /// Whether a configured format is that of lines which begin as JSON objects do.
    let hasObjectFormats: Bool

    init(formats: [LineTemplate], utcOffset: Int) {
        templates = formats + LineTemplate.known
        self.utcOffset = utcOffset
        configuredCount = formats.count
        hasObjectFormats = formats.contains { $0.beginsAsObject }
        keys = [[StringID]](repeating: [], count: templates.count)
        scopes = [UInt32?](repeating: nil, count: templates.count)
    }

    /// The first format that `line` is of, with `match` filled; the configured ones come first.
    private mutating func find(_ line: UnsafeRawBufferPointer) -> Int? {
        if isConfigured(line) { return last }
        if let last, last >= configuredCount,
            templates[last].matches(line, utcOffset: utcOffset, &match)
        {
            return last
        }
        for index in templates.indices.dropFirst(configuredCount)
        where index != last && templates[index].matches(line, utcOffset: utcOffset, &match) {
            last = index
            return index
        }
        return nil
    }

    /// Whether a configured format is `line`'s; it then is the last one.
    mutating func isConfigured(_ line: UnsafeRawBufferPointer) -> Bool {
        for index in 0..<configuredCount
        where templates[index].matches(line, utcOffset: utcOffset, &match) {
            last = index
            return true
        }
        return false
    }

    private mutating func keys(_ index: Int, _ strings: inout StringTable) -> [StringID] {
        if keys[index].isEmpty {
            keys[index] = (0..<templates[index].fieldCount).map {
                strings.intern(templates[index].field($0).name)
            }
        }
        return keys[index]
    }

    /// The scope of records of a format: it has the format's name.
    mutating func scope(_ index: Int, _ batch: inout LogBatch) -> UInt32 {
        if let known = scopes[index] { return known }
        let scope = batch.append(Scope(name: templates[index].name))
        scopes[index] = scope
        return scope
    }
}

extension LineFormats {
    /// Adds the fields of a line of text, which is not in the batch's own strings, and gives the scope of
    /// its format; `nil` if it is of none.
    /// - Parameter told: cells of the record that stand already; fields of their names are not added.
    mutating func append(
        _ line: UnsafeRawBufferPointer, to batch: inout LogBatch, _ fields: inout LogRecordFields,
        told: Range<Int> = 0..<0
    ) -> UInt32? {
        guard let format = find(line) else { return nil }
        let keys = keys(format, &batch.strings)
        if let time = match.time { fields.tell(time) }
        let start = batch.attributes.count
        for index in keys.indices {
            let field = templates[format].field(index)
            let text = UnsafeRawBufferPointer(rebasing: line[match.ranges[index]])
            if case .time = field.kind, match.time != nil { continue }
            guard field.isKept, !LineFieldKind.isAbsent(text) else { continue }
            if field.column != .plain {
                fields.recognise(field.column, text, nil, &batch.strings)
            }
            if told.contains(where: { batch.attributes.keys[$0] == keys[index] }) { continue }
            appendField(keys[index], field.kind, text, to: &batch)
        }
        if templates[format].name == LineTemplate.applicationLoadBalancerName {
            appendWholeDuration(from: start, to: &batch)
        }
        return scope(format, &batch)
    }

    /// As `append`; a line that is of no format is tried without the header that syslog daemons put before
    /// lines in their files. The line's own time counts before the header's.
    mutating func appendAny(
        _ line: UnsafeRawBufferPointer, to batch: inout LogBatch, _ fields: inout LogRecordFields,
        receivedAt: Timestamp
    ) -> UInt32? {
        if let format = append(line, to: &batch, &fields) { return format }
        guard
            let (time, message) = SyslogHeader.strip(
                line, receivedAt: receivedAt, utcOffset: utcOffset),
            let format = append(message, to: &batch, &fields)
        else { return nil }
        if fields.time == nil { fields.time = time }
        return format
    }

    /// Adds up the three times of a load balancer's line, whose cells begin at `start`. A connection that
    /// failed has none.
    private func appendWholeDuration(from start: Int, to batch: inout LogBatch) {
        let parts = [
            AccessLogName.requestDuration, AccessLogName.upstreamServiceTime,
            AccessLogName.responseDuration,
        ]
        var sum = 0.0
        for part in parts {
            guard let key = batch.strings.id(of: part),
                let value = batch.attributes.first(
                    key, in: start..<batch.attributes.count, strings: batch.strings)
            else { return }
            switch value {
            case .int(let whole): sum += Double(whole)
            case .double(let number): sum += number
            default: return
            }
        }
        // To the nanosecond, which adding up must not blur.
        Self.appendMilliseconds(
            batch.strings.intern(AccessLogName.duration), .milliseconds,
            (sum * 1e6).rounded() / 1e6, to: &batch)
    }

    /// Adds the fields of a line of pairs (logfmt); does nothing if it is none.
    mutating func appendPairs(
        _ line: UnsafeRawBufferPointer, to batch: inout LogBatch, _ fields: inout LogRecordFields
    ) {
        guard logfmt.matches(line) else { return }
        var unescaped: [UInt8] = []
        swap(&unescaped, &scratch)
        defer { swap(&unescaped, &scratch) }
        for index in logfmt.pairs.indices {
            let pair = logfmt.pairs[index]
            let name = JSONKey(bytes: UnsafeRawBufferPointer(rebasing: line[pair.key]))
            let key = batch.strings.intern(name.bytes)
            let value = UnsafeRawBufferPointer(rebasing: line[pair.value])
            guard pair.hasEscapes else {
                Self.appendUntyped(key, LogField(name: name), value, to: &batch, &fields)
                continue
            }
            Logfmt.unescape(value, into: &unescaped)
            unescaped.withUnsafeBytes {
                Self.appendUntyped(key, LogField(name: name), $0, to: &batch, &fields)
            }
        }
    }

    /// Adds a value of a format without types: what is written as JSON writes a number is one.
    private static func appendUntyped(
        _ key: StringID, _ column: LogField, _ value: UnsafeRawBufferPointer,
        to batch: inout LogBatch, _ fields: inout LogRecordFields
    ) {
        fields.recognise(column, value, nil, &batch.strings)
        guard let number = JSONNumber(text: value), column == .plain else {
            let id = batch.strings.intern(value)
            return batch.attributes.append(key: key, type: .string, payload: UInt64(id))
        }
        if number.isInteger, let whole = number.int64 {
            batch.attributes.append(key: key, type: .int, payload: UInt64(bitPattern: whole))
        } else {
            batch.attributes.append(
                key: key, type: .double, payload: number.double.bitPattern)
        }
    }

    // MARK: Fields with a type

    /// Adds a field that stands as text, which is not absent and not in the batch's own strings.
    mutating func appendField(
        _ key: StringID, _ kind: LineFieldKind, _ text: UnsafeRawBufferPointer,
        to batch: inout LogBatch
    ) {
        switch kind {
        case .skipped: return
        case .text, .quoted, .address, .hostAndPort, .time: break
        case .request: return Self.appendRequest(text, to: &batch)
        case .target: return Self.appendTarget(text, to: &batch)
        case .traceOrRequest where !Self.isTrace(text):
            return Self.appendText(AccessLogName.requestID, text, to: &batch)
        case .traceOrRequest: break
        case .flags: appendFlagWords(text, to: &batch)
        case .headers:
            if let id = CapturedHeaders.requestID(in: text) {
                Self.appendText(AccessLogName.requestID, id, to: &batch)
            }
        case .integer:
            guard let number = LineFieldKind.integer(text) else { break }
            // HAProxy writes -1 for what did not happen.
            guard number >= 0 else { return }
            return batch.attributes.append(
                key: key, type: .int, payload: UInt64(bitPattern: number))
        case .seconds, .milliseconds, .nanoseconds:
            let sum =
                kind == .seconds ? LineFieldKind.decimalSum(text) : LineFieldKind.decimal(text)
            guard let number = sum else { break }
            return Self.appendMilliseconds(key, kind, number, to: &batch)
        }
        let id = batch.strings.intern(text)
        batch.attributes.append(key: key, type: .string, payload: UInt64(id))
    }

    /// Adds a time in the unit of `kind` as milliseconds, to the nanosecond; one below zero is none.
    static func appendMilliseconds(
        _ key: StringID, _ kind: LineFieldKind, _ value: Double, to batch: inout LogBatch
    ) {
        guard value >= 0 else { return }
        let milliseconds: Double =
            switch kind {
            case .seconds: (value * 1e9).rounded() / 1e6
            case .nanoseconds: value / 1e6
            default: value
            }
        if let whole = Int64(exactly: milliseconds) {
            batch.attributes.append(key: key, type: .int, payload: UInt64(bitPattern: whole))
        } else {
            batch.attributes.append(
                key: key, type: .double, payload: milliseconds.bitPattern)
        }
    }

    mutating func appendFlagWords(
        _ text: UnsafeRawBufferPointer, to batch: inout LogBatch
    ) {
        var words: [UInt8] = []
        swap(&words, &scratch)
        words.removeAll(keepingCapacity: true)
        ResponseFlag.appendLong(text, to: &words)
        let key = batch.strings.intern(AccessLogName.responseFlagsLong)
        let id = words.withUnsafeBytes { batch.strings.intern($0) }
        batch.attributes.append(key: key, type: .string, payload: UInt64(id))
        swap(&words, &scratch)
    }

    /// Adds `METHOD TARGET PROTOCOL` as its parts; one that is not so, as what clients that speak no
    /// HTTP send, is the path.
    private static func appendRequest(
        _ text: UnsafeRawBufferPointer, to batch: inout LogBatch
    ) {
        guard let first = text.firstIndex(of: UInt8(ascii: " ")),
            let last = text.lastIndex(of: UInt8(ascii: " ")), last > first
        else { return appendText(AccessLogName.path, text, to: &batch) }
        let target = UnsafeRawBufferPointer(rebasing: text[(first + 1)..<last])
        appendText(
            AccessLogName.method, UnsafeRawBufferPointer(rebasing: text[..<first]), to: &batch)
        appendTarget(target, to: &batch)
        appendText(
            AccessLogName.protocol, UnsafeRawBufferPointer(rebasing: text[(last + 1)...]),
            to: &batch)
    }

    /// Whether a text is the id of a trace, and not the request's own.
    private static func isTrace(_ text: UnsafeRawBufferPointer) -> Bool {
        LogFieldText.traceID(text) != nil || TraceHeaderText.xray(text) != nil
    }

    /// Adds a request target; one in absolute form (RFC 9112 §3.2.2) as scheme, path, and authority, if the
    /// record has none yet.
    private static func appendTarget(
        _ target: UnsafeRawBufferPointer, to batch: inout LogBatch
    ) {
        guard target.first != UInt8(ascii: "/"),
            let colon = target.firstIndex(of: UInt8(ascii: ":")), target.count > colon + 3,
            target[colon + 1] == UInt8(ascii: "/"), target[colon + 2] == UInt8(ascii: "/")
        else { return appendText(AccessLogName.path, target, to: &batch) }
        let authority = target[(colon + 3)...]
        let slash = authority.firstIndex(of: UInt8(ascii: "/")) ?? target.count
        var end = slash
        // A load balancer writes what it was not told as a dash, behind the port too.
        if end == target.count, end > colon + 4, target[end - 1] == UInt8(ascii: "-") { end -= 1 }
        appendText(
            AccessLogName.scheme, UnsafeRawBufferPointer(rebasing: target[..<colon]), to: &batch)
        if !hasAuthority(batch) {
            appendText(
                AccessLogName.authority,
                UnsafeRawBufferPointer(rebasing: target[(colon + 3)..<end]), to: &batch)
        }
        appendText(
            AccessLogName.path, UnsafeRawBufferPointer(rebasing: target[slash...]), to: &batch)
    }

    /// Whether the record that is being added has one.
    private static func hasAuthority(_ batch: borrowing LogBatch) -> Bool {
        guard let key = batch.strings.id(of: AccessLogName.authority) else { return false }
        let start = Int(batch.attributeEnds.last ?? 0)
        return (start..<batch.attributes.count).contains { batch.attributes.keys[$0] == key }
    }

    private static func appendText(
        _ name: String, _ text: UnsafeRawBufferPointer, to batch: inout LogBatch
    ) {
        guard !LineFieldKind.isAbsent(text) else { return }
        let key = batch.strings.intern(name)
        let id = batch.strings.intern(text)
        batch.attributes.append(key: key, type: .string, payload: UInt64(id))
    }
}
