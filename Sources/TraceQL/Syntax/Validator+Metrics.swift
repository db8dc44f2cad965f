import QueryCore

/// Metrics queries.
extension Validator {
    func check(_ query: MetricsQuery) throws(QueryError) {
        switch query {
        case .pipeline(let stages, let function):
            for stage in stages { try check(stage) }
            try check(function)
        case .math(_, let left, let right, let range):
            try check(left)
            try check(right)
            try refuseCompare(in: query, range)
        case .scaled(_, let inner, _, let range), .offset(_, _, let inner, let range):
            try check(inner)
            try refuseCompare(in: query, range)
        case .staged(let inner, let stages):
            try check(inner)
            try refuseCompare(in: query, query.range)
            for stage in stages { try check(stage) }
        }
    }

    private func check(_ stage: SecondStage) throws(QueryError) {
        switch stage {
        case .topK(let count, let range), .bottomK(let count, let range):
            guard count > 0 else {
                throw failure("topk and bottomk need a number above zero", range)
            }
        case .filter: break
        }
    }

    private func check(_ function: MetricsFunction) throws(QueryError) {
        let fields = function.grouping + (function.field.map { [$0] } ?? [])
        for field in fields { try check(.select([field], function.range)) }
        guard function.grouping.count <= Validator.groupingMax else {
            throw failure(
                "\(function.name) groups by at most \(Validator.groupingMax) attributes",
                function.range)
        }
        if let field = function.field, case .intrinsic(let intrinsic) = field.kind,
            !intrinsic.type.isNumeric
        {
            throw failure("\(function.name) needs numbers, and \(field) is none", function.range)
        }
        switch function.function {
        case .quantileOverTime(_, let quantiles):
            for quantile in quantiles where !(0...1).contains(quantile) {
                throw failure("quantile must be between 0 and 1: \(quantile)", function.range)
            }
        case .compare(let comparison):
            try check(.filter(comparison.filter, comparison.filterRange))
            guard comparison.valuesMax > 0 else {
                throw failure(
                    "compare() top number of values must be integer greater than 0", function.range)
            }
            guard comparison.start <= comparison.end else {
                throw failure("compare() start is after its end", function.range)
            }
        default: break
        }
    }

    private func refuseCompare(in query: MetricsQuery, _ range: SourceRange) throws(QueryError) {
        if query.usesCompare {
            throw failure("`compare()` cannot be used with second stage functions", range)
        }
    }
}

extension MetricsQuery {
    fileprivate var usesCompare: Bool {
        switch self {
        case .pipeline(_, let function):
            if case .compare = function.function { true } else { false }
        case .math(_, let left, let right, _): left.usesCompare || right.usesCompare
        case .scaled(_, let inner, _, _), .offset(_, _, let inner, _), .staged(let inner, _):
            inner.usesCompare
        }
    }
}
