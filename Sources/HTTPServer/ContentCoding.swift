import Compression

/// Undoes `Content-Encoding` (RFC 9110 §8.4) of request bodies; gRPC's messages name the same codings.
package enum ContentCoding {
    /// - Parameter raw: codings that are left to the handler; the body is returned as it is.
    /// - Throws: `unsupportedMediaType` for an unknown coding, `bodyTooLarge` beyond `limit` bytes,
    ///   `undecodableEncoding` for a body that is cut off or not of that coding.
    package static func decode(
        _ body: [UInt8], encoding: String?, raw: Set<String>, limit: Int
    ) throws(HTTPError) -> [UInt8] {
        guard let encoding, !body.isEmpty else { return body }
        var body = body
        // Codings are listed in the order in which they were applied.
        for element in encoding.split(separator: ",").reversed() {
            let coding = MediaType.trimmed(element).lowercased()
            if raw.contains(coding) { return body }
            body = try decode(body, coding, limit)
        }
        return body
    }

    private static func decode(
        _ body: [UInt8], _ coding: String, _ limit: Int
    ) throws(HTTPError) -> [UInt8] {
        do throws(CompressionError) {
            switch coding {
            case "identity", "": return body
            case "gzip", "x-gzip":
                return try Zlib.decompress(body, format: .gzip, limit: limit)
            case "deflate":
                return try Zlib.decompress(body, format: .automatic, limit: limit)
            case "zstd": return try Zstd.decompress(body, limit: limit)
            default: break
            }
        } catch .tooLarge(let limit) {
            throw HTTPError(
                .bodyTooLarge,
                message: "the \(coding) body expands beyond the limit of \(limit) bytes")
        } catch {
            throw HTTPError(.undecodableEncoding, message: "the body is not \(coding): \(error)")
        }
        throw HTTPError(
            .unsupportedMediaType,
            message: "Content-Encoding \"\(coding)\" is not supported; use gzip, deflate, zstd or"
                + " identity",
            headers: ["accept-encoding": "gzip, deflate, zstd"])
    }
}

/// What a request says about compressed answers (RFC 9110 §12.5.3).
enum AcceptEncoding {
    /// Whether gzip is asked for, by name or by `*`, with a weight that is not zero and not below that of
    /// an explicit `identity`. A malformed element counts as absent.
    static func allowsGzip(_ header: String?) -> Bool {
        guard let header else { return false }
        var gzip: Int?
        var any: Int?
        var identity: Int?
        for element in header.split(separator: ",") {
            guard let (coding, weight) = parse(element) else { continue }
            switch coding {
            case "gzip", "x-gzip": gzip = weight
            case "*": any = weight
            case "identity": identity = weight
            default: break
            }
        }
        guard let weight = gzip ?? any, weight > 0 else { return false }
        return weight >= identity ?? 0
    }

    /// A coding with its weight in thousandths.
    private static func parse(_ element: Substring) -> (coding: String, weight: Int)? {
        let parts = element.split(separator: ";", omittingEmptySubsequences: false)
            .map(MediaType.trimmed)
        guard let coding = parts.first, !coding.isEmpty else { return nil }
        switch parts.count {
        case 1: return (coding.lowercased(), 1_000)
        case 2:
            guard parts[1].lowercased().hasPrefix("q="),
                let weight = thousandths(parts[1].dropFirst(2))
            else { return nil }
            return (coding.lowercased(), weight)
        default: return nil
        }
    }

    /// `0`, `0.ddd`, `1` or `1.000`, with up to three digits behind the point.
    private static func thousandths(_ text: Substring) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts[0] == "0" || parts[0] == "1" else { return nil }
        let digits = parts.count == 2 ? parts[1] : ""
        guard digits.count <= 3, digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        let padded = digits + String(repeating: "0", count: 3 - digits.count)
        guard let fraction = Int(padded) else { return nil }
        let weight = (parts[0] == "1" ? 1_000 : 0) + fraction
        return weight <= 1_000 ? weight : nil
    }
}
