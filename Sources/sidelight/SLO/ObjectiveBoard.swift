import Rules
import Synchronization

/// The objectives of `--slos`, as they were read last, and the incidents that do not count against them.
final class ObjectiveBoard: Sendable {
    private let state: Mutex<[ServiceLevelObjective]>
    let exclusions: ExclusionLog
    /// What has counted events of spans and lines.
    let ledger: EventLedger

    /// Objectives that name no period have thirty days, as with `sidelight slo generate`.
    static let period: Int64 = 30 * 86_400_000

    init(
        _ objectives: [ServiceLevelObjective], exclusions: ExclusionLog, ledger: EventLedger
    ) {
        state = Mutex(objectives)
        self.exclusions = exclusions
        self.ledger = ledger
    }

    var objectives: [ServiceLevelObjective] { state.withLock { $0 } }

    func replace(_ objectives: [ServiceLevelObjective]) { state.withLock { $0 = objectives } }

    /// - Throws: every mistake in every file.
    static func read(_ files: [String]) throws(RulesRefused) -> [ServiceLevelObjective] {
        let read = SLOFiles.load(files, period: period)
        guard read.mistakes.isEmpty else {
            throw RulesRefused(reasons: read.mistakes.map(\.description))
        }
        return read.objectives
    }
}
