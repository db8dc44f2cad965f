import Store
import Telemetry

/// Events by the values of what they are grouped by, and by the start of their bucket.
struct EventTable: Sendable {
    private(set) var groups: [[String]: [Int64: Double]] = [:]

    /// - Parameter bucket: milliseconds since the epoch.
    mutating func add(_ count: Double, to group: [String], at bucket: Int64) {
        groups[place(of: group), default: [:]][bucket, default: 0] += count
    }

    mutating func merge(_ other: EventTable) {
        for (group, buckets) in other.groups {
            groups[place(of: group), default: [:]].merge(buckets) { $0 + $1 }
        }
    }

    /// The group itself, as long as there are not too many.
    private func place(of group: [String]) -> [String] {
        guard groups[group] == nil, groups.count >= EventSource.groupsMax else { return group }
        return group.map { _ in EventSource.otherGroup }
    }
}

/// What spans are grouped by: an attribute of the span, or of its resource by `resource.`, or its `name`.
struct GroupKey: Sendable {
    let attribute: String
    private let isResource: Bool
    private let isName: Bool

    init(_ text: String) {
        isResource = text.hasPrefix("resource.")
        isName = text == "name"
        let prefix = isResource ? "resource." : text.hasPrefix("span.") ? "span." : ""
        attribute = String(text.dropFirst(prefix.count))
    }

    /// "" where there is none.
    func value(_ batch: SpanBatch, _ row: Int) -> String {
        if isName { return batch.strings[batch.names[row]] }
        guard let key = batch.strings.id(of: attribute) else { return "" }
        if isResource {
            let resource = batch.shared.resources[Int(batch.resourceIndices[row])]
            return batch.shared.attributes.first(
                key, in: resource.attributes, strings: batch.strings)?.text ?? ""
        }
        return batch.attributes.first(
            key, in: batch.attributeRange(row), strings: batch.strings)?.text ?? ""
    }
}
