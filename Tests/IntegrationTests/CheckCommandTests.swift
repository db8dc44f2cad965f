import Foundation
import Testing

@Suite(
    "sidelight check",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct CheckCommandTests {
    @Test(
        "tells by its content what a file is",
        arguments: [
            ("listen: 127.0.0.1:1\nretention: 7d", "settings of serve"),
            ("groups:\n- name: g\n  rules: [{alert: A, expr: up == 0}]", "1 rules in 1 groups"),
            ("tests: []", "tests of 0 rule files"),
            ("route: {receiver: a}\nreceivers: [{name: a}]", "1 routes to 1 receivers"),
            (
                "scrape_configs: [{job_name: a, static_configs: [{targets: ['h:1']}]}]",
                "1 scrape jobs"
            ),
            (
                "service: {name: a}\nlisteners: [{name: in, address: '127.0.0.1:1', direction: inbound, "
                    + "cluster: app}]\nclusters: [{name: app, kind: app, endpoints: ['127.0.0.1:2']}]",
                "a proxy with 1 listeners"
            ),
            (
                "version: prometheus/v1\nservice: shop\nslos: [{name: ok, objective: 99, sli: {raw: "
                    + "{error_ratio_query: 'rate(x[{{.window}}])'}}, alerting: {name: A}}]",
                "1 objectives"
            ),
        ])
    func kinds(text: String, says: String) async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("file.yml", text)
        let outcome = try await Subprocess.run(["check", file])
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output == "\(file): \(says)\n")
    }

    @Test(
        "names what is wrong with its line and ends with 1",
        arguments: [
            ("listen: 127.0.0.1:1\ncolour: red", ":2: "),
            ("groups: [{colour: red}]", ":1: unknown key"),
            (
                "apiVersion: networking.istio.io/v1\nkind: VirtualService",
                "VirtualService of networking"
            ),
            ("scrape_configs: [{colour: red}]", ":1: "), ("listeners: []\ncolour: red", "colour"),
            ("version: prometheus/v1\nservice: shop\nslos: []", ":3: "), ("", "empty"),
            ("[", "YAML"),
            ("- a", "mapping"), ("route: {receiver: a}", ":1: undefined receiver"),
            ("groups:\n- name: g\n  rules: [{alert: A, expr: up > 1}]", ":3: A: up > 1"),
        ])
    func mistakes(text: String, says: String) async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("file.yml", text)
        let outcome = try await Subprocess.run(["check", file])
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.error.contains(file) && outcome.error.contains(says), "\(outcome.error)")
        #expect(try await Subprocess.run(["check", folder.path + "/none"]).status == 3)
        #expect(try await Subprocess.run(["check"]).status == 2)
    }
}
