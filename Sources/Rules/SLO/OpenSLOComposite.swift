import PromQL

/// Several objectives as one: it burns at the weighted mean of their burn rates, and its budget is the
/// weighted mean of theirs. Without events of one part there is no answer, rather than a wrong one.
///
/// Where all parts judge slices of time (`Timeslices`) of one length, a slice is as good as its worst part: bad
/// if it is bad for any of them. Weights then say nothing, and the objective is that of the strictest part.
struct OpenSLOComposite {
    struct Part {
        var objective: ServiceLevelObjective
        var weight: Double
        /// How its slices of time are judged; `nil` if they are not.
        var slice: Slice?
    }

    struct Slice: Hashable {
        /// 1 at the end of a good slice, 0 of a bad one.
        var test: String
        /// Milliseconds.
        var length: Int64
    }

    private let parts: [Part]

    init(_ parts: [Part]) { self.parts = parts }

    func objective(
        service: String, name: String, at node: YAMLNode
    ) throws(RuleFileError) -> ServiceLevelObjective {
        guard let first = parts.first?.objective else { throw node.failure("no parts") }
        let (text, budget) = try worstSlice(at: node) ?? weighted()
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

    /// The share of slices that are bad for any part; `nil` if not all parts judge slices.
    private func worstSlice(
        at node: YAMLNode
    ) throws(RuleFileError) -> (text: String, budget: Double)? {
        let slices = parts.compactMap(\.slice)
        guard slices.count == parts.count, let length = slices.first?.length else { return nil }
        guard slices.allSatisfy({ $0.length == length }) else {
            throw node.failure(
                "the parts of a composite of Timeslices must have the same timeSliceWindow")
        }
        let allGood = slices.map { "(\($0.test))" }.joined(separator: " * ")
        let step = PromQLDuration.format(milliseconds: length)
        return (
            "1 - avg_over_time((\(allGood))[{{.window}}:\(step)])",
            parts.map(\.objective.errorBudget).min() ?? 0
        )
    }

    private func weighted() -> (text: String, budget: Double) {
        let weights = parts.reduce(0) { $0 + $1.weight }
        let budget = parts.reduce(0) { $0 + $1.weight * $1.objective.errorBudget } / weights
        let terms = parts.map { part in
            let share = NumberFormat.decimal(part.weight / part.objective.errorBudget)
            return "\(share) * (\(part.objective.indicator.shareSource))"
        }
        let factor = NumberFormat.decimal(budget / weights)
        return ("(\(terms.joined(separator: " + "))) * \(factor)", budget)
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
