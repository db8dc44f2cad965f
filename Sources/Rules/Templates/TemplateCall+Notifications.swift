import Foundation
import Telemetry

/// The functions that only messages to receivers have (Alertmanager, template/template.go).
extension TemplateCall {
    func notifying(in run: TemplateRun) throws(RenderFailure) -> TemplateValue {
        switch function {
        case .trimSpace:
            return .string(try text(0).trimmingCharacters(in: .whitespacesAndNewlines))
        case .join: return .string(try texts(1).joined(separator: try text(0)))
        case .safeUrl: return .safe(TemplateCall.htmlText(try text(0)))
        case .urlUnescape: return .string(try unescaped(try text(0)))
        case .stringSlice:
            for place in arguments.indices { _ = try text(place) }
            return .list(arguments)
        case .list: return .list(arguments)
        case .append:
            guard case .list(let values) = arguments[0] else { throw wrong(arguments[0], "[]any") }
            return .list(values + arguments.dropFirst())
        case .dict: return try dictionary()
        case .toJson: return .string(TemplateCall.json(arguments[0]))
        case .base64encode: return .string(TemplateCall.urlSafe(Data(try text(0).utf8)))
        case .base64decode: return .string(try decoded(try text(0)))
        default: return try timely(in: run)
        }
    }

    private func timely(in run: TemplateRun) throws(RenderFailure) -> TemplateValue {
        switch function {
        case .date: return try arguments[1].method("Format", [arguments[0]])
        case .tz:
            let nanoseconds = try instant(1)
            let name = try text(0)
            guard let zone = TimeZone(identifier: name) else {
                throw RenderFailure(reason: "error calling tz: \(ZoneDatabase.complaint) \(name)")
            }
            let date = Date(timeIntervalSince1970: Double(nanoseconds) / 1e9)
            let offset = Int64(zone.secondsFromGMT(for: date))
            let known = ZoneNames(name)?.name(
                ofOffset: offset, at: Timestamp(nanoseconds: nanoseconds).milliseconds / 1_000)
            return .zonedTime(
                nanoseconds, offset: offset,
                name: known ?? zone.abbreviation(for: date) ?? name)
        default:
            guard case .time(let now) = run.now else { throw wrong(run.now, "time.Time") }
            return .duration(
                Timestamp(nanoseconds: now).nanoseconds(
                    since: Timestamp(nanoseconds: try instant(0))))
        }
    }

    private func instant(_ place: Int) throws(RenderFailure) -> Int64 {
        switch arguments[place] {
        case .time(let nanoseconds), .zonedTime(let nanoseconds, _, _): return nanoseconds
        default: throw wrong(arguments[place], "time.Time")
        }
    }

    private func texts(_ place: Int) throws(RenderFailure) -> [String] {
        guard case .list(let values) = arguments[place] else {
            throw wrong(arguments[place], "[]string")
        }
        var texts: [String] = []
        for value in values {
            guard case .string(let text) = value else { throw wrong(value, "string") }
            texts.append(text)
        }
        return texts
    }

    private func dictionary() throws(RenderFailure) -> TemplateValue {
        guard arguments.count.isMultiple(of: 2) else {
            throw RenderFailure(
                reason: "error calling dict: dict requires an even number of arguments")
        }
        var values: [String: TemplateValue] = [:]
        for place in stride(from: 0, to: arguments.count, by: 2) {
            guard case .string(let key) = arguments[place] else {
                throw RenderFailure(reason: "error calling dict: dict keys must be strings")
            }
            values[key] = arguments[place + 1]
        }
        return .map(values)
    }

    private func unescaped(_ text: String) throws(RenderFailure) -> String {
        guard let plain = text.replacing("+", with: " ").removingPercentEncoding else {
            throw RenderFailure(reason: "error calling urlUnescape: invalid URL escape")
        }
        return plain
    }

    private func decoded(_ text: String) throws(RenderFailure) -> String {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        guard let data = Data(base64Encoded: standard) else {
            throw RenderFailure(reason: "error calling base64decode: illegal base64 data")
        }
        return String(decoding: data, as: UTF8.self)
    }

    private static func urlSafe(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }

    /// As encoding/json writes it, with `<`, `>` and `&` escaped.
    static func json(_ value: TemplateValue) -> String {
        switch value {
        case .nothing: return "null"
        case .bool, .int, .number, .duration: return number(value)
        case .list(let values): return "[\(values.map(json).joined(separator: ","))]"
        case .texts(let texts), .labels(let texts): return object(texts.mapValues { .string($0) })
        case .map(let values): return object(values)
        case .record(let record): return object(record.fields)
        case .pairs(let pairs):
            return "[\(pairs.map { object($0.record.fields) }.joined(separator: ","))]"
        case .time(let nanoseconds), .zonedTime(let nanoseconds, _, _):
            return quoted(
                nanoseconds == .min
                    ? "0001-01-01T00:00:00Z"
                    : RFC3339.string(Timestamp(nanoseconds: nanoseconds)))
        case .string, .safe, .sample, .data: return quoted(value.text)
        }
    }

    private static func number(_ value: TemplateValue) -> String {
        if case .duration(let nanoseconds) = value { return String(nanoseconds) }
        return value.text
    }

    private static func object(_ values: [String: TemplateValue]) -> String {
        let members = values.sorted { $0.key < $1.key }.map {
            "\(quoted($0.key)):\(json($0.value))"
        }
        return "{\(members.joined(separator: ","))}"
    }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONText.append(string: text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self).replacing("<", with: "\\u003c")
            .replacing(">", with: "\\u003e").replacing("&", with: "\\u0026")
    }
}

extension TemplateValue {
    /// A method with arguments.
    func method(_ name: String, _ arguments: [TemplateValue]) throws(RenderFailure) -> TemplateValue
    {
        switch (self, name, arguments.first) {
        case (.time(let time), "Format", .string(let layout)?):
            return .string(GoTime.text(time, layout: layout))
        case (.zonedTime(let time, let offset, let zone), "Format", .string(let layout)?):
            return .string(GoTime.text(time, layout: layout, offset: offset, zone: zone))
        case (_, "Format", .string?): throw RenderFailure(reason: "Format belongs to times")
        case (_, "Format", _):
            throw RenderFailure(reason: "Format needs a layout such as \"2006-01-02 15:04\"")
        case (.labels(let texts), "Remove", .list(let names)?):
            let removed = Set(names.map(\.text))
            return .labels(texts.filter { !removed.contains($0.key) })
        case (.list(let values), "Join", .string(let separator)?):
            return .string(values.map(\.text).joined(separator: separator))
        default:
            if arguments.count == 1, let value = timeMethod(name, arguments[0]) { return value }
            throw RenderFailure(reason: "\(name) does not belong to \(typeName)")
        }
    }
}
