import Foundation
import GRDB
import Store
import Telemetry

/// The probabilities that adaptive sampling has learnt, by service and operation: without them clients would
/// sample a hundred times too much after every restart.
extension CatalogFile {
    /// Empty if nothing was learnt or what was written cannot be read: learning begins anew then.
    package func samplingRates() throws(StoreError) -> [String: [String: Double]] {
        let bytes = try perform {
            try $0.read { try Data.fetchOne($0, sql: "SELECT rates FROM sampling_rates") }
        }
        guard let bytes,
            case .map(let services) = bytes.withUnsafeBytes({ AttributeValue(encoded: $0) })
        else { return [:] }
        var rates: [String: [String: Double]] = [:]
        for service in services {
            guard case .map(let operations) = service.value else { continue }
            for operation in operations {
                guard case .double(let rate) = operation.value else { continue }
                rates[service.key, default: [:]][operation.key] = rate
            }
        }
        return rates
    }

    package func save(samplingRates rates: [String: [String: Double]]) throws(StoreError) {
        let value = AttributeValue.map(
            rates.map { service, operations in
                Attribute(service, .map(operations.map { Attribute($0, .double($1)) }))
            })
        try perform {
            try $0.write {
                try $0.execute(
                    sql: "INSERT OR REPLACE INTO sampling_rates VALUES (1, ?)",
                    arguments: [Data(value.encoded)])
            }
        }
    }
}
