import Telemetry

/// Data of a template of a notification.
package indirect enum TemplateData: Sendable {
    case text(String)
    case number(Int64)
    /// `nil` is Go's zero time.
    case time(Timestamp?)
    /// Labels or annotations.
    case labels([String: String])
    case list([TemplateData])
    /// In the order in which its fields are printed.
    case record(type: String, KeyValuePairs<String, TemplateData>)

    var value: TemplateValue {
        switch self {
        case .text(let text): .string(text)
        case .number(let number): .int(number)
        case .time(let time): .time(time?.nanoseconds ?? .min)
        case .labels(let texts): .labels(texts)
        case .list(let values): .list(values.map(\.value))
        case .record(let type, let fields):
            .record(TemplateRecord(typeName: type, fields.map { ($0.key, $0.value.value) }))
        }
    }
}

/// Named templates that messages to receivers are made of, and the texts that refer to them: Go's
/// text/template with Alertmanager's functions and, for HTML, the escaping of values as text.
///
/// Deviations from Go: html/template escapes by the place in the document, here every value is escaped as
/// text; `toDate`, `mustToDate`, `routeLabels` and some methods of times are missing.
package struct NotificationTemplates: Sendable {
    private var definitions: [String: [TemplateNode]] = [:]

    package init() {}

    /// Adds what a file defines; later definitions win.
    package mutating func add(_ source: String) throws(TemplateError) {
        let template = try Template(source, dialect: .notifications)
        definitions.merge(template.definitions) { $1 }
    }

    /// Whether the text can be read.
    package static func check(_ source: String) throws(TemplateError) {
        _ = try Template(source, dialect: .notifications)
    }

    /// - Parameter now: what `now` and `since` go by.
    /// - Throws: the reason why there is no text, line 0.
    package func text(
        _ source: String, of data: TemplateData, isHTML: Bool = false, now: Timestamp
    ) throws(TemplateError) -> String {
        guard source.contains("{{") else { return source }
        let template = try Template(source, dialect: .notifications)
        var run = TemplateRun(
            template, of: data.value, definitions: definitions, escapesHTML: isHTML,
            now: now.nanoseconds)
        do throws(RenderFailure) {
            return try run.text()
        } catch {
            throw TemplateError(line: 0, reason: error.reason)
        }
    }
}

extension Template {
    init(_ source: String, dialect: TemplateDialect) throws(TemplateError) {
        var parser = TemplateParser(try TemplateLexer.tokens(of: source), dialect: dialect)
        let body = try parser.template()
        self.init(source: source, body: body, definitions: parser.definitions)
    }
}
