import Platform
import PromQL
import Telemetry
import Yams

/// A file of unit tests for rules, in promtool's format (cmd/promtool/unittest.go of Prometheus).
package struct RuleTestFile: Sendable {
    package var path: String
    /// Found by the patterns of the file, which are relative to it.
    package var ruleFiles: [String]
    /// Patterns that name no file.
    package var emptyPatterns: [String]
    /// Milliseconds.
    var evaluationInterval: Int64
    /// Groups that are evaluated in this order.
    var groupOrder: [String]
    /// Whether neighbouring floating-point numbers count as equal.
    var isFuzzy: Bool
    var tests: [RuleTest]
}

/// One entry of `tests`. All times are milliseconds; `start` is since the epoch, others from `start`.
struct RuleTest: Sendable {
    struct InputSeries: Sendable {
        var labels: Labels
        var values: [SeriesNotation.Value]
    }

    struct AlertExpectation: Sendable {
        var time: Int64
        var alert: String
        var alerts: [LabelsAndAnnotations]
    }

    struct QueryExpectation: Sendable {
        var query: String
        var time: Int64
        var samples: [ExpectedSample]
    }

    var name: String
    var start: Int64
    var interval: Int64
    var inputs: [InputSeries]
    var alertExpectations: [AlertExpectation]
    var queryExpectations: [QueryExpectation]
    var externalLabels: [String: String]
    var externalURL: String

    /// The last time at which anything is expected.
    var end: Int64 {
        max(
            alertExpectations.map(\.time).max() ?? 0, queryExpectations.map(\.time).max() ?? 0)
    }
}

/// An alert as tests see it.
struct LabelsAndAnnotations: Sendable, Equatable {
    var labels: Labels
    var annotations: Labels
}

/// A sample of a result.
struct ExpectedSample: Sendable {
    var labels: Labels
    var value: Double
    /// In the notation of tests; empty for floats.
    var histogram = ""
}

extension RuleTestFile {
    package static func load(
        _ path: String, from files: some FileSystem = PosixFileSystem()
    ) throws(RuleFileError) -> RuleTestFile {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.readAll(path)
        } catch {
            throw RuleFileError(path: path, reason: "cannot read the tests: \(error)")
        }
        guard bytes.count <= 64 << 20, let text = String(validating: bytes, as: UTF8.self) else {
            throw RuleFileError(
                path: path, reason: "tests must be UTF-8 text of at most 64 MiB")
        }
        return try parse(text, path: path)
    }

    package static func parse(_ text: String, path: String) throws(RuleFileError) -> RuleTestFile {
        let documents = try RuleFile.composeAll(text, path)
        guard let root = documents.first else {
            return RuleTestFile(
                path: path, ruleFiles: [], emptyPatterns: [], evaluationInterval: 60_000,
                groupOrder: [], isFuzzy: false, tests: [])
        }
        let fields = try root.fields([
            "rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare",
        ])
        let evaluation = try fields.given("evaluation_interval")?.duration() ?? 0
        var order: [String] = []
        for entry in try fields.given("group_eval_order")?.elements() ?? [] {
            let name = try entry.text()
            guard !order.contains(name) else {
                throw entry.failure("group name repeated in evaluation order: \(name)")
            }
            order.append(name)
        }
        var file = RuleTestFile(
            path: path, ruleFiles: [], emptyPatterns: [],
            evaluationInterval: evaluation > 0 ? evaluation : 60_000, groupOrder: order,
            isFuzzy: try fields.given("fuzzy_compare")?.boolean() ?? false, tests: [])
        for entry in try fields.given("tests")?.elements() ?? [] {
            file.tests.append(try RuleTest(entry, interval: file.evaluationInterval))
        }
        for entry in try fields.given("rule_files")?.elements() ?? [] {
            try file.find(try entry.text())
        }
        return file
    }

    private mutating func find(_ pattern: String) throws(RuleFileError) {
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        let full = pattern.hasPrefix("/") ? pattern : folder + pattern
        let found = PathPattern.paths(full)
        if found.isEmpty { emptyPatterns.append(full) }
        ruleFiles += found
    }
}

extension RuleTest {
    fileprivate init(_ node: YAMLNode, interval: Int64) throws(RuleFileError) {
        let fields = try node.fields([
            "interval", "input_series", "alert_rule_test", "promql_expr_test",
            "external_labels", "external_url", "name", "start_timestamp",
        ])
        let own = try fields.given("interval")?.duration() ?? 0
        name = try fields.text("name")
        start = try fields.given("start_timestamp")?.testStart() ?? 0
        self.interval = own > 0 ? own : interval
        externalLabels = try fields["external_labels"]?.texts() ?? [:]
        externalURL = try fields.text("external_url")
        inputs = []
        for entry in try fields.given("input_series")?.elements() ?? [] {
            inputs.append(try InputSeries(entry))
        }
        alertExpectations = []
        for entry in try fields.given("alert_rule_test")?.elements() ?? [] {
            alertExpectations.append(try AlertExpectation(entry))
        }
        queryExpectations = []
        for entry in try fields.given("promql_expr_test")?.elements() ?? [] {
            queryExpectations.append(try QueryExpectation(entry))
        }
    }
}

extension RuleTest.InputSeries {
    fileprivate init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields(["series", "values"])
        labels = try fields.required("series", of: node).metric()
        let list = try fields.required("values", of: node)
        let text = try list.text()
        do throws(SeriesNotation.Failure) {
            values = try SeriesNotation.values(text)
        } catch {
            throw list.failure("values of \(labels): \(error.reason)")
        }
    }
}

extension RuleTest.AlertExpectation {
    fileprivate init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields(["eval_time", "alertname", "exp_alerts"])
        time = try fields.given("eval_time")?.duration() ?? 0
        alert = try fields.required("alertname", of: node).text()
        alerts = []
        for entry in try fields.given("exp_alerts")?.elements() ?? [] {
            let parts = try entry.fields(["exp_labels", "exp_annotations"])
            var labels = try parts["exp_labels"]?.texts() ?? [:]
            labels["alertname"] = alert
            alerts.append(
                LabelsAndAnnotations(
                    labels: Labels(labels.map { ($0.key, $0.value) }),
                    annotations: Labels(
                        (try parts["exp_annotations"]?.texts() ?? [:]).map { ($0.key, $0.value) })))
        }
    }
}

extension RuleTest.QueryExpectation {
    fileprivate init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields(["expr", "eval_time", "exp_samples"])
        query = try fields.required("expr", of: node).text()
        time = try fields.given("eval_time")?.duration() ?? 0
        samples = []
        for entry in try fields.given("exp_samples")?.elements() ?? [] {
            samples.append(try ExpectedSample(entry))
        }
    }
}

extension ExpectedSample {
    fileprivate init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields(["labels", "value", "histogram"])
        labels = try fields.given("labels")?.metric() ?? .empty
        value = try fields.given("value")?.anyNumber() ?? 0
        guard let notation = fields.given("histogram") else { return }
        let text = try notation.text()
        do throws(SeriesNotation.Failure) {
            guard case .histogram(let found) = try SeriesNotation.values(text).first else {
                throw SeriesNotation.Failure(reason: "\"\(text)\" is no histogram")
            }
            histogram = SeriesNotation.text(found)
        } catch {
            throw notation.failure(error.reason)
        }
    }
}

extension YAMLNode {
    /// A metric with its labels: `name{a="b"}`, `{a="b"}` or nothing.
    fileprivate func metric() throws(RuleFileError) -> Labels {
        let text = try text()
        do throws(SeriesNotation.Failure) {
            return try SeriesNotation.metric(text)
        } catch {
            throw failure("\(what): \(error.reason)")
        }
    }

    /// Numbers as YAML writes them, infinities and NaN too.
    fileprivate func anyNumber() throws(RuleFileError) -> Double {
        let text = try text()
        switch text.lowercased() {
        case ".inf", "+.inf", "+inf", "inf": return .infinity
        case "-.inf", "-inf": return -.infinity
        case ".nan", "nan": return .nan
        default: return try number()
        }
    }

    /// Milliseconds since the epoch: RFC 3339 or seconds.
    fileprivate func testStart() throws(RuleFileError) -> Int64 {
        let text = try text()
        if let time = RFC3339.parse(text) { return time.milliseconds }
        guard let seconds = Double(text), seconds.magnitude < 1e12 else {
            throw failure("\(what) must be an RFC 3339 time or seconds")
        }
        return Int64((seconds * 1_000).rounded())
    }
}
