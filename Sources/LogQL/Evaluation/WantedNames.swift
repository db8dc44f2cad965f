import Store

/// The names of labels that somebody looks at: what parsers find under others need not be kept.
struct WantedNames: Sendable {
    private(set) var names: [[UInt8]]

    init(_ names: some Sequence<String>) {
        self.names = []
        for name in names { insert(name) }
    }

    /// A field whose name the stream has too appears with a suffix, and may be wanted by that.
    mutating func insert(_ name: String) {
        let bytes = Array(name.utf8)
        if !names.contains(bytes) { names.append(bytes) }
        let suffix = "_extracted"
        guard name.hasSuffix(suffix) else { return }
        insert(String(name.dropLast(suffix.count)))
    }

    func contains(_ name: some Collection<UInt8>) -> Bool {
        for wanted in names where wanted.count == name.count && wanted.elementsEqual(name) {
            return true
        }
        return false
    }

    /// Whether a field under `key` may become a label that is wanted.
    func mayBe(_ key: UnsafeRawBufferPointer) -> Bool {
        names.contains { SanitizedName.equals(key, $0) }
    }

    /// Whether `path`, or a field inside it, may be wanted.
    func mayBeInside(_ path: [UInt8]) -> Bool {
        names.contains { $0.starts(with: path) }
    }
}

extension LogQuery {
    /// The labels that the stages look at; `nil` if that may be any.
    var lookedAtLabels: Set<String>? {
        var names: Set<String> = []
        for stage in stages {
            guard let more = stage.lookedAtLabels else { return nil }
            names.formUnion(more)
        }
        return names
    }
}

extension PipelineStage {
    fileprivate var lookedAtLabels: Set<String>? {
        switch self {
        case .line, .json, .logfmt, .regexp, .pattern, .unpack, .decolorize: return []
        case .label(let filter, _): return filter.labels
        case .lineFormat(let text, _): return Template.labels(of: text)
        case .labelFormat(let formats, _):
            var names: Set<String> = []
            for format in formats {
                names.insert(format.name)
                switch format.source {
                case .label(let name): names.insert(name)
                case .template(let text):
                    guard let more = Template.labels(of: text) else { return nil }
                    names.formUnion(more)
                }
            }
            return names
        case .drop(let labels, _), .keep(let labels, _): return Set(labels.map(\.name))
        case .distinct(let names, _): return Set(names)
        }
    }
}

extension LabelFilter {
    var labels: Set<String> {
        switch self {
        case .text(let matcher): [matcher.name]
        case .quantity(let filter): [filter.name]
        case .address(let filter): [filter.name]
        case .all(let parts), .any(let parts): Set(parts.flatMap(\.labels))
        }
    }
}

extension Template {
    /// The labels that a template asks for; `nil` if that may be any.
    static func labels(of text: String) -> Set<String>? {
        var names: Set<String> = []
        do throws(ExpressionError) {
            for token in try TemplateLexer.tokens(of: text) {
                switch token {
                case .field(let path), .variable("", let path):
                    guard let name = path.first else { return nil }
                    names.insert(name)
                default: break
                }
            }
        } catch {
            return nil
        }
        return names
    }
}
