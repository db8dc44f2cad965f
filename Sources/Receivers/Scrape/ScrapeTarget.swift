import HTTPServer
import Telemetry

/// One address that is scraped, with the labels its series get.
package struct ScrapeTarget: Hashable, Sendable {
    package var job: String
    package var url: String
    /// Labels of all its series; none of them begins with `__`.
    package var labels: Labels
    /// As discovered, before relabelling.
    package var discoveredLabels: Labels
    /// Milliseconds.
    package var interval: Int64
    package var timeout: Int64

    /// What tells targets apart: one whose labels or address change is another one.
    package var id: SeriesID {
        SeriesID(
            ContentHash(
                Array("\(job)\u{0}\(url)\u{0}\(interval)\u{0}\(timeout)\u{0}".utf8)
                    + labels.bytes))
    }

    /// Makes the targets of `groups`: adds the job's labels, relabels, and drops what rules drop.
    /// - Parameter problems: receives why targets cannot be scraped.
    package static func targets(
        of groups: [TargetGroup], job: ScrapeJob, problems: inout [String]
    ) -> [ScrapeTarget] {
        var dropped: [Labels] = []
        return targets(of: groups, job: job, problems: &problems, dropped: &dropped)
    }

    /// - Parameter dropped: receives what was discovered and dropped by a rule.
    package static func targets(
        of groups: [TargetGroup], job: ScrapeJob, problems: inout [String],
        dropped: inout [Labels]
    ) -> [ScrapeTarget] {
        var seen: Set<SeriesID> = []
        var targets: [ScrapeTarget] = []
        for group in groups {
            for address in group.targets {
                guard
                    let target = ScrapeTarget(
                        address: address, labels: group.labels, job: job, problems: &problems,
                        dropped: &dropped)
                else { continue }
                if seen.insert(target.id).inserted { targets.append(target) }
            }
        }
        if job.limits.targets > 0, targets.count > job.limits.targets {
            problems.append(
                "job \(job.name) has \(targets.count) targets; the first \(job.limits.targets)"
                    + " (target_limit) are scraped")
            dropped += targets[job.limits.targets...].map(\.discoveredLabels)
            targets.removeSubrange(job.limits.targets...)
        }
        return targets
    }

    /// `nil` if a rule drops it, or it cannot be scraped.
    private init?(
        address: String, labels group: [String: String], job: ScrapeJob,
        problems: inout [String], dropped: inout [Labels]
    ) {
        var labels = Self.discovered(address, group, job)
        discoveredLabels = labels.labels
        guard RelabelRule.apply(job.targetRules, to: &labels) else {
            dropped.append(discoveredLabels)
            return nil
        }
        let name = labels["__address__"]
        guard !name.isEmpty, !name.contains("/") else {
            if !name.isEmpty {
                problems.append("\"\(name)\" of job \(job.name) is no HOST:PORT")
            }
            return nil
        }
        guard let interval = ScrapeFileNode.milliseconds(labels["__scrape_interval__"]),
            let timeout = ScrapeFileNode.milliseconds(labels["__scrape_timeout__"]),
            interval > 0, timeout > 0, timeout <= interval
        else {
            problems.append("\(name) of job \(job.name) has no usable interval and timeout")
            return nil
        }
        self.job = job.name
        self.interval = interval
        self.timeout = timeout
        url = Self.url(labels, job)
        labels.removeAll { $0.hasPrefix("__meta_") }
        if labels["instance"].isEmpty { labels["instance"] = name }
        labels.removeAll { $0.hasPrefix("__") }
        self.labels = labels.labels
    }

    private static func discovered(
        _ address: String, _ group: [String: String], _ job: ScrapeJob
    ) -> LabelBuilder {
        var labels = LabelBuilder(group.map { (name: $0.key, value: $0.value) })
        labels["__address__"] = address
        let standard = [
            ("job", job.name), ("__scheme__", job.scheme), ("__metrics_path__", job.metricsPath),
            ("__scrape_interval__", ScrapeFileNode.duration(milliseconds: job.interval)),
            ("__scrape_timeout__", ScrapeFileNode.duration(milliseconds: job.timeout)),
        ]
        for (name, value) in standard where labels[name].isEmpty { labels[name] = value }
        for (name, values) in job.parameters {
            if let first = values.first { labels["__param_" + name] = first }
        }
        return labels
    }

    /// The first value of a parameter is that of `__param_NAME`, which rules may have changed or added.
    private static func url(_ labels: LabelBuilder, _ job: ScrapeJob) -> String {
        var parameters: [(String, String)] = []
        for (name, values) in job.parameters {
            let first = labels["__param_" + name]
            if !first.isEmpty { parameters.append((name, first)) }
            for value in values.dropFirst() { parameters.append((name, value)) }
        }
        for (name, value) in labels.pairs where name.hasPrefix("__param_") {
            let name = String(name.dropFirst("__param_".count))
            if !job.parameters.contains(where: { $0.name == name }) {
                parameters.append((name, value))
            }
        }
        let query = parameters.map { "\(encoded($0.0))=\(encoded($0.1))" }
            .joined(separator: "&")
        let path = labels["__metrics_path__"]
        return labels["__scheme__"] + "://" + labels["__address__"]
            + (path.hasPrefix("/") ? "" : "/") + path
            + (query.isEmpty ? "" : (path.contains("?") ? "&" : "?") + query)
    }

    /// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
    static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            let isKept =
                byte < 0x80
                && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                    || "-._~".unicodeScalars.contains(scalar))
            if isKept {
                encoded.unicodeScalars.append(scalar)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return encoded
    }
}
