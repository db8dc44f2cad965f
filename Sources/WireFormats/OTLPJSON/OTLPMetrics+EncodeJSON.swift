import Telemetry

extension OTLPMetrics {
    private static let cumulative = 2

    /// `{"resourceMetrics":[…]}` in OTLP's JSON encoding, one element a resource and scope.
    package static func encodeJSON(_ metrics: [ExportMetrics]) -> [UInt8] {
        var writer = JSONWriter(capacity: 4_096)
        writer.object {
            $0.arrayField("resourceMetrics") { array in
                for group in metrics { array.object { resourceMetrics(group, &$0) } }
            }
        }
        return writer.bytes
    }

    private static func resourceMetrics(_ group: ExportMetrics, _ writer: inout JSONWriter) {
        writer.objectField("resource") { resource in
            resource.attributesField(group.resource.attributes)
            resource.countField(
                "droppedAttributesCount", group.resource.droppedAttributeCount)
        }
        writer.arrayField("scopeMetrics") { array in
            array.object { scoped in
                scoped.objectField("scope") { scope in
                    scope.textField("name", group.scope.name)
                    scope.textField("version", group.scope.version)
                    if !group.scope.attributes.isEmpty {
                        scope.attributesField(group.scope.attributes)
                    }
                }
                scoped.arrayField("metrics") { array in
                    for metric in group.metrics { array.object { write(metric, &$0) } }
                }
                scoped.textField("schemaUrl", group.scope.schemaURL)
            }
        }
        writer.textField("schemaUrl", group.resource.schemaURL)
    }

    private static func write(_ metric: ExportMetric, _ writer: inout JSONWriter) {
        writer.field("name", metric.name)
        writer.textField("description", metric.description)
        writer.textField("unit", metric.unit)
        switch metric.data {
        case .gauge(let points):
            writer.objectField("gauge") { data in
                data.arrayField("dataPoints") { array in
                    for point in points { array.object { write(point, &$0) } }
                }
            }
        case .sum(let points, let isMonotonic):
            writer.objectField("sum") { data in
                data.field("aggregationTemporality", cumulative)
                data.field("isMonotonic", isMonotonic)
                data.arrayField("dataPoints") { array in
                    for point in points { array.object { write(point, &$0) } }
                }
            }
        case .histogram(let points):
            writer.objectField("histogram") { data in
                data.field("aggregationTemporality", cumulative)
                data.arrayField("dataPoints") { array in
                    for point in points { array.object { write(point, &$0) } }
                }
            }
        }
    }

    private static func write(_ point: ExportNumberPoint, _ writer: inout JSONWriter) {
        writer.attributesField(point.attributes)
        if point.start != .zero { writer.timeField("startTimeUnixNano", point.start) }
        writer.timeField("timeUnixNano", point.time)
        switch point.value {
        case .double(let value): writer.field("asDouble", value)
        case .int(let value):
            writer.key("asInt")
            writer.quotedValue(value)
        }
        write(point.exemplars, &writer)
    }

    private static func write(_ point: ExportHistogramPoint, _ writer: inout JSONWriter) {
        writer.attributesField(point.attributes)
        if point.start != .zero { writer.timeField("startTimeUnixNano", point.start) }
        writer.timeField("timeUnixNano", point.time)
        writer.key("count")
        writer.quotedValue(point.count)
        writer.field("sum", point.sum)
        writer.arrayField("bucketCounts") { array in
            for count in point.bucketCounts { array.quotedValue(count) }
        }
        writer.arrayField("explicitBounds") { array in
            for bound in point.bounds { array.value(bound) }
        }
        write(point.exemplars, &writer)
    }

    private static func write(_ exemplars: [ExportExemplar], _ writer: inout JSONWriter) {
        guard !exemplars.isEmpty else { return }
        writer.arrayField("exemplars") { array in
            for exemplar in exemplars {
                array.object {
                    $0.timeField("timeUnixNano", exemplar.time)
                    $0.field("asDouble", exemplar.value)
                    if exemplar.traceID.isValid { $0.field("traceId", exemplar.traceID) }
                    if exemplar.spanID.isValid { $0.field("spanId", exemplar.spanID) }
                }
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func textField(_ key: StaticString, _ text: String) {
        if !text.isEmpty { field(key, text) }
    }

    fileprivate mutating func attributesField(_ attributes: [Attribute]) {
        arrayField("attributes") { array in
            for attribute in attributes {
                array.object { pair in
                    pair.field("key", attribute.key)
                    pair.objectField("value") { $0.anyValue(attribute.value) }
                }
            }
        }
    }
}
