import Foundation
import Telemetry

/// Prints traces with the spans that a query yields of them.
struct TraceQueryPrinter {
    let output: QueryOutput

    /// - Throws: when the answer is not one of Tempo's API.
    func print(_ answer: [UInt8]) throws {
        guard output != .json else { return Self.write(answer + [UInt8(ascii: "\n")]) }
        let content = try JSONDecoder().decode(TraceQueryAnswer.self, from: Data(answer))
        if let message = content.message {
            FileHandle.standardError.write(Data("\(MetricQueryPrinter.shown(message))\n".utf8))
        }
        let text = output == .csv ? csv(content.traces) : table(content.traces)
        Self.write(Array(text.utf8))
    }

    private func table(_ traces: [TraceQueryAnswer.Trace]) -> String {
        guard !traces.isEmpty else { return "nothing found\n" }
        let shown = MetricQueryPrinter.shown
        var text = ""
        for trace in traces {
            let sets = trace.spanSets ?? []
            let matched = sets.reduce(0) { $0 + $1.matched }
            text +=
                "\(trace.traceID)  \(Self.time(trace.startTimeUnixNano))"
                + "  \(Self.duration((trace.durationMs ?? 0) * 1_000_000))"
                + "  \(shown(trace.rootServiceName)): \(shown(trace.rootTraceName))"
                + "  \(matched) \(matched == 1 ? "span" : "spans")\n"
            for span in sets.flatMap(\.spans) {
                text +=
                    "    \(span.spanID)  \(Self.duration(Int64(span.durationNanos) ?? 0))"
                    + "  \(shown(span.name ?? ""))"
                for label in span.attributes ?? [] {
                    text += "  \(shown(label.key))=\(shown(label.text))"
                }
                text += "\n"
            }
        }
        return text
    }

    private func csv(_ traces: [TraceQueryAnswer.Trace]) -> String {
        var text = "trace,root_service,root_name,span,name,start,duration_ns,attributes\n"
        for trace in traces {
            for span in (trace.spanSets ?? []).flatMap(\.spans) {
                let attributes = (span.attributes ?? []).map { "\($0.key)=\($0.text)" }
                text +=
                    [
                        trace.traceID, trace.rootServiceName, trace.rootTraceName, span.spanID,
                        span.name ?? "", Self.time(span.startTimeUnixNano), span.durationNanos,
                        attributes.joined(separator: " "),
                    ].map(MetricQueryPrinter.quoted).joined(separator: ",") + "\n"
            }
        }
        return text
    }

    private static func time(_ nanoseconds: String) -> String {
        RFC3339.string(Timestamp(nanoseconds: Int64(nanoseconds) ?? 0))
    }

    /// With four digits that count.
    private static func duration(_ nanoseconds: Int64) -> String {
        let number = Double(nanoseconds)
        switch nanoseconds {
        case ..<1_000: return "\(nanoseconds) ns"
        case ..<1_000_000: return String(format: "%.4g µs", number / 1e3)
        case ..<1_000_000_000: return String(format: "%.4g ms", number / 1e6)
        default: return String(format: "%.4g s", number / 1e9)
        }
    }

    private static func write(_ bytes: [UInt8]) {
        FileHandle.standardOutput.write(Data(bytes))
    }
}
