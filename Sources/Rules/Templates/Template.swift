import Telemetry

/// What is wrong with a template, and on which of its lines (from 1).
package struct TemplateError: Error, Hashable, Sendable {
    package var line: Int
    package var reason: String

    package init(line: Int, reason: String) {
        self.line = line
        self.reason = reason
    }
}

/// Text with `{{ … }}` in it: Go's text/template with the functions and variables that Prometheus gives
/// to labels and annotations of alerts (template/template.go).
///
/// Syntax and names of functions are checked when the template is read. Whether a value fits a function is
/// known only when there is an alert; what goes wrong then becomes the text.
///
/// Deviations from Go: some methods of times are missing, and loops, nesting and output are bounded.
package struct Template: Sendable, Hashable {
    /// As it was written.
    package let source: String
    let body: [TemplateNode]
    /// By the names of `define` and `block`.
    let definitions: [String: [TemplateNode]]

    package init(_ source: String) throws(TemplateError) {
        self.source = source
        var parser = TemplateParser(try TemplateLexer.tokens(of: source))
        body = try parser.template()
        definitions = parser.definitions
    }

    init(source: String, body: [TemplateNode], definitions: [String: [TemplateNode]]) {
        self.source = source
        self.body = body
        self.definitions = definitions
    }

    /// What a template may refer to.
    package struct Subject: Sendable {
        package var labels: Labels
        package var value: Double
        package var surroundings: TemplateSurroundings

        package init(labels: Labels, value: Double, surroundings: TemplateSurroundings) {
            self.labels = labels
            self.value = value
            self.surroundings = surroundings
        }
    }

    /// The text for `subject`. What cannot be expanded becomes the complaint, as with Prometheus: the
    /// alert must not be lost over its description.
    package func text(for subject: Subject) -> String {
        if let fixedText { return fixedText }
        var run = TemplateRun(self, subject)
        do throws(RenderFailure) {
            return try run.text()
        } catch {
            return "<error expanding template: \(error.reason)>"
        }
    }

    /// The text, if it is the same for every alert.
    var fixedText: String? {
        switch body.count {
        case 0: return ""
        case 1:
            guard case .text(let text) = body[0] else { return nil }
            return text
        default: return nil
        }
    }
}

/// What templates know besides their alert.
package struct TemplateSurroundings: Sendable {
    /// A series of a query's result.
    package struct Sample: Sendable, Hashable {
        package var labels: Labels
        package var value: Double

        package init(labels: Labels, value: Double) {
            self.labels = labels
            self.value = value
        }
    }

    package var externalURL: String
    package var externalLabels: [String: String]
    /// The time of the evaluation, in milliseconds since the epoch.
    package var time: Int64
    /// Evaluates PromQL at that time; gives the reason if it cannot.
    package var query: @Sendable (String) -> Result<[Sample], TemplateError>

    package init(
        externalURL: String = "", externalLabels: [String: String] = [:], time: Int64 = 0,
        query: @escaping @Sendable (String) -> Result<[Sample], TemplateError> = { _ in
            .failure(TemplateError(line: 0, reason: "there is nothing to query"))
        }
    ) {
        self.externalURL = externalURL
        self.externalLabels = externalLabels
        self.time = time
        self.query = query
    }
}

/// Why a template has no text for one alert.
struct RenderFailure: Error {
    var reason: String
}

extension Template {
    /// The labels of the alert that the template names.
    var labelsUsed: Set<String> {
        var labels: Set<String> = []
        for body in [body] + definitions.values {
            for node in body {
                node.visitOperands { labels.formUnion($0.labelUsed.map { [$0] } ?? []) }
            }
        }
        return labels
    }
}

extension TemplateOperand {
    fileprivate var labelUsed: String? {
        switch self {
        case .variable("$labels", let path): path.first
        case .field(let path): path.first == "Labels" && path.count > 1 ? path[1] : nil
        default: nil
        }
    }
}
