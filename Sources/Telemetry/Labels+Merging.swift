extension Labels {
    /// The labels of both; of a name that both have, `others` decide.
    /// - Complexity: O(bytes), for both are in order.
    package func merging(_ others: Labels) -> Labels {
        if isEmpty { return others }
        if others.isEmpty { return self }
        var merged: [UInt8] = []
        merged.reserveCapacity(bytes.count + others.bytes.count)
        bytes.withUnsafeBytes { mine in
            others.bytes.withUnsafeBytes { theirs in
                var (left, right) = (LabelCursor(mine), LabelCursor(theirs))
                var (a, b) = (left.next(), right.next())
                while let one = a, let other = b {
                    if Labels.precedes(one.name, other.name) {
                        merged.append(contentsOf: one.encoded)
                        a = left.next()
                        continue
                    }
                    if one.name.elementsEqual(other.name) { a = left.next() }
                    merged.append(contentsOf: other.encoded)
                    b = right.next()
                }
                while let one = a {
                    merged.append(contentsOf: one.encoded)
                    a = left.next()
                }
                while let other = b {
                    merged.append(contentsOf: other.encoded)
                    b = right.next()
                }
            }
        }
        return Labels(canonicalBytes: merged)
    }
}
