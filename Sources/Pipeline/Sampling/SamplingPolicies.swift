import Store
import Telemetry

/// The policies of one file. A trace stays with the highest probability that any of them gives it, as in
/// the OpenTelemetry collector; one that none samples goes.
///
/// The collector decides on what it holds in memory, once. Here traces have been stored and whatever
/// belonged to them has arrived, so probabilities are by the trace's id alone and what stays carries its
/// weight. A bound on a rate is a probability too: the budget of a stretch of time over what happened in
/// it, so that the rate holds on average and counts stay unbiased.
package struct SamplingPolicies: Sendable {
    package let policies: [SamplingPolicy]
    package let after: Int64
    /// Traces with an error stay, whatever the policies say.
    package let keepsErrors: Bool
    /// Nanoseconds: traces that took longer stay, whatever the policies say. `nil`: they do not.
    package let keepsSlowerThan: Int64?
    package let fingerprint: UInt64

    static let errorsPolicy = "keep_errors"
    static let slowPolicy = "keep_slower_than"
    static let nonePolicy = "none"

    package init(
        _ policies: [SamplingPolicy], after: Int64, keepsErrors: Bool = true,
        keepsSlowerThan: Int64? = nil, fingerprint: UInt64
    ) {
        self.policies = policies
        self.after = after
        self.keepsErrors = keepsErrors
        self.keepsSlowerThan = keepsSlowerThan
        self.fingerprint = max(1, fingerprint)
    }

    /// Names that verdicts may have, in the order in which they are asked.
    package var names: [String] {
        [Self.errorsPolicy, Self.slowPolicy] + policies.map(\.name) + [Self.nonePolicy]
    }
}

/// What the policies make of a trace before budgets are known, in few bytes.
struct SamplingClaims: Sendable {
    /// Of the policy that gives the most without a budget.
    var certain: (probability: Double, policy: Int)
    /// Of policies that draw on budgets.
    var bounded: [(claim: SamplingClaim, policy: Int)] = []
    /// Spans, counted as many times as the trace stands for traces.
    var spans: Double
}

extension SamplingPolicies: TraceSampling {
    package func judge(_ traces: [WholeTrace], seconds: Double) -> [TraceVerdict] {
        let claims = traces.map { self.claims(of: TraceFacts($0)) }
        return resolve(claims, seconds: seconds)
    }

    /// Places of policies: 0 errors, 1 slow, 2 … the file's, then none.
    func claims(of trace: TraceFacts) -> SamplingClaims {
        let spans = Double(trace.spanCount) * trace.trace.adjustedCount
        if keepsErrors, trace.statuses.contains(.error) {
            return SamplingClaims(certain: (1, 0), spans: spans)
        }
        if let keepsSlowerThan, trace.duration > keepsSlowerThan {
            return SamplingClaims(certain: (1, 1), spans: spans)
        }
        var claims = SamplingClaims(certain: (0, policies.count + 2), spans: spans)
        for (index, policy) in policies.enumerated() {
            let claim = policy.claim(trace)
            guard claim.probability > claims.certain.probability else { continue }
            if claim.budgets.isEmpty {
                claims.certain = (claim.probability, index + 2)
                if claim.probability == 1 { break }
            } else {
                claims.bounded.append((claim, index + 2))
            }
        }
        return claims
    }

    /// - Parameter seconds: how long the traffic took of which these are all.
    func resolve(_ claims: [SamplingClaims], seconds: Double) -> [TraceVerdict] {
        let names = names
        var wanted: [Int: Double] = [:]
        for claim in claims where claim.certain.probability < 1 {
            for (bounded, _) in claim.bounded {
                for budget in bounded.budgets {
                    wanted[budget, default: 0] += claim.spans * bounded.probability
                }
            }
        }
        var shares: [Int: Double] = [:]
        for (number, spansPerSecond) in policies.flatMap(\.budgets) {
            shares[number] = min(
                1, spansPerSecond * seconds / max(.leastNonzeroMagnitude, wanted[number] ?? 0))
        }
        return claims.map { claim in
            var (probability, policy) = claim.certain
            for (bounded, index) in claim.bounded {
                let share = bounded.budgets.reduce(1) { min($0, shares[$1] ?? 1) }
                let own = bounded.probability * share
                if own > probability { (probability, policy) = (own, index) }
            }
            return TraceVerdict(probability: probability, policy: names[policy])
        }
    }
}
