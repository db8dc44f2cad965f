import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Samples that are pushed in the text format or OpenMetrics (or as delimited protobuf, by content type):
///
/// - `POST /api/v1/import/prometheus`, as VictoriaMetrics has it: parameters `extra_label=NAME=VALUE`
///   (repeatable) and `timestamp` (milliseconds, for lines that name none). Bad lines are skipped and
///   told. Answers 204, or 400 after the good lines are stored.
/// - `PUT` and `POST /metrics/job/JOB/NAME/VALUE…`, as the Pushgateway has it; names that end in
///   `@base64` have their value in base64url. One bad line refuses the whole push with 400, and so do times and
///   series that are the same once they have the labels of the path.
///   `PUT` replaces the group, `POST` the metrics of the same names, `DELETE` ends it; what a group holds is
///   stored again and again until then (`PushedGroupsLoop`).
package struct ExpositionPushReceiver: Sendable {
    /// As the Pushgateway has it.
    private static let base64Suffix = "@base64"

    private let ingest: Ingest
    private let groups: PushedGroupsBoard

    package init(_ ingest: Ingest, _ groups: PushedGroupsBoard = PushedGroupsBoard()) {
        self.ingest = ingest
        self.groups = groups
    }

    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        let options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .push, reason: error.reason.rawValue))
            return ErrorRenderers.text(error, request)
        })
        router.on(.post, prefix + "/api/v1/import/prometheus", options: options) {
            try await importLines($0)
        }
        let path = prefix + "/metrics/{grouping...}"
        router.on(.post, path, options: options) { try await pushGroup($0, .sameNames) }
        router.on(.put, path, options: options) { try await pushGroup($0, .everything) }
        router.on(.delete, path, options: options) { try await deleteGroup($0) }
    }

    private func importLines(_ request: HTTPRequest) async throws -> HTTPResponse {
        var options = ExpositionOptions(receivedAt: ingest.now.milliseconds)
        options.skipsBadLines = true
        if let text = request.parameters["timestamp"] {
            guard let time = Int64(text) else {
                throw HTTPError.badRequest("timestamp is \"\(text)\", expected milliseconds")
            }
            options.receivedAt = time
        }
        let extra = try request.parameters.all("extra_label").map { text in
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw HTTPError.badRequest("extra_label is \"\(text)\", expected NAME=VALUE")
            }
            return (
                name: String(text[..<equals]), value: String(text[text.index(after: equals)...])
            )
        }
        let receipt = try await store(try exposed(request, options), adding: extra)
        guard receipt.rejected == 0 else {
            return .text(
                "\(receipt.accepted) samples stored, \(receipt.rejected) lines or samples"
                    + " rejected: \(receipt.message)\n", status: 400)
        }
        return .empty()
    }

    private func pushGroup(
        _ request: HTTPRequest, _ replacing: PushedGroups.Replacing
    ) async throws -> HTTPResponse {
        let grouping = try Self.grouping(request)
        let key = Labels(grouping)
        let now = ingest.now.milliseconds
        let pushed: MetricBatch
        do {
            let decoded = try exposed(request, ExpositionOptions(receivedAt: now))
            guard !decoded.batch.hasOwnTime.contains(true) else {
                throw HTTPError.badRequest("pushed metrics must not have timestamps")
            }
            pushed = decoded.batch.batch.adding(grouping)
            if let repeated = pushed.repeatedSeries {
                throw HTTPError.badRequest(
                    "\(repeated) is there twice once it has the labels of its group")
            }
        } catch {
            let failure = groups.fail(key, at: now)
            if !failure.isEmpty { _ = try await store(failure) }
            throw error
        }
        guard var batch = groups.push(pushed, to: key, replacing, at: now) else {
            throw HTTPError(
                .overloaded,
                message: "pushed groups hold \(PushedGroups.seriesMax) series already; delete some")
        }
        batch.metadata += PushedGroups.metadata
        let receipt = try await store(batch)
        guard receipt.rejected == 0 else {
            // What is refused now would be refused every time.
            _ = try await store(groups.delete(key, at: now))
            throw HTTPError.badRequest(
                "\(receipt.accepted) samples stored, \(receipt.rejected) rejected:"
                    + " \(receipt.message)")
        }
        return HTTPResponse(status: 200)
    }

    /// Also of a group that is not there: 202.
    private func deleteGroup(_ request: HTTPRequest) async throws -> HTTPResponse {
        let key = Labels(try Self.grouping(request))
        let ended = groups.delete(key, at: ingest.now.milliseconds)
        if !ended.isEmpty { _ = try await store(ended) }
        return HTTPResponse(status: 202)
    }

    private func store(_ batch: MetricBatch) async throws -> IngestReceipt {
        try await storing { () throws(StoreError) in
            // No digest: a sample that comes again replaces itself.
            try await ingest.store(Decoded(batch: batch), digest: nil, by: .push)
        }
    }

    private func exposed(
        _ request: HTTPRequest, _ options: ExpositionOptions
    ) throws -> Decoded<ExposedMetrics> {
        let format: Exposition.Format =
            switch request.contentType?.essence {
            case "application/openmetrics-text": .openMetrics
            case "application/vnd.google.protobuf": .protobuf
            default: .text
            }
        return try decode {
            try Exposition.decode(request.body, format: format, options: options)
        }
    }

    /// Stores with labels added; they replace those of the same name.
    private func store(
        _ decoded: Decoded<ExposedMetrics>, adding extra: [(name: String, value: String)]
    ) async throws -> IngestReceipt {
        let batch = decoded.map { $0.batch.adding(extra) }
        return try await storing { () throws(StoreError) in
            // No digest: a sample that comes again replaces itself.
            try await ingest.store(batch, digest: nil, by: .push)
        }
    }

    /// The labels that the path names.
    private static func grouping(
        _ request: HTTPRequest
    ) throws(HTTPError) -> [(name: String, value: String)] {
        let path = request.path.utf8
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard let start = segments.firstIndex(where: { $0.elementsEqual("metrics".utf8) }) else {
            throw .badRequest("a push goes to /metrics/job/JOB")
        }
        var parts = segments[(start + 1)...].map { PercentCoding.decode($0) }
        if parts.count % 2 == 1, parts.last == "" { parts.removeLast() }
        guard parts.count.isMultiple(of: 2), let first = parts.first,
            first == "job" || first == "job" + base64Suffix
        else { throw .badRequest("a push goes to /metrics/job/JOB, then pairs of NAME/VALUE") }
        var labels: [(name: String, value: String)] = []
        for index in stride(from: 0, to: parts.count, by: 2) {
            labels.append(try label(parts[index], parts[index + 1]))
        }
        guard labels.first?.value.isEmpty == false else {
            throw .badRequest("the job of a push must have a name")
        }
        return labels
    }

    private static func label(
        _ name: String, _ value: String
    ) throws(HTTPError) -> (name: String, value: String) {
        guard name.hasSuffix(base64Suffix) else { return (name, value) }
        var bytes: [UInt8] = []
        // The Pushgateway takes a single "=" for an empty value.
        let isDecoded =
            value == "="
            || Array(value.utf8).withUnsafeBytes { Base64.decode($0, into: &bytes) }
        guard isDecoded, let text = String(validating: bytes, as: UTF8.self) else {
            throw .badRequest("\(name)/\(value) is not base64url of UTF-8 text")
        }
        return (String(name.dropLast(base64Suffix.count)), text)
    }
}

extension MetricBatch {
    /// A series that has two samples.
    fileprivate var repeatedSeries: Labels? {
        var seen: Set<SeriesID> = []
        let series = sampleSeries.lazy.map(Int.init) + histograms.map { Int($0.series) }
        return series.first { !seen.insert(seriesIDs[$0]).inserted }.map(labels)
    }

    /// With labels set on all series; an empty value removes.
    fileprivate func adding(_ extra: [(name: String, value: String)]) -> MetricBatch {
        guard !extra.isEmpty else { return self }
        var changed = self
        changed.labelBytes = []
        changed.labelEnds = []
        changed.seriesIDs = []
        for series in 0..<seriesCount {
            _ = changed.append(Labels(labels(series).pairs + extra))
        }
        return changed
    }
}
