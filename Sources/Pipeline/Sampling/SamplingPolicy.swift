import RegularExpressions
import Telemetry

/// Judges whole traces by a query, such as one of TraceQL.
package protocol TraceCondition: Sendable {
    /// - Parameter trace: all its spans by start time.
    func holds(of trace: SpanBatch) -> Bool
}

/// One policy, by the names of the OpenTelemetry collector's tail_sampling processor
/// (opentelemetry-collector-contrib, processor/tailsamplingprocessor/config.go).
package struct SamplingPolicy: Sendable {
    package indirect enum Rule: Sendable {
        case always
        /// Nanoseconds: longer than the first, and not longer than the second.
        case latency(above: Int64, upTo: Int64?)
        case status(Set<SpanStatus>)
        case string(key: String, StringTest, isInverted: Bool)
        case number(key: String, ClosedRange<Int64>, isInverted: Bool)
        case boolean(key: String, Bool, isInverted: Bool)
        case spanCount(ClosedRange<Int>)
        case condition(any TraceCondition)
        /// Of the traces, 0 to 1.
        case probabilistic(Double)
        /// Spans a second; the number names the budget among those of the file.
        case rate(spansPerSecond: Double, budget: Int)
        case and([SamplingPolicy])
        case not(SamplingPolicy)
        /// The first that samples decides, within its own budget.
        case composite([SamplingPolicy])
    }

    package struct StringTest: Sendable {
        package var values: Set<String>
        package var patterns: [Pattern]

        func accepts(_ text: String) -> Bool {
            values.contains(text) || patterns.contains { $0.contains(text) }
        }
    }

    package var name: String
    package var rule: Rule
}

/// What a policy makes of a trace before the budgets of rates are known.
struct SamplingClaim: Sendable, Hashable {
    /// 0: it does not sample the trace.
    var probability: Double
    /// The budgets that it draws on.
    var budgets: [Int] = []

    static let none = SamplingClaim(probability: 0)
    static let all = SamplingClaim(probability: 1)
}

extension SamplingPolicy {
    /// Budgets for rates: spans a second, in the order of their numbers.
    var budgets: [(number: Int, spansPerSecond: Double)] {
        switch rule {
        case .rate(let spansPerSecond, let budget): [(budget, spansPerSecond)]
        case .and(let policies), .composite(let policies): policies.flatMap(\.budgets)
        case .not(let policy): policy.budgets
        default: []
        }
    }

    func claim(_ trace: TraceFacts) -> SamplingClaim {
        switch rule {
        case .probabilistic(let probability): return SamplingClaim(probability: probability)
        case .rate(_, let budget): return SamplingClaim(probability: 1, budgets: [budget])
        case .and(let policies):
            var claim = SamplingClaim.all
            for policy in policies {
                let other = policy.claim(trace)
                guard other.probability > 0 else { return .none }
                // Chance is the same for all policies: what the strictest keeps, the others keep.
                claim.probability = min(claim.probability, other.probability)
                claim.budgets += other.budgets
            }
            return claim
        case .not(let policy): return policy.claim(trace).probability > 0 ? .none : .all
        case .composite(let policies):
            for policy in policies {
                let claim = policy.claim(trace)
                if claim.probability > 0 { return claim }
            }
            return .none
        default: return holds(of: trace) ? .all : .none
        }
    }

    /// Of rules without chance.
    private func holds(of trace: TraceFacts) -> Bool {
        switch rule {
        case .always: return true
        case .latency(let above, let upTo):
            return trace.duration > above && trace.duration <= upTo ?? .max
        case .status(let statuses): return !statuses.isDisjoint(with: trace.statuses)
        case .string(let key, let test, let isInverted):
            return trace.hasAttribute(key) { value in
                guard case .string(let text) = value else { return false }
                return test.accepts(text)
            } != isInverted
        case .number(let key, let range, let isInverted):
            return trace.hasAttribute(key) { value in
                guard case .int(let number) = value else { return false }
                return range.contains(number)
            } != isInverted
        case .boolean(let key, let wanted, let isInverted):
            return trace.hasAttribute(key) { $0 == .bool(wanted) } != isInverted
        case .spanCount(let range): return range.contains(trace.spanCount)
        case .condition(let condition): return condition.holds(of: trace.spans)
        case .probabilistic, .rate, .and, .not, .composite: return false
        }
    }
}
