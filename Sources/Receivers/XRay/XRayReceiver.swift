import HTTPServer
import Pipeline
import Platform
import Store
import Telemetry
import WireFormats

/// The part of X-Ray's API that senders use (docs.aws.amazon.com/xray/latest/api): `PutTraceSegments`, and
/// the sampling rules that SDKs ask the daemon for. Errors have AWS's shape.
package struct XRayReceiver: Sendable {
    private let ingest: Ingest
    private let advice: SamplingAdvice

    package init(_ ingest: Ingest, _ advice: SamplingAdvice) {
        self.ingest = ingest
        self.advice = advice
    }

    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        let options = RouteOptions(errors: { error, _ in
            events.emit(RequestRefused(way: .xray, reason: error.reason.rawValue))
            var writer = JSONWriter()
            writer.object {
                $0.field("__type", Self.errorType(error))
                $0.field("message", error.message)
            }
            return .json(writer.bytes, status: error.status)
        })
        router.on(.post, prefix + "/TraceSegments", options: options) { try await segments($0) }
        router.on(.post, prefix + "/GetSamplingRules", options: options) { _ in
            .json(XRaySampling.rules(advice.strategies))
        }
        router.on(.post, prefix + "/SamplingTargets", options: options) { request in
            let now = ingest.now
            do throws(DecodeError) {
                return .json(try XRaySampling.targets(request.body, advice.strategies, at: now))
            } catch {
                throw HTTPError.badRequest("\(error)")
            }
        }
    }

    private static func errorType(_ error: HTTPError) -> String {
        switch error.status {
        case 429: "ThrottledException"
        case 400..<500: "InvalidRequestException"
        default: "InternalFailure"
        }
    }

    private func segments(_ request: HTTPRequest) async throws -> HTTPResponse {
        let spans: Decoded<SpanBatch>
        var unprocessed: [XRayPutSegments.Unprocessed]
        do throws(DecodeError) {
            (spans, unprocessed) = try XRayPutSegments.decode(request.body)
        } catch {
            throw HTTPError.badRequest("\(error)")
        }
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(spans, digest: ContentHash(ofBody: request.body), by: .xray)
        }
        for (row, reason) in receipt.refusedRows.sorted(by: { $0.key < $1.key }) {
            unprocessed.append(
                XRayPutSegments.Unprocessed(
                    id: spans.batch.spanIDs[row].hex, code: "InvalidSegment", message: reason))
        }
        return .json(XRayPutSegments.answer(unprocessed))
    }
}
