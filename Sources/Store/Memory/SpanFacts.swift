import Telemetry

/// One span with its resource and scope, and what conditions say of it.
struct SpanFacts {
    private let span: SpanRecord
    private let resource: Resource
    private let scope: Scope

    init(_ batch: SpanBatch, _ row: Int) {
        span = batch.span(at: row)
        resource = batch.resource(at: batch.resourceIndices[row])
        scope = batch.scope(at: batch.scopeIndices[row])
    }

    func satisfies(_ condition: SpanCondition) -> Bool {
        switch condition {
        case .service(let name): resource.serviceName == name
        case .name(let name): span.name == name
        case .kind(let kind): span.kind == kind
        case .status(let status): span.status == status
        case .durationAtLeast(let nanoseconds): span.duration >= nanoseconds
        case .durationAtMost(let nanoseconds): span.duration <= nanoseconds
        case .root: !span.parentID.isValid
        case .attribute(let place, let key, let test):
            attributes(in: place).contains { $0.key == key && Self.passes($0.value, test) }
        }
    }

    func values(of field: SpanField) -> [String] {
        switch field {
        case .service: [resource.serviceName]
        case .name: [span.name]
        case .kind: ["\(span.kind)"]
        case .attribute(let place, let key):
            attributes(in: place).filter { $0.key == key }.map(\.value.text)
        case .attributeKeys(let place): attributes(in: place).map(\.key)
        }
    }

    private func attributes(in place: AttributeScope) -> [Attribute] {
        switch place {
        case .any: AttributeScope.allCases.filter { $0 != .any }.flatMap { attributes(in: $0) }
        case .span: span.attributes
        case .resource: resource.attributes
        case .scope: scope.attributes
        case .event: span.events.flatMap(\.attributes)
        case .link: span.links.flatMap(\.attributes)
        }
    }

    private static func passes(_ value: AttributeValue, _ test: AttributeTest) -> Bool {
        switch test {
        case .exists: true
        case .equals(let wanted): value == wanted
        case .text(let wanted): value.text == wanted
        case .textOfAny(let wanted): value.hasText(wanted, orElement: true)
        }
    }
}
