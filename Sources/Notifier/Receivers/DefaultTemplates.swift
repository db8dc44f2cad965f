/// The templates that receivers use unless their configuration says otherwise: by Alertmanager's names, so
/// that files written for it find them, and with the same texts (template/default.tmpl), but for the look of
/// mails.
enum DefaultTemplates {
    static var text: String {
        [subject, lists, aliases, messages, mail].joined(separator: "\n")
    }

    private static let subject = """
        {{ define "__alertmanager" }}Alertmanager{{ end }}
        {{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}
        {{ define "__description" }}{{ end }}
        {{ define "__subject" }}[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}] \
        {{ .GroupLabels.SortedPairs.Values | join " " }} {{ if gt (len .CommonLabels) (len .GroupLabels) }}\
        ({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ join " " .Values }}{{ end }}){{ end }}{{ end }}
        """

    private static let lists = """
        {{ define "__text_alert_list" }}{{ range . }}Labels:
        {{ template "__pairs" .Labels }}Annotations:
        {{ template "__pairs" .Annotations }}Source: {{ .GeneratorURL }}
        {{ end }}{{ end }}
        {{ define "__pairs" }}{{ range .SortedPairs }} - {{ .Name }} = {{ .Value }}
        {{ end }}{{ end }}
        {{ define "__pairs_markdown" }}{{ range .SortedPairs }}  - {{ .Name }} = {{ .Value }}
        {{ end }}{{ end }}
        {{ define "__text_alert_list_markdown" }}{{ range . }}
        Labels:
        {{ template "__pairs_markdown" .Labels }}
        Annotations:
        {{ template "__pairs_markdown" .Annotations }}
        Source: {{ .GeneratorURL }}
        {{ end }}
        {{ end }}
        {{ define "__sections" }}
        {{ if .Alerts.Firing }}
        Alerts Firing:
        {{ template "__text_alert_list" .Alerts.Firing }}
        {{ end }}
        {{ if .Alerts.Resolved }}
        Alerts Resolved:
        {{ template "__text_alert_list" .Alerts.Resolved }}
        {{ end }}
        {{ end }}
        {{ define "__sections_markdown" }}
        {{ if .Alerts.Firing }}
        # Alerts Firing:
        {{ template "__text_alert_list_markdown" .Alerts.Firing }}
        {{ end }}
        {{ if .Alerts.Resolved }}
        # Alerts Resolved:
        {{ template "__text_alert_list_markdown" .Alerts.Resolved }}
        {{ end }}
        {{ end }}
        """

    /// Names that stand for another template, and those that are empty.
    private static var aliases: String {
        let same: [(target: String, names: [String])] = [
            (
                "__subject",
                [
                    "slack.default.title", "pagerduty.default.description",
                    "opsgenie.default.message", "discord.default.title", "msteams.default.summary",
                    "msteams.default.title", "msteamsv2.default.title", "email.default.subject",
                ]
            ), ("__alertmanager", ["slack.default.username", "pagerduty.default.client"]),
            (
                "__alertmanagerURL",
                [
                    "slack.default.titlelink", "pagerduty.default.clientURL",
                    "opsgenie.default.source",
                ]
            ), ("__text_alert_list", ["pagerduty.default.instances"]),
            ("__sections", ["telegram.default.message", "discord.default.message"]),
            ("__sections_markdown", ["msteams.default.text", "msteamsv2.default.text"]),
        ]
        let empty = [
            "slack.default.callbackid", "slack.default.pretext", "slack.default.iconemoji",
            "slack.default.iconurl", "slack.default.text", "slack.default.footer",
            "discord.default.content",
        ]
        return same.flatMap { target, names in
            names.map { "{{ define \"\($0)\" }}{{ template \"\(target)\" . }}{{ end }}" }
        }.joined() + empty.map { "{{ define \"\($0)\" }}{{ end }}" }.joined()
    }

    private static let messages = """
        {{ define "slack.default.fallback" }}{{ template "__subject" . }} | {{ template "__alertmanagerURL" . }}{{ end }}
        {{ define "slack.default.color" }}{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}{{ end }}
        {{ define "opsgenie.default.description" }}{{ .CommonAnnotations.SortedPairs.Values | join " " }}
        {{ if .Alerts.Firing -}}
        Alerts Firing:
        {{ template "__text_alert_list" .Alerts.Firing }}
        {{- end }}
        {{ if .Alerts.Resolved -}}
        Alerts Resolved:
        {{ template "__text_alert_list" .Alerts.Resolved }}
        {{- end }}
        {{- end }}
        """

    /// Plain enough for any mail program: a heading and a table for each alert.
    private static let mail = """
        {{ define "email.default.html" }}<!DOCTYPE html>
        <html><head><meta charset="utf-8"><title>{{ template "__subject" . }}</title></head>
        <body style="font-family:sans-serif">
        <h2 style="color:{{ if eq .Status "firing" }}#b3261e{{ else }}#2e7d32{{ end }}">{{ template "__subject" . }}</h2>
        {{ range .Alerts }}<h3>{{ .Status | toUpper }} {{ .Labels.alertname }}</h3>
        <table cellpadding="4">
        {{ range .Labels.SortedPairs }}<tr><td><b>{{ .Name }}</b></td><td>{{ .Value }}</td></tr>
        {{ end }}{{ range .Annotations.SortedPairs }}<tr><td><i>{{ .Name }}</i></td><td>{{ .Value }}</td></tr>
        {{ end }}</table>
        <p>Since {{ .StartsAt }}{{ if .GeneratorURL }}: <a href="{{ .GeneratorURL }}">Source</a>{{ end }}</p>
        {{ end }}<p><a href="{{ template "__alertmanagerURL" . }}">Open</a></p>
        </body></html>
        {{ end }}
        """
}
