import WireFormats

extension SamplingStrategies {
    /// Why a file of strategies cannot be used.
    package struct Mistake: Error, CustomStringConvertible, Sendable {
        package var description: String
    }

    /// Reads Jaeger's file of strategies: `{"service_strategies":[{"service":…,"type":…,"param":…,
    /// "operation_strategies":[{"operation":…,"type":"probabilistic","param":…}]}],
    /// "default_strategy":{…}}`, with a type of our own beside `probabilistic` and `ratelimiting`:
    /// `adaptive`, whose parameter is the wanted traces a second of each operation. What is not known is
    /// refused by name. A rate limit of an operation is left out with a warning, as Jaeger does: clients
    /// know none.
    package init(json: [UInt8]) throws(Mistake) {
        do throws(DecodeError) {
            let entries = try json.decoded { (bytes) throws(DecodeError) in try Self.read(bytes) }
            self.init()
            for entry in entries.services {
                guard let service = entry.name, !service.isEmpty else {
                    throw Self.mistake("service_strategies", "an entry names no service")
                }
                guard services[service] == nil else {
                    throw Self.mistake("service_strategies", "\(service) is there twice")
                }
                services[service] = try entry.service(&warnings)
            }
            if let entry = entries.standard { standard = try entry.service(&warnings) }
        } catch {
            // What is wrong with a value is told by whose it is, not by where it stands.
            if case .malformed(let field, 0, let reason) = error {
                throw Mistake(description: "\(field): \(reason)")
            }
            throw Mistake(description: "\(error)")
        }
    }

    private static func mistake(_ field: String, _ reason: String) -> DecodeError {
        .malformed(field: field, offset: 0, reason: reason)
    }

    /// A strategy as the file has it.
    private struct Entry {
        var name: String?
        var type = ""
        var parameter: Double?
        var operations: [Entry] = []

        func service(_ warnings: inout [String]) throws(DecodeError) -> Service {
            let strategy: Strategy
            switch type {
            case "probabilistic": strategy = .probabilistic(try probability())
            case "ratelimiting":
                guard let parameter, let rate = Int(exactly: parameter), 0...32_767 ~= rate else {
                    throw SamplingStrategies.mistake(
                        name ?? "default_strategy",
                        "param of ratelimiting must be a whole number from 0 to 32767")
                }
                strategy = .rateLimiting(perSecond: rate)
            case "adaptive":
                guard let parameter, 0 < parameter, parameter < 1e6 else {
                    throw SamplingStrategies.mistake(
                        name ?? "default_strategy",
                        "param of adaptive must be the wanted traces a second")
                }
                strategy = .adaptive(perSecond: parameter)
            default:
                throw SamplingStrategies.mistake(
                    name ?? "default_strategy",
                    "type is \"\(type)\", expected probabilistic, ratelimiting or adaptive")
            }
            var rates: [String: Double] = [:]
            for operation in operations {
                if operation.type == "ratelimiting" {
                    warnings.append(
                        "operation \(operation.name ?? "") of \(name ?? "default_strategy"):"
                            + " ratelimiting is left out, operations are sampled by probability only"
                    )
                    continue
                }
                guard let operationName = operation.name, operation.type == "probabilistic" else {
                    throw SamplingStrategies.mistake(
                        operation.name ?? name ?? "default_strategy",
                        "an operation needs a name and the type probabilistic")
                }
                rates[operationName] = try operation.probability()
            }
            return Service(strategy: strategy, operations: rates)
        }

        private func probability() throws(DecodeError) -> Double {
            guard let parameter, 0...1 ~= parameter else {
                throw SamplingStrategies.mistake(
                    name ?? "default_strategy", "param must be a probability from 0 to 1")
            }
            return parameter
        }
    }

    private static func read(
        _ bytes: UnsafeRawBufferPointer
    ) throws(DecodeError) -> (services: [Entry], standard: Entry?) {
        var services: [Entry] = []
        var standard: Entry?
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "service_strategies":
                try reader.beginArray()
                while try reader.nextElement() { services.append(try entry(&reader)) }
            case "default_strategy": standard = try entry(&reader)
            default:
                throw .malformed(
                    field: String(decoding: key.bytes, as: UTF8.self), offset: reader.position,
                    reason: "expected service_strategies or default_strategy")
            }
        }
        try reader.end()
        return (services, standard)
    }

    private static func entry(_ reader: inout JSONReader) throws(DecodeError) -> Entry {
        var entry = Entry()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "service", "operation":
                entry.name = String(decoding: try reader.string(), as: UTF8.self)
            case "type": entry.type = String(decoding: try reader.string(), as: UTF8.self)
            case "param": entry.parameter = try reader.number().double
            case "operation_strategies":
                try reader.beginArray()
                while try reader.nextElement() { entry.operations.append(try self.entry(&reader)) }
            default:
                throw .malformed(
                    field: String(decoding: key.bytes, as: UTF8.self), offset: reader.position,
                    reason: "expected service, operation, type, param or operation_strategies")
            }
        }
        return entry
    }
}
