import Telemetry

/// Comparisons and collections.
extension TemplateCall {
    /// Only values of one kind are compared; whole numbers and others are different kinds, as in Go.
    func comparison() throws(RenderFailure) -> Bool {
        let (a, b) = (arguments[0], arguments[1])
        switch function {
        case .eq:
            for other in arguments.dropFirst() {
                if try areEqual(a, other) { return true }
            }
            return false
        case .ne: return try !areEqual(a, b)
        case .lt: return try isLess(a, b)
        case .le: return try isLess(a, b) ? true : areEqual(a, b)
        case .gt: return try isLess(a, b) ? false : !areEqual(a, b)
        default: return try !isLess(a, b)
        }
    }

    private func areEqual(_ a: TemplateValue, _ b: TemplateValue) throws(RenderFailure) -> Bool {
        switch (a, b) {
        case (.nothing, _), (_, .nothing): return a == b
        case (.bool(let a), .bool(let b)): return a == b
        case (.int(let a), .int(let b)), (.duration(let a), .duration(let b)),
            (.int(let a), .duration(let b)), (.duration(let a), .int(let b)):
            return a == b
        case (.number(let a), .number(let b)): return a == b
        case (.string(let a), .string(let b)): return a == b
        default: throw incomparable
        }
    }

    private func isLess(_ a: TemplateValue, _ b: TemplateValue) throws(RenderFailure) -> Bool {
        switch (a, b) {
        case (.int(let a), .int(let b)), (.duration(let a), .duration(let b)),
            (.int(let a), .duration(let b)), (.duration(let a), .int(let b)):
            return a < b
        case (.number(let a), .number(let b)): return a < b
        case (.string(let a), .string(let b)): return a.utf8.lexicographicallyPrecedes(b.utf8)
        default: throw incomparable
        }
    }

    private var incomparable: RenderFailure {
        let types = arguments.map(\.typeName).joined(separator: ", ")
        return RenderFailure(
            reason: "error calling \(function.rawValue): incompatible types for comparison: "
                + "\(types); a number beside $value needs a point, as in 5.0")
    }

    func collection() throws(RenderFailure) -> TemplateValue {
        switch function {
        case .len: return .int(Int64(try count(of: arguments[0])))
        case .index:
            var value = arguments[0]
            for key in arguments.dropFirst() { value = try element(key, of: value) }
            return value
        default: return try part()
        }
    }

    private func count(of value: TemplateValue) throws(RenderFailure) -> Int {
        switch value {
        case .string(let text): return text.utf8.count
        case .list(let values): return values.count
        case .texts(let texts): return texts.count
        case .map(let values): return values.count
        case .labels(let texts): return texts.count
        case .pairs(let pairs): return pairs.count
        default: throw RenderFailure(reason: "error calling len: len of type \(value.typeName)")
        }
    }

    private func element(
        _ key: TemplateValue, of value: TemplateValue
    ) throws(RenderFailure) -> TemplateValue {
        switch (value, key) {
        case (.list(let values), .int(let place)):
            guard values.indices.contains(Int(clamping: place)) else { throw outOfRange(place) }
            return values[Int(place)]
        case (.string(let text), .int(let place)):
            let bytes = Array(text.utf8)
            guard bytes.indices.contains(Int(clamping: place)) else { throw outOfRange(place) }
            return .int(Int64(bytes[Int(place)]))
        case (.labels(let texts), .string(let name)): return .string(texts[name] ?? "")
        case (.texts(let texts), .string(let name)): return .string(texts[name] ?? "")
        case (.map(let values), .string(let name)): return values[name] ?? .nothing
        default: throw RenderFailure(reason: "error calling index: can't index \(value.typeName)")
        }
    }

    /// `slice x 1 2` is x[1:2].
    private func part() throws(RenderFailure) -> TemplateValue {
        var places: [Int] = []
        for argument in arguments.dropFirst() {
            guard case .int(let place) = argument else { throw wrong(argument, "int") }
            places.append(Int(clamping: place))
        }
        let count = try count(of: arguments[0])
        let (start, end) = (places.first ?? 0, places.count > 1 ? places[1] : count)
        guard start >= 0, start <= end, end <= count, places.count <= 2 else {
            throw outOfRange(Int64(max(start, end)))
        }
        switch arguments[0] {
        case .string(let text):
            return .string(String(decoding: Array(text.utf8)[start..<end], as: UTF8.self))
        case .list(let values): return .list(Array(values[start..<end]))
        default: throw RenderFailure(reason: "error calling slice: can't slice it")
        }
    }

    private func outOfRange(_ place: Int64) -> RenderFailure {
        RenderFailure(
            reason: "error calling \(function.rawValue): index out of range: \(place)")
    }
}

/// Results of queries.
extension TemplateCall {
    func result(of surroundings: TemplateSurroundings) throws(RenderFailure) -> TemplateValue {
        switch function {
        case .query:
            switch surroundings.query(try text(0)) {
            case .success(let samples): return .list(samples.map { .sample($0) })
            case .failure(let error):
                throw RenderFailure(reason: "error calling query: \(error.reason)")
            }
        case .first:
            guard case .list(let values) = arguments[0] else {
                throw wrong(arguments[0], "template.queryResult")
            }
            guard let first = values.first else {
                throw RenderFailure(
                    reason: "error calling first: first() called on vector with no elements")
            }
            return first
        case .label: return .string(try sample(1).labelTexts[try text(0)] ?? "")
        case .value: return .number(try sample(0).value)
        case .strvalue: return .string(try sample(0).labelTexts["__value__"] ?? "")
        default:
            guard case .list(let values) = arguments[1] else {
                throw wrong(arguments[1], "template.queryResult")
            }
            let name = try text(0)
            let keys = values.map { value in
                if case .sample(let sample) = value { return sample.labels[name] ?? "" }
                return ""
            }
            let order = values.indices.sorted {
                keys[$0] == keys[$1]
                    ? $0 < $1 : keys[$0].utf8.lexicographicallyPrecedes(keys[$1].utf8)
            }
            return .list(order.map { values[$0] })
        }
    }

    private func sample(_ place: Int) throws(RenderFailure) -> TemplateSurroundings.Sample {
        guard case .sample(let sample) = arguments[place] else {
            throw wrong(arguments[place], "*template.sample")
        }
        return sample
    }
}
