import WireFormats

/// What an OTLP receiver says it has refused (`Export…ServiceResponse.partial_success`).
enum OTLPAnswer {
    /// An answer that cannot be read counts as one without refusals: its status was success.
    static func receipt(_ body: [UInt8]) -> ImportReceipt {
        do {
            return try body.decoded { (bytes) throws(DecodeError) in
                var answer = ProtobufReader(bytes)
                while true {
                    switch try answer.nextKey() {
                    case 0: return ImportReceipt()
                    case ProtobufKey.length(1):
                        return try partialSuccess(answer.message("partial_success"))
                    case let key: try answer.skip(key)
                    }
                }
            }
        } catch {
            return ImportReceipt()
        }
    }

    private static func partialSuccess(
        _ message: ProtobufReader
    ) throws(DecodeError) -> ImportReceipt {
        var message = message
        var count = 0
        var text = ""
        while true {
            switch try message.nextKey() {
            case 0:
                return count == 0
                    ? ImportReceipt() : ImportReceipt(refusals: RefusalText.parse(text, count))
            case ProtobufKey.varint(1): count = Int(clamping: try message.varint("rejected"))
            case ProtobufKey.length(2):
                text = String(decoding: try message.bytes("error_message"), as: UTF8.self)
            case let key: try message.skip(key)
            }
        }
    }
}

/// What our remote write receiver says when it has stored only some of the samples:
/// `3 samples stored, 2 rejected: REASONS`.
enum RemoteWriteAnswer {
    /// `nil` if the text is something else.
    static func receipt(_ text: String) -> ImportReceipt? {
        let line = text.split(separator: "\n").first ?? ""
        guard let middle = line.firstRange(of: " samples stored, "),
            let end = line.firstRange(of: " rejected: "),
            middle.upperBound < end.lowerBound,
            let count = Int(line[middle.upperBound..<end.lowerBound])
        else { return nil }
        return ImportReceipt(refusals: RefusalText.parse(String(line[end.upperBound...]), count))
    }
}

/// Reads `3 before_retention (first: span … at … ns); 1 text_too_long (first: …)` back.
enum RefusalText {
    /// Text of another form is one refusal of `count` items, so that the count is always told.
    static func parse(_ text: String, _ count: Int) -> [ImportReceipt.Refusal] {
        var refusals: [ImportReceipt.Refusal] = []
        for part in text.split(separator: "; ") {
            let words = part.split(separator: " ", maxSplits: 2)
            guard words.count == 3, let number = Int(words[0]), words[2].hasPrefix("(first: ")
            else { continue }
            refusals.append(
                .init(
                    reason: String(words[1]), count: number,
                    example: String(words[2].dropFirst(8).dropLast(words[2].hasSuffix(")") ? 1 : 0))
                ))
        }
        guard refusals.reduce(0, { $0 + $1.count }) == count else {
            return [.init(reason: "refused by the server", count: count, example: text)]
        }
        return refusals
    }
}
