import Telemetry

/// Requests between services since the beginning, from spans that are the two sides of a call.
///
/// The same batches in the same order with the same times of arrival give the same totals. Giving up on a
/// half is decided by arrival as well, except when nothing arrives for a while.
struct ServiceGraphTotals: Sendable {
    /// How the server became known; raw values are in checkpoints.
    enum Connection: UInt8, Sendable {
        case direct = 0
        /// Only one side sends spans.
        case virtualNode = 1
        case messaging = 2
        case database = 3

        var label: String {
            switch self {
            case .direct: ""
            case .virtualNode: "virtual_node"
            case .messaging: "messaging_system"
            case .database: "database"
            }
        }
    }

    struct Histogram: Sendable, Hashable {
        var count: UInt64 = 0
        var nanoseconds: UInt64 = 0
        /// Not cumulative.
        var buckets = [UInt64](repeating: 0, count: ServiceGraphTotals.bounds.count + 1)

        mutating func add(_ duration: Int64) {
            count.addSaturating(1)
            nanoseconds.addSaturating(UInt64(clamping: duration))
            buckets[SpanFold.bucket(duration, ServiceGraphTotals.bounds)].addSaturating(1)
        }
    }

    struct Edge: Sendable {
        /// Numbers of services.
        var client: UInt32
        var server: UInt32
        var connection: Connection
        /// Milliseconds, as of a group of span metrics.
        var begin: Int64
        var requests: UInt64 = 0
        var failed: UInt64 = 0
        var serverTimes = Histogram()
        var clientTimes = Histogram()
        var messagingTimes = Histogram()
    }

    /// Spans of a service whose other side never came.
    struct Unpaired: Sendable {
        var service: UInt32
        /// Whether the spans are the server's side.
        var isServer: Bool
        var begin: Int64
        var count: UInt64 = 0
    }

    /// Nanoseconds.
    static let bounds = ServiceGraphName.bounds.map { Int64($0 * 1e9) }

    /// The first is where all go that are too many.
    private(set) var services: [String] = [DerivationLimits.overflow]
    private(set) var edges: [Edge] = []
    private(set) var unpaired: [Unpaired] = []
    /// Halves given up early because too many waited.
    private(set) var dropped: UInt64 = 0
    /// Milliseconds; `nil` while none was.
    private(set) var droppedBegin: Int64?
    private(set) var waiting: WaitingHalves
    private var numberOf: [ContentHash: UInt32] = [:]
    /// Of who calls from outside; `nil` until somebody does.
    private var callerNumber: UInt32?
    private static let caller = "user"
    private static let callerHash = ContentHash(Array(caller.utf8))
    private var indexOf: [UInt64: Int] = [:]
    private var unpairedIndexOf: [UInt64: Int] = [:]
    private let limits: DerivationLimits

    init(limits: DerivationLimits) {
        self.limits = limits
        waiting = WaitingHalves(countMax: limits.halvesMax)
    }

    mutating func add(_ fold: SpanFold, arrival: Timestamp) {
        expire(at: arrival)
        guard !fold.halves.isEmpty else { return }
        let begin = arrival.milliseconds - 1
        let numbers = fold.services.map { service in
            number(of: service.hash) { fold.strings[service.name] }
        }
        for var half in fold.halves {
            half.service = numbers[Int(half.service)]
            half.peer = half.peer.map { numbers[Int($0)] }
            add(half, arrival, begin)
        }
    }

    private mutating func add(_ half: CallHalf, _ arrival: Timestamp, _ begin: Int64) {
        if half.isRoot {
            countCaller(of: half, begin)
        } else if half.callsDatabase, let peer = half.peer {
            let edge = edge(half.service, peer, .database, begin)
            count(edge, isFailed: half.isFailed)
            edges[edge].clientTimes.add(half.duration)
            edges[edge].serverTimes.add(half.duration)
        } else {
            switch waiting.meet(half, arrival: arrival) {
            case .waits: break
            case .partner(let partner):
                let (client, server) = half.isServer ? (partner, half) : (half, partner)
                countCall(from: client, to: server, begin)
            case .pushedOut(let oldest):
                dropped.addSaturating(1)
                if droppedBegin == nil { droppedBegin = begin }
                giveUp(oldest, begin)
            }
        }
    }

    /// Gives up on halves that arrived longer ago than a span waits.
    mutating func expire(at now: Timestamp) {
        let horizon = now.advanced(byNanoseconds: -limits.waitNanoseconds)
        while let entry = waiting.takeExpired(before: horizon) {
            // The same instant whenever it is noticed: a series that starts here starts here again
            // after a crash.
            let end = entry.arrival.advanced(byNanoseconds: limits.waitNanoseconds)
            giveUp(entry.half, end.milliseconds)
        }
    }

    mutating func forgetWaiting() { waiting = WaitingHalves(countMax: 1) }

    // MARK: Counting

    private mutating func countCall(from client: CallHalf, to server: CallHalf, _ begin: Int64) {
        let isMessaging = client.isMessaging || server.isMessaging
        let edge = edge(
            client.service, server.service, isMessaging ? .messaging : .direct, begin)
        count(edge, isFailed: client.isFailed || server.isFailed)
        edges[edge].clientTimes.add(client.duration)
        edges[edge].serverTimes.add(server.duration)
        if isMessaging {
            let delay = server.handover.nanoseconds(since: client.handover)
            if delay >= 0 { edges[edge].messagingTimes.add(delay) }
        }
    }

    private mutating func countCaller(of server: CallHalf, _ begin: Int64) {
        let client = number(of: Self.callerHash) { Self.caller }
        if client != 0 { callerNumber = client }
        let edge = edge(client, server.service, .virtualNode, begin)
        count(edge, isFailed: server.isFailed)
        edges[edge].serverTimes.add(server.duration)
    }

    private mutating func giveUp(_ half: CallHalf, _ begin: Int64) {
        if let peer = half.peer {
            let edge = edge(half.service, peer, .virtualNode, begin)
            count(edge, isFailed: half.isFailed)
            edges[edge].clientTimes.add(half.duration)
            return
        }
        let key = UInt64(half.service) << 1 | (half.isServer ? 1 : 0)
        let index =
            unpairedIndexOf[key]
            ?? insert(Unpaired(service: half.service, isServer: half.isServer, begin: begin))
        unpaired[index].count.addSaturating(1)
    }

    private mutating func count(_ edge: Int, isFailed: Bool) {
        edges[edge].requests.addSaturating(1)
        if isFailed { edges[edge].failed.addSaturating(1) }
    }

    // MARK: Numbering

    private mutating func number(of hash: ContentHash, name: () -> String) -> UInt32 {
        if let known = numberOf[hash] { return known }
        guard services.count < limits.servicesMax else { return 0 }
        let name = name()
        guard name.utf8.count <= limits.nameBytesMax else { return 0 }
        let number = UInt32(services.count)
        services.append(name)
        numberOf[hash] = number
        return number
    }

    private mutating func edge(
        _ client: UInt32, _ server: UInt32, _ connection: Connection, _ begin: Int64
    ) -> Int {
        let key = ServiceGraphTotals.key(client, server, connection)
        if let known = indexOf[key] { return known }
        if edges.count < limits.edgesMax {
            return insert(
                Edge(client: client, server: server, connection: connection, begin: begin))
        }
        // Callers from outside are told from services even when there are too many to name.
        let caller = client == callerNumber ? client : 0
        return indexOf[ServiceGraphTotals.key(caller, 0, connection)]
            ?? insert(Edge(client: caller, server: 0, connection: connection, begin: begin))
    }

    private mutating func insert(_ edge: Edge) -> Int {
        indexOf[ServiceGraphTotals.key(edge.client, edge.server, edge.connection)] = edges.count
        edges.append(edge)
        return edges.count - 1
    }

    private mutating func insert(_ entry: Unpaired) -> Int {
        unpairedIndexOf[UInt64(entry.service) << 1 | (entry.isServer ? 1 : 0)] = unpaired.count
        unpaired.append(entry)
        return unpaired.count - 1
    }

    private static func key(
        _ client: UInt32, _ server: UInt32, _ connection: Connection
    ) -> UInt64 {
        UInt64(client) << 34 | UInt64(server) << 2 | UInt64(connection.rawValue)
    }

    // MARK: Checkpoints

    /// Takes back what a checkpoint holds; numbers refer to `services`, whose first is the overflow.
    mutating func restore(
        services: [String], edges: [Edge], unpaired: [Unpaired],
        dropped: (count: UInt64, begin: Int64?), waiting: [WaitingHalves.Entry]
    ) {
        for service in services.dropFirst() {
            _ = number(of: ContentHash(Array(service.utf8))) { service }
        }
        for edge in edges { _ = insert(edge) }
        for entry in unpaired { _ = insert(entry) }
        self.dropped = dropped.count
        droppedBegin = dropped.begin
        for entry in waiting { _ = self.waiting.meet(entry.half, arrival: entry.arrival) }
    }
}
