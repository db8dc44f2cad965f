/// A trace as Jaeger's first API shows it.
package struct DemoTrace: Decodable, Sendable {
    /// A parent or a link.
    package struct Reference: Decodable, Sendable {
        package var refType: String
        package var spanID: String

        package init(refType: String, spanID: String) {
            self.refType = refType
            self.spanID = spanID
        }
    }

    /// A span with the parts that are looked at.
    package struct Span: Decodable, Sendable {
        package var spanID: String
        package var operationName: String
        package var references: [Reference]
        package var processID: String

        package init(
            spanID: String, operationName: String, references: [Reference], processID: String
        ) {
            self.spanID = spanID
            self.operationName = operationName
            self.references = references
            self.processID = processID
        }

        package var parent: String? { references.first { $0.refType == "CHILD_OF" }?.spanID }
    }

    /// Who sent spans.
    package struct Process: Decodable, Sendable {
        package var serviceName: String

        package init(serviceName: String) { self.serviceName = serviceName }
    }

    package var traceID: String
    package var spans: [Span]
    package var processes: [String: Process]

    package init(traceID: String, spans: [Span], processes: [String: Process]) {
        self.traceID = traceID
        self.spans = spans
        self.processes = processes
    }

    package var services: Set<String> { Set(processes.values.map(\.serviceName)) }
    package var spanIDs: Set<String> { Set(spans.map(\.spanID)) }
    /// Spans whose parent is not there.
    package var orphans: [Span] {
        let known = spanIDs
        return spans.filter { span in span.parent.map { !known.contains($0) } ?? false }
    }

    package func service(of span: Span) -> String {
        processes[span.processID]?.serviceName ?? ""
    }

    /// The services from the root down to a span, each once, in the order in which they are met.
    package func path(to span: Span) -> [String] {
        var path: [String] = []
        var seen: Set<String> = []
        var next: Span? = span
        // Broken senders may name parents in a circle.
        while let current = next, seen.insert(current.spanID).inserted {
            let service = service(of: current)
            if path.last != service { path.append(service) }
            let parent = current.parent
            next = spans.first { $0.spanID == parent && $0.spanID != current.spanID }
        }
        return path.reversed()
    }

    /// The longest way from the client through the gateway and at least three of `services` to one of
    /// `functions`; `nil` if the trace has none or spans without their parents.
    package func joinedPath(
        functions: Set<String>, through services: Set<String>
    ) -> [String]? {
        guard orphans.isEmpty else { return nil }
        return spans.filter { functions.contains(service(of: $0)) }.map(path).filter { path in
            path.prefix(2) == ["client", "gateway"] && services.intersection(path).count >= 3
        }.max { $0.count < $1.count }
    }

    /// Whether a function's start stands below what caused it, in a trace that the client began.
    package func hasColdStart(of function: String) -> Bool {
        spans.contains { span in
            span.operationName == "init" && service(of: span) == function
                && path(to: span).first == "client"
        }
    }
}
