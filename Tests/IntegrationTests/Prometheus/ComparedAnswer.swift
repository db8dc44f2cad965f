import Foundation

/// The answer to a query in a form that can be compared.
struct ComparedAnswer {
    var status: Int
    var type = ""
    /// By labels: values by time as the answer writes them; `Double` for values.
    var series: [String: [String: Double]] = [:]
    var text: String

    init(_ answer: WireAnswer) throws {
        status = answer.status
        text = answer.text
        guard status == 200 else { return }
        let json = try JSONSerialization.jsonObject(with: Data(answer.bytes)) as? [String: Any]
        let data = json?["data"] as? [String: Any]
        type = data?["resultType"] as? String ?? ""
        if type == "scalar" || type == "string" {
            series[""] = Self.values([data?["result"] ?? []])
            return
        }
        for item in data?["result"] as? [[String: Any]] ?? [] {
            let labels = item["metric"] as? [String: String] ?? [:]
            let key = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                .joined(separator: ",")
            let points = item["values"] as? [Any] ?? [item["value"] ?? []]
            series["{\(key)}"] = Self.values(points)
        }
    }

    private static func values(_ points: [Any]) -> [String: Double] {
        var values: [String: Double] = [:]
        for case let point as [Any] in points where point.count == 2 {
            guard let time = point[0] as? NSNumber, let value = point[1] as? String else {
                continue
            }
            values["\(time)"] = Self.number(value)
        }
        return values
    }

    private static func number(_ text: String) -> Double {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        default: Double(text) ?? .nan
        }
    }

    /// What differs, in words; `nil` if nothing does.
    func difference(from theirs: ComparedAnswer) -> String? {
        if status == 200, theirs.refusesEqualNames { return nil }
        guard status == theirs.status else {
            return "status \(status), theirs \(theirs.status): \(text.prefix(300)) "
                + "theirs: \(theirs.text.prefix(300))"
        }
        guard type == theirs.type else { return "type \(type), theirs \(theirs.type)" }
        let missing = Set(theirs.series.keys).subtracting(series.keys)
        if let first = missing.min() { return "\(first) is missing and \(missing.count - 1) more" }
        let surplus = Set(series.keys).subtracting(theirs.series.keys)
        if let first = surplus.min() { return "\(first) is too much and \(surplus.count - 1) more" }
        for (labels, values) in series.sorted(by: { $0.key < $1.key }) {
            let others = theirs.series[labels] ?? [:]
            if Set(values.keys) != Set(others.keys) {
                let odd = Set(values.keys).symmetricDifference(others.keys)
                return "\(labels) has a value at \(odd.sorted().prefix(3)) on one side only"
            }
            for (time, value) in values.sorted(by: { $0.key < $1.key }) {
                guard let other = others[time], !Self.isClose(value, other) else { continue }
                return "\(labels) at \(time) is \(value), theirs \(other)"
            }
        }
        return nil
    }

    /// Since 3.0 names may go when the query ends (`promql-delayed-name-removal`, which is on here): series that
    /// differ by them alone are no error then where something else tells them apart or adds them up.
    private var refusesEqualNames: Bool {
        status == 422
            && text.contains("vector cannot contain metrics with the same labelset")
    }

    /// Equal to 1e-9 of the greater, or both next to zero: what cancels out leaves rounding errors.
    private static func isClose(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        return a == b || (a - b).magnitude <= 1e-9 * max(a.magnitude, b.magnitude, 1e-3)
    }
}
