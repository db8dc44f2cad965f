import Platform
import RegularExpressions
import Telemetry

/// The scrape jobs of a `prometheus.yml`: `global` and `scrape_configs`, and of `ServiceMonitor` manifests in
/// documents of their own. Every field of these is honoured or refused by name and line; what else stands in
/// the file is not for us and only named.
package struct ScrapeFile: Sendable {
    /// Larger files are no configuration.
    static let bytesMax = 16 << 20

    package var jobs: [ScrapeJob]
    /// Top-level keys that were passed over.
    package var ignored: [String]

    package static func load(
        _ path: String, from files: some FileSystem = PosixFileSystem()
    ) throws(ScrapeFileError) -> ScrapeFile {
        try parse(try text(of: path, from: files), path: path)
    }

    static func text(
        of path: String, from files: some FileSystem
    ) throws(ScrapeFileError) -> String {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.readAll(path)
        } catch {
            throw ScrapeFileError(path: path, reason: "cannot be read: \(error)")
        }
        guard bytes.count <= bytesMax else {
            throw ScrapeFileError(path: path, reason: "larger than \(bytesMax) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ScrapeFileError(path: path, reason: "is not UTF-8 text")
        }
        return text
    }

    /// Reads `text` as the content of `path`. Relative paths in it are seen from the file's folder.
    package static func parse(_ text: String, path: String) throws(ScrapeFileError) -> ScrapeFile {
        var file = ScrapeFile(jobs: [], ignored: [])
        var defaults = ScrapeDefaults(folder: folder(of: path))
        var manifests = ServiceMonitors()
        for document in try ScrapeFileNode.documents(of: text, path: path) {
            if try manifests.read(document) { continue }
            try file.read(document, &defaults)
        }
        for job in try manifests.jobs(defaults) { file.jobs.append(job) }
        return file
    }

    /// Takes `global` and `scrape_configs`.
    private mutating func read(
        _ root: ScrapeFileNode, _ defaults: inout ScrapeDefaults
    ) throws(ScrapeFileError) {
        let entries = try root.entries()
        for (key, value) in entries where key == "global" { try defaults.read(value) }
        ignored += defaults.ignored
        defaults.ignored = []
        var names = Set(jobs.map(\.name))
        for (key, value) in entries {
            switch key {
            case "global": continue
            case "scrape_configs":
                for entry in try value.elements() {
                    let job = try ScrapeJobReader.job(entry, defaults)
                    guard names.insert(job.name).inserted else {
                        throw entry.failure("a second job is named \"\(job.name)\"")
                    }
                    ignored += job.ignored
                    jobs.append(job)
                }
            case "scrape_config_files":
                throw value.failure("scrape_config_files is not supported; name the jobs here")
            default: ignored.append(key)
            }
        }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[...slash])
    }
}

/// What `global` says, for jobs that say nothing.
struct ScrapeDefaults {
    /// Ends with a slash, or is empty.
    var folder: String
    var interval: Int64 = 60_000
    var timeout: Int64 = 10_000
    var protocols: [ScrapeProtocol]?
    var scrapesNative = false
    var keepsClassic = false
    var reportsExtra = false
    var limits = ScrapeLimits()
    /// Fields that do nothing here.
    var ignored: [String] = []

    init(folder: String) { self.folder = folder }

    mutating func read(_ node: ScrapeFileNode) throws(ScrapeFileError) {
        for (key, value) in try node.entries() {
            switch key {
            case "scrape_interval": interval = try value.duration()
            case "scrape_timeout": timeout = try value.duration()
            case "scrape_protocols": protocols = try ScrapeJobReader.protocols(value)
            case "scrape_native_histograms": scrapesNative = try value.flag()
            case "always_scrape_classic_histograms", "scrape_classic_histograms":
                keepsClassic = try value.flag()
            case "evaluation_interval", "rule_query_offset", "runtime":
                // Of rules: scraped samples do not depend on them.
                continue
            case "external_labels", "query_log_file", "scrape_failure_log_file":
                ignored.append("global.\(key)")
            case "extra_scrape_metrics": reportsExtra = try value.flag()
            case "convert_classic_histograms_to_nhcb":
                guard try !value.flag() else {
                    throw value.failure("\(key) of global is not supported")
                }
            default:
                guard try limits.read(key, value) else {
                    throw value.failure("\(key) of global is not supported")
                }
            }
        }
    }
}

extension ScrapeLimits {
    /// - Returns: whether `key` is a limit.
    mutating func read(_ key: String, _ value: ScrapeFileNode) throws(ScrapeFileError) -> Bool {
        switch key {
        case "body_size_limit": bodyBytes = try value.bytes()
        case "sample_limit": samples = try value.number()
        case "label_limit": labels = try value.number()
        case "label_name_length_limit": labelNameBytes = try value.number()
        case "label_value_length_limit": labelValueBytes = try value.number()
        case "target_limit": targets = try value.number()
        case "keep_dropped_targets":
            // How many are remembered is fixed; all are counted.
            _ = try value.number()
        case "metric_name_validation_scheme":
            guard try value.text() == "utf8" else {
                throw value.failure("\(value.what): only utf8 is supported")
            }
        case "metric_name_escaping_scheme":
            guard try value.text() == "allow-utf-8" else {
                throw value.failure("\(value.what): only allow-utf-8 is supported")
            }
        default: return false
        }
        return true
    }
}
