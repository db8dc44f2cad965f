import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/labels`: label names of the series that any `match[]` selects.
    func labelNames(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = PrometheusParameters(request)
        let (range, limit) = (try parameters.possibleRange(), try parameters.limit())
        if let range, let sets = try quickSets(request, parameters),
            let answer = answerAtHand(.names, sets, range, limit: limit)
        {
            return answer
        }
        let bytes = try await runner.run { [store] context in
            let sets = try parameters.matchers(namesParameter: false)
            guard let range else { return Self.nothing }
            let names = try union(sets, context) { matchers in
                try store.labelNames(matching: matchers, in: range)
            }
            return PrometheusEnvelope.strings(names, limit: limit)
        }
        return .json(bytes)
    }

    /// `/api/v1/label/{name}/values`.
    func labelValues(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = PrometheusParameters(request)
        let name = LabelNameEscape.decode(request.pathParameters["name"] ?? "")
        guard !name.isEmpty else { throw HTTPError.badRequest("invalid label name: \"\"") }
        let (range, limit) = (try parameters.possibleRange(), try parameters.limit())
        if let range, let sets = try quickSets(request, parameters),
            let answer = answerAtHand(.values(of: name), sets, range, limit: limit)
        {
            return answer
        }
        let bytes = try await runner.run { [store] context in
            let sets = try parameters.matchers(namesParameter: false)
            guard let range else { return Self.nothing }
            let values = try union(sets, context) { matchers in
                try store.labelValues(of: name, matching: matchers, in: range)
            }
            return PrometheusEnvelope.strings(values, limit: limit)
        }
        return .json(bytes)
    }

    /// `/api/v1/series`: the label sets that any `match[]` selects.
    func series(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = PrometheusParameters(request)
        let (range, limit) = (try parameters.possibleRange(), try parameters.limit())
        let bytes = try await runner.run { [store] context in
            let sets = try parameters.matchers()
            guard !sets.isEmpty else {
                throw HTTPError.badRequest("no match[] parameter provided")
            }
            guard let range else { return Self.nothing }
            var found: Set<Labels> = []
            for matchers in sets {
                try context.check()
                let selection = try store.selectSeries(matchers, in: range)
                guard found.count + selection.count <= context.limits.seriesMax else {
                    throw QueryError.execution(
                        "more than \(context.limits.seriesMax) series match; narrow match[]")
                }
                for index in 0..<selection.count { found.insert(selection.labels(index)) }
            }
            try context.check()
            return write(found.sorted { $0.comesBefore($1) }, limit: limit)
        }
        return .json(bytes)
    }

    /// `/api/v1/metadata`: type, help and unit by metric family.
    func metadata(_ request: HTTPRequest) async throws -> HTTPResponse {
        let limit = try number("limit", request)
        // There is one entry a family.
        _ = try number("limit_per_metric", request)
        let metric = request.parameters["metric"].flatMap { $0.isEmpty ? nil : $0 }
        let bytes = try await runner.run { [store] _ in
            var all = try store.metricMetadata().filter { metric == nil || $0.family == metric }
            if let limit, limit >= 0 { all = Array(all.prefix(limit)) }
            return PrometheusEnvelope.success { data in
                data.object { object in
                    for entry in all {
                        object.key(entry.family)
                        object.array { $0.value(entry) }
                    }
                }
            }
        }
        return .json(bytes)
    }

    /// Longer lists are not written on an event loop.
    private static let quickMax = 1_024

    /// Of longer selectors, and of those with regular expressions, which may take seconds to compile, a list is
    /// not looked for on an event loop.
    private static let quickSelectorMax = 1_024

    /// What `match[]` selects; `nil` where reading it takes long.
    private func quickSets(
        _ request: HTTPRequest, _ parameters: PrometheusParameters
    ) throws -> [[LabelMatcher]]? {
        let texts = request.parameters.all("match[]")
        let isQuick =
            texts.count < 2
            && texts.allSatisfy {
                $0.utf8.count <= Self.quickSelectorMax && !$0.utf8.contains(UInt8(ascii: "~"))
            }
        return isQuick ? try parameters.matchers(namesParameter: false) : nil
    }

    /// A short list that the store has at hand: to wake another thread for it would take longer.
    private func answerAtHand(
        _ listing: LabelListing, _ sets: [[LabelMatcher]], _ range: ClosedRange<Int64>, limit: Int
    ) -> HTTPResponse? {
        guard sets.count < 2,
            let known = store.listingAtHand(listing, matching: sets.first ?? [], in: range),
            known.count <= Self.quickMax
        else { return nil }
        return .json(PrometheusEnvelope.strings(known, limit: limit))
    }

    private static let nothing = PrometheusEnvelope.strings([], limit: 0)

    private func number(_ name: String, _ request: HTTPRequest) throws(HTTPError) -> Int? {
        guard let text = request.parameters[name], !text.isEmpty else { return nil }
        guard let number = Int(text) else { throw .badRequest("\(name) must be a number") }
        return number
    }

    func union(
        _ sets: [[LabelMatcher]], _ context: QueryContext,
        _ read: ([LabelMatcher]) throws -> [String]
    ) throws -> [String] {
        guard sets.count > 1 else { return try read(sets.first ?? []) }
        var found: Set<String> = []
        for matchers in sets {
            try context.check()
            found.formUnion(try read(matchers))
        }
        return found.sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    private func write(_ series: [Labels], limit: Int) -> [UInt8] {
        let isCut = limit > 0 && series.count > limit
        return PrometheusEnvelope.success(
            warnings: isCut ? [PrometheusEnvelope.truncated] : []
        ) { data in
            data.array { array in
                for labels in isCut ? series[..<limit] : series[...] { array.value(labels) }
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ entry: MetricMetadata) {
        object {
            $0.field("type", entry.type.promQLName)
            $0.field("help", entry.help)
            $0.field("unit", entry.unit)
        }
    }
}

extension MetricType {
    /// As OpenMetrics and Prometheus spell it.
    var promQLName: String {
        switch self {
        case .unknown: "unknown"
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .gaugeHistogram: "gaugehistogram"
        case .summary: "summary"
        case .info: "info"
        case .stateSet: "stateset"
        }
    }
}

/// Label names in paths: `U__` begins one whose special characters are written as `_HEX_` and whose
/// underscores are doubled (Prometheus, "UTF-8 in paths").
enum LabelNameEscape {
    static func decode(_ name: String) -> String {
        guard name.hasPrefix("U__") else { return name }
        var decoded = String.UnicodeScalarView()
        var rest = name.unicodeScalars.dropFirst(3)
        while let first = rest.popFirst() {
            guard first == "_" else {
                decoded.append(first)
                continue
            }
            if rest.first == "_" {
                decoded.append("_")
                rest = rest.dropFirst()
                continue
            }
            guard let end = rest.firstIndex(of: "_"),
                let code = UInt32(String(rest[..<end]), radix: 16),
                let scalar = Unicode.Scalar(code)
            else { return name }
            decoded.append(scalar)
            rest = rest[rest.index(after: end)...]
        }
        return String(decoded)
    }
}
