import Store
import Telemetry
import WireFormats

/// The processes of a trace in Jaeger's model: resources with equal attributes are one. They stand after
/// the spans, so they are kept as JSON until a trace that is written piece by piece is at its end.
struct JaegerProcesses {
    /// What Jaeger calls services whose spans name none.
    static let noService = "OTLPResourceNoServiceName"

    private var numbers: [Resource: Int] = [:]
    private var written: [[UInt8]] = []

    /// The process of each resource that spans of the batch refer to.
    mutating func numbers(of spans: SpanBatch) -> [UInt32: Int] {
        var found: [UInt32: Int] = [:]
        for index in spans.resourceIndices where found[index] == nil {
            let resource = spans.resource(at: index)
            if let known = numbers[resource] {
                found[index] = known
                continue
            }
            let number = written.count
            numbers[resource] = number
            found[index] = number
            var writer = JSONWriter()
            writer.object { Self.process(index, of: spans, resource, to: &$0) }
            written.append(writer.bytes)
        }
        return found
    }

    private static func process(
        _ index: UInt32, of spans: SpanBatch, _ resource: Resource, to writer: inout JSONWriter
    ) {
        let service = resource.serviceName
        writer.field("serviceName", shown(service: service))
        let shared = spans.shared
        let serviceKey = spans.strings.id(of: SemanticKey.serviceName)
        writer.arrayField("tags") { array in
            for cell in shared.resources[Int(index)].attributes
            where shared.attributes.keys[cell] != serviceKey {
                array.tag(shared.attributes, cell, spans.strings)
            }
        }
    }

    /// A service as Jaeger's API names it.
    static func shown(service: String) -> String { service.isEmpty ? noService : service }

    /// A service as it is stored, from its name in Jaeger's API.
    static func stored(service: String) -> String { service == noService ? "" : service }

    /// The conditions of spans of a service that Jaeger's API names.
    static func condition(service: String) -> SpanCondition { .service(stored(service: service)) }

    /// The members of `processes`.
    func write(to object: inout JSONWriter) {
        for (number, process) in written.enumerated() {
            object.key("p\(number + 1)")
            object.rawValue(process)
        }
    }
}
