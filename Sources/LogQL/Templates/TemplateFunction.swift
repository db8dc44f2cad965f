/// The functions that templates may call: those of Go's `text/template`, Loki's own and the ones that it
/// takes from the library Sprig. `call` is not here, as there are no values to call.
enum TemplateFunction: String, Sendable, CaseIterable {
    // Of text/template.
    case and, or, not, eq, ne, lt, le, gt, ge, len, index, print, printf, println, slice
    case html, js, urlquery
    // Of the line.
    case line = "__line__"
    case timestamp = "__timestamp__"
    // Texts.
    case lower, upper, title, trunc, substr, contains, hasPrefix, hasSuffix, indent, nindent
    case replace, `repeat`, trim, trimAll, trimSuffix, trimPrefix, alignLeft, alignRight
    case b64enc, b64dec, urlencode, urldecode
    case `default`
    case fromJSON = "fromJson"
    // Loki's old names, with the arguments in Go's order.
    case oldLower = "ToLower"
    case oldUpper = "ToUpper"
    case oldReplace = "Replace"
    case oldTrim = "Trim"
    case oldTrimLeft = "TrimLeft"
    case oldTrimRight = "TrimRight"
    case oldTrimPrefix = "TrimPrefix"
    case oldTrimSuffix = "TrimSuffix"
    case oldTrimSpace = "TrimSpace"
    // Patterns.
    case count, regexReplaceAll, regexReplaceAllLiteral
    // Numbers.
    case int, float64, add, sub, mul, div, mod, addf, subf, mulf, divf, max, min, maxf, minf
    case ceil, floor, round, bytes, duration
    case durationSeconds = "duration_seconds"
    // Times.
    case now, date, toDate, toDateInZone, unixEpoch, unixEpochMillis, unixEpochNanos, unixToTime
}

/// The arguments of a call, read by type.
struct TemplateArguments {
    let function: TemplateFunction
    let values: [TemplateValue]

    func count(_ range: ClosedRange<Int>) throws(ExpressionError) {
        guard range.contains(values.count) else {
            throw ExpressionError(
                reason: "wrong number of args for \(function.rawValue): got \(values.count)")
        }
    }

    func count(_ wanted: Int) throws(ExpressionError) { try count(wanted...wanted) }

    func text(_ place: Int) throws(ExpressionError) -> String {
        guard case .text(let text) = values[place] else { throw wrong(place, "string") }
        return text
    }

    func whole(_ place: Int) throws(ExpressionError) -> Int {
        guard case .int(let number) = values[place], let whole = Int(exactly: number) else {
            throw wrong(place, "int")
        }
        return whole
    }

    private func wrong(_ place: Int, _ wanted: String) -> ExpressionError {
        ExpressionError(
            reason: "wrong type for value; expected \(wanted); got \(values[place].typeName)")
    }
}

extension TemplateRun {
    mutating func call(
        _ function: TemplateFunction, _ values: [TemplateValue]
    ) throws(ExpressionError) -> TemplateValue {
        let arguments = TemplateArguments(function: function, values: values)
        switch function {
        case .and, .or, .not, .eq, .ne, .lt, .le, .gt, .ge:
            return try TemplateLogic.call(arguments)
        case .len, .index, .slice, .default, .fromJSON:
            return try TemplateCollections.call(arguments)
        case .print, .printf, .println: return .text(try TemplatePrinting.call(arguments))
        case .html, .js, .urlquery: return .text(TemplateEscapes.call(arguments))
        case .line:
            try arguments.count(0)
            return .text(String(decoding: line.text, as: UTF8.self))
        case .timestamp:
            try arguments.count(0)
            return .time(line.time, .utc)
        case .now:
            try arguments.count(0)
            guard let now = line.now else {
                throw ExpressionError(reason: "the present time is not known here")
            }
            return .time(now, .utc)
        case .count, .regexReplaceAll, .regexReplaceAllLiteral:
            return try callPattern(arguments)
        case .int, .float64, .add, .sub, .mul, .div, .mod, .addf, .subf, .mulf, .divf, .max,
            .min, .maxf, .minf, .ceil, .floor, .round, .bytes, .duration, .durationSeconds:
            return try TemplateNumbers.call(arguments)
        case .date, .toDate, .toDateInZone, .unixEpoch, .unixEpochMillis, .unixEpochNanos,
            .unixToTime:
            return try TemplateTimes.call(arguments)
        case .b64enc, .b64dec, .urlencode, .urldecode: return try TemplateCodings.call(arguments)
        case .contains, .hasPrefix, .hasSuffix: return .bool(try TemplateTexts.holds(arguments))
        default: return .text(try TemplateTexts.call(arguments))
        }
    }
}
