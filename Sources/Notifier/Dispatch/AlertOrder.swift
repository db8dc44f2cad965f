/// The order of alerts in a message (Alertmanager, types.AlertSlice; prometheus/common, LabelSet.Before).
enum AlertOrder {
    /// By job, then instance, then all labels: fewer first, then by their names and values.
    static func isBefore(_ one: DispatchedAlert, _ other: DispatchedAlert) -> Bool {
        for name in ["job", "instance"] {
            switch (one.labels[name], other.labels[name]) {
            case (nil, nil): continue
            case (nil, _): return false
            case (_, nil): return true
            case (let mine?, let theirs?) where mine != theirs: return mine < theirs
            default: continue
            }
        }
        if one.labels.count != other.labels.count { return one.labels.count < other.labels.count }
        for name in Set(one.labels.keys).union(other.labels.keys).sorted() {
            guard let mine = one.labels[name] else { return true }
            guard let theirs = other.labels[name] else { return false }
            if mine != theirs { return mine < theirs }
        }
        return false
    }
}
