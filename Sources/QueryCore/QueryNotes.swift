import Synchronization

/// Collects the warnings and infos of a running query, each text once.
package final class QueryNotes: Sendable {
    private struct Texts {
        var warnings: Set<String> = []
        var infos: Set<String> = []
    }

    /// More would drown the answer; Prometheus shows ten of each.
    private static let countMax = 10
    private let texts = Mutex(Texts())

    package init() {}

    package func warn(_ text: String) {
        texts.withLock { texts in
            if texts.warnings.count < Self.countMax { texts.warnings.insert(text) }
        }
    }

    package func inform(_ text: String) {
        texts.withLock { texts in
            if texts.infos.count < Self.countMax { texts.infos.insert(text) }
        }
    }

    package var warnings: [String] { texts.withLock { $0.warnings.sorted() } }
    package var infos: [String] { texts.withLock { $0.infos.sorted() } }
}
