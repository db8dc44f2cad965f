import Store

extension PageEvidence {
    /// As `sidelight.evidence` of an alert, in the order of its fields.
    var json: JSONBody {
        var members: [(String, JSONBody)] = [
            ("service", .text(service)), ("badEvents", .fraction(badEvents)),
            ("exemplars", .list(exemplars.map(\.json))),
        ]
        func add(_ name: String, _ share: Share?) {
            if let share { members.append((name, share.json)) }
        }
        func add(_ name: String, _ number: Double?) {
            if let number { members.append((name, .fraction(number))) }
        }
        add("route", route)
        add("version", version)
        add("upstream", upstream)
        add("failingHop", failingHop)
        members.append(("lines", .list(lines.map { .text($0) })))
        if let changedAt { members.append(("changedAt", .text(changedAt))) }
        add("badShareBefore", badShareBefore)
        add("badShareAfter", badShareAfter)
        add("remaining", remaining)
        add("exhaustedInSeconds", exhaustedInSeconds)
        members += [
            ("culprit", .text(culprit)), ("together", .list(together.map { .text($0) })),
            ("notes", .list(notes.map { .text($0) })),
        ]
        return .object(members)
    }
}

extension PageEvidence.Share {
    fileprivate var json: JSONBody {
        .object([("name", .text(name)), ("share", .fraction(share))])
    }
}

extension PageEvidence.Exemplar {
    fileprivate var json: JSONBody {
        .object([
            ("traceId", .text(traceId)), ("spanId", .text(spanId)), ("service", .text(service)),
            ("name", .text(name)), ("start", .text(start)), ("seconds", .fraction(seconds)),
            ("link", .text(link)),
        ])
    }
}
