import Logging
import Notifier
import Platform
import QueryAPI
import Rules
import SQLiteStore
import Store

/// The rules of `--rules` and the webhooks they tell: started with the server, stopped before its store.
struct ServeAlerting: Sendable {
    private let engine: RuleEngine
    private let files: [String]
    private let specifications: [String]
    let objectives: ObjectiveBoard
    private let watched: ServeObjectives
    private let notifier: NotifierLoop
    private let delivering: Task<Void, Never>

    /// Reads all rule files and takes up the alerts that the catalog remembers.
    /// - Throws: every mistake in every file.
    static func start(
        _ configuration: ServeConfiguration, store: SQLiteTelemetryStore, clock: any Clock,
        events: EventLog
    ) throws -> ServeAlerting {
        let receivers = try configuration.webhooks.enumerated().map { index, text in
            do {
                return WebhookReceiver(name: "webhook-\(index + 1)", url: try WebhookURL(text))
            } catch {
                throw ConfigurationError(description: "webhook \(index + 1): \(error)")
            }
        }
        let notifier = NotifierLoop(
            catalog: store.catalog, receivers: receivers, clock: clock, random: SystemRandom(),
            events: events)
        let objectives = try ServeObjectives(configuration, store: store, clock: clock)
        let engine = try RuleEngine(
            files: configuration.rules, objectives: objectives.read,
            in: objectives.equip(
                RuleEnvironment(
                    store: store, catalog: store.catalog, clock: clock, events: events,
                    settings: configuration.ruleSettings, notifications: receivers.builder,
                    outboxFilled: { notifier.wake() })))
        engine.start()
        return ServeAlerting(
            engine: engine, files: configuration.rules, specifications: configuration.slos,
            objectives: objectives.board, watched: objectives, notifier: notifier,
            delivering: Task.detached { await notifier.run() })
    }

    /// What the rule routes show.
    var rules: any RulesSource { ReportedRules { [engine] in engine.snapshot() } }

    /// Reads the rule files again; mistakes leave the old rules in force.
    func reload(_ logger: Logger) {
        do {
            let read = try ObjectiveBoard.read(specifications)
            try engine.reload(files, objectives: read)
            objectives.replace(read)
            logger.info("read \(files.count + specifications.count) rule files again")
        } catch {
            logger.error("the old rules stay: \(error)")
        }
    }

    func stop() async {
        engine.stop()
        watched.stop()
        delivering.cancel()
        await delivering.value
    }
}

extension ServeConfiguration {
    var ruleSettings: RuleSettings {
        var settings = RuleSettings()
        settings.defaultInterval = evaluationInterval / 1_000_000
        settings.externalURL = publicURL
        settings.externalLabels = externalLabels
        return settings
    }
}
