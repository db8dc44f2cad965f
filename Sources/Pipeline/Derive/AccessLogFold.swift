import Telemetry

/// What the access-log rows of one batch add to the totals: per group of rows with equal labels their
/// count, times and sizes.
struct AccessLogFold: Sendable {
    /// What the labels of a row follow from.
    struct Key: Hashable, Sendable {
        var service: String
        var code: UInt32
        var flags: String
        /// Envoy's upstream cluster, or what other proxies have for it.
        var cluster: String
        var kind = AccessLogKind.http
        /// The number of a gRPC status; "" of other requests.
        var grpcStatus = ""
    }

    struct Group: Sendable {
        var key: Key
        var values = AccessLogValues()
    }

    private(set) var groups: [Group] = []

    /// What makes rows of one batch equal.
    private struct RowKey: Hashable {
        var resource: UInt32
        var code: UInt32
        var flags: StringID
        var cluster: StringID
        var kind = AccessLogKind.http
        /// As the row has it: by name or as a text …
        var grpcStatus: StringID = 0
        /// … or as a number.
        var grpcNumber: UInt32?
    }

    /// The interned names of fields, as far as the batch has them.
    private struct Names {
        let method, code, flags, cluster, duration, received, sent, intermediate: StringID?
        let `protocol`, grpcStatus, contentType, downstream, upstream, entryType: StringID?

        init(_ strings: StringTable) {
            method = strings.id(of: "method")
            code = strings.id(of: "response_code")
            flags = strings.id(of: "response_flags")
            cluster = strings.id(of: "upstream_cluster")
            duration = strings.id(of: "duration")
            received = strings.id(of: "bytes_received")
            sent = strings.id(of: "bytes_sent")
            intermediate = strings.id(of: "intermediate")
            `protocol` = strings.id(of: "protocol")
            grpcStatus = strings.id(of: "grpc_status")
            contentType = strings.id(of: "http.request.header.content-type")
            downstream = strings.id(of: "downstream_remote_address")
            upstream = strings.id(of: "upstream_local_address")
            entryType = strings.id(of: "access_log_type")
        }
    }

    /// - Complexity: O(attributes); a look-up a row, an allocation a group.
    init(_ batch: LogBatch, services: AccessLogServices) {
        let names = Names(batch.strings)
        guard names.method != nil || names.code != nil || names.received != nil else { return }
        let isWanted = (0..<batch.shared.resources.count).map {
            services.contains(batch.resource(at: UInt32($0)).serviceName)
        }
        let isOwn = (0..<batch.shared.scopes.count).map {
            batch.scope(at: UInt32($0)).name == AccessLogServices.ownScope
        }
        var places: [RowKey: Int] = [:]
        for row in 0..<batch.count
        where isWanted[Int(batch.resourceIndices[row])] && !isOwn[Int(batch.scopeIndices[row])] {
            take(batch, row, names, &places)
        }
    }

    /// What a row says, as far as it counts.
    private struct Row {
        var key: RowKey
        var hasMethod = false
        var hasProtocol = false
        var hasCode = false
        var hasAddress = false
        var duration: Double?
        var received: Double?
        var sent: Double?

        /// What it is a row of, if of anything.
        var kind: AccessLogKind? {
            // A method alone may be anything that a program logs; a code of 0 is a request without an
            // answer.
            if key.code > 0 || hasMethod && (hasCode || key.flags != 0) {
                return key.grpcStatus != 0 ? .grpc : key.kind
            }
            let isConnection =
                !hasMethod && !hasProtocol && hasAddress && (received != nil || sent != nil)
            return isConnection ? .tcp : nil
        }
    }

    private mutating func take(
        _ batch: LogBatch, _ row: Int, _ names: Names, _ places: inout [RowKey: Int]
    ) {
        var found = Row(
            key: RowKey(resource: batch.resourceIndices[row], code: 0, flags: 0, cluster: 0))
        for cell in batch.attributeRange(row) {
            let name = batch.attributes.keys[cell]
            if name == names.code {
                guard let code = number(batch, cell), code >= 0, code < 1_000 else { continue }
                found.key.code = UInt32(code)
                found.hasCode = true
            } else if name == names.intermediate, batch.attributes.types[cell] == .bool {
                // What Envoy says of a request on its way: the last entry has it all.
                if batch.attributes.payloads[cell] != 0 { return }
            } else if name == names.duration {
                found.duration = number(batch, cell)
            } else if name == names.received {
                found.received = number(batch, cell)
            } else if name == names.sent {
                found.sent = number(batch, cell)
            } else if name == names.grpcStatus, batch.attributes.types[cell] == .int {
                found.key.grpcNumber = UInt32(
                    clamping: Int64(bitPattern: batch.attributes.payloads[cell]))
                found.key.kind = .grpc
            } else if batch.attributes.types[cell] == .string {
                guard note(batch, cell, name, names, &found) else { return }
            }
        }
        guard let kind = found.kind else { return }
        found.key.kind = kind
        if kind == .tcp { found.key.code = 0 }
        let place = places[found.key] ?? add(batch, found.key, &places)
        groups[place].values.record(
            duration: found.duration, received: found.received ?? 0, sent: found.sent ?? 0)
    }

    /// Notes a text of a row.
    /// - Returns: false if the row does not count.
    private func note(
        _ batch: LogBatch, _ cell: Int, _ name: StringID, _ names: Names, _ row: inout Row
    ) -> Bool {
        let text = StringID(truncatingIfNeeded: batch.attributes.payloads[cell])
        func isThere() -> Bool { text != 0 && batch.strings[text] != "-" }
        switch name {
        case names.method: row.hasMethod = row.hasMethod || isThere()
        case names.protocol: row.hasProtocol = isThere()
        case names.flags: row.key.flags = text
        case names.cluster: row.key.cluster = text
        case names.downstream, names.upstream: row.hasAddress = row.hasAddress || isThere()
        case names.grpcStatus: if isThere() { row.key.grpcStatus = text }
        case names.contentType:
            if batch.strings[text].hasPrefix("application/grpc") { row.key.kind = .grpc }
        // The entry at the end of a connection has it all.
        case names.entryType: return batch.strings[text] != "TcpConnectionStart"
        default: break
        }
        return true
    }

    private mutating func add(
        _ batch: LogBatch, _ key: RowKey, _ places: inout [RowKey: Int]
    ) -> Int {
        places[key] = groups.count
        groups.append(
            Group(
                key: Key(
                    service: batch.resource(at: key.resource).serviceName, code: key.code,
                    flags: batch.strings[key.flags], cluster: batch.strings[key.cluster],
                    kind: key.kind, grpcStatus: Self.status(batch, key))))
        return groups.count - 1
    }

    /// The number of a gRPC status, whatever the row calls it; "" if it has none.
    private static func status(_ batch: LogBatch, _ key: RowKey) -> String {
        if let number = key.grpcNumber { return String(number) }
        return GRPCStatusName.number(of: batch.strings[key.grpcStatus])
    }

    /// A number, also as text, that is finite.
    private func number(_ batch: LogBatch, _ cell: Int) -> Double? {
        let payload = batch.attributes.payloads[cell]
        switch batch.attributes.types[cell] {
        case .int: return Double(Int64(bitPattern: payload))
        case .double:
            let value = Double(bitPattern: payload)
            return value.isFinite ? value : nil
        case .string:
            let value = Double(batch.strings[StringID(truncatingIfNeeded: payload)])
            return value.flatMap { $0.isFinite ? $0 : nil }
        default: return nil
        }
    }
}

/// The services whose access logs are counted.
package struct AccessLogServices: Sendable, Equatable {
    /// Of the bundled proxy's records: it exports the same metrics itself.
    static let ownScope = "sidelight.proxy"

    /// `nil`: all.
    private let names: Set<String>?

    /// - Parameter text: names with commas between them, or `*`.
    package init?(_ text: String) {
        if text == "*" {
            names = nil
            return
        }
        let names = text.split(separator: ",").map { $0.filter { $0 != " " } }
        guard !names.isEmpty, names.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.names = Set(names)
    }

    func contains(_ service: String) -> Bool { names?.contains(service) ?? true }
}
