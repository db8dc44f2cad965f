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
    }

    /// The interned names of fields, as far as the batch has them.
    private struct Names {
        let method, code, flags, cluster, duration, received, sent, intermediate: StringID?

        init(_ strings: StringTable) {
            method = strings.id(of: "method")
            code = strings.id(of: "response_code")
            flags = strings.id(of: "response_flags")
            cluster = strings.id(of: "upstream_cluster")
            duration = strings.id(of: "duration")
            received = strings.id(of: "bytes_received")
            sent = strings.id(of: "bytes_sent")
            intermediate = strings.id(of: "intermediate")
        }
    }

    /// - Complexity: O(attributes); a look-up a row, an allocation a group.
    init(_ batch: LogBatch, services: AccessLogServices) {
        let names = Names(batch.strings)
        guard names.method != nil || names.code != nil else { return }
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

    private mutating func take(
        _ batch: LogBatch, _ row: Int, _ names: Names, _ places: inout [RowKey: Int]
    ) {
        var key = RowKey(resource: batch.resourceIndices[row], code: 0, flags: 0, cluster: 0)
        var (hasMethod, hasCode) = (false, false)
        var duration: Double?
        var received = 0.0
        var sent = 0.0
        for cell in batch.attributeRange(row) {
            let name = batch.attributes.keys[cell]
            if name == names.method {
                hasMethod = hasMethod || batch.attributes.types[cell] == .string
            } else if name == names.code {
                guard let code = number(batch, cell), code >= 0, code < 1_000 else { continue }
                key.code = UInt32(code)
                hasCode = true
            } else if name == names.intermediate, batch.attributes.types[cell] == .bool {
                // What Envoy says of a request on its way: the last entry has it all.
                if batch.attributes.payloads[cell] != 0 { return }
            } else if name == names.duration {
                duration = number(batch, cell)
            } else if name == names.received {
                received = number(batch, cell) ?? 0
            } else if name == names.sent {
                sent = number(batch, cell) ?? 0
            } else if batch.attributes.types[cell] == .string {
                let text = StringID(truncatingIfNeeded: batch.attributes.payloads[cell])
                if name == names.flags { key.flags = text }
                if name == names.cluster { key.cluster = text }
            }
        }
        // A method alone may be anything that a program logs; a code of 0 is a request without an answer.
        guard key.code > 0 || hasMethod && (hasCode || key.flags != 0) else { return }
        let place = places[key] ?? add(batch, key, &places)
        groups[place].values.record(duration: duration, received: received, sent: sent)
    }

    private mutating func add(
        _ batch: LogBatch, _ key: RowKey, _ places: inout [RowKey: Int]
    ) -> Int {
        places[key] = groups.count
        groups.append(
            Group(
                key: Key(
                    service: batch.resource(at: key.resource).serviceName, code: key.code,
                    flags: batch.strings[key.flags], cluster: batch.strings[key.cluster])))
        return groups.count - 1
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
