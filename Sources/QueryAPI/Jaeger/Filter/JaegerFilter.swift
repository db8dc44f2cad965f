import HTTPServer

/// A condition on spans as a tree, Jaeger's structured query filter (jaeger, RFC 0005): references to values
/// of a span, constants, and calls of operators on them. It is evaluated as TraceQL.
indirect enum JaegerFilter: Hashable, Sendable {
    /// Where a value stands.
    enum Level: String, Sendable, CaseIterable {
        case span, resource, scope, event, link
    }

    /// What a constant is to be read as; without one it is compared with values of any type.
    enum ConstantType: String, Sendable {
        case string, int, double, bool
    }

    /// An entry of an attribute map; without a level of the span or its resource.
    case attribute(key: String, level: Level?)
    /// What every span, resource, scope, event or link has.
    case field(name: String, level: Level)
    /// The events or links themselves.
    case nested(Level)
    case scalar(String, ConstantType?)
    case list([String], ConstantType?)
    case call(op: String, arguments: [JaegerFilter])

    /// Calls within each other: each takes stack.
    static let depthMax = 32

    static func malformed(_ reason: String) -> HTTPError {
        JaegerV3.malformed("query.filter", reason)
    }

    /// It is right, and cannot be answered.
    static func unsupported(_ what: String) -> HTTPError {
        HTTPError(.notFound, status: 501, message: "query.filter: \(what) is not supported")
    }
}

/// The parts of a message before they are known to fit together.
struct JaegerFilterParts {
    var key = ""
    var name = ""
    var level = ""
    var value = ""
    var values: [String] = []
    var type = ""

    func levelOrNil() throws(HTTPError) -> JaegerFilter.Level? {
        if level.isEmpty { return nil }
        guard let known = JaegerFilter.Level(rawValue: level) else {
            throw JaegerFilter.malformed("there is no level \"\(level)\"")
        }
        return known
    }

    private func neededLevel() throws(HTTPError) -> JaegerFilter.Level {
        guard let level = try levelOrNil() else {
            throw JaegerFilter.malformed("a field and a collection need a level")
        }
        return level
    }

    private func constantType() throws(HTTPError) -> JaegerFilter.ConstantType? {
        if type.isEmpty { return nil }
        guard let known = JaegerFilter.ConstantType(rawValue: type) else {
            throw JaegerFilter.malformed("there is no type \"\(type)\"")
        }
        return known
    }

    func attribute() throws(HTTPError) -> JaegerFilter {
        guard !key.isEmpty else { throw JaegerFilter.malformed("an attribute needs a key") }
        return .attribute(key: key, level: try levelOrNil())
    }

    func field() throws(HTTPError) -> JaegerFilter {
        guard !name.isEmpty else { throw JaegerFilter.malformed("a field needs a name") }
        return .field(name: name, level: try neededLevel())
    }

    func nested() throws(HTTPError) -> JaegerFilter {
        let level = try neededLevel()
        guard level == .event || level == .link else {
            throw JaegerFilter.malformed("only events and links are collections")
        }
        return .nested(level)
    }

    func scalar() throws(HTTPError) -> JaegerFilter { .scalar(value, try constantType()) }
    func list() throws(HTTPError) -> JaegerFilter { .list(values, try constantType()) }
}
