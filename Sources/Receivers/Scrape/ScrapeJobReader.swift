import RegularExpressions

/// Reads one entry of `scrape_configs`.
enum ScrapeJobReader {
    static func job(
        _ node: ScrapeFileNode, _ defaults: ScrapeDefaults
    ) throws(ScrapeFileError) -> ScrapeJob {
        let entries = try node.entries()
        guard let name = try entries.first(where: { $0.key == "job_name" })?.value.text(),
            !name.isEmpty
        else { throw node.failure("a scrape config needs a job_name") }
        var job = ScrapeJob(
            name: name, interval: defaults.interval, timeout: defaults.timeout)
        job.yaml = try node.textWithoutSecrets()
        job.limits = defaults.limits
        job.keepsClassicHistograms = defaults.keepsClassic
        job.reportsExtra = defaults.reportsExtra
        var scrapesNative = defaults.scrapesNative
        var protocols = defaults.protocols
        var timeout: ScrapeFileNode?
        for (key, value) in entries {
            let value = ScrapeFileNode(
                path: value.path, what: "\(key) of job \"\(name)\"", node: value.node)
            switch key {
            case "job_name": continue
            case "scrape_interval": job.interval = try value.duration()
            case "scrape_timeout":
                job.timeout = try value.duration()
                timeout = value
            case "scrape_protocols": protocols = try self.protocols(value)
            case "scrape_native_histograms": scrapesNative = try value.flag()
            default:
                if try shape(key, value, &job) { continue }
                if try job.access.read(key, value, defaults.folder) { continue }
                if try source(key, value, defaults.folder, &job) { continue }
                if try job.limits.read(key, value) { continue }
                throw value.failure("\(value.what) is not supported")
            }
        }
        if job.timeout > job.interval {
            if let timeout { throw timeout.failure("\(timeout.what) exceeds the interval") }
            job.timeout = job.interval
        }
        job.protocols =
            protocols ?? (scrapesNative ? [.protobuf] + ScrapeProtocol.standard : job.protocols)
        return job
    }

    /// Fields that say what is asked for and what becomes of the answer.
    static func shape(
        _ key: String, _ value: ScrapeFileNode, _ job: inout ScrapeJob
    ) throws(ScrapeFileError) -> Bool {
        switch key {
        case "fallback_scrape_protocol": job.fallback = try self.protocol(value)
        case "always_scrape_classic_histograms", "scrape_classic_histograms":
            job.keepsClassicHistograms = try value.flag()
        case "metrics_path": job.metricsPath = try value.text()
        case "scheme":
            job.scheme = try value.text()
            guard ["http", "https"].contains(job.scheme) else {
                throw value.failure("\(value.what) must be http or https")
            }
        case "params":
            for (name, values) in try value.entries() {
                job.parameters.append((name, try values.texts()))
            }
        case "honor_labels": job.honorsLabels = try value.flag()
        case "honor_timestamps": job.honorsTimestamps = try value.flag()
        case "track_timestamps_staleness": job.tracksTimestampStaleness = try value.flag()
        case "extra_scrape_metrics": job.reportsExtra = try value.flag()
        case "convert_classic_histograms_to_nhcb":
            guard try !value.flag() else { return false }
        case "native_histogram_bucket_limit":
            guard try value.number() == 0 else { return false }
        case "scrape_failure_log_file": job.ignored.append(value.what)
        case "enable_compression": job.asksForGzip = try value.flag()
        case "follow_redirects": job.followsRedirects = try value.flag()
        case "relabel_configs": job.targetRules = try rules(value)
        case "metric_relabel_configs": job.metricRules = try rules(value)
        default: return false
        }
        return true
    }

    static func protocols(_ node: ScrapeFileNode) throws(ScrapeFileError) -> [ScrapeProtocol] {
        var list: [ScrapeProtocol] = []
        for element in try node.elements() { list.append(try self.protocol(element)) }
        guard !list.isEmpty else { throw node.failure("\(node.what) is empty") }
        return list
    }

    private static func `protocol`(
        _ node: ScrapeFileNode
    ) throws(ScrapeFileError) -> ScrapeProtocol {
        guard let known = ScrapeProtocol(rawValue: try node.text()) else {
            throw node.failure(
                "\(node.what) must be one of "
                    + ScrapeProtocol.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return known
    }

    private static func source(
        _ key: String, _ value: ScrapeFileNode, _ folder: String, _ job: inout ScrapeJob
    ) throws(ScrapeFileError) -> Bool {
        switch key {
        case "static_configs":
            job.sources.append(.fixed(try TargetGroup.list(value)))
        case "file_sd_configs":
            for element in try value.elements() {
                job.sources.append(try TargetSource.files(element, folder))
            }
        case "http_sd_configs":
            for element in try value.elements() {
                job.sources.append(try TargetSource.http(element, folder))
            }
        case "kubernetes_sd_configs":
            for element in try value.elements() {
                job.sources.append(.pods(try PodSource(element, folder)))
            }
        case "dns_sd_configs":
            for element in try value.elements() {
                job.sources.append(try TargetSource.dns(element))
            }
        default: return false
        }
        return true
    }

    static func rules(_ node: ScrapeFileNode) throws(ScrapeFileError) -> [RelabelRule] {
        var rules: [RelabelRule] = []
        for element in try node.elements() { rules.append(try RelabelRule(element)) }
        return rules
    }
}

extension RelabelRule {
    init(_ node: ScrapeFileNode) throws(ScrapeFileError) {
        var action = Action.replace
        var sourceLabels: [String] = []
        var separator = ";"
        var regex = "(.*)"
        var regexNode = node
        var target = ""
        var replacement = "$1"
        var modulus = 0
        for (key, value) in try node.entries() {
            switch key {
            case "action":
                let name = try value.text().lowercased()
                guard let known = Action(rawValue: name) else {
                    throw value.failure(
                        "unknown relabel action \"\(name)\"; known: "
                            + Action.allCases.map(\.rawValue).joined(separator: ", "))
                }
                action = known
            // Manifests write the same names in another way.
            case "source_labels", "sourceLabels": sourceLabels = try value.texts()
            case "separator": separator = try value.text()
            case "regex": (regex, regexNode) = (try value.text(), value)
            case "target_label", "targetLabel": target = try value.text()
            case "replacement": replacement = try value.text()
            case "modulus": modulus = try value.number()
            default: throw value.failure("\(key) is no field of a relabel rule")
            }
        }
        switch action {
        case .replace, .lowercase, .uppercase, .hashMod, .keepEqual, .dropEqual:
            if target.isEmpty {
                throw node.failure("relabel action \(action.rawValue) needs a target_label")
            }
        case .keep, .drop, .labelMap, .labelDrop, .labelKeep: break
        }
        if action == .hashMod, modulus == 0 {
            throw node.failure("relabel action hashmod needs a modulus above 0")
        }
        let pattern: Pattern
        do throws(PatternError) {
            pattern = try Pattern(regex)
        } catch {
            throw regexNode.failure("\(error)")
        }
        self.init(
            action: action, sourceLabels: sourceLabels, separator: separator, regex: pattern,
            targetLabel: target, replacement: replacement, modulus: UInt64(modulus))
    }
}

extension ScrapeAccess {
    /// - Returns: whether `key` is about access.
    mutating func read(
        _ key: String, _ value: ScrapeFileNode, _ folder: String
    ) throws(ScrapeFileError) -> Bool {
        switch key {
        case "basic_auth":
            var user = Secret.text("")
            var password = Secret.text("")
            for (key, value) in try value.entries() {
                switch key {
                case "username": user = .text(try value.text())
                case "username_file": user = .file(folder.resolving(try value.text()))
                case "password": password = .text(try value.text())
                case "password_file": password = .file(folder.resolving(try value.text()))
                default: throw value.failure("\(value.what) is not supported")
                }
            }
            method = .basic(user: user, password: password)
        case "authorization":
            var type = "Bearer"
            var credentials = Secret.text("")
            for (key, value) in try value.entries() {
                switch key {
                case "type": type = try value.text()
                case "credentials": credentials = .text(try value.text())
                case "credentials_file": credentials = .file(folder.resolving(try value.text()))
                default: throw value.failure("\(value.what) is not supported")
                }
            }
            method = .header(type: type, credentials: credentials)
        case "oauth2": method = .oauth(try ScrapeOAuth(value, folder))
        case "tls_config": tls = try ScrapeTLS(value, folder)
        case "http_headers": headers = try Self.headers(value, folder)
        // HTTP/1.1 is spoken whatever it says.
        case "enable_http2": _ = try value.flag()
        case "proxy_from_environment":
            guard try !value.flag() else { return false }
        case "no_proxy": directHosts = ScrapeProxyExceptions(try value.text())
        case "proxy_url": proxy = try ScrapeProxy(value)
        case "bearer_token":
            method = .header(type: "Bearer", credentials: .text(try value.text()))
        case "bearer_token_file":
            method = .header(
                type: "Bearer", credentials: .file(folder.resolving(try value.text())))
        default: return false
        }
        return true
    }
}

extension ScrapeAccess {
    /// Headers that are made otherwise (prometheus/common, `ReservedHeaders`).
    private static let reservedHeaders: Set<String> = [
        "authorization", "host", "content-encoding", "content-length", "content-type",
        "user-agent", "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "www-authenticate", "accept-encoding", "x-prometheus-remote-write-version",
        "x-prometheus-remote-read-version", "x-prometheus-scrape-timeout-seconds",
        "x-amz-date", "x-amz-security-token", "x-amz-content-sha256",
    ]

    private static func headers(
        _ node: ScrapeFileNode, _ folder: String
    ) throws(ScrapeFileError) -> [String: [Secret]] {
        var headers: [String: [Secret]] = [:]
        for (name, fields) in try node.entries() {
            guard !reservedHeaders.contains(name.lowercased()) else {
                throw fields.failure("\(node.what) must not set \(name)")
            }
            for (key, value) in try fields.entries() {
                let texts = try value.texts()
                switch key {
                case "values", "secrets":
                    headers[name, default: []] += texts.map { .text($0) }
                case "files":
                    headers[name, default: []] += texts.map { .file(folder.resolving($0)) }
                default: throw value.failure("\(key) is no field of a header")
                }
            }
        }
        return headers
    }
}

extension String {
    /// `path` as seen from this folder, which ends with a slash or is empty.
    func resolving(_ path: String) -> String { path.hasPrefix("/") ? path : self + path }
}

extension TargetGroup {
    static func list(_ node: ScrapeFileNode) throws(ScrapeFileError) -> [TargetGroup] {
        var groups: [TargetGroup] = []
        for element in try node.elements() { groups.append(try TargetGroup(element)) }
        return groups
    }

    init(_ node: ScrapeFileNode) throws(ScrapeFileError) {
        self.init(targets: [])
        for (key, value) in try node.entries() {
            switch key {
            case "targets": targets = try value.texts()
            case "labels":
                for (name, text) in try value.entries() { labels[name] = try text.text() }
            default: throw value.failure("\(key) is no field of a target group")
            }
        }
        for target in targets where target.isEmpty || target.contains("/") {
            throw node.failure("target \"\(target)\" must be HOST:PORT without scheme and path")
        }
    }
}

extension TargetSource {
    fileprivate static func files(
        _ node: ScrapeFileNode, _ folder: String
    ) throws(ScrapeFileError) -> TargetSource {
        var patterns: [String] = []
        var interval: Int64 = 300_000
        for (key, value) in try node.entries() {
            switch key {
            case "files": patterns = try value.texts().map { folder.resolving($0) }
            case "refresh_interval": interval = try value.duration()
            default: throw value.failure("\(value.what) is not supported")
            }
        }
        for pattern in patterns {
            let name = pattern.split(separator: "/").last ?? ""
            let isKnown = [".json", ".yml", ".yaml"].contains { name.hasSuffix($0) }
            guard isKnown, !pattern.dropLast(name.count).contains("*") else {
                throw node.failure(
                    "\"\(pattern)\" must end in .json, .yml or .yaml, and only its last part may"
                        + " have a *")
            }
        }
        return .files(patterns: patterns, interval: interval)
    }

    fileprivate static func http(
        _ node: ScrapeFileNode, _ folder: String
    ) throws(ScrapeFileError) -> TargetSource {
        var url = ""
        var access = ScrapeAccess()
        var interval: Int64 = 60_000
        for (key, value) in try node.entries() {
            switch key {
            case "url": url = try value.text()
            case "refresh_interval": interval = try value.duration()
            default:
                guard try access.read(key, value, folder) else {
                    throw value.failure("\(value.what) is not supported")
                }
            }
        }
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw node.failure("http_sd_configs needs a url that starts with http:// or https://")
        }
        return .http(url: url, access: access, interval: interval)
    }

    fileprivate static func dns(_ node: ScrapeFileNode) throws(ScrapeFileError) -> TargetSource {
        var names: [String] = []
        var port = 0
        var type = "SRV"
        var interval: Int64 = 30_000
        for (key, value) in try node.entries() {
            switch key {
            case "names": names = try value.texts()
            case "port": port = try value.number()
            case "type": type = try value.text()
            case "refresh_interval": interval = try value.duration()
            default: throw value.failure("\(value.what) is not supported")
            }
        }
        if type == "SRV" {
            return .records(.service, names: names, port: 0, interval: interval)
        }
        let kinds: [String: DNSRecordKind] = ["MX": .mailExchange, "NS": .nameServer]
        guard ["A", "AAAA"].contains(type) || kinds[type] != nil else {
            throw node.failure(
                "dns_sd_configs: type \(type) is not supported; use SRV, A, AAAA, MX or NS")
        }
        guard (1...65_535).contains(port) else {
            throw node.failure("dns_sd_configs of type \(type) needs a port")
        }
        if let kind = kinds[type] {
            return .records(kind, names: names, port: port, interval: interval)
        }
        return .dns(names: names, port: port, isIPv6: type == "AAAA", interval: interval)
    }
}
