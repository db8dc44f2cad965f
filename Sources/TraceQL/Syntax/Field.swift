import QueryCore
import Telemetry

/// Something that a span has a value of: an attribute in a scope, or an intrinsic.
package struct Field: Hashable, Sendable {
    /// Where an attribute stands.
    package enum Scope: String, Sendable, CaseIterable {
        /// The span, else its resource, events, links or instrumentation scope.
        case any = ""
        case span, resource, event, link, instrumentation
    }

    package enum Kind: Hashable, Sendable {
        case intrinsic(Intrinsic)
        case attribute(Scope, name: String)
    }

    package var kind: Kind
    /// Whether it is read from the span's parent (`parent.span.x`).
    package var isOfParent: Bool

    package init(_ scope: Scope, _ name: String, ofParent isOfParent: Bool = false) {
        kind = .attribute(scope, name: name)
        self.isOfParent = isOfParent
    }

    package init(_ intrinsic: Intrinsic) {
        kind = .intrinsic(intrinsic)
        isOfParent = false
    }

    /// The name without its scope, as search results show it.
    package var shortName: String {
        switch kind {
        case .intrinsic(let intrinsic): intrinsic.word
        case .attribute(_, let name): name
        }
    }

    /// Whether a span may have several values: those of its events or links.
    var isRepeated: Bool {
        switch kind {
        case .intrinsic(let intrinsic): intrinsic.isRepeated
        case .attribute(let scope, _): scope == .event || scope == .link
        }
    }

    /// Whether its value is known only when the whole trace is.
    var needsTrace: Bool {
        if isOfParent { return true }
        if case .intrinsic(let intrinsic) = kind { return intrinsic.needsTrace }
        return false
    }

    /// What everything is filtered by first.
    static let serviceName = Field(.resource, SemanticKey.serviceName)
}

extension Field: CustomStringConvertible {
    /// As it is written in a query, and as the label of a series names it.
    package var description: String {
        switch kind {
        case .intrinsic(let intrinsic): return intrinsic.word
        case .attribute(let scope, let name):
            let parent = isOfParent ? "parent." : ""
            let place = scope == .any && isOfParent ? "" : scope.rawValue + "."
            return parent + place + Self.quoted(name)
        }
    }

    private static func quoted(_ name: String) -> String {
        let isPlain =
            !name.isEmpty
            && name.utf8.allSatisfy { Lexer.isNameByte($0) && $0 != UInt8(ascii: "\"") }
            && !name.hasPrefix("span.") && !name.hasPrefix("resource.")
            && !Lexer.isDigit(name.utf8.first ?? 0)
        if isPlain { return name }
        var text = "\""
        for scalar in name.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { text += "\\" }
            text.unicodeScalars.append(scalar)
        }
        return text + "\""
    }
}

/// What every span has a value of, whatever its attributes.
package enum Intrinsic: String, Sendable, CaseIterable {
    /// What stands before the colon.
    package enum Scope: String, Sendable, CaseIterable {
        case trace, span, event, link, instrumentation
    }

    case duration, name, status, statusMessage, kind, parent
    case rootName, rootServiceName, traceDuration
    case nestedSetLeft, nestedSetRight, nestedSetParent
    case traceID = "trace:id"
    case spanID = "span:id"
    case parentID = "span:parentID"
    case childCount = "span:childCount"
    case eventName = "event:name"
    case eventTimeSinceStart = "event:timeSinceStart"
    case linkTraceID = "link:traceID"
    case linkSpanID = "link:spanID"
    case instrumentationName = "instrumentation:name"
    case instrumentationVersion = "instrumentation:version"

    /// As it is written without need of a scope.
    package var word: String { rawValue }

    /// The one that stands alone under this name.
    init?(word: String) {
        guard !word.contains(":"), let intrinsic = Intrinsic(rawValue: word) else { return nil }
        self = intrinsic
    }

    init?(_ scope: Scope, _ word: String) {
        switch (scope, word) {
        case (.trace, "duration"): self = .traceDuration
        case (.trace, "rootName"): self = .rootName
        case (.trace, "rootService"): self = .rootServiceName
        case (.span, "duration"): self = .duration
        case (.span, "name"): self = .name
        case (.span, "kind"): self = .kind
        case (.span, "status"): self = .status
        case (.span, "statusMessage"): self = .statusMessage
        default:
            guard let intrinsic = Intrinsic(rawValue: "\(scope.rawValue):\(word)") else {
                return nil
            }
            self = intrinsic
        }
    }

    var isRepeated: Bool {
        switch self {
        case .eventName, .eventTimeSinceStart, .linkTraceID, .linkSpanID: true
        default: false
        }
    }

    var needsTrace: Bool {
        switch self {
        case .rootName, .rootServiceName, .traceDuration, .nestedSetLeft, .nestedSetRight,
            .nestedSetParent, .childCount, .parent:
            true
        default: false
        }
    }

    var type: ValueType {
        switch self {
        case .duration, .traceDuration, .eventTimeSinceStart: .duration
        case .childCount, .nestedSetLeft, .nestedSetRight, .nestedSetParent: .int
        case .status: .status
        case .kind: .kind
        case .parent: .null
        case .name, .statusMessage, .rootName, .rootServiceName, .traceID, .spanID, .parentID,
            .eventName, .linkTraceID, .linkSpanID, .instrumentationName,
            .instrumentationVersion:
            .string
        }
    }
}
