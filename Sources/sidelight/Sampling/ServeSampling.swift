import Logging
import Pipeline
import Platform
import SQLiteStore

/// The policies of `--sampling-policies`, by which the store thins its traces.
struct ServeSampling: Sendable {
    private let path: String?
    private let store: SQLiteTelemetryStore

    /// With a mistake in the file it closes the store, says what is wrong and ends the program.
    static func start(
        _ configuration: ServeConfiguration, store: SQLiteTelemetryStore, events: EventLog
    ) throws -> ServeSampling {
        let sampling = ServeSampling(path: configuration.samplingPolicies, store: store)
        do throws(SamplingFileError) {
            if let path = sampling.path {
                let policies = try PolicyFile.load(path)
                store.sample(by: policies)
                events.logger.info("sampling: \(policies.summary)")
            }
        } catch {
            try store.close()
            try Failure.exit(.usage, error.description)
        }
        events.gauge(
            "sidelight_sampling_due_blocks",
            help: "Blocks whose traces are due to be judged by the sampling policies."
        ) { Double(store.blocksToJudge) }
        return sampling
    }

    /// Reads the file again; a mistake in it, which is returned, leaves the old policies in force.
    func reload(_ logger: Logger) -> String? {
        guard let path else { return nil }
        do throws(SamplingFileError) {
            store.sample(by: try PolicyFile.load(path))
            logger.info("read the sampling policies again")
            return nil
        } catch {
            logger.error("the old sampling policies stay: \(error)")
            return error.description
        }
    }
}
