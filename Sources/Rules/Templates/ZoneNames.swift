import Foundation

/// The system's time zones.
package enum ZoneDatabase {
    package static let folder = "/usr/share/zoneinfo"

    /// What to say of a zone that is not known; not its name, which stands on the line that is named.
    package static var complaint: String { complaint(in: folder) }

    package static func complaint(in folder: String) -> String {
        var isThere = false
        do {
            isThere = try !FileManager.default.contentsOfDirectory(atPath: folder).isEmpty
        } catch {
            isThere = false
        }
        return isThere
            ? "unknown time zone"
            : "unknown time zone, and this machine has no \(folder) (Debian's package tzdata)"
    }
}

/// Names of offsets from UTC, such as CET, out of the system's time zone database (RFC 8536), as Go shows them.
package struct ZoneNames {
    private struct Kind {
        var offset: Int64
        var name: String
    }

    /// Larger files are none of the database.
    private static let bytesMax = 1 << 20
    private static let headerLength = 44

    /// By time: from when on, in seconds since the epoch, which kind holds.
    private var changes: [(time: Int64, kind: Kind)] = []
    private var kinds: [Kind] = []

    /// `nil` if the database does not have the zone.
    package init?(_ zone: String, in folder: String = ZoneDatabase.folder) {
        let isPlain = zone.utf8.allSatisfy { byte in
            byte.isASCIILetterOrDigit || "_+-/".utf8.contains(byte)
        }
        guard isPlain, !zone.isEmpty, !zone.hasPrefix("/") else { return nil }
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(zone)"))
        } catch {
            return nil
        }
        guard data.count <= Self.bytesMax else { return nil }
        self.init(Array(data))
    }

    /// - Parameter bytes: a file of the second version or later.
    package init?(_ bytes: [UInt8]) {
        guard let first = Header(bytes, at: 0),
            let second = Header(bytes, at: Self.headerLength + first.length(timeBytes: 4))
        else { return nil }
        let start = Self.headerLength * 2 + first.length(timeBytes: 4)
        guard start + second.length(timeBytes: 8) <= bytes.count else { return nil }
        let places = start + 8 * second.times
        let types = places + second.times
        let names = types + 6 * second.types
        for type in 0..<second.types {
            let at = types + 6 * type
            let offset = Int32(truncatingIfNeeded: Self.number(bytes, at, 4))
            let from = names + Int(bytes[at + 5])
            guard from < names + second.letters else { return nil }
            let name = bytes[from..<(names + second.letters)].prefix { $0 != 0 }
            kinds.append(Kind(offset: Int64(offset), name: String(decoding: name, as: UTF8.self)))
        }
        for change in 0..<second.times {
            let kind = Int(bytes[places + change])
            guard kind < kinds.count else { return nil }
            let time = Int64(bitPattern: Self.number(bytes, start + 8 * change, 8))
            changes.append((time, kinds[kind]))
        }
    }

    /// What the zone calls `offset` (seconds east of UTC) at `time` (seconds since the epoch): the last name that
    /// it had until then, as rules for the future are not among the changes.
    package func name(ofOffset offset: Int64, at time: Int64) -> String? {
        let past = changes.last { $0.time <= time && $0.kind.offset == offset }
        return (past?.kind ?? kinds.first { $0.offset == offset })?.name
    }

    private struct Header {
        var times: Int
        var types: Int
        var letters: Int
        private var rest: [Int]

        init?(_ bytes: [UInt8], at place: Int) {
            guard place >= 0, place + ZoneNames.headerLength <= bytes.count,
                bytes[place..<(place + 4)].elementsEqual("TZif".utf8),
                bytes[place + 4] >= UInt8(ascii: "2")
            else { return nil }
            let counts = (0..<6).map { Int(ZoneNames.number(bytes, place + 20 + 4 * $0, 4)) }
            guard counts.allSatisfy({ $0 <= ZoneNames.bytesMax }) else { return nil }
            (times, types, letters) = (counts[3], counts[4], counts[5])
            rest = Array(counts[..<3])
        }

        /// Of what follows the header.
        func length(timeBytes: Int) -> Int {
            times * (timeBytes + 1) + types * 6 + letters + rest[2] * (timeBytes + 4) + rest[1]
                + rest[0]
        }
    }

    /// Big-endian.
    private static func number(_ bytes: [UInt8], _ place: Int, _ length: Int) -> UInt64 {
        bytes[place..<(place + length)].reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension UInt8 {
    fileprivate var isASCIILetterOrDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self)
    }
}
