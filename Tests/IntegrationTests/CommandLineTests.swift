import Foundation
import Testing

/// The contract of the command line: help, exit codes, and where settings come from.
@Suite(
    "Command line",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct CommandLineTests {
    @Test(
        "help goes to standard output and ends with 0",
        arguments: [
            [], ["serve"], ["proxy"], ["run"], ["import"], ["demo"], ["rules", "check"],
            ["rules", "test"], ["rules", "backtest"], ["slo", "validate"], ["slo", "generate"],
        ] as [[String]])
    func help(command: [String]) async throws {
        let outcome = try await Subprocess.run(command + ["--help"])
        #expect(outcome.status == 0)
        #expect(outcome.error.isEmpty)
        #expect(outcome.output.contains("USAGE: sidelight"))
        #expect(command.allSatisfy { outcome.output.contains($0) })
    }

    @Test("the help of serve names every setting and every flag of its contract")
    func serveFlags() async throws {
        let help = try await Subprocess.run(["serve", "--help"]).output
        let settings = try await Subprocess.run(["serve", "--print-config"]).output
        let names = settings.split(separator: "\n").map { $0.prefix { $0 != ":" } }
        #expect(names.count > 50)
        for name in names {
            #expect([" ", "\n", ","].contains { help.contains("--\(name)\($0)") }, "\(name)")
        }
        for flag in [
            "--config", "--data", "--listen", "--otlp-grpc", "--otlp-http", "--zipkin", "--rules",
            "--retention", "--durability", "--token-file", "--insecure", "--print-config", "--slos",
        ] {
            #expect(help.contains("\(flag) ") || help.contains("\(flag)\n"), "\(flag)")
        }
    }

    @Test(
        "a wrong command line says so on standard error and ends with 2",
        arguments: [
            (["nonsense"], "nonsense"), (["serve", "--nonsense"], "--nonsense"),
            (["serve", "--listen"], "--listen"), (["serve", "--listen", "7070"], "listen"),
            (["serve", "--listen", ":7070"], "listen"),
            (["serve", "--zipkin", "127.0.0.1:99999"], "zipkin"),
            (["serve", "--retention", "soon"], "retention"),
            (["serve", "--durability", "hope"], "durability"),
            (["serve", "--webhook", "ftp://x"], "webhook 1"),
            (["serve", "--log-level", "loud"], "loud"),
            (["serve", "--listen", "nowhere"], "nowhere"),
            (["run", "--name", "f", "--mode", "fork", "--", "true"], "fork"),
            (["proxy"], "--config"), (["run", "--name", "f"], "--"),
            (["run", "--", "true"], "name"),
        ])
    func usage(arguments: [String], names: String) async throws {
        let outcome = try await Subprocess.run(arguments)
        #expect(outcome.status == 2, "\(outcome)")
        #expect(outcome.error.contains(names), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
    }

    @Test("a flag wins over the environment, that over the file, that over the default")
    func precedence() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file(
            "settings.yaml",
            "listen: 127.0.0.1:1001\notlp-http: 127.0.0.1:1002\nzipkin: \"off\"\nretention: 7d\n")
        let outcome = try await Subprocess.run(
            ["serve", "--print-config", "--config", file, "--listen", "127.0.0.1:3001"],
            environment: [
                "SIDELIGHT_LISTEN": "127.0.0.1:2001", "SIDELIGHT_OTLP_HTTP": "127.0.0.1:2002",
            ])
        #expect(outcome.status == 0, "\(outcome)")
        for line in [
            "listen: 127.0.0.1:3001  # flag --listen",
            "otlp-http: 127.0.0.1:2002  # environment SIDELIGHT_OTLP_HTTP",
            "zipkin: off  # \(file):3", "retention: 7d  # \(file):4",
            "otlp-grpc: 127.0.0.1:4317  # default", "durability: process  # default",
            "token-file:   # default", "insecure: false  # default",
        ] {
            #expect(outcome.output.contains(line + "\n"), "\(line)\n\(outcome.output)")
        }
    }
}
