import Glibc
import Synchronization

/// Bearer tokens (RFC 6750) of which a request must show one. Listeners share a set, so that replacing
/// its tokens holds for all of them at once.
package final class TokenSet: Sendable {
    /// Why a token file is of no use.
    package enum LoadError: Error, Sendable, Hashable, CustomStringConvertible {
        case unreadable(path: String, reason: String)
        case empty(path: String)

        package var description: String {
            switch self {
            case .unreadable(let path, let reason): "cannot read the token file \(path): \(reason)"
            case .empty(let path):
                "the token file \(path) holds no token; write one a line (# starts a comment)"
            }
        }
    }

    private let tokens: Mutex<[[UInt8]]>

    /// - Parameter tokens: not empty.
    package init(_ tokens: [String]) { self.tokens = Mutex(tokens.map { Array($0.utf8) }) }

    /// Reads the file again, whose tokens then replace all earlier ones.
    /// - Throws: why they did not.
    package func reload(path: String) throws(LoadError) {
        let fresh = try TokenSet.load(path: path).tokens.withLock { $0 }
        tokens.withLock { $0 = fresh }
    }

    /// Reads tokens from a file: one a line, blank lines and lines that start with `#` skipped.
    package static func load(path: String) throws(LoadError) -> TokenSet {
        let lines = try read(path).split(separator: UInt8(ascii: "\n"))
        let tokens = lines.map { line in
            String(
                MediaType.trimmed(String(decoding: line, as: UTF8.self)[...].dropCarriageReturn()))
        }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard !tokens.isEmpty else { throw .empty(path: path) }
        return TokenSet(tokens)
    }

    /// Whether an `Authorization` header shows one of the tokens. Takes the same time for every token of
    /// a length, so that answers do not tell how much of a guess was right.
    package func accepts(authorization: String?) -> Bool {
        guard let authorization else { return false }
        let scheme = "bearer "
        guard authorization.utf8.count > scheme.utf8.count,
            authorization.prefix(scheme.count).lowercased() == scheme
        else { return false }
        let shown = Array(authorization.utf8.dropFirst(scheme.utf8.count))
        var accepted = false
        for token in tokens.withLock({ $0 }) where Self.equal(token, shown) { accepted = true }
        return accepted
    }

    private static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for index in a.indices { difference |= a[index] ^ b[index] }
        return difference == 0
    }

    /// Far more than any token file needs; keeps a wrong path (a device, a disk image) harmless.
    private static let fileBytesMax = 1 << 20

    private static func read(_ path: String) throws(LoadError) -> [UInt8] {
        guard let file = fopen(path, "rb") else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        defer { fclose(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: fileBytesMax) { buffer, count in
            count = fread(buffer.baseAddress, 1, buffer.count, file)
        }
        guard ferror(file) == 0 else {
            throw .unreadable(path: path, reason: "it cannot be read as a file")
        }
        return bytes
    }
}

extension Substring {
    fileprivate func dropCarriageReturn() -> Substring { last == "\r" ? dropLast() : self }
}
