import Platform
import Rules
import SQLiteStore

/// The objectives of `--slos` and what their alerts take besides rules: counts of spans and lines, evidence,
/// and the incidents that do not count.
struct ServeObjectives: Sendable {
    /// As they were read at the start.
    let read: [ServiceLevelObjective]
    let board: ObjectiveBoard
    private let store: SQLiteTelemetryStore
    private let evidence: EvidenceDesk

    /// - Throws: every mistake in every file, or what is wrong with the log of exclusions.
    init(
        _ configuration: ServeConfiguration, store: SQLiteTelemetryStore, clock: any Clock
    ) throws {
        self.store = store
        read = try ObjectiveBoard.read(configuration.slos)
        let exclusions: ExclusionLog
        do throws(ExclusionLog.Failure) {
            exclusions = try ExclusionLog(
                path: "\(configuration.data)/tenants/default/slo-exclusions.log")
        } catch {
            throw ConfigurationError(description: error.description)
        }
        let board = ObjectiveBoard(
            read, exclusions: exclusions,
            ledger: EventLedger(spans: store, logs: store, metrics: store))
        self.board = board
        evidence = EvidenceDesk(
            EvidenceCollector(
                spans: store, logs: store, metrics: store, objectives: { board.objectives },
                excludedTimes: { exclusions.ranges(of: $0) }),
            clock: clock)
    }

    /// With data for rules over logs and traces, counts of events, and evidence.
    func equip(_ environment: RuleEnvironment) -> RuleEnvironment {
        var equipped = environment
        equipped.logs = store
        equipped.spans = store
        equipped.ledger = board.ledger
        equipped.excludedTimes = { [board] in board.exclusions.ranges(of: $0) }
        equipped.evidence = { [evidence] in evidence.gather($0, at: $1) }
        return equipped
    }

    func stop() { evidence.stop() }
}

extension ServeConfiguration {
    /// Of `name=value`.
    static func labels(_ texts: [String]) throws -> [String: String] {
        var labels: [String: String] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0].wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_]*/) != nil,
                labels.updateValue(parts[1], forKey: parts[0]) == nil
            else {
                throw ConfigurationError(
                    description: "external-label \"\(text)\" is not name=value, or named twice")
            }
        }
        return labels
    }
}
