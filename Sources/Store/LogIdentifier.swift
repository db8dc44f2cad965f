import Telemetry

/// A field of a log record that tells it from nearly all others, with its value: the store can find it
/// without reading everything.
package struct LogIdentifier: Sendable, Hashable {
    /// Of a label: `trace_id`, `x_request_id`.
    package let name: String
    package let value: String

    /// - Returns: `nil` for a name that is none of an identifier, and for no value.
    package init?(name: String, value: String) {
        guard LogIdentifier.isName(name), !value.isEmpty else { return nil }
        self.name = name
        self.value = value
    }

    /// The trace, of the label that every record of one has, whether a field has its id or not.
    package var trace: TraceID? {
        guard name == "trace_id" else { return nil }
        do throws(IdentifierError) {
            let trace = try TraceID(hex: value)
            return trace.isValid && trace.hex == value ? trace : nil
        } catch {
            return nil
        }
    }

    /// Ids of traces and requests, by how their names end. What is on disk depends on it.
    package static func isName(_ name: String) -> Bool {
        let lower = name.lowercased()
        return ["trace_id", "traceid", "request_id", "requestid"].contains { lower.hasSuffix($0) }
    }
}
