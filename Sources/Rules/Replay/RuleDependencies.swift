import PromQL
import Store
import Telemetry

/// Which rules a replay needs, in which order, and from when on: recording rules before those that read
/// their series, and only those that alerts depend on.
struct RuleDependencies {
    /// A rule with the group it stands in.
    struct Member {
        var group: RuleGroup
        var rule: Rule
        /// Rules whose series it reads, and how far back from an evaluation, in milliseconds.
        var reads: [(member: Int, reach: Int64)] = []
    }

    private(set) var members: [Member] = []
    /// Rules that cannot be replayed, with the reason.
    private(set) var refusals: [Int: String] = [:]
    /// Indices of `members`, each after those that it reads.
    private(set) var order: [Int] = []

    /// - Parameter lookback: of instant selectors, in milliseconds.
    init(_ groups: [RuleGroup], lookback: Int64) {
        members = groups.flatMap { group in group.rules.map { Member(group: group, rule: $0) } }
        let recorded = Dictionary(
            grouping: members.indices.filter { members[$0].rule.isRecording },
            by: { members[$0].rule.name })
        for index in members.indices {
            var reads: [Int: Int64] = [:]
            guard let expression = members[index].rule.query.promQL else { continue }
            Self.visitSelectors(expression, reach: 0) { selector, reach in
                let reach = reach &+ max(0, selector.shift.offset) &+ lookback
                for (name, writers) in recorded where selector.mayBe(name) {
                    for writer in writers { reads[writer] = max(reads[writer] ?? 0, reach) }
                }
            }
            members[index].reads = reads.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
        sort()
    }

    /// Names of all recorded series.
    var recordedNames: Set<String> {
        Set(members.filter { $0.rule.isRecording }.map(\.rule.name))
    }

    /// Depth first from the alerts on; a rule that is met again on the way down reads itself.
    private mutating func sort() {
        enum Mark { case entered, done }
        var marks: [Int: Mark] = [:]
        for root in members.indices where !members[root].rule.isRecording {
            var path: [(member: Int, next: Int)] = [(root, 0)]
            marks[root] = .entered
            while let (member, next) = path.last {
                guard next < members[member].reads.count else {
                    marks[member] = .done
                    order.append(member)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let child = members[member].reads[next].member
                switch marks[child] {
                case nil:
                    marks[child] = .entered
                    path.append((child, 0))
                case .entered:
                    for entry in path { refusals[entry.member] = Self.circular }
                case .done: continue
                }
            }
        }
        for index in order
        where members[index].reads.contains(where: { refusals[$0.member] != nil }) {
            refusals[index] = Self.circular
        }
    }

    private static let circular =
        "it depends on series that it records itself, which cannot be replayed range by range"

    /// From when on each rule must be evaluated so that alerts are right from `start` on.
    func starts(from start: Int64) -> [Int: Int64] {
        var starts: [Int: Int64] = [:]
        for index in order.reversed() {
            let member = members[index]
            var own = starts[index] ?? start
            if case .alerting(let alert) = member.rule {
                own = start &- alert.holdDuration &- alert.keepFiringFor
                starts[index] = own
            }
            for (child, reach) in member.reads {
                let needed = own &- reach &- member.group.queryOffset
                starts[child] = min(starts[child] ?? needed, needed)
            }
        }
        return starts
    }

    /// Calls `visit` for each selector with how far back it is read from the evaluation, without its own
    /// offset.
    private static func visitSelectors(
        _ expression: Expression, reach: Int64, _ visit: (VectorSelector, Int64) -> Void
    ) {
        switch expression {
        case .vectorSelector(let selector): visit(selector, reach)
        case .rangeSelector(let node): visit(node.selector, reach &+ node.duration)
        case .subquery(let node):
            let inner = reach &+ node.duration &+ max(0, node.shift.offset)
            visitSelectors(node.inner, reach: inner, visit)
        default:
            for child in expression.children { visitSelectors(child, reach: reach, visit) }
        }
    }
}

extension Rule {
    var isRecording: Bool {
        if case .recording = self { return true }
        return false
    }
}

extension VectorSelector {
    /// Whether series of this name can be among those selected.
    fileprivate func mayBe(_ metric: String) -> Bool {
        if let name { return name == metric }
        return !matchers.contains {
            $0.name == Labels.metricName && $0.operator == .equal && $0.value != metric
        }
    }
}
