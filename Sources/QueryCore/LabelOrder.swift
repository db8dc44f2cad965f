import Telemetry

extension Labels {
    /// The order of label sets in results: pairwise by name, then value, bytewise; of two where one is
    /// a prefix, the shorter first (`labels.Compare` of Prometheus).
    package func comesBefore(_ other: Labels) -> Bool {
        bytes.withUnsafeBytes { ours in
            other.bytes.withUnsafeBytes { theirs in
                var left = LabelCursor(ours)
                var right = LabelCursor(theirs)
                while true {
                    guard let b = right.next() else { return false }
                    guard let a = left.next() else { return true }
                    if let order = Self.order(a.name, b.name) ?? Self.order(a.value, b.value) {
                        return order
                    }
                }
            }
        }
    }

    /// Whether `a` comes first; `nil` if they are equal.
    private static func order(
        _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer
    ) -> Bool? {
        let shared = min(a.count, b.count)
        for index in 0..<shared where a[index] != b[index] { return a[index] < b[index] }
        return a.count == b.count ? nil : a.count < b.count
    }
}
