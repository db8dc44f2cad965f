/// Where the resource of some items lies in its batch: OTLP `Resource` plus the schema URL of its
/// enclosing `Resource…` message. Items refer to it by index.
package struct ResourceEntry: Hashable, Sendable {
    /// Cells of the batch's attribute columns.
    package var attributes: Range<Int>
    package var droppedAttributeCount: UInt32
    package var schemaURL: StringID

    package init(
        attributes: Range<Int>, droppedAttributeCount: UInt32 = 0, schemaURL: StringID = 0
    ) {
        self.attributes = attributes
        self.droppedAttributeCount = droppedAttributeCount
        self.schemaURL = schemaURL
    }
}

/// OTLP `InstrumentationScope` with the schema URL of its enclosing message.
package struct ScopeEntry: Hashable, Sendable {
    package var name: StringID
    package var version: StringID
    package var attributes: Range<Int>
    package var droppedAttributeCount: UInt32
    package var schemaURL: StringID

    package init(
        name: StringID, version: StringID, attributes: Range<Int> = 0..<0,
        droppedAttributeCount: UInt32 = 0, schemaURL: StringID = 0
    ) {
        self.name = name
        self.version = version
        self.attributes = attributes
        self.droppedAttributeCount = droppedAttributeCount
        self.schemaURL = schemaURL
    }
}

/// A resource taken out of its batch.
package struct Resource: Hashable, Sendable {
    package var attributes: [Attribute]
    package var droppedAttributeCount: UInt32
    package var schemaURL: String

    package init(
        attributes: [Attribute] = [], droppedAttributeCount: UInt32 = 0, schemaURL: String = ""
    ) {
        self.attributes = attributes
        self.droppedAttributeCount = droppedAttributeCount
        self.schemaURL = schemaURL
    }

    /// `service.name`, or "" if it has none.
    package var serviceName: String {
        for attribute in attributes where attribute.key == SemanticKey.serviceName {
            return attribute.value.text
        }
        return ""
    }
}

/// An instrumentation scope taken out of its batch.
package struct Scope: Hashable, Sendable {
    package var name: String
    package var version: String
    package var attributes: [Attribute]
    package var droppedAttributeCount: UInt32
    package var schemaURL: String

    package init(
        name: String = "", version: String = "", attributes: [Attribute] = [],
        droppedAttributeCount: UInt32 = 0, schemaURL: String = ""
    ) {
        self.name = name
        self.version = version
        self.attributes = attributes
        self.droppedAttributeCount = droppedAttributeCount
        self.schemaURL = schemaURL
    }
}

/// Attribute names of OpenTelemetry's semantic conventions that the code itself looks for.
package enum SemanticKey {
    package static let serviceName = "service.name"
    package static let serviceNamespace = "service.namespace"
    package static let serviceVersion = "service.version"
    package static let serviceInstanceID = "service.instance.id"
    package static let peerService = "peer.service"
}

/// The resources and scopes that the items of one batch share by index.
package struct SharedColumns: Sendable {
    package var resources: [ResourceEntry] = []
    package var scopes: [ScopeEntry] = []
    /// Cells of resources and scopes (`ResourceEntry.attributes`, `ScopeEntry.attributes`).
    package var attributes = AttributeColumns()

    package init() {}
}

extension SharedColumns {
    /// Adds a resource; items refer to it by the returned index.
    package mutating func append(_ resource: Resource, strings: inout StringTable) -> UInt32 {
        let start = attributes.count
        attributes.append(contentsOf: resource.attributes, strings: &strings)
        resources.append(
            ResourceEntry(
                attributes: start..<attributes.count,
                droppedAttributeCount: resource.droppedAttributeCount,
                schemaURL: strings.intern(resource.schemaURL)))
        return UInt32(resources.count - 1)
    }

    /// Adds a scope; items refer to it by the returned index.
    package mutating func append(_ scope: Scope, strings: inout StringTable) -> UInt32 {
        let start = attributes.count
        attributes.append(contentsOf: scope.attributes, strings: &strings)
        scopes.append(
            ScopeEntry(
                name: strings.intern(scope.name), version: strings.intern(scope.version),
                attributes: start..<attributes.count,
                droppedAttributeCount: scope.droppedAttributeCount,
                schemaURL: strings.intern(scope.schemaURL)))
        return UInt32(scopes.count - 1)
    }
}

/// What batches of spans and of log records have in common: interned strings, shared resources and
/// scopes.
package protocol ItemBatch {
    var strings: StringTable { get }
    var shared: SharedColumns { get }
}

extension ItemBatch {
    /// `service.name` of each shared resource as `Resource.serviceName` tells it, "" where there is none.
    package func serviceNames() -> [String] {
        guard let key = strings.id(of: SemanticKey.serviceName) else {
            return [String](repeating: "", count: shared.resources.count)
        }
        return shared.resources.map { resource in
            for cell in resource.attributes where shared.attributes.keys[cell] == key {
                return shared.attributes.value(at: cell, strings: strings).text
            }
            return ""
        }
    }

    package func resource(at index: UInt32) -> Resource {
        let entry = shared.resources[Int(index)]
        return Resource(
            attributes: shared.attributes.attributes(in: entry.attributes, strings: strings),
            droppedAttributeCount: entry.droppedAttributeCount,
            schemaURL: strings[entry.schemaURL])
    }

    package func scope(at index: UInt32) -> Scope {
        let entry = shared.scopes[Int(index)]
        return Scope(
            name: strings[entry.name], version: strings[entry.version],
            attributes: shared.attributes.attributes(in: entry.attributes, strings: strings),
            droppedAttributeCount: entry.droppedAttributeCount,
            schemaURL: strings[entry.schemaURL])
    }
}
