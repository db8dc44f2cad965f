import Telemetry

extension OTLPMetricDecoder {
    private enum NumberField {
        static let start = ProtobufKey.fixed64(2)
        static let time = ProtobufKey.fixed64(3)
        static let double = ProtobufKey.fixed64(4)
        static let exemplars = ProtobufKey.length(5)
        static let int = ProtobufKey.fixed64(6)
        static let attributes = ProtobufKey.length(7)
        static let flags = ProtobufKey.varint(8)
    }

    private enum HistogramField {
        static let start = ProtobufKey.fixed64(2)
        static let time = ProtobufKey.fixed64(3)
        static let count = ProtobufKey.fixed64(4)
        static let sum = ProtobufKey.fixed64(5)
        static let bucketCounts = ProtobufKey.length(6)
        static let bucketCount = ProtobufKey.fixed64(6)
        static let bounds = ProtobufKey.length(7)
        static let bound = ProtobufKey.fixed64(7)
        static let exemplars = ProtobufKey.length(8)
        static let attributes = ProtobufKey.length(9)
        static let flags = ProtobufKey.varint(10)
    }

    private enum SummaryField {
        static let start = ProtobufKey.fixed64(2)
        static let time = ProtobufKey.fixed64(3)
        static let count = ProtobufKey.fixed64(4)
        static let sum = ProtobufKey.fixed64(5)
        static let quantiles = ProtobufKey.length(6)
        static let attributes = ProtobufKey.length(7)
        static let flags = ProtobufKey.varint(8)
    }

    private enum ExemplarField {
        static let time = ProtobufKey.fixed64(2)
        static let double = ProtobufKey.fixed64(3)
        static let spanID = ProtobufKey.length(4)
        static let traceID = ProtobufKey.length(5)
        static let int = ProtobufKey.fixed64(6)
        static let filteredAttributes = ProtobufKey.length(7)
    }

    /// Attributes of points and of their exemplars may alternate on the wire; those of the point must
    /// be consecutive, so exemplars are read once the point has ended.
    private struct OpenPoint {
        var context: OTLPPointContext
        var exemplars: [ProtobufReader] = []
    }

    private func openPoint() -> OpenPoint {
        let start = translator.attributes.count
        return OpenPoint(context: OTLPPointContext(attributes: start..<start))
    }

    private mutating func close(_ point: OpenPoint) throws(DecodeError) -> OTLPPointContext {
        var context = point.context
        context.attributes = context.attributes.lowerBound..<translator.attributes.count
        for message in point.exemplars { context.exemplars.append(try exemplar(message)) }
        return context
    }

    private mutating func attribute(_ message: ProtobufReader) throws(DecodeError) {
        try values.keyValue(
            message, into: &translator.attributes, strings: &translator.strings)
    }

    mutating func number(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var point = openPoint()
        var value: Double?
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return translator.add(value, try close(point))
            case NumberField.start:
                point.context.start = try message.fixed64("start_time_unix_nano")
            case NumberField.time: point.context.time = try message.fixed64("time_unix_nano")
            case NumberField.double: value = try message.double("as_double")
            case NumberField.int:
                value = Double(Int64(bitPattern: try message.fixed64("as_int")))
            case NumberField.flags: point.context.flags = try message.uint32("flags")
            case NumberField.attributes: try attribute(try message.message("point attribute"))
            case NumberField.exemplars: point.exemplars.append(try message.message("exemplar"))
            default: try message.skip(key)
            }
        }
    }

    mutating func histogram(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var point = openPoint()
        var histogram = OTLPHistogramPoint()
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return translator.add(histogram, try close(point))
            case HistogramField.start:
                point.context.start = try message.fixed64("start_time_unix_nano")
            case HistogramField.time: point.context.time = try message.fixed64("time_unix_nano")
            case HistogramField.count: histogram.count = try message.fixed64("count")
            case HistogramField.sum: histogram.sum = try message.double("sum")
            case HistogramField.bucketCounts, HistogramField.bucketCount:
                try message.appendFixed64(key, "bucket_counts", to: &histogram.bucketCounts)
            case HistogramField.bounds, HistogramField.bound:
                try message.appendDoubles(key, "explicit_bounds", to: &histogram.bounds)
            case HistogramField.flags: point.context.flags = try message.uint32("flags")
            case HistogramField.attributes: try attribute(try message.message("point attribute"))
            case HistogramField.exemplars:
                point.exemplars.append(try message.message("exemplar"))
            default: try message.skip(key)
            }
        }
    }

    mutating func summary(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var point = openPoint()
        var summary = OTLPSummaryPoint()
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return translator.add(summary, try close(point))
            case SummaryField.start:
                point.context.start = try message.fixed64("start_time_unix_nano")
            case SummaryField.time: point.context.time = try message.fixed64("time_unix_nano")
            case SummaryField.count: summary.count = try message.fixed64("count")
            case SummaryField.sum: summary.sum = try message.double("sum")
            case SummaryField.quantiles:
                summary.quantiles.append(try quantile(try message.message("quantile_values")))
            case SummaryField.flags: point.context.flags = try message.uint32("flags")
            case SummaryField.attributes: try attribute(try message.message("point attribute"))
            default: try message.skip(key)
            }
        }
    }

    private func quantile(
        _ message: ProtobufReader
    ) throws(DecodeError) -> OTLPSummaryPoint.Quantile {
        var message = message
        var quantile = OTLPSummaryPoint.Quantile(quantile: 0, value: 0)
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return quantile
            case ProtobufKey.fixed64(1): quantile.quantile = try message.double("quantile")
            case ProtobufKey.fixed64(2): quantile.value = try message.double("quantile value")
            default: try message.skip(key)
            }
        }
    }

    private mutating func exemplar(_ message: ProtobufReader) throws(DecodeError) -> OTLPExemplar {
        var message = message
        var exemplar = OTLPExemplar()
        let start = translator.attributes.count
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                exemplar.filteredAttributes = start..<translator.attributes.count
                return exemplar
            case ExemplarField.time: exemplar.time = try message.fixed64("exemplar time")
            case ExemplarField.double: exemplar.value = try message.double("as_double")
            case ExemplarField.int:
                exemplar.value = Double(Int64(bitPattern: try message.fixed64("as_int")))
            case ExemplarField.traceID:
                let id = OTLPIdentifiers.optionalTraceID(try message.bytes("exemplar trace_id"))
                if id == nil { ignoredFields += 1 }
                exemplar.traceID = id ?? .invalid
            case ExemplarField.spanID:
                let id = OTLPIdentifiers.optionalSpanID(try message.bytes("exemplar span_id"))
                if id == nil { ignoredFields += 1 }
                exemplar.spanID = id ?? .invalid
            case ExemplarField.filteredAttributes:
                try attribute(try message.message("filtered attribute"))
            default: try message.skip(key)
            }
        }
    }
}

extension OTLPMetricDecoder {
    private enum ExponentialField {
        static let attributes = ProtobufKey.length(1)
        static let start = ProtobufKey.fixed64(2)
        static let time = ProtobufKey.fixed64(3)
        static let count = ProtobufKey.fixed64(4)
        static let sum = ProtobufKey.fixed64(5)
        static let scale = ProtobufKey.varint(6)
        static let zeroCount = ProtobufKey.fixed64(7)
        static let positive = ProtobufKey.length(8)
        static let negative = ProtobufKey.length(9)
        static let flags = ProtobufKey.varint(10)
        static let exemplars = ProtobufKey.length(11)
        static let zeroThreshold = ProtobufKey.fixed64(14)
    }

    mutating func exponentialHistogram(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var point = openPoint()
        var histogram = OTLPExponentialPoint()
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return translator.add(histogram, try close(point))
            case ExponentialField.start:
                point.context.start = try message.fixed64("start_time_unix_nano")
            case ExponentialField.time:
                point.context.time = try message.fixed64("time_unix_nano")
            case ExponentialField.count: histogram.count = try message.fixed64("count")
            case ExponentialField.sum: histogram.sum = try message.double("sum")
            case ExponentialField.scale: histogram.scale = try message.sint32("scale")
            case ExponentialField.zeroCount:
                histogram.zeroCount = try message.fixed64("zero_count")
            case ExponentialField.zeroThreshold:
                histogram.zeroThreshold = try message.double("zero_threshold")
            case ExponentialField.positive:
                try buckets(try message.message("positive"), into: &histogram.positive)
            case ExponentialField.negative:
                try buckets(try message.message("negative"), into: &histogram.negative)
            case ExponentialField.flags: point.context.flags = try message.uint32("flags")
            case ExponentialField.attributes:
                try attribute(try message.message("point attribute"))
            case ExponentialField.exemplars:
                point.exemplars.append(try message.message("exemplar"))
            default: try message.skip(key)
            }
        }
    }

    private func buckets(
        _ message: ProtobufReader, into buckets: inout OTLPExponentialPoint.Buckets
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ProtobufKey.varint(1): buckets.offset = try message.sint32("offset")
            case ProtobufKey.length(2), ProtobufKey.varint(2):
                try message.appendVarints(key, "bucket_counts", to: &buckets.counts)
            default: try message.skip(key)
            }
        }
    }
}
