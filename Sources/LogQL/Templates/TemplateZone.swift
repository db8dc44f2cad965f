import Foundation
import Telemetry

/// A zone that templates name: `UTC`, `Local` (the server's, which is UTC here) or one of the IANA time
/// zone database, such as `Europe/Berlin`.
struct TemplateZone: Sendable, Equatable {
    static let utc = TemplateZone(zone: nil)

    /// `nil` for UTC.
    private let zone: TimeZone?

    private init(zone: TimeZone?) { self.zone = zone }

    /// A name that is not known means UTC, as in Loki.
    init(_ name: String) {
        let isUTC = name.isEmpty || name == "UTC" || name == "Local"
        zone = isUTC ? nil : TimeZone(identifier: name)
    }

    /// Seconds east of UTC.
    func offset(at time: Timestamp) -> Int {
        guard let zone else { return 0 }
        return zone.secondsFromGMT(
            for: Date(timeIntervalSince1970: Double(time.milliseconds) / 1_000))
    }

    /// Its abbreviation or, where none is known, the offset, as Go has it.
    func name(at time: Timestamp) -> String {
        guard let zone else { return "UTC" }
        let offset = offset(at: time)
        let date = Date(timeIntervalSince1970: Double(time.milliseconds) / 1_000)
        if let name = zone.abbreviation(for: date), name.allSatisfy(\.isLetter), name != "GMT" {
            return name
        }
        return GoLayout.format(offset: offset, offset % 3_600 == 0 ? "-07" : "-0700")
    }

    /// When a clock there shows what `local` shows in UTC. Of a time that comes twice one is taken, of one
    /// that is left out a time an hour from it, as Go does.
    func time(ofLocal local: Timestamp) -> Timestamp {
        guard zone != nil else { return local }
        let first = offset(at: local)
        let guess = local.advanced(byNanoseconds: -Int64(first) * 1_000_000_000)
        let second = offset(at: guess)
        return local.advanced(byNanoseconds: -Int64(second) * 1_000_000_000)
    }
}
