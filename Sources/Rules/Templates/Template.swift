import Telemetry

/// What is wrong with a template, and on which of its lines (from 1).
package struct TemplateError: Error, Hashable, Sendable {
    package var line: Int
    package var reason: String
}

/// Text with `{{ … }}` in it, the part of Go's template language that labels and annotations of alerts
/// use: `$labels.name`, `$value`, `$externalURL`, string and number literals, pipelines of `humanize`,
/// `humanizePercentage`, `humanizeDuration`, `printf`, `toUpper`, `toLower`, `title`.
///
/// Everything else is refused, by name, when the template is read: whether a value fits a function is
/// known before anything has to be told in the middle of the night.
package struct Template: Sendable, Hashable {
    enum Piece: Sendable, Hashable {
        case text(String)
        case pipeline(Pipeline)
    }

    /// As it was written.
    package let source: String
    let pieces: [Piece]

    package init(_ source: String) throws(TemplateError) {
        self.source = source
        var reader = TemplateReader(source)
        pieces = try reader.pieces()
    }

    /// What a template may refer to.
    package struct Subject: Sendable {
        package var labels: Labels
        package var value: Double
        package var externalURL: String

        package init(labels: Labels, value: Double, externalURL: String) {
            self.labels = labels
            self.value = value
            self.externalURL = externalURL
        }
    }

    /// The text for `subject`. A label that is not a number where one is needed turns the whole text
    /// into the complaint, as Prometheus does: the alert must not be lost over its description.
    package func text(for subject: Subject) -> String {
        var text = ""
        do throws(RenderFailure) {
            for piece in pieces {
                switch piece {
                case .text(let literal): text += literal
                case .pipeline(let pipeline): text += try pipeline.value(subject).text
                }
            }
        } catch {
            return "<error expanding template: \(error.reason)>"
        }
        return text
    }
}

/// Why a template has no text for one alert.
struct RenderFailure: Error {
    var reason: String
}

/// A value inside a template.
enum TemplateValue: Sendable, Hashable {
    case number(Double)
    case string(String)

    /// As Go prints it.
    var text: String {
        switch self {
        case .number(let number): GoNumber.shortest(number)
        case .string(let string): string
        }
    }
}

/// Something a function can be given.
enum TemplateOperand: Sendable, Hashable {
    case literal(TemplateValue)
    case value
    case externalURL
    case label(String)

    var isNumber: Bool {
        switch self {
        case .value, .literal(.number): true
        case .externalURL, .label, .literal(.string): false
        }
    }

    func value(_ subject: Template.Subject) -> TemplateValue {
        switch self {
        case .literal(let value): value
        case .value: .number(subject.value)
        case .externalURL: .string(subject.externalURL)
        case .label(let name): .string(subject.labels[name] ?? "")
        }
    }
}

/// `operand | function argument… | …`: each function gets what stands before it as its last argument.
struct Pipeline: Sendable, Hashable {
    struct Call: Sendable, Hashable {
        var function: TemplateFunction
        var arguments: [TemplateOperand]
    }

    /// `nil` when the pipeline begins with a call.
    var operand: TemplateOperand?
    var calls: [Call] = []

    func value(_ subject: Template.Subject) throws(RenderFailure) -> TemplateValue {
        var value = operand?.value(subject)
        for call in calls {
            var arguments = call.arguments.map { $0.value(subject) }
            if let value { arguments.append(value) }
            value = try call.function.apply(arguments)
        }
        return value ?? .string("")
    }
}
