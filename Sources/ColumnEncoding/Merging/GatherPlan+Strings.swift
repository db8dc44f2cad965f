import Telemetry

extension GatherPlan {
    /// The new batch's column of string ids.
    @inline(__always)
    func strings(
        _ strings: inout StringUnion, _ column: (Int) -> [StringID]
    ) -> [StringID] {
        if isZero(column) { return [StringID](repeating: 0, count: rows) }
        let old = self.column(column)
        return [StringID](unsafeUninitializedCapacity: rows) { out, count in
            old.withUnsafeBufferPointer { old in
                guard let old = old.baseAddress, let out = out.baseAddress else { return }
                for part in parts {
                    for run in part.runs {
                        strings.map(
                            old + run.target, count: run.count, of: part.source,
                            into: out + run.target)
                    }
                }
            }
            count = rows
        }
    }

    /// The new batch's payloads of cells (see `AttributeColumns`) of the new batch's `types`.
    @inline(__always)
    func payloads(
        types: [AttributeType], _ strings: inout StringUnion, _ column: (Int) -> [UInt64]
    ) -> [UInt64] {
        var payloads = self.column(column)
        payloads.withUnsafeMutableBufferPointer { payloads in
            types.withUnsafeBufferPointer { types in
                guard let payloads = payloads.baseAddress, let types = types.baseAddress
                else { return }
                for part in parts {
                    for run in part.runs {
                        strings.map(
                            payloads + run.target, types: types + run.target, count: run.count,
                            of: part.source)
                    }
                }
            }
        }
        return payloads
    }

    /// The new batch's attributes; this plan's rows are cells.
    func attributes(
        _ strings: inout StringUnion, _ source: (Int) -> AttributeColumns
    ) -> AttributeColumns {
        var attributes = AttributeColumns()
        attributes.keys = self.strings(&strings) { source($0).keys }
        attributes.types = column { source($0).types }
        attributes.payloads = payloads(types: attributes.types, &strings) { source($0).payloads }
        return attributes
    }
}
