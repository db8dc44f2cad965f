import HTTPServer
import TraceQL

/// A value of a span that a filter names, as TraceQL names it.
struct JaegerFilterReference {
    /// What its values are.
    enum Kind {
        case attribute, text, identifier, duration, status, kind
    }

    /// One; of an attribute without level that of the span and that of the resource.
    var fields: [String]
    var kind: Kind

    /// - Returns: `nil` for a constant, a call or a collection.
    init?(_ term: JaegerFilter) throws(HTTPError) {
        switch term {
        case .attribute(let key, let level):
            let scopes: [Field.Scope] =
                switch level {
                case nil: [.span, .resource]
                case .span: [.span]
                case .resource: [.resource]
                case .scope: [.instrumentation]
                case .event: [.event]
                case .link: [.link]
                }
            fields = scopes.map { Field($0, key).description }
            kind = .attribute
        case .field(let name, let level):
            (fields, kind) = try Self.builtIn(name, level)
        case .nested, .scalar, .list, .call: return nil
        }
    }

    private static func builtIn(
        _ name: String, _ level: JaegerFilter.Level
    ) throws(HTTPError) -> ([String], Kind) {
        switch (level, name) {
        case (.span, "traceID"): (["trace:id"], .identifier)
        case (.span, "spanID"): (["span:id"], .identifier)
        case (.span, "parentSpanID"): (["span:parentID"], .identifier)
        case (.span, "name"): (["name"], .text)
        case (.span, "kind"): (["kind"], .kind)
        case (.span, "status"): (["status"], .status)
        case (.span, "statusMessage"): (["statusMessage"], .text)
        case (.span, "duration"): (["duration"], .duration)
        case (.resource, "service"): (["resource.service.name"], .text)
        case (.scope, "name"): (["instrumentation:name"], .text)
        case (.scope, "version"): (["instrumentation:version"], .text)
        case (.event, "name"): (["event:name"], .text)
        case (.event, "timeSinceStart"): (["event:timeSinceStart"], .duration)
        case (.link, "traceID"): (["link:traceID"], .identifier)
        case (.link, "spanID"): (["link:spanID"], .identifier)
        case (.span, "traceState"), (.span, "startTime"), (.span, "endTime"),
            (.resource, "schemaURL"), (.scope, "schemaURL"), (.event, "time"),
            (.link, "traceState"):
            throw JaegerFilter.unsupported("the field \(level.rawValue).\(name)")
        default:
            throw JaegerFilter.malformed("there is no field \"\(name)\" of a \(level.rawValue)")
        }
    }

    /// The condition that it has a value.
    var presence: String {
        let conditions = fields.map { field in
            // What TraceQL reads as an empty text where there is none.
            ["span:parentID", "statusMessage"].contains(field)
                ? "\(field) != \"\"" : "\(field) != nil"
        }
        return conditions.joined(separator: " || ")
    }
}
