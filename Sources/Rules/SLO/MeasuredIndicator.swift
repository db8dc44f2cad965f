import QueryCore

/// An indicator with the events that are counted for it.
struct MeasuredIndicator {
    var indicator: ServiceLevelObjective.Indicator
    var sources: [EventSource] = []
    /// Queries for bad and for all spans.
    var spans: EventQueries?

    init(indicator: ServiceLevelObjective.Indicator) { self.indicator = indicator }

    init(bad: EventSource, all: EventSource, at node: YAMLNode) throws(RuleFileError) {
        guard bad != all else {
            throw node.failure("error_query and total_query are the same query")
        }
        do throws(WindowQuery.Failure) {
            indicator = .events(
                error: try WindowQuery(bad.windowQuery), total: try WindowQuery(all.windowQuery))
        } catch {
            throw node.failure(error.reason)
        }
        sources = [bad, all]
        if bad.language == .traceQL { spans = EventQueries(bad: bad.query, all: all.query) }
    }
}

extension EventSource.Language {
    /// By the type of a metric source in OpenSLO.
    init?(type: String) {
        switch type.lowercased() {
        case "traceql", "tempo": self = .traceQL
        case "logql", "loki": self = .logQL
        default: return nil
        }
    }

    /// By the id of a plugin in Sloth's specifications.
    init?(plugin: String) {
        switch plugin {
        case "sidelight/traceql": self = .traceQL
        case "sidelight/logql": self = .logQL
        default: return nil
        }
    }
}

extension YAMLNode {
    /// Names between commas, such as `http.route, http.request.method`.
    func groupKeys() throws(RuleFileError) -> [String] {
        let text = try text()
        let keys = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        for key in keys
        where key.wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_.]*/) == nil {
            throw failure("group_by must be names between commas")
        }
        guard Set(keys).count == keys.count else {
            throw failure("group_by names one twice")
        }
        return keys
    }

    func eventSource(
        _ language: EventSource.Language, _ groups: [String] = []
    ) throws(RuleFileError) -> EventSource {
        let text = try text()
        do throws(QueryError) {
            return try EventSource(language, text, groupedBy: groups)
        } catch {
            throw failure("\(what): \(error.message)" + (error.excerpt.map { "\n\($0)" } ?? ""))
        }
    }
}
