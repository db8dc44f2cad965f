import Platform
import Synchronization

/// Whether a configuration was well when it was read last, as gauges under the names that the field's
/// dashboards and alerts know.
final class ReloadState: Sendable {
    private struct State {
        var isWell = true
        /// Seconds since the epoch.
        var lastSuccess: Double
    }

    private let clock: any Clock
    private let state: Mutex<State>

    /// - Parameter prefix: of the gauges, `prometheus` or `alertmanager`.
    init(_ prefix: String, clock: any Clock, events: EventLog) {
        self.clock = clock
        state = Mutex(State(lastSuccess: Self.seconds(clock)))
        events.gauge(
            "\(prefix)_config_last_reload_successful",
            help: "Whether the last reading of the configuration worked."
        ) { [weak self] in
            self?.state.withLock { $0.isWell ? 1 : 0 } ?? 0
        }
        events.gauge(
            "\(prefix)_config_last_reload_success_timestamp_seconds",
            help: "When the configuration in force was read."
        ) { [weak self] in
            self?.state.withLock { $0.lastSuccess } ?? 0
        }
    }

    func note(isWell: Bool) {
        let now = Self.seconds(clock)
        state.withLock { state in
            state.isWell = isWell
            if isWell { state.lastSuccess = now }
        }
    }

    private static func seconds(_ clock: any Clock) -> Double {
        Double(clock.wallNanoseconds / 1_000_000) / 1_000
    }
}
