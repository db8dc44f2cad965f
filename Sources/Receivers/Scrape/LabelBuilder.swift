import Telemetry

/// A few labels that are being changed, such as those of a target before it is scraped. Names are unique;
/// their order means nothing.
package struct LabelBuilder: Hashable, Sendable {
    package private(set) var pairs: [(name: String, value: String)] = []

    package init() {}

    /// Later values of a repeated name win.
    package init(_ pairs: some Sequence<(name: String, value: String)>) {
        for pair in pairs { self[pair.name] = pair.value }
    }

    package init(_ labels: Labels) { pairs = labels.pairs }

    /// "" is a label that is not there, as everywhere in Prometheus.
    package subscript(name: String) -> String {
        get { pairs.first { $0.name == name }?.value ?? "" }
        set {
            let index = pairs.firstIndex { $0.name == name }
            switch (index, newValue.isEmpty) {
            case (let index?, true): pairs.remove(at: index)
            case (let index?, false): pairs[index].value = newValue
            case (nil, true): break
            case (nil, false): pairs.append((name, newValue))
            }
        }
    }

    package mutating func removeAll(where isRemoved: (String) -> Bool) {
        pairs.removeAll { isRemoved($0.name) }
    }

    package var labels: Labels { Labels(pairs) }

    package static func == (a: LabelBuilder, b: LabelBuilder) -> Bool { a.labels == b.labels }
    package func hash(into hasher: inout Hasher) { hasher.combine(labels) }
}
