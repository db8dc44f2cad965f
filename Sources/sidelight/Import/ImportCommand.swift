import ArgumentParser
import Foundation
import Platform
import Telemetry
import WireFormats

/// `sidelight import`: loads files of telemetry.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Load files of telemetry.",
        discussion: """
            Reads OTLP traces, metrics and logs (protobuf; JSON, also one request a line as the \
            OpenTelemetry Collector's file exporter writes), Zipkin v2 JSON, Prometheus remote write \
            bodies and log lines, each also packed by gzip or zstd. What a file is shows in its content; \
            --format says it where that is not enough. Of a folder, files whose names end in .pb, \
            .binpb, .bin, .json, .jsonl, .ndjson, .log or .snappy are read, and those with .gz or .zst \
            after it. - is standard input.

            Items go to a running server (--server) or into the data directory of a stopped one \
            (--data). What is older than its retention is refused and said so; --shift-to-now moves all \
            times by the same amount, so that the latest item of all files happens now. A file imported \
            twice has its log lines twice; spans and samples replace themselves.

            Exit codes: 0 all loaded; 1 a file or line could not be read, or items were refused for \
            their time or size (the others are loaded); 2 usage; 3 cannot reach or open the target. \
            Items that a format can hold and Sidelight does not keep, such as metrics of delta \
            temporality, are told and change no exit code.
            """)

    @Argument(help: ArgumentHelp("Files and folders; - is standard input.", valueName: "file"))
    var files: [String]
    @Option(
        help: ArgumentHelp("Running server (default: http://127.0.0.1:7070).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("Data directory of a stopped server.", valueName: "dir"))
    var data: String?
    @Option(help: ArgumentHelp("File with the server's bearer token.", valueName: "file"))
    var tokenFile: String?
    @Option(
        help: ArgumentHelp(
            "\(ImportFormatChoice.names) (default: auto).", valueName: "format"))
    var format: String = "auto"
    @Option(
        help: ArgumentHelp("service.name of log lines.", valueName: "name"))
    var service: String?
    @Option(
        help: ArgumentHelp(
            "Fields of log lines that name their stream, separated by commas.", valueName: "fields")
    )
    var label: [String] = []
    @Flag(help: "Move all times so that the latest item happens now.")
    var shiftToNow = false
    @Option(
        help: ArgumentHelp(
            "With --data: refuse what is older (default: 30d, as serve).", valueName: "duration"))
    var retention: String?
    @Flag(help: "Read and check everything, store nothing.")
    var dryRun = false
    @Option(help: ArgumentHelp("text (default) or json.", valueName: "text|json"))
    var output: String = "text"

    mutating func run() async throws {
        let clock = SystemClock()
        let importer: FileImporter
        let sources: ImportSources
        let plan: TargetPlan
        do {
            importer = try self.importer(clock)
            sources = try ImportSources(files)
            plan = try self.plan()
            guard output == "text" || output == "json" else {
                throw ConfigurationError(
                    description: "--output is \"\(output)\", expected text or json")
            }
            guard !shiftToNow || !sources.files.contains("-") else {
                throw ConfigurationError(
                    description: "--shift-to-now reads everything twice and cannot read standard "
                        + "input twice; save it in a file first")
            }
        } catch let error as ConfigurationError {
            try Failure.exit(.usage, error.description)
        }
        let report: ImportReport
        do {
            report = try await ImportRun(
                importer: importer, sources: sources, isShifted: shiftToNow, clock: clock,
                isText: output == "text"
            ).run(into: plan)
        } catch ImportTargetError.unreachable(let reason) {
            try Failure.exit(.unreachable, reason)
        }
        try finish(report)
    }

    private func finish(_ report: ImportReport) throws {
        if output == "json" {
            FileHandle.standardOutput.write(Data(report.json))
        } else {
            print(report.summary(isDryRun: dryRun))
            if report.hasTooOld {
                print(
                    "What was refused as before_retention is older than the target keeps; "
                        + "--shift-to-now loads it as if it happened now.")
            }
        }
        if !report.isLoaded { throw ExitCode(ExitStatus.checkFailed.rawValue) }
    }

    private func importer(_ clock: any Clock) throws -> FileImporter {
        guard let choice = ImportFormatChoice(rawValue: format) else {
            throw ConfigurationError(
                description:
                    "--format is \"\(format)\", expected one of \(ImportFormatChoice.names)")
        }
        let fields = label.flatMap { $0.split(separator: ",").map(String.init) }
        let service = service.map { Attribute(SemanticKey.serviceName, .string($0)) }
        return FileImporter(
            choice: choice,
            lineOptions: LogLineOptions(labelFields: fields, resource: service.map { [$0] } ?? []),
            readAt: Timestamp(nanoseconds: clock.wallNanoseconds))
    }

    private func plan() throws -> TargetPlan {
        let settings = try Settings(
            flags: [
                "server": server.map { [$0] } ?? [], "token-file": tokenFile.map { [$0] } ?? [],
                "retention": retention.map { [$0] } ?? [],
            ], environment: ProcessInfo.processInfo.environment, file: nil)
        let kept = try settings.duration("retention", default: "30d")
        if dryRun { return .nowhere }
        if let data {
            guard server == nil else {
                throw ConfigurationError(description: "--server and --data exclude each other")
            }
            return .data(data, retention: kept)
        }
        return try .server(ServerAddress(settings))
    }
}

/// Where an import goes to.
enum TargetPlan {
    case server(ServerAddress)
    case data(String, retention: Int64)
    case nowhere

    func open(_ clock: any Clock, readAt: Timestamp) async throws(ImportTargetError)
        -> any ImportTarget
    {
        switch self {
        case .nowhere: return LookingTarget(readAt: readAt)
        case .server(let address):
            return try await ServerTarget.connect(to: address.url, token: address.token)
        case .data(let path, let retention):
            do {
                return try StoreTarget(data: path, retention: retention, clock: clock)
            } catch {
                throw .unreachable(
                    "cannot open the data directory \(path): \(error); a running server is reached "
                        + "with --server")
            }
        }
    }
}
