import QueryCore
import Telemetry

/// Reads a JSON object (RFC 8259) from a line and adds its fields as labels, as Loki's `json` does:
/// fields of inner objects under `outer_inner`, arrays and nulls left out, of a repeated name the first.
/// What follows the object is not looked at. Fields before a mistake are kept.
struct JSONFlattener {
    /// Objects within each other: each takes stack.
    private static let depthMax = 64

    /// What it has read; after a mistake, where that stands.
    private var scanner: JSONScanner
    private var path: [UInt8]
    private var unescaped: [UInt8] = []

    /// - Parameter path: what the names of all fields begin with.
    init(_ text: UnsafeRawBufferPointer, path: [UInt8] = []) {
        scanner = JSONScanner(text)
        self.path = path
    }

    /// Whether the text begins with a well-formed object.
    mutating func run(into labels: inout LineLabels) -> Bool {
        object(into: &labels, depth: 0)
    }

    private mutating func object(into labels: inout LineLabels, depth: Int) -> Bool {
        guard depth < JSONFlattener.depthMax, scanner.take(UInt8(ascii: "{")) else { return false }
        if scanner.take(UInt8(ascii: "}")) { return true }
        while true {
            scanner.skipSpace()
            guard let key = scanner.string() else { return false }
            let length = path.count
            withContent(of: key) { SanitizedName.append($0, to: &$1) }
            guard scanner.take(UInt8(ascii: ":")), value(into: &labels, depth: depth) else {
                return false
            }
            path.removeLast(path.count - length)
            if scanner.take(UInt8(ascii: "}")) { return true }
            guard scanner.take(UInt8(ascii: ",")) else { return false }
        }
    }

    private mutating func value(into labels: inout LineLabels, depth: Int) -> Bool {
        scanner.skipSpace()
        switch scanner.next {
        case UInt8(ascii: "{"): return object(into: &labels, depth: depth + 1)
        case UInt8(ascii: "["): return scanner.skipArray()
        case UInt8(ascii: "\""):
            guard let content = scanner.string() else { return false }
            if !content.hasEscapes {
                add(content.range, into: &labels)
            } else {
                unescaped.removeAll(keepingCapacity: true)
                scanner.append(string: content.range, true, to: &unescaped)
                addUnescaped(into: &labels)
            }
            return true
        default:
            switch scanner.scalar() {
            case .scalar(let range): add(range, into: &labels)
            case .null: break
            default: return false
            }
            return true
        }
    }

    private func add(_ range: Range<Int>, into labels: inout LineLabels) {
        guard !path.isEmpty else { return }
        path.withUnsafeBytes {
            labels.add(name: $0, value: UnsafeRawBufferPointer(rebasing: scanner.text[range]))
        }
    }

    private func addUnescaped(into labels: inout LineLabels) {
        guard !path.isEmpty else { return }
        path.withUnsafeBytes { name in
            unescaped.withUnsafeBytes { labels.add(name: name, value: $0) }
        }
    }

    private mutating func withContent(
        of string: (range: Range<Int>, hasEscapes: Bool),
        _ body: (UnsafeRawBufferPointer, inout [UInt8]) -> Void
    ) {
        guard string.hasEscapes else {
            return body(UnsafeRawBufferPointer(rebasing: scanner.text[string.range]), &path)
        }
        var content: [UInt8] = []
        scanner.append(string: string.range, true, to: &content)
        content.withUnsafeBytes { body($0, &path) }
    }
}

extension JSONFlattener {
    /// What was wrong, for people.
    var mistake: String {
        scanner.offset == 0
            ? JSONFlattener.noObject
            : "expecting a JSON object, malformed at byte \(scanner.offset)"
    }

    /// Of a text that is not an object at all.
    static let noObject = "expecting a JSON object, but it is not one"
}
