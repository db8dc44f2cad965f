import HTTPServer
import QueryCore
import Store

/// What a search for names of metrics or labels, or for values, asks for, in the parameters of Prometheus's search
/// routes (prometheus.io/docs, "HTTP API", search).
struct NameSearch {
    enum Order { case ascending, descending, byScore }

    private enum Algorithm: String, CaseIterable { case subsequence, jarowinkler }

    /// More terms than anybody types.
    private static let termsMax = 32
    /// Of longer texts the beginning is compared: the cost grows with the square.
    private static let lengthMax = 1_024
    /// As many as Prometheus answers unless it is told otherwise.
    private static let limitMax = 10_000

    let sets: [[LabelMatcher]]
    /// Milliseconds.
    let range: ClosedRange<Int64>
    private(set) var order = Order.ascending
    private(set) var showsScore = false
    private(set) var limit = 100
    private(set) var batchCount = 100
    private var terms: [[Unicode.Scalar]] = []
    private var threshold = 0.0
    private var algorithm = Algorithm.subsequence
    private var isCaseSensitive = true

    /// - Parameter now: milliseconds.
    init(_ request: HTTPRequest, subject: String, now: Int64) throws(HTTPError) {
        let parameters = PrometheusParameters(request)
        let start = try parameters.time("start") ?? now - 3_600_000
        let end = try parameters.time("end") ?? now
        guard start <= end else {
            throw .badRequest("end timestamp must not be before start timestamp")
        }
        range = start...end
        sets = try parameters.matchers(namesParameter: false)
        try readTerms(parameters.parameters)
        try readOrder(parameters.parameters, subject)
        limit = try Self.count("limit", parameters.parameters) ?? limit
        guard limit <= Self.limitMax else {
            throw .badRequest("limit \(limit) exceeds the maximum (\(Self.limitMax))")
        }
        batchCount = try Self.count("batch_size", parameters.parameters) ?? batchCount
    }

    private mutating func readTerms(_ parameters: Parameters) throws(HTTPError) {
        let texts = parameters.all("search[]")
        guard texts.count <= Self.termsMax else {
            throw .badRequest(
                "too many search[] terms: got \(texts.count), maximum is \(Self.termsMax)")
        }
        if let text = parameters["fuzz_threshold"], !text.isEmpty {
            guard let percent = Int(text), (0...100).contains(percent) else {
                throw .badRequest(
                    "invalid fuzz_threshold \(QuotedText.quote(text)): must be 0-100")
            }
            threshold = Double(percent) / 100
        }
        if let text = parameters["fuzz_alg"], !text.isEmpty {
            guard let named = Algorithm(rawValue: text) else {
                let all = Algorithm.allCases.map(\.rawValue).joined(separator: " ")
                throw .badRequest(
                    "unsupported fuzz_alg \(QuotedText.quote(text)): must be one of [\(all)]")
            }
            algorithm = named
        }
        isCaseSensitive = try Self.flag("case_sensitive", parameters) ?? true
        showsScore = try Self.flag("include_score", parameters) ?? false
        terms = texts.filter { !$0.isEmpty }.map(folded)
    }

    private mutating func readOrder(
        _ parameters: Parameters, _ subject: String
    ) throws(HTTPError) {
        let (key, direction) = (parameters["sort_by"] ?? "", parameters["sort_dir"] ?? "")
        if !direction.isEmpty, key.isEmpty {
            throw .badRequest("sort_dir is only valid when sort_by is set")
        }
        if !direction.isEmpty, key == "score" {
            throw .badRequest("sort_dir is not supported for sort_by=score")
        }
        guard ["", "asc", "dsc"].contains(direction) else {
            throw .badRequest(
                "invalid sort_dir \(QuotedText.quote(direction)): must be \"asc\" or \"dsc\"")
        }
        if key == "score", parameters.all("search[]").isEmpty {
            throw .badRequest("sort_by=score requires search[] to be set")
        }
        guard ["", "alpha", "score"].contains(key) else {
            throw .badRequest(
                "invalid sort_by \(QuotedText.quote(key)) for \(subject): must be \"alpha\" or "
                    + "\"score\"")
        }
        order = key == "score" ? .byScore : direction == "dsc" ? .descending : .ascending
    }

    /// What is found among names in ascending order, one more than the limit if there are more.
    func results(
        among names: [String], _ context: QueryContext
    ) throws(QueryError) -> [(name: String, score: Double)] {
        var found: [(name: String, score: Double)] = []
        let ordered = order == .descending ? names.reversed() : names
        for name in ordered {
            try context.check()
            guard let score = score(of: name) else { continue }
            found.append((name, score))
            if order != .byScore, found.count > limit { break }
        }
        guard order == .byScore else { return found }
        // Equal scores stay in the order of names.
        let ranked = found.enumerated().sorted {
            $0.element.score == $1.element.score
                ? $0.offset < $1.offset : $0.element.score > $1.element.score
        }
        return ranked.prefix(limit + 1).map(\.element)
    }

    /// The best of all terms; `nil` if none accepts the name.
    private func score(of name: String) -> Double? {
        guard !terms.isEmpty else { return 1 }
        let text = folded(name)
        var best: Double?
        for term in terms {
            guard let score = score(of: term, in: text) else { continue }
            best = max(best ?? 0, score)
        }
        return best
    }

    private func score(of term: [Unicode.Scalar], in text: [Unicode.Scalar]) -> Double? {
        switch algorithm {
        case .subsequence:
            if text.starts(with: term) { return 1 }
            let score = NameSimilarity.subsequence(term, in: text)
            return score > 0 && score >= threshold ? score : nil
        case .jarowinkler:
            if let score = NameSimilarity.substring(term, in: text) { return score }
            guard threshold > 0 else { return nil }
            let score = NameSimilarity.jaroWinkler(term, text)
            return score >= threshold ? score : nil
        }
    }

    private func folded(_ text: String) -> [Unicode.Scalar] {
        Array((isCaseSensitive ? text : text.lowercased()).unicodeScalars.prefix(Self.lengthMax))
    }

    private static func count(
        _ name: String, _ parameters: Parameters
    ) throws(HTTPError) -> Int? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let count = Int(text), count > 0 else {
            throw .badRequest(
                "invalid \(name) \(QuotedText.quote(text)): must be a positive integer")
        }
        return count
    }

    /// As Go reads booleans.
    static func flag(_ name: String, _ parameters: Parameters) throws(HTTPError) -> Bool? {
        switch parameters[name] ?? "" {
        case "": return nil
        case "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        case let text:
            throw .badRequest("invalid \(name) \(QuotedText.quote(text)): must be boolean")
        }
    }
}
