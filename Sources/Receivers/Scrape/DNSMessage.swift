/// Records that name hosts, by their types (RFC 1035, section 3.2.2; RFC 2782).
package enum DNSRecordKind: UInt16, Sendable, Hashable {
    case nameServer = 2
    case mailExchange = 15
    /// They name ports as well.
    case service = 33
}

/// Questions for such records and their answers (RFC 1035, section 4).
enum DNSMessage {
    private static let classInternet: UInt16 = 1
    private static let headerBytes = 12
    /// Names are compressed by pointing to earlier ones; more jumps are a loop.
    private static let jumpsMax = 64
    private static let recordsMax = 4_096

    /// `nil` if the name cannot be asked for.
    static func question(_ name: String, _ kind: DNSRecordKind, id: UInt16) -> [UInt8]? {
        var message: [UInt8] = []
        // Recursion is desired; one question.
        for word in [id, 0x0100, 1, 0, 0, 0] { append(word, to: &message) }
        let plain = name.hasSuffix(".") ? name.dropLast() : name[...]
        let labels = plain.utf8.split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, labels.allSatisfy({ (1...63).contains($0.count) })
        else { return nil }
        for label in labels {
            message.append(UInt8(label.count))
            message += label
        }
        message.append(0)
        append(kind.rawValue, to: &message)
        append(classInternet, to: &message)
        return message
    }

    /// As it goes over TCP.
    static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8 & 0xFF), UInt8(message.count & 0xFF)] + message
    }

    static func isTruncated(_ answer: [UInt8]) -> Bool { answer.count > 2 && answer[2] & 2 != 0 }

    /// The records of an answer, with the port 0 where they name none; `nil` if there is no such name.
    static func records(
        _ kind: DNSRecordKind, _ answer: [UInt8], to question: [UInt8]
    ) throws(DNSFailure) -> [ServiceRecord]? {
        var reader = Reader(bytes: answer)
        let id = try reader.word()
        let flags = try reader.word()
        guard answer.prefix(2) == question.prefix(2),
            id == UInt16(question[0]) << 8 + UInt16(question[1]),
            flags & 0x8000 != 0
        else { throw DNSFailure(description: "an answer to something else") }
        switch flags & 0xF {
        case 0: break
        case 3: return nil
        default: throw DNSFailure(description: "the name server failed (code \(flags & 0xF))")
        }
        let questions = try reader.word()
        let answers = try reader.word()
        reader.place = headerBytes
        for _ in 0..<questions {
            _ = try reader.name()
            _ = try reader.word()
            _ = try reader.word()
        }
        var records: Set<ServiceRecord> = []
        for _ in 0..<min(Int(answers), recordsMax) {
            _ = try reader.name()
            let type = try reader.word()
            _ = try reader.word()
            // How long it is valid: it is asked again at every refresh.
            _ = try reader.word()
            _ = try reader.word()
            let length = Int(try reader.word())
            let end = reader.place + length
            guard end <= answer.count else { throw Reader.damaged }
            if type == kind.rawValue {
                // Priority and weight say whom to ask first; all are scraped.
                reader.place += kind == .service ? 4 : kind == .mailExchange ? 2 : 0
                let port = kind == .service ? try reader.word() : 0
                let host = try reader.name()
                if !host.isEmpty { records.insert(ServiceRecord(host: host, port: port)) }
            }
            reader.place = end
        }
        if records.isEmpty { return nil }
        return records.sorted { ($0.host, $0.port) < ($1.host, $1.port) }
    }

    private static func append(_ word: UInt16, to message: inout [UInt8]) {
        message += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)]
    }

    private struct Reader {
        static let damaged = DNSFailure(description: "an answer that is damaged")

        let bytes: [UInt8]
        var place = 0

        mutating func byte() throws(DNSFailure) -> UInt8 {
            guard place < bytes.count else { throw Self.damaged }
            place += 1
            return bytes[place - 1]
        }

        mutating func word() throws(DNSFailure) -> UInt16 {
            let high = try byte()
            return UInt16(high) << 8 | UInt16(try byte())
        }

        /// A name with dots between its labels, none at the end.
        mutating func name() throws(DNSFailure) -> String {
            var labels: [String] = []
            var end: Int?
            var jumps = 0
            while true {
                let length = try byte()
                if length == 0 { break }
                if length & 0xC0 == 0xC0 {
                    let target = Int(length & 0x3F) << 8 | Int(try byte())
                    end = end ?? place
                    jumps += 1
                    guard jumps <= DNSMessage.jumpsMax, target < bytes.count else {
                        throw Self.damaged
                    }
                    place = target
                    continue
                }
                guard length <= 63, place + Int(length) <= bytes.count, labels.count < 128 else {
                    throw Self.damaged
                }
                labels.append(
                    String(decoding: bytes[place..<(place + Int(length))], as: UTF8.self))
                place += Int(length)
            }
            if let end { place = end }
            return labels.joined(separator: ".")
        }
    }
}
