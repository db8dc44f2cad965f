import Telemetry

/// One side of a call between services: the span of the client (or producer), or that of the server (or
/// consumer). The two meet by trace and the client's span id.
struct CallHalf: Sendable, Hashable {
    var trace: TraceID
    /// The client's span.
    var span: SpanID
    /// A number that the owner gives meaning to.
    var service: UInt32
    /// The service or database that the client says it calls.
    var peer: UInt32?
    /// Nanoseconds.
    var duration: Int64
    /// The end of a client's span, the start of a server's.
    var handover: Timestamp
    var isServer: Bool
    var isMessaging: Bool
    var isFailed: Bool
    /// Of a client: databases send no spans.
    var callsDatabase: Bool
    /// Of a server: nobody called it.
    var isRoot: Bool
}

/// Finds the spans of a batch that are one side of a call.
struct CallHalves {
    private(set) var halves: [CallHalf] = []

    /// In the order in which they name a peer; from the second on they tell a database.
    private static let peerKeys = [
        SemanticKey.peerService, "db.name", "db.namespace", "db.system", "db.system.name",
    ]

    /// - Parameters:
    ///   - services: the number of the service of each resource.
    ///   - numbers: also numbers the peers.
    init(_ batch: SpanBatch, _ services: [UInt32], _ numbers: inout LocalNumbers) {
        // No string has the largest number.
        let peerKeys = CallHalves.peerKeys.map { batch.strings.id(of: $0) ?? .max }
        let namesPeers = peerKeys.contains { $0 != .max }
        // Zipkin's server spans that share their id with the client's.
        let sharedKey = batch.strings.id(of: "zipkin.shared")
        let unfinished = batch.unfinishedKey
        halves.reserveCapacity(batch.count)
        for row in 0..<batch.count {
            if let unfinished, batch.has(unfinished, row) { continue }
            let (isServer, isMessaging): (Bool, Bool)
            switch batch.kinds[row] {
            case .unspecified, .internal: continue
            case .server: (isServer, isMessaging) = (true, false)
            case .client: (isServer, isMessaging) = (false, false)
            case .producer: (isServer, isMessaging) = (false, true)
            case .consumer: (isServer, isMessaging) = (true, true)
            }
            var isFailed = false
            if case .error = batch.statuses[row] { isFailed = true }
            let isRoot = isServer && batch.parentIDs[row].value == 0
            var half = CallHalf(
                trace: batch.traceIDs[row],
                span: isServer ? batch.parentIDs[row] : batch.spanIDs[row],
                service: services[Int(batch.resourceIndices[row])], peer: nil,
                duration: batch.durations[row],
                handover: isServer ? batch.starts[row] : batch.end(row), isServer: isServer,
                isMessaging: isMessaging, isFailed: isFailed, callsDatabase: false,
                isRoot: isRoot)
            if isServer {
                if let sharedKey, batch.has(sharedKey, row) {
                    half.span = batch.spanIDs[row]
                    half.isRoot = false
                }
            } else if namesPeers {
                let (peer, isDatabase) = CallHalves.peer(of: row, batch, peerKeys)
                half.peer = peer.map { numbers.number($0) }
                half.callsDatabase = isDatabase
            }
            halves.append(half)
        }
    }

    private static func peer(
        of row: Int, _ batch: SpanBatch, _ keys: [StringID]
    ) -> (peer: StringID?, isDatabase: Bool) {
        var best = keys.count
        var peer: StringID?
        var isDatabase = false
        for cell in batch.attributeRange(row) {
            let key = batch.attributes.keys[cell]
            guard let rank = keys.firstIndex(where: { $0 == key }),
                case .string = batch.attributes.types[cell]
            else { continue }
            let value = StringID(truncatingIfNeeded: batch.attributes.payloads[cell])
            if value == 0 { continue }
            isDatabase = isDatabase || rank > 0
            if rank < best {
                best = rank
                peer = value
            }
        }
        return (peer, isDatabase)
    }
}
