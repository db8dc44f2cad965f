import Foundation
import Logging
import Notifier
import Platform
import PromQL
import QueryAPI
import Rules
import SQLiteStore
import Store

/// The rules of `--rules`, the dispatcher of their alerts and those who are told: started with the server,
/// stopped before its store.
struct ServeAlerting: Sendable {
    private let engine: RuleEngine
    private let files: [String]
    private let specifications: [String]
    let objectives: ObjectiveBoard
    private let watched: ServeObjectives
    private let notifier: NotifierLoop
    let alertmanager: Alertmanager
    private let alertmanagerFile: AlertmanagerFile
    private let heartbeat: HeartbeatLoop?
    private let delivering: [Task<Void, Never>]
    private let rulesState: ReloadState
    private let alertmanagerState: ReloadState

    /// Reads all rule files and takes up the alerts that the catalog remembers.
    /// - Throws: every mistake in every file.
    static func start(
        _ configuration: ServeConfiguration, store: SQLiteTelemetryStore, clock: any Clock,
        events: EventLog
    ) throws -> ServeAlerting {
        let receivers = try webhooks(configuration)
        let carrier = HTTPCarrier()
        let sender = WebhookSender(carrier)
        let notifier = NotifierLoop(
            catalog: store.catalog, receivers: [], clock: clock, random: SystemRandom(),
            events: events, sender: sender)
        let heartbeat = try Heartbeat(configuration)
        let file = AlertmanagerFile(configuration)
        let told = receivers + (heartbeat.map { [$0.receiver] } ?? [])
        let calls = ServiceCallsReader(store, clock: clock, events: events)
        let alertmanager = try Alertmanager(
            config: try file.load(), externalURL: configuration.publicURL, store: store.catalog,
            loop: notifier, carrier: carrier, clock: clock, random: SystemRandom(), events: events,
            others: told.map { receiver in
                let isTold = receiver.name != heartbeat?.receiver.name
                return NotificationEndpoint(receiver, isTold: isTold) {
                    await sender.send($0, to: receiver, at: $1)
                }
            }, calls: { calls.calls() })
        var files = configuration.rules
        if let heartbeat { files.append(try heartbeat.ruleFile()) }
        let objectives = try ServeObjectives(configuration, store: store, clock: clock)
        let direct = receivers.builder
        let engine = try RuleEngine(
            files: files, objectives: objectives.read,
            in: objectives.equip(
                RuleEnvironment(
                    store: store, catalog: store.catalog, clock: clock, events: events,
                    settings: configuration.ruleSettings,
                    notifications: Heartbeat.builder(heartbeat) {
                        direct($0) + Alertmanager.builder($0)
                    },
                    outboxFilled: {
                        notifier.wake()
                        alertmanager.wake()
                    })))
        engine.start()
        let isWatched = configuration.alertmanagerConfig != nil || !told.isEmpty
        let loop = isWatched ? HeartbeatLoop(metrics: store, clock: clock, events: events) : nil
        loop?.start()
        return ServeAlerting(
            engine: engine, files: files, specifications: configuration.slos,
            objectives: objectives.board, watched: objectives, notifier: notifier,
            alertmanager: alertmanager, alertmanagerFile: file, heartbeat: loop,
            delivering: [
                Task.detached { await notifier.run() }, Task.detached { await alertmanager.run() },
            ], rulesState: ReloadState("prometheus", clock: clock, events: events),
            alertmanagerState: ReloadState("alertmanager", clock: clock, events: events))
    }

    private static func webhooks(_ configuration: ServeConfiguration) throws -> [WebhookReceiver] {
        try configuration.webhooks.enumerated().map { index, text in
            do {
                return WebhookReceiver(name: "webhook-\(index + 1)", url: try WebhookURL(text))
            } catch {
                throw ConfigurationError(description: "webhook \(index + 1): \(error)")
            }
        }
    }

    /// What the rule routes show.
    var rules: any RulesSource { ReportedRules { [engine] in engine.snapshot() } }

    /// Reads the rule files and the configuration of notifications again; mistakes, which are returned, leave
    /// the old ones in force.
    func reload(_ logger: Logger) -> [String] {
        var mistakes: [String] = []
        do {
            let read = try ObjectiveBoard.read(specifications)
            try engine.reload(files, objectives: read)
            objectives.replace(read)
            rulesState.note(isWell: true)
            logger.info("read \(files.count + specifications.count) rule files again")
        } catch {
            rulesState.note(isWell: false)
            logger.error("the old rules stay: \(error)")
            mistakes.append("\(error)")
        }
        do {
            try reloadAlertmanager()
            logger.info("read the configuration of notifications again")
        } catch {
            logger.error("the old configuration of notifications stays: \(error)")
            mistakes.append("\(error)")
        }
        return mistakes
    }

    /// - Throws: the first mistake; the old configuration is then in force still.
    func reloadAlertmanager() throws(NotifierConfigError) {
        do throws(NotifierConfigError) {
            alertmanager.replace(try alertmanagerFile.load())
            alertmanagerState.note(isWell: true)
        } catch {
            alertmanagerState.note(isWell: false)
            throw error
        }
    }

    func stop() async {
        heartbeat?.stop()
        engine.stop()
        watched.stop()
        for task in delivering { task.cancel() }
        for task in delivering { await task.value }
        alertmanager.shutdown()
    }
}

/// The file of `--alertmanager-config`; without one there is a receiver that nobody listens to.
struct AlertmanagerFile: Sendable {
    private let path: String?
    private let allowsExec: Bool

    init(_ configuration: ServeConfiguration) {
        path = configuration.alertmanagerConfig
        allowsExec = configuration.allowsExecReceivers
    }

    func load() throws(NotifierConfigError) -> AlertmanagerConfig {
        guard let path else {
            return try AlertmanagerConfig.parse(
                "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n", path: "(none)")
        }
        return try AlertmanagerConfig.load(
            path, environment: ProcessInfo.processInfo.environment, allowsExec: allowsExec)
    }
}

extension ServeConfiguration {
    var ruleSettings: RuleSettings {
        var settings = RuleSettings()
        settings.defaultInterval = evaluationInterval / 1_000_000
        settings.externalURL = publicURL
        settings.externalLabels = externalLabels
        settings.query.features = features
        return settings
    }
}
