import Foundation
import Pipeline
import Platform
import QueryCore
import Telemetry
import TraceQL

/// Reads files of sampling policies with TraceQL for their conditions.
enum PolicyFile {
    static func parse(
        _ text: String, path: String
    ) throws(SamplingFileError) -> SamplingPolicies {
        try SamplingPolicies.parse(text, path: path) { query in
            do throws(QueryError) {
                return TraceQLPolicy(condition: try TraceQLCondition(query))
            } catch {
                throw ConfigurationError(description: error.message)
            }
        }
    }

    /// - Throws: `SamplingFileError`; one that begins with `cannot read` if there is no such file.
    static func load(_ path: String) throws(SamplingFileError) -> SamplingPolicies {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw SamplingFileError(
                path: path, line: 0, reason: "cannot read it: \(error.localizedDescription)")
        }
        return try parse(text, path: path)
    }
}

/// A TraceQL query as a policy's condition.
private struct TraceQLPolicy: TraceCondition {
    let condition: TraceQLCondition

    /// A trace of which the query cannot be answered stays.
    func holds(of trace: SpanBatch) -> Bool {
        do throws(QueryError) { return try condition.holds(of: trace) } catch { return true }
    }
}
