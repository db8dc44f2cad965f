import Store
import Telemetry

extension Dispatcher {
    /// The name of the alert that tells of a silence about to end.
    static let warningName = "SidelightSilenceExpires"

    /// Keeps a silence whose matchers were checked when it was set.
    mutating func remember(_ silence: Silence) {
        do throws(MatcherFailure) {
            matchers[silence.id] = try silence.compiled()
            silences[silence.id] = silence
        } catch {
            // It was written by a program with another idea of patterns: it cannot mute anything.
            matchers[silence.id] = nil
        }
    }

    /// Ids of the silences that mute an alert.
    package func silencers(of alert: DispatchedAlert, at now: Timestamp) -> [String] {
        alert.isExempt ? [] : silencers(of: alert.labels, at: now)
    }

    func silencers(of labels: [String: String], at now: Timestamp) -> [String] {
        silences.values.filter { silence in
            silence.state(at: now) == .active && matchers[silence.id]?.accept(labels) == true
        }.map(\.id).sorted()
    }

    /// Creates a silence, or changes the one of its id. Where that is not possible the old one ends and a new
    /// one with the id `fresh` takes its place.
    /// - Returns: the id.
    package mutating func set(
        _ wanted: Silence, fresh: String, at now: Timestamp
    ) throws(SilenceFailure) -> (id: String, change: NotifierChange) {
        var silence = wanted
        do throws(MatcherFailure) {
            _ = try silence.compiled()
        } catch {
            throw .invalid(error.reason)
        }
        guard silence.startsAt < silence.endsAt else {
            throw .invalid("Failed to create silence: start time must be before end time")
        }
        guard silence.endsAt >= now.nanoseconds else {
            throw .invalid("Failed to create silence: end time can't be in the past")
        }
        var change = NotifierChange()
        silence.updatedAt = now.nanoseconds
        if !silence.id.isEmpty {
            guard let old = silences[silence.id] else { throw .notFound(silence.id) }
            if old.canBecome(silence, at: now) {
                if old.state(at: now) == .active { silence.startsAt = old.startsAt }
                remember(silence)
                change.put(.silence, silence.id, silence)
                return (silence.id, change)
            }
            if old.state(at: now) != .expired { end(old, at: now, &change) }
        }
        silence.id = fresh
        silence.startsAt = max(silence.startsAt, now.nanoseconds)
        remember(silence)
        change.put(.silence, fresh, silence)
        return (fresh, change)
    }

    /// Ends a silence now.
    package mutating func expire(
        _ id: String, at now: Timestamp
    ) throws(SilenceFailure) -> NotifierChange {
        guard let silence = silences[id] else { throw .notFound(id) }
        guard silence.state(at: now) != .expired else { throw .alreadyExpired(id) }
        var change = NotifierChange()
        end(silence, at: now, &change)
        return change
    }

    private mutating func end(
        _ silence: Silence, at now: Timestamp, _ change: inout NotifierChange
    ) {
        var ended = silence
        if ended.state(at: now) == .pending { ended.startsAt = now.nanoseconds }
        ended.endsAt = now.nanoseconds
        ended.updatedAt = now.nanoseconds
        remember(ended)
        change.put(.silence, ended.id, ended)
    }

    /// Alerts that tell of silences which end soon while alerts that they mute still fire. A silence does not
    /// mute its own warning. One that lasts no longer than the warning says so from its middle on.
    mutating func warnings(at now: Timestamp) -> NotifierChange {
        var warnings: [DispatchedAlert] = []
        for silence in silences.values where silence.state(at: now) == .active {
            let left = silence.endsAt - now.nanoseconds
            let length = silence.endsAt - silence.startsAt
            guard left <= min(silenceWarning, length / 2),
                let muting = matchers[silence.id]
            else { continue }
            let muted = alerts.values.filter {
                !$0.isExempt && !$0.isResolved(at: now) && muting.accept($0.labels)
            }
            guard !muted.isEmpty else { continue }
            let end = Timestamp(nanoseconds: silence.endsAt)
            var warning = DispatchedAlert(
                labels: ["alertname": Self.warningName, "silence": silence.id],
                annotations: [
                    "summary": "The silence \(muting.text) of \(silence.createdBy) ends at "
                        + "\(RFC3339.string(end)); \(muted.count) alerts that it mutes still fire.",
                    "comment": silence.comment,
                ], startsAt: now, endsAt: end, updatedAt: now)
            warning.isExempt = true
            guard alerts[warning.fingerprint] == nil else { continue }
            warnings.append(warning)
        }
        return receive(warnings, at: now)
    }
}
