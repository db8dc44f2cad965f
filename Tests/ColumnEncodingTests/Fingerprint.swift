import Telemetry
import Testing

/// All that an item says, bit for bit: NaN payloads and zero's sign count, the numbering of strings does
/// not.
struct Fingerprint: Equatable {
    /// The item without its attribute values.
    private var rest: String
    /// Attribute values in their byte form.
    private var values: [[UInt8]]

    init(_ span: SpanRecord) {
        var span = span
        values = [AttributeValue.map(span.attributes).encoded]
        span.attributes = []
        for index in span.events.indices {
            values.append(AttributeValue.map(span.events[index].attributes).encoded)
            span.events[index].attributes = []
        }
        for index in span.links.indices {
            values.append(AttributeValue.map(span.links[index].attributes).encoded)
            span.links[index].attributes = []
        }
        rest = "\(span)"
    }

    init(_ record: LogRecord) {
        var record = record
        values = [AttributeValue.map(record.attributes).encoded, record.body.encoded]
        record.attributes = []
        record.body = .empty
        rest = "\(record)"
    }

    init(_ resource: Resource) {
        values = [AttributeValue.map(resource.attributes).encoded]
        rest = "\(resource.droppedAttributeCount) \(resource.schemaURL)"
    }

    init(_ scope: Scope) {
        values = [AttributeValue.map(scope.attributes).encoded]
        rest = "\(scope.name) \(scope.version) \(scope.droppedAttributeCount) \(scope.schemaURL)"
    }
}

func expectEqual(_ a: SpanBatch, _ b: SpanBatch) {
    #expect(a.count == b.count)
    guard a.count == b.count else { return }
    for row in 0..<a.count {
        #expect(Fingerprint(a.span(at: row)) == Fingerprint(b.span(at: row)))
        #expect(
            Fingerprint(a.resource(at: a.resourceIndices[row]))
                == Fingerprint(b.resource(at: b.resourceIndices[row])))
        #expect(
            Fingerprint(a.scope(at: a.scopeIndices[row]))
                == Fingerprint(b.scope(at: b.scopeIndices[row])))
    }
}
