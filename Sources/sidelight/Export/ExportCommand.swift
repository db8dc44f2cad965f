import ArgumentParser
import Foundation
import Platform
import Store
import Telemetry

/// `sidelight export`: writes the items of a time range into a file.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the telemetry of a time range into a file.",
        discussion: """
            Takes items from a running server (--server) or from the data directory of a stopped one \
            (--data). The file has one request a line in OTLP's JSON encoding, as the OpenTelemetry \
            Collector's file exporter writes; sidelight import reads it back. A name that ends in .gz or \
            .zst has it packed; - is standard output.

            Metrics that OTLP cannot tell without loss, such as the buckets of histograms that are kept \
            as series, native histograms and stale markers, are lines of \
            {"sidelightRemoteWrite":"BASE64"}: a snappy-compressed prometheus.WriteRequest, which only \
            sidelight import reads. Exemplars, alerts and their history are not exported.

            A server that imports spans counts them in its span metrics and its service graph, at the time \
            of the import. So that nothing is counted twice there, --without-derived leaves these series \
            out, whoever wrote them.

            Times are RFC 3339, seconds since 1970, now, or now-2h. --from is included, --to is not; \
            spans count by their start. An existing file is replaced once the export is whole.

            Exit codes: 0 done; 2 usage; 3 cannot reach, open or write something.
            """)

    @Option(help: ArgumentHelp("First time.", valueName: "time"))
    var from: String
    @Option(help: ArgumentHelp("Time at which it ends.", valueName: "time"))
    var to: String
    @Option(help: ArgumentHelp("File to write; - is standard output.", valueName: "file"))
    var out: String
    @Option(help: ArgumentHelp("traces, metrics, logs (default: all).", valueName: "signals"))
    var signal: [String] = []
    @Flag(
        help: "Leave out span metrics and the service graph, which an import of spans counts anew.")
    var withoutDerived = false
    @Option(
        help: ArgumentHelp("Running server (default: http://127.0.0.1:7070).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("Data directory of a stopped server.", valueName: "dir"))
    var data: String?
    @Option(help: ArgumentHelp("File with the server's bearer token.", valueName: "file"))
    var tokenFile: String?

    mutating func run() async throws {
        let clock = SystemClock()
        let request: ExportRequest
        let address: ServerAddress?
        do {
            request = try self.request(Timestamp(nanoseconds: clock.wallNanoseconds))
            address = try self.address()
        } catch let error as ConfigurationError {
            try Failure.exit(.usage, error.description)
        }
        do {
            let file = try ExportFile(path: out)
            do {
                let counts = try await write(request, address, file, clock)
                try file.finish()
                say(counts, file)
            } catch {
                file.abandon()
                throw error
            }
        } catch let error as InputError {
            try Failure.exit(.unreachable, error.description)
        } catch let error as StoreError {
            try Failure.exit(.unreachable, error.description)
        } catch ImportTargetError.unreachable(let reason) {
            try Failure.exit(.unreachable, reason)
        }
    }

    private func write(
        _ request: ExportRequest, _ address: ServerAddress?, _ file: ExportFile,
        _ clock: any Clock
    ) async throws -> ExportCounts {
        var progress = ProgressLine("exporting", clock: clock)
        defer { progress.clear() }
        if let address {
            return try await ServerExport(address: address).run(request, into: file) {
                progress.show($0, $1.text)
            }
        }
        return try DataExport(data: data ?? "", clock: clock).run(request, into: file) {
            progress.show(nil, $0.text)
        }
    }

    private func say(_ counts: ExportCounts, _ file: ExportFile) {
        let text = "\(out): \(counts.text), \(file.byteCount) bytes\n"
        FileHandle.standardError.write(Data(text.utf8))
    }

    private func request(_ now: Timestamp) throws(ConfigurationError) -> ExportRequest {
        ExportRequest(
            range: try TimeArgument.range(from: from, to: to, now: now),
            signals: try ExportRequest.signals(signal), leavesOutDerived: withoutDerived)
    }

    /// `nil` for a data directory.
    private func address() throws -> ServerAddress? {
        guard data != nil else {
            return try ServerAddress(server: server, tokenFile: tokenFile)
        }
        guard server == nil else {
            throw ConfigurationError(description: "--server and --data exclude each other")
        }
        return nil
    }
}

extension ExportCounts {
    var text: String { "\(spans) spans, \(logs) log records, \(samples) samples" }
}
