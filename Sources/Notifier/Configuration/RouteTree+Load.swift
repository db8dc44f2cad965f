extension RouteTree {
    private static let fields = [
        "receiver", "group_by", "match", "match_re", "matchers", "mute_time_intervals",
        "active_time_intervals", "continue", "routes", "group_wait", "group_interval",
        "repeat_interval",
    ]
    private static let refused = ["labels": "routes add no labels to notifications"]
    /// Deeper trees are a mistake.
    private static let depthMax = 100

    /// The root: it takes every alert.
    static func root(
        _ node: ConfigNode, receivers: Set<String>, times: Set<String>
    ) throws(NotifierConfigError) -> RouteTree {
        let fields = try node.fields(Self.fields, type: "config.plain", refused: refused)
        if fields["receiver"] == nil {
            throw node.failure("root route must specify a default receiver")
        }
        for name in ["match", "match_re", "matchers"] where fields[name] != nil {
            throw node.failure("root route must not have any matchers")
        }
        if try fields.flag("continue") {
            throw node.failure("cannot have continue in root route")
        }
        if fields["mute_time_intervals"] != nil {
            throw node.failure("root route must not have any mute time intervals")
        }
        if fields["active_time_intervals"] != nil {
            throw node.failure("root route must not have any active time intervals")
        }
        let standard = RouteTree(
            receiver: "", matchers: [], continues: false, groupBy: [],
            groupWait: 30_000_000_000, groupInterval: 300_000_000_000,
            repeatInterval: 14_400_000_000_000, muteTimes: [], activeTimes: [], routes: [],
            key: "", index: 0)
        var reader = RouteReader(receivers: receivers, times: times)
        return try reader.route(node, parent: standard, depth: 0)
    }

    /// Reads routes and numbers them.
    private struct RouteReader {
        let receivers: Set<String>
        let times: Set<String>
        var next = 0

        mutating func route(
            _ node: ConfigNode, parent: RouteTree, depth: Int
        ) throws(NotifierConfigError) -> RouteTree {
            guard depth <= RouteTree.depthMax else {
                throw node.failure("routes are nested too deeply")
            }
            let fields = try node.fields(
                RouteTree.fields, type: "config.plain", refused: RouteTree.refused)
            var route = parent
            route.index = next
            next += 1
            if let receiver = fields["receiver"] {
                route.receiver = try receiver.text()
                guard receivers.contains(route.receiver) else {
                    throw receiver.failure("undefined receiver \"\(route.receiver)\" used in route")
                }
            }
            route.matchers = try Self.matchers(fields)
            route.continues = try fields.flag("continue")
            route.key = (depth == 0 ? "" : parent.key + "/") + route.matchers.text
            try group(&route, fields)
            route.muteTimes = try times(fields, "mute_time_intervals")
            route.activeTimes = try times(fields, "active_time_intervals")
            route.routes = []
            var routes: [RouteTree] = []
            for child in try fields["routes"]?.elements() ?? [] {
                routes.append(try self.route(child, parent: route, depth: depth + 1))
            }
            route.routes = routes
            return route
        }

        private func group(
            _ route: inout RouteTree, _ fields: ConfigFields
        ) throws(NotifierConfigError) {
            if let node = fields["group_by"] {
                let names = try fields.texts("group_by")
                if names.contains("...") {
                    guard names.count == 1 else {
                        throw node.failure(
                            "cannot have wildcard group_by (`...`) and other labels at the same time"
                        )
                    }
                    route.groupBy = nil
                } else {
                    var seen: Set<String> = []
                    for name in names {
                        guard !name.isEmpty else {
                            throw node.failure("invalid label name \"\" in group_by list")
                        }
                        guard seen.insert(name).inserted else {
                            throw node.failure("duplicated label \"\(name)\" in group_by")
                        }
                    }
                    route.groupBy = seen
                }
            }
            if let wait = try fields.duration("group_wait") { route.groupWait = wait }
            if let interval = try fields.duration("group_interval") {
                guard interval > 0 else { throw fields.failure("group_interval cannot be zero") }
                route.groupInterval = interval
            }
            if let interval = try fields.duration("repeat_interval") {
                guard interval > 0 else { throw fields.failure("repeat_interval cannot be zero") }
                route.repeatInterval = interval
            }
        }

        private func times(
            _ fields: ConfigFields, _ name: String
        ) throws(NotifierConfigError) -> [String] {
            let names = try fields.texts(name)
            for time in names where !times.contains(time) {
                throw (fields[name] ?? fields.parent).failure(
                    "undefined time interval \"\(time)\" used in route")
            }
            return names
        }

        private static func matchers(_ fields: ConfigFields) throws(NotifierConfigError)
            -> [LabelMatcher]
        {
            var matchers: [LabelMatcher] = []
            matchers += try fields["match"]?.plainMatchers(.equal) ?? []
            matchers += try fields["match_re"]?.plainMatchers(.matches) ?? []
            matchers += try fields["matchers"]?.matchers() ?? []
            return matchers.sorted()
        }
    }
}

extension InhibitRule {
    init(_ node: ConfigNode) throws(NotifierConfigError) {
        let fields = try node.fields(
            [
                "name", "source_match", "source_match_re", "source_matchers", "target_match",
                "target_match_re", "target_matchers", "equal",
            ], type: "config.plain")
        source = try Self.matchers(fields, "source")
        target = try Self.matchers(fields, "target")
        equal = try fields.texts("equal")
        for name in equal where name.isEmpty {
            throw node.failure("invalid label name \"\" in equal list")
        }
    }

    private static func matchers(
        _ fields: ConfigFields, _ side: String
    ) throws(NotifierConfigError) -> [LabelMatcher] {
        try (fields["\(side)_match"]?.plainMatchers(.equal) ?? [])
            + (fields["\(side)_match_re"]?.plainMatchers(.matches) ?? [])
            + (fields["\(side)_matchers"]?.matchers() ?? [])
    }
}

extension ConfigNode {
    /// Values by label, the older form.
    func plainMatchers(
        _ operation: LabelMatcher.Operation
    ) throws(NotifierConfigError) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        for (name, node) in try texts() {
            let isName = name.utf8.allSatisfy {
                switch $0 {
                case 48...57, 65...90, 97...122, 95: true
                default: false
                }
            }
            guard isName, let first = name.utf8.first, !(48...57).contains(first) else {
                throw node.failure("invalid label name (\(what))")
            }
            if operation == .matches, node.isNull {
                throw node.failure("\(name) has no regular expression (\(what))")
            }
            let value = try node.text()
            do throws(MatcherFailure) {
                matchers.append(try LabelMatcher(name, operation, value))
            } catch {
                throw node.failure("\(error.kind) (\(what))")
            }
        }
        return matchers
    }

    /// A list of texts, each with one or more matchers.
    func matchers() throws(NotifierConfigError) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        for element in try elements() {
            let text = try element.text()
            do throws(MatcherFailure) {
                matchers += try MatcherText.matchers(text)
            } catch {
                throw element.failure("\(error.kind) (\(what))")
            }
        }
        return matchers
    }
}
