import Foundation
import Notifier
import Rules
import Telemetry
import Testing

/// Whether Alertmanager's own client is at hand.
enum TemplatePeer {
    static let amtool = ProcessInfo.processInfo.environment["SIDELIGHT_AMTOOL"]
        .flatMap { $0.isEmpty ? nil : $0 }
}

/// Texts of notifications beside those of Alertmanager's own client.
@Suite(
    "Templates beside amtool",
    .enabled(
        if: TemplatePeer.amtool != nil,
        "SIDELIGHT_AMTOOL names no amtool (Debian: prometheus-alertmanager)"),
    .timeLimit(.minutes(5)))
struct TemplatePeerTests {
    /// Debian's copy of the default texts.
    private static let defaults = "/usr/share/prometheus/alertmanager/default.tmpl"

    /// A message as it is posted: both sides read it.
    private static let message = #"""
        {"version":"4","groupKey":"{}:{alertname=\"Busy\"}","truncatedAlerts":0,"status":"firing",
        "receiver":"te am/x","groupLabels":{"alertname":"Busy"},
        "commonLabels":{"alertname":"Busy","zone":"b-1","cluster":"a"},
        "commonAnnotations":{"runbook":"http://w/?a=b&c=<d>"},"externalURL":"http://am:9093",
        "alerts":[
        {"status":"firing","labels":{"alertname":"Busy","cluster":"a","zone":"b-1","host":"h:80"},
        "annotations":{"summary":"50 % \"quoted\" & <more>","runbook":"http://w/?a=b&c=<d>"},
        "startsAt":"2026-11-21T09:08:07.123Z","endsAt":"0001-01-01T00:00:00Z",
        "generatorURL":"http://p/graph?g0.expr=up","fingerprint":"0123456789abcdef"},
        {"status":"resolved","labels":{"alertname":"Busy","cluster":"a","zone":"b-1","host":"ä"},
        "annotations":{"runbook":"http://w/?a=b&c=<d>"},
        "startsAt":"2026-11-21T09:00:00Z","endsAt":"2026-11-21T09:30:00Z",
        "generatorURL":"","fingerprint":"fedcba9876543210"}]}
        """#

    /// Every function that Debian's version has, every method and field, and Go's own ways.
    static let templates: [String] = [
        // Alertmanager's functions.
        "{{ .Status | toUpper }} {{ toLower \"ABC Ä\" }} {{ title \"high load of api\" }}",
        "{{ join \", \" .CommonLabels.Names }} {{ .CommonLabels.Values | join \"|\" }}",
        "{{ match \"^fir\" .Status }} {{ match \"a+$\" .Status }}",
        "{{ reReplaceAll \"(\\\\w+)-(\\\\d)\" \"$2-$1\" .CommonLabels.zone }}",
        "{{ reReplaceAll \"[aeiou]\" \"<$0>\" \"notification\" }} {{ reReplaceAll \"x*\" \"-\" \"abc\" }}",
        "{{ reReplaceAll \"(?P<first>a)\" \"${first}1$first1\" \"banana\" }}",
        "{{ stringSlice \"a\" \"b\" \"c\" | join \"+\" }} {{ len (stringSlice \"a\" \"b\") }}",
        "{{ safeHtml \"<b>\" }}",
        // Data and methods.
        "{{ .Receiver }} {{ .Status }} {{ .ExternalURL }} {{ len .Alerts }}",
        "{{ len .Alerts.Firing }} {{ len .Alerts.Resolved }} {{ .Alerts | len }}",
        "{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}",
        "{{ .CommonLabels.SortedPairs.Names }} {{ .CommonLabels.SortedPairs.Values | join \" \" }}",
        "{{ (.CommonLabels.Remove .GroupLabels.Names).SortedPairs.Values | join \" \" }}",
        "{{ .CommonLabels.Remove (stringSlice \"zone\" \"cluster\") }}",
        "{{ .CommonLabels }} {{ .GroupLabels }} {{ .CommonLabels.none }}|",
        "{{ with .CommonAnnotations.runbook }}{{ . }}{{ end }}{{ with .CommonLabels.x }}x{{ else }}-{{ end }}",
        "{{ range .Alerts }}{{ .Labels.host }} {{ .Status }} {{ .Fingerprint }} {{ .GeneratorURL }};{{ end }}",
        "{{ range $i, $a := .Alerts }}{{ $i }}:{{ $a.Labels.host }}{{ $.Receiver }} {{ end }}",
        "{{ range $k, $v := .CommonLabels }}{{ $k }}/{{ $v }} {{ end }}",
        "{{ range .Alerts.Resolved }}{{ .Annotations.summary }}{{ else }}none{{ end }}|",
        "{{ (index .Alerts 0).Annotations.summary }} {{ index .CommonLabels \"zone\" }}",
        "{{ range .Alerts }}{{ .StartsAt.Format \"Mon Jan _2 2006 15:04:05.000 MST -07:00 PM\" }};{{ end }}",
        "{{ range .Alerts }}{{ .StartsAt.Unix }} {{ .StartsAt }} {{ .EndsAt }};{{ end }}",
        "{{ range .Alerts }}{{ .EndsAt.Format \"02.01.06 3:04pm\" }};{{ end }}",
        "{{ range .Alerts }}{{ .EndsAt.Format \"Monday 2006-01-02T15:04:05.999Z07:00\" }};{{ end }}",
        "{{ range .Alerts }}{{ .StartsAt.Format \"05.99 05,000000 5.00000 .5 .09\" }};{{ end }}",
        // Go's own functions.
        "{{ and 1 0 }} {{ and .Status .Receiver }} {{ or \"\" \"b\" }} {{ not true }} {{ not \"\" }}",
        "{{ eq .Status \"firing\" }} {{ eq 1 2 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt \"b\" \"a\" }} {{ ge 1.5 2.5 }}",
        "{{ index (stringSlice \"a\" \"b\") 1 }} {{ slice \"abcdef\" 1 3 }} {{ slice .Receiver 3 }}",
        "{{ print 1 2 \"a\" \"b\" 3.0 true nil }} {{ println \"a\" 1 }}",
        "{{ printf \"%s %q %v %d %5.2f %x %t %-5s| %05d %+d %e %g\" \"a\" \"b\" .Status 42 3.14159 255 true \"l\" 7 7 1e6 1e21 }}",
        "{{ printf \"%v %v %s\" .CommonLabels .CommonLabels.Names .Status }}",
        "{{ printf \"%T %T %T\" 1 1.5 \"a\" }} {{ printf \"%d\" \"a\" }} {{ printf \"%s\" }} {{ printf \"%!\" }}",
        "{{ html \"<a href='x'>&\\\"\" }} {{ js \"it's <b> \\n\" }} {{ urlquery \"a b&c=ä/\" }}",
        "{{ len \"äöü\" }} {{ len .CommonLabels }}",
        // Structures, their members in the order of their fields.
        "{{ . }}", "{{ .Alerts }}", "{{ index .Alerts 1 }}",
        "{{ printf \"%v\" (index .Alerts 0) }}",
        "{{ title \"hello wORLD\" }} {{ toUpper \"aéß\" }} {{ printf \"%U\" 228 }}",
        // The language.
        "{{- /* a comment */ -}} a {{- \" b \" -}} c",
        "{{ if and (eq .Status \"firing\") (gt (len .Alerts) 1) }}many{{ else if .Status }}one{{ else }}none{{ end }}",
        "{{ $x := 1 }}{{ range .Alerts }}{{ $x = len .Labels.host }}{{ end }}{{ $x }}",
        "{{ define \"part\" }}[{{ . }}]{{ end }}{{ template \"part\" .Status }}{{ template \"part\" }}",
        "{{ block \"named\" .Receiver }}<{{ . }}>{{ end }}",
        "{{ `raw \\n text` }} {{ 'a' }} {{ 0x1F }} {{ 1e3 }} {{ 1_000 }} {{ \"\\u00e4\\t\" }}",
        "{{ range .Alerts }}{{ if eq .Status \"resolved\" }}{{ break }}{{ end }}{{ .Labels.host }}{{ end }}",
        "{{ range .Alerts }}{{ if eq .Status \"firing\" }}{{ continue }}{{ end }}{{ .Labels.host }}{{ end }}",
        "{{ .Status | printf \"%s-%s\" \"a\" | toUpper | printf \"%q\" }}",
        "{{ with $s := .Status }}{{ $s }}{{ len $s }}{{ end }} {{ (len .Status) | eq 6 }}",
    ]
    /// Texts of messages where the configuration gives none.
    static let defaultTexts: [String] = [
        "{{ template \"slack.default.title\" . }}", "{{ template \"slack.default.text\" . }}",

        "{{ template \"pagerduty.default.description\" . }}",
        "{{ template \"pagerduty.default.instances\" .Alerts.Firing }}",
        "{{ template \"opsgenie.default.message\" . }}",
        "{{ template \"opsgenie.default.description\" . }}",
        "{{ template \"discord.default.title\" . }}",
        "{{ template \"discord.default.message\" . }}",
        "{{ template \"telegram.default.message\" . }}", "{{ template \"__subject\" . }}",
    ]
    /// What is written into a document between its tags.
    static let markup: [String] = [
        "<p>{{ .Status }} {{ (index .Alerts 0).Annotations.summary }}</p>",
        "{{ range .Alerts }}<li>{{ .Labels.host }} {{ .Annotations.runbook }}</li>{{ end }}",
        "{{ safeHtml \"<b>bold</b>\" }} {{ \"<i>'+`\" }} {{ len .Alerts }} {{ .CommonLabels }}",
        "{{ printf \"%q\" \"<x>\" }} {{ eq 1 1 }} {{ join \"<br>\" .CommonLabels.Values }}",
        "{{ with .CommonAnnotations.runbook }}<td>{{ . | toUpper }}</td>{{ end }}",
    ]
    /// What both refuse when it is expanded.
    static let failing: [String] = [
        "{{ template \"nobody\" . }}", "{{ .Nothing }}", "{{ toUpper 1 }}", "{{ index .Alerts 9 }}",
        "{{ lt 1 \"a\" }}", "{{ range 1.5 }}{{ end }}", "{{ slice \"abc\" 2 9 }}",
        "{{ nofunction }}", "{{ .Status", "{{ nil }}", "{{ call .Status }}",
        "{{ .TruncatedAlerts }}",
    ]

    /// What amtool writes, or nothing if it refuses.
    private static func theirs(_ text: String, isHTML: Bool) throws -> String? {
        let folder = FileManager.default.temporaryDirectory.path + "/sidelight-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: folder) } catch { print("\(error)") }
        }
        try "".write(toFile: "\(folder)/none.tmpl", atomically: true, encoding: .utf8)
        let texts =
            FileManager.default.fileExists(atPath: defaults) ? defaults : "\(folder)/none.tmpl"
        try message.write(toFile: "\(folder)/data.json", atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: TemplatePeer.amtool ?? "")
        process.arguments = [
            "template", "render", "--template.glob=\(texts)",
            "--template.text=\(text)", "--template.data=\(folder)/data.json",
            "--template.type=\(isHTML ? "html" : "text")",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func ours(_ text: String, isHTML: Bool) throws -> String {
        let data = try GroupMessage(Array(message.utf8)).data
        let templates = try AlertmanagerConfig.parse(
            "route: {receiver: a}\nreceivers: [{name: a}]\n", path: "am.yml"
        ).templates
        return try templates.text(text, of: data, isHTML: isHTML, now: .zero)
    }

    /// All in one run: a program each would take seconds.
    private static let mark = "\u{1}\u{2}"

    @Test("texts are the same, also as HTML", arguments: [false, true])
    func same(isHTML: Bool) throws {
        var templates = isHTML ? Self.markup : Self.templates
        if !isHTML, FileManager.default.fileExists(atPath: Self.defaults) {
            templates += Self.defaultTexts
        }
        let all = templates.joined(separator: Self.mark)
        let theirs = try #require(try Self.theirs(all, isHTML: isHTML)).components(
            separatedBy: Self.mark)
        try #require(theirs.count == templates.count)
        for (template, expected) in zip(templates, theirs) {
            let ours = try Self.ours(template, isHTML: isHTML)
            #expect(ours == expected, "\(template)")
        }
    }

    @Test("what fails there fails here", arguments: failing)
    func refused(template: String) throws {
        #expect(try Self.theirs(template, isHTML: false) == nil)
        #expect(throws: TemplateError.self) { try Self.ours(template, isHTML: false) }
    }
}
