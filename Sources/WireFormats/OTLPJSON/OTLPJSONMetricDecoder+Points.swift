import Telemetry

extension OTLPJSONMetricDecoder {
    /// A point while it is read. Its attributes must be consecutive, so exemplars, which have some of
    /// their own, are read once it has ended.
    private struct OpenPoint {
        var context: OTLPPointContext
        var exemplars: [JSONSlice] = []
    }

    private func openPoint() -> OpenPoint {
        let start = translator.attributes.count
        return OpenPoint(context: OTLPPointContext(attributes: start..<start))
    }

    /// Reads a member that points of all kinds have.
    private mutating func common(
        _ field: JSONKey, _ reader: inout JSONReader, _ point: inout OpenPoint
    ) throws(DecodeError) {
        switch field {
        case "timeUnixNano", "time_unix_nano":
            point.context.time = try reader.uint64("timeUnixNano")
        case "startTimeUnixNano", "start_time_unix_nano":
            point.context.start = try reader.uint64("startTimeUnixNano")
        case "flags": point.context.flags = try reader.uint32("flags")
        case "attributes": try attributes(&reader)
        case "exemplars": point.exemplars.append(try reader.slice())
        default: try reader.skipValue()
        }
    }

    private mutating func close(_ point: OpenPoint) throws(DecodeError) -> OTLPPointContext {
        var context = point.context
        context.attributes = context.attributes.lowerBound..<translator.attributes.count
        for slice in point.exemplars {
            var reader = JSONReader(slice)
            try reader.beginArray()
            while try reader.nextItem() { context.exemplars.append(try exemplar(&reader)) }
        }
        return context
    }

    private mutating func attributes(_ reader: inout JSONReader) throws(DecodeError) {
        try values.attributes(
            &reader, into: &translator.attributes, strings: &translator.strings)
    }

    mutating func number(_ reader: inout JSONReader) throws(DecodeError) {
        var point = openPoint()
        var value: Double?
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "asDouble", "as_double": value = try reader.double("asDouble")
            case "asInt", "as_int": value = Double(try reader.int64("asInt"))
            default: try common(field, &reader, &point)
            }
        }
        translator.add(value, try close(point))
    }

    mutating func histogram(_ reader: inout JSONReader) throws(DecodeError) {
        var point = openPoint()
        var histogram = OTLPHistogramPoint()
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "count": histogram.count = try reader.uint64("count")
            case "sum": histogram.sum = try reader.double("sum")
            case "bucketCounts", "bucket_counts":
                try reader.beginArray()
                while try reader.nextElement() {
                    histogram.bucketCounts.append(try reader.uint64("bucketCounts"))
                }
            case "explicitBounds", "explicit_bounds":
                try reader.beginArray()
                while try reader.nextElement() {
                    histogram.bounds.append(try reader.double("explicitBounds"))
                }
            default: try common(field, &reader, &point)
            }
        }
        translator.add(histogram, try close(point))
    }

    mutating func summary(_ reader: inout JSONReader) throws(DecodeError) {
        var point = openPoint()
        var summary = OTLPSummaryPoint()
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "count": summary.count = try reader.uint64("count")
            case "sum": summary.sum = try reader.double("sum")
            case "quantileValues", "quantile_values":
                try reader.beginArray()
                while try reader.nextItem() { summary.quantiles.append(try quantile(&reader)) }
            default: try common(field, &reader, &point)
            }
        }
        translator.add(summary, try close(point))
    }

    private func quantile(
        _ reader: inout JSONReader
    ) throws(DecodeError) -> OTLPSummaryPoint.Quantile {
        var quantile = OTLPSummaryPoint.Quantile(quantile: 0, value: 0)
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "quantile": quantile.quantile = try reader.double("quantile")
            case "value": quantile.value = try reader.double("quantile value")
            default: try reader.skipValue()
            }
        }
        return quantile
    }

    mutating func exponentialHistogram(_ reader: inout JSONReader) throws(DecodeError) {
        var point = openPoint()
        var histogram = OTLPExponentialPoint()
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "count": histogram.count = try reader.uint64("count")
            case "sum": histogram.sum = try reader.double("sum")
            case "scale": histogram.scale = try reader.int32("scale")
            case "zeroCount", "zero_count": histogram.zeroCount = try reader.uint64("zeroCount")
            case "zeroThreshold", "zero_threshold":
                histogram.zeroThreshold = try reader.double("zeroThreshold")
            case "positive": try buckets(&reader, into: &histogram.positive)
            case "negative": try buckets(&reader, into: &histogram.negative)
            default: try common(field, &reader, &point)
            }
        }
        translator.add(histogram, try close(point))
    }

    private func buckets(
        _ reader: inout JSONReader, into buckets: inout OTLPExponentialPoint.Buckets
    ) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "offset": buckets.offset = try reader.int32("offset")
            case "bucketCounts", "bucket_counts":
                try reader.beginArray()
                while try reader.nextElement() {
                    buckets.counts.append(try reader.uint64("bucketCounts"))
                }
            default: try reader.skipValue()
            }
        }
    }

    private mutating func exemplar(
        _ reader: inout JSONReader
    ) throws(DecodeError) -> OTLPExemplar {
        var exemplar = OTLPExemplar()
        let start = translator.attributes.count
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "timeUnixNano", "time_unix_nano":
                exemplar.time = try reader.uint64("exemplar timeUnixNano")
            case "asDouble", "as_double": exemplar.value = try reader.double("asDouble")
            case "asInt", "as_int": exemplar.value = Double(try reader.int64("asInt"))
            case "traceId", "trace_id":
                let id = OTLPJSONShared.traceID(try reader.string())
                if id == nil { ignoredFields += 1 }
                exemplar.traceID = id ?? .invalid
            case "spanId", "span_id":
                let id = OTLPJSONShared.spanID(try reader.string())
                if id == nil { ignoredFields += 1 }
                exemplar.spanID = id ?? .invalid
            case "filteredAttributes", "filtered_attributes": try attributes(&reader)
            default: try reader.skipValue()
            }
        }
        exemplar.filteredAttributes = start..<translator.attributes.count
        return exemplar
    }
}
