import Telemetry

/// Where an import puts items. There are three: a running server, the store of one that is stopped, and
/// nowhere, to see what files hold.
protocol ImportTarget: Sendable {
    /// Returns when the items are stored as durably as configured.
    func store(_ items: ImportItems) async throws(ImportTargetError) -> ImportReceipt
    func close() async throws(ImportTargetError)
}

/// What a target took.
struct ImportReceipt: Sendable {
    struct Refusal: Sendable {
        var reason: String
        var count: Int
        var example: String
    }

    /// Items beyond the limits of the target.
    var refusals: [Refusal] = []
}

/// Why a target took nothing of a part.
enum ImportTargetError: Error {
    /// This part cannot be stored; others may be.
    case refused(String)
    /// The target is gone or does not let us in: the import is over.
    case unreachable(String)
}

/// Takes everything and keeps the time of the latest item.
final actor LookingTarget: ImportTarget {
    private let readAt: Timestamp
    private(set) var latest: Timestamp?

    init(readAt: Timestamp) { self.readAt = readAt }

    func store(_ items: ImportItems) -> ImportReceipt {
        if let time = items.latest(readAt: readAt) { latest = max(latest ?? time, time) }
        return ImportReceipt()
    }

    func close() {}
}
