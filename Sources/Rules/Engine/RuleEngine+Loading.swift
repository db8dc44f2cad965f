import Platform
import Store
import Synchronization
import Telemetry

/// Why rule files were not taken: every mistake in every file.
package struct RulesRefused: Error, Hashable, Sendable, CustomStringConvertible {
    package var reasons: [String]

    package init(reasons: [String]) { self.reasons = reasons }

    package var description: String { reasons.joined(separator: "\n") }
}

extension RuleEngine {
    /// The groups of all files.
    /// - Parameter files: also patterns and folders (`FilePatterns`).
    package static func load(_ files: [String]) throws(RulesRefused) -> [RuleGroup] {
        var groups: [RuleGroup] = []
        var reasons: [String] = []
        var seen: Set<String> = []
        for path in FilePatterns.files(files) {
            guard seen.insert(path).inserted else {
                reasons.append("\(path): the rule file is named twice")
                continue
            }
            do throws(RuleFileError) {
                groups += try RuleFile.load(path).groups
            } catch {
                reasons.append(error.description)
            }
        }
        guard reasons.isEmpty else { throw RulesRefused(reasons: reasons) }
        return groups
    }

    /// The groups of all files and those that Sloth would make of objectives.
    static func load(
        _ files: [String], objectives: [ServiceLevelObjective]
    ) throws(RulesRefused) -> [RuleGroup] {
        var groups = try load(files)
        for objective in objectives {
            do throws(RuleFileError) {
                groups += try RuleGroup.groups(of: objective)
            } catch {
                throw RulesRefused(reasons: ["\(objective.id): \(error.reason)"])
            }
        }
        return groups
    }

    /// Reads the files and goes on by them; if anything is wrong the old rules stay.
    ///
    /// Waits until running evaluations have ended. Alerts of rules that are gone are told as resolved.
    package func reload(
        _ files: [String], objectives: [ServiceLevelObjective] = []
    ) throws(RulesRefused) {
        do throws(RulesRefused) {
            let groups = try Self.load(files, objectives: objectives)
            try pause()
            defer { resume() }
            try swap(to: groups)
            environment.events.emit(RulesReloaded())
        } catch {
            environment.events.emit(RulesReloaded(failure: error.description))
            throw error
        }
    }

    static func slots(
        _ groups: [RuleGroup], _ environment: RuleEnvironment, _ now: Timestamp
    ) throws(StoreError) -> [Slot] {
        var slots: [Slot] = []
        for group in groups {
            RuleGroupTally(key: group.key).announce(to: environment.events)
            let evaluator = try RuleGroupEvaluator(group, in: environment, at: now)
            slots.append(
                Slot(
                    evaluator: evaluator,
                    schedule: EvaluationSchedule(
                        interval: evaluator.interval, key: group.key, now: now.milliseconds)))
        }
        return slots
    }

    /// Ends the alerts of groups that stood in the files of an earlier run.
    static func endForgotten(
        except keys: [RuleGroupKey], _ environment: RuleEnvironment, _ now: Timestamp
    ) throws(StoreError) {
        for key in try environment.catalog.alertGroups().subtracting(keys) {
            try RuleGroupEvaluator.end(
                try environment.catalog.alerts(group: key), of: key, in: environment, at: now)
        }
    }

    private func pause() throws(RulesRefused) {
        let isTaken = state.withLock { state in
            defer { state.isReloading = true }
            return state.isReloading
        }
        guard !isTaken else {
            throw RulesRefused(reasons: ["rule files are being read again already"])
        }
        while state.withLock({ $0.slots.contains(where: \.isRunning) }) {
            evaluationEnded.wait(nanoseconds: 100_000_000)
        }
    }

    private func resume() {
        state.withLock { $0.isReloading = false }
        wake()
    }

    /// Called while nothing is evaluated.
    private func swap(to groups: [RuleGroup]) throws(RulesRefused) {
        let now = environment.now
        let old = state.withLock { $0.slots }
        var new: [Slot]
        do throws(StoreError) {
            new = try Self.slots(groups, environment, now)
        } catch {
            throw RulesRefused(reasons: ["cannot restore alerts: \(error)"])
        }
        var failures: [String] = []
        for slot in old {
            do throws(RuleFailure) {
                let key = slot.evaluator.group.key
                guard let index = new.firstIndex(where: { $0.evaluator.group.key == key }) else {
                    try slot.evaluator.retire(at: now)
                    continue
                }
                if new[index].schedule.interval == slot.schedule.interval {
                    new[index].schedule = slot.schedule
                }
                try new[index].evaluator.adopt(slot.evaluator, at: now)
            } catch {
                failures.append(error.reason)
            }
        }
        state.withLock { [new] in $0.slots = new }
        // The new rules hold; what could not be tidied up is told.
        for failure in failures {
            environment.events.emit(OldRulesNotEnded(reason: failure))
        }
    }
}

extension RuleGroup {
    /// The rules that Sloth would make of an objective, its alerts with their statistics.
    package static func groups(
        of objective: ServiceLevelObjective
    ) throws(RuleFileError) -> [RuleGroup] {
        let made = SlothRules(version: "sidelight").groups(of: objective)
        let text = RuleFileText(made, comment: objective.id).text
        return try RuleFile.parse(text, path: objective.origin.path).groups
            .map { $0.weighed(for: objective).standing(at: objective.origin.line) }
    }

    /// With the line of what the rules were made of, instead of that in a text that nobody sees.
    private func standing(at line: Int) -> RuleGroup {
        var group = self
        group.rules = rules.map { rule in
            switch rule {
            case .recording(var recording):
                recording.query.line = line
                return .recording(recording)
            case .alerting(var alerting):
                alerting.query.line = line
                return .alerting(alerting)
            }
        }
        return group
    }
}
