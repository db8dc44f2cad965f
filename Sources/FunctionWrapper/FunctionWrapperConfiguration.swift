import Telemetry

/// What is run, how it is reached, and within which limits.
package struct FunctionWrapperConfiguration: Sendable {
    package enum Mode: String, Sendable, CaseIterable {
        /// The command is a Lambda runtime: it fetches invocations from the Runtime API.
        case lambda
        /// The command is an HTTP server on `PORT`.
        case http
        /// A process per invocation; not supported yet.
        case fork
    }

    package var name: String
    package var version = "$LATEST"
    package var mode: Mode = .lambda
    /// `host:port`, `[v6]:port` or `:port`; port 0 takes a free one.
    package var listen = "127.0.0.1:8080"
    /// Base URL of an OTLP/HTTP receiver; `nil` exports nothing.
    package var otlp: String?
    /// The program, searched in `PATH`, and its arguments.
    package var command: [String]
    /// What the child inherits; the wrapper's own variables are added.
    package var environment: [String: String] = [:]
    /// `_HANDLER`; else that of `environment`, else the command's last argument.
    package var handler: String?
    /// Where the child starts and `LAMBDA_TASK_ROOT`; `nil` is where the wrapper was started.
    package var taskRoot: String?
    package var region = "us-east-1"
    /// What the function is told it may use. It is not enforced.
    package var memoryBytes: Int64 = 128 << 20

    /// From the start of the child until it is ready.
    package var initTimeout: Duration = .seconds(10)
    /// Of one invocation, from when the function gets it.
    package var timeout: Duration = .seconds(30)
    /// Between SIGTERM and SIGKILL.
    package var killGrace: Duration = .milliseconds(500)
    /// All of `stop`. Runners of containers wait 10 s before they kill.
    package var shutdownLimit: Duration = .seconds(5)
    /// 0 starts the child with the first request, 1 at once.
    package var minInstances = 0
    /// Invocations that wait while one runs (lambda); more are refused with 429.
    package var queueMax = 100
    /// Requests at a time (http); more are refused with 429.
    package var concurrencyMax = 100
    /// Of requests and, in lambda mode, results: Lambda's limit for synchronous payloads, 6 MB and a bit.
    package var payloadBytesMax = 6_291_556
    /// Where the command listens in http mode; `nil` takes a free port. Given to it as `PORT`.
    package var upstreamPort: Int?
    package var metricsInterval: Duration = .seconds(10)
    /// Added to the resource, such as `cloud.provider`, `cloud.account.id`.
    package var resourceAttributes: [Attribute] = []

    package init(name: String, command: [String]) {
        self.name = name
        self.command = command
    }

    /// - Throws: what is wrong, in words for the person who typed it.
    func validate() throws(FunctionWrapperError) {
        let isNameFine =
            !name.isEmpty
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
        guard isNameFine else {
            throw .configuration("the name \"\(name)\" is empty or has blanks or slashes")
        }
        guard let program = command.first, !program.isEmpty else {
            throw .configuration("no command: give it after --")
        }
        guard mode != .fork else { throw .configuration("mode fork is not supported yet") }
        guard (0...1).contains(minInstances) else {
            throw .configuration("min-instances is \(minInstances): 0 and 1 are supported")
        }
        guard timeout > .zero, initTimeout > .zero else {
            throw .configuration("timeouts must be above zero")
        }
        guard queueMax >= 0, concurrencyMax > 0, payloadBytesMax > 0 else {
            throw .configuration("limits must be above zero")
        }
        _ = try ListenAddress(listen)
    }
}

/// Why a function cannot be hosted.
package enum FunctionWrapperError: Error, Equatable, CustomStringConvertible {
    case configuration(String)
    case listen(address: String, reason: String)
    case spawn(program: String, errno: Int32)
    case pipe(errno: Int32)

    package var description: String {
        switch self {
        case .configuration(let text): text
        case .listen(let address, let reason): "cannot listen on \(address): \(reason)"
        case .spawn(let program, let errno): "cannot start \(program): \(SystemText.error(errno))"
        case .pipe(let errno): "cannot make pipes for the child: \(SystemText.error(errno))"
        }
    }
}

/// `host:port` taken apart; without a host it is loopback.
struct ListenAddress: Sendable, Equatable {
    var host: String
    var port: Int

    init(_ text: String) throws(FunctionWrapperError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else { throw .configuration("\"\(text)\" is no address to listen on: give host:port") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self.host = host.isEmpty ? "127.0.0.1" : host
        self.port = port
    }
}
