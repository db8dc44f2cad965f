import Foundation

/// A line of the log of exclusions. Times are milliseconds since the epoch.
struct ExclusionLine: Codable {
    var objective: String
    var from: Int64?
    var to: Int64?
    var reason: String?
    var by: String
    var at: Int64
    /// The number of the exclusion that this takes back.
    var revokes: Int?

    init(
        objective: String, from: Int64?, to: Int64?, reason: String?, by: String, at: Int64,
        revokes: Int?
    ) {
        self.objective = objective
        self.from = from
        self.to = to
        self.reason = reason
        self.by = by
        self.at = at
        self.revokes = revokes
    }

    init(json: [UInt8]) throws {
        self = try JSONDecoder().decode(ExclusionLine.self, from: Data(json))
    }

    var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}
