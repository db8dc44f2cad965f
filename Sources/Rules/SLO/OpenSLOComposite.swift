import PromQL

/// Several objectives as one: it burns at the weighted mean of their burn rates, and its budget is the
/// weighted mean of theirs. Without events of one part there is no answer, rather than a wrong one.
struct OpenSLOComposite {
    struct Part {
        var objective: ServiceLevelObjective
        var weight: Double
    }

    private let parts: [Part]

    init(_ parts: [Part]) { self.parts = parts }

    func objective(
        service: String, name: String, at node: YAMLNode
    ) throws(RuleFileError) -> ServiceLevelObjective {
        guard let first = parts.first?.objective else { throw node.failure("no parts") }
        let weights = parts.reduce(0) { $0 + $1.weight }
        let budget = parts.reduce(0) { $0 + $1.weight * $1.objective.errorBudget } / weights
        let terms = parts.map { part in
            let share = NumberFormat.decimal(part.weight / part.objective.errorBudget)
            return "\(share) * (\(part.objective.indicator.shareSource))"
        }
        let factor = NumberFormat.decimal(budget / weights)
        let text = "(\(terms.joined(separator: " + "))) * \(factor)"
        let query: WindowQuery
        do throws(WindowQuery.Failure) {
            query = try WindowQuery(text)
        } catch {
            throw node.failure("the composite's query: \(error.reason)")
        }
        var origin = first.origin
        origin.line = node.line
        var composite = ServiceLevelObjective(
            id: "\(service)-\(name)-composite", name: "\(name)-composite", service: service,
            description: first.description, indicator: .raw(query),
            objectivePercent: 100 * (1 - budget), windows: first.windows, labels: [:],
            origin: origin)
        composite.sources = parts.flatMap(\.objective.sources)
        composite.calendar = first.calendar
        return composite
    }
}

extension ServiceLevelObjective.Indicator {
    /// The share of bad events, with the place of the window; no series of bad ones are no bad ones.
    fileprivate var shareSource: String {
        switch self {
        case .raw(let query): query.source
        case .events(let error, let total):
            "((\(error.source)) or (\(total.source)) * 0) / (\(total.source))"
        }
    }
}
