import Glibc
import Platform
import Telemetry

/// Asks the sources of a job for targets. A source that fails keeps what it said before.
package struct TargetDiscovery: Sendable {
    /// Files are looked at more often than they ask for: it costs nothing and a change shows at once.
    private static let fileIntervalMax: Int64 = 5_000

    private struct Source {
        var source: TargetSource
        package var groups: [TargetGroup] = []
        /// Milliseconds; when it is asked again.
        var due = Int64.min
        /// What the files held, so that unchanged ones are not read as YAML again.
        var content: [String: String] = [:]
    }

    private let job: String
    private let fetcher: any ScrapeFetcher
    private let files: PosixFileSystem
    private let pool: BlockingPool
    private let resolver: DNSResolver
    private var sources: [Source]
    /// Of the latest refresh.
    package private(set) var failures: [String] = []

    package init(
        job: ScrapeJob, fetcher: any ScrapeFetcher, pool: BlockingPool,
        files: PosixFileSystem = PosixFileSystem(), resolver: DNSResolver = DNSResolver()
    ) {
        self.job = job.name
        self.fetcher = fetcher
        self.files = files
        self.pool = pool
        self.resolver = resolver
        sources = job.sources.map { Source(source: $0) }
    }

    package var groups: [TargetGroup] { sources.flatMap(\.groups) }

    /// Milliseconds; `nil` if nothing will ever change.
    var nextDue: Int64? {
        let due = sources.map(\.due).min() ?? .max
        return due == .max ? nil : due
    }

    /// Asks every source whose time has come.
    package mutating func refresh(at now: Int64) async {
        failures = []
        for index in sources.indices where sources[index].due <= now {
            var source = sources[index]
            do throws(ScrapeFailure) {
                try await refresh(&source, now)
            } catch {
                failures.append(error.description)
            }
            sources[index] = source
        }
    }

    private func refresh(_ source: inout Source, _ now: Int64) async throws(ScrapeFailure) {
        switch source.source {
        case .fixed(let groups):
            source.groups = groups
            source.due = .max
        case .files(let patterns, let interval):
            source.due = now + min(interval, Self.fileIntervalMax)
            try readFiles(patterns, &source)
        case .http(let url, let access, let interval):
            source.due = now + interval
            let body = try await fetcher.fetchList(url, access: access)
            let groups = try Self.groups(String(decoding: body, as: UTF8.self), path: url)
            source.groups = groups.map { $0.adding("__meta_url", url) }
        case .pods(let pods):
            source.due = now + pods.interval
            source.groups = try await pods.groups(from: fetcher)
        case .records(let kind, let names, let port, let interval):
            source.due = now + interval
            try await findRecords(kind, names, port, &source)
        case .dns(let names, let port, let isIPv6, let interval):
            source.due = now + interval
            try await resolve(names, port, isIPv6: isIPv6, &source)
        }
    }

    private static func groups(
        _ text: String, path: String
    ) throws(ScrapeFailure) -> [TargetGroup] {
        do throws(ScrapeFileError) {
            guard let root = try ScrapeFileNode.root(of: text, path: path) else { return [] }
            return try TargetGroup.list(root)
        } catch {
            throw ScrapeFailure("\(error)")
        }
    }

    private func readFiles(
        _ patterns: [String], _ source: inout Source
    ) throws(ScrapeFailure) {
        var content: [String: String] = [:]
        do {
            for pattern in patterns {
                for path in try matches(pattern) {
                    content[path] = try ScrapeFile.text(of: path, from: files)
                }
            }
        } catch {
            throw ScrapeFailure("\(error)")
        }
        guard content != source.content else { return }
        var groups: [TargetGroup] = []
        for (path, text) in content.sorted(by: { $0.key < $1.key }) {
            groups += try Self.groups(text, path: path).map { $0.adding("__meta_filepath", path) }
        }
        source.groups = groups
        source.content = content
    }

    /// Files that a path with `*` in its last part names.
    private func matches(_ pattern: String) throws(FileError) -> [String] {
        guard let slash = pattern.lastIndex(of: "/") else {
            return try list("", named: pattern)
        }
        return try list(
            String(pattern[...slash]), named: String(pattern[pattern.index(after: slash)...]))
    }

    private func list(_ folder: String, named pattern: String) throws(FileError) -> [String] {
        guard pattern.contains("*") else { return [folder + pattern] }
        let entries = try files.list(folder.isEmpty ? "." : folder)
        return entries.filter { !$0.isDirectory && Self.matches($0.name[...], pattern[...]) }
            .map { folder + $0.name }
    }

    private static func matches(_ name: Substring, _ pattern: Substring) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard let first = parts.first, let last = parts.last, parts.count > 1 else {
            return name == pattern
        }
        guard name.hasPrefix(first), name.count >= first.count + last.count,
            name.hasSuffix(last)
        else { return false }
        var rest = name.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }

    private func findRecords(
        _ kind: DNSRecordKind, _ names: [String], _ port: Int, _ source: inout Source
    ) async throws(ScrapeFailure) {
        var groups: [TargetGroup] = []
        for name in names {
            let answer: Result<[ServiceRecord], DNSFailure>
            do {
                answer = try await pool.run { [resolver] in
                    Result { () throws(DNSFailure) in try resolver.records(kind, of: name) }
                }
            } catch {
                throw ScrapeFailure("cannot resolve \(name): \(error)")
            }
            switch answer {
            case .failure(let failure): throw ScrapeFailure("cannot resolve \(name): \(failure)")
            case .success(let records):
                groups += records.map { TargetGroup($0, kind, of: name, port: port) }
            }
        }
        source.groups = groups
    }

    private func resolve(
        _ names: [String], _ port: Int, isIPv6: Bool, _ source: inout Source
    ) async throws(ScrapeFailure) {
        var groups: [TargetGroup] = []
        for name in names {
            let addresses: [String]?
            do {
                addresses = try await pool.run { AddressLookup.addresses(of: name, isIPv6: isIPv6) }
            } catch {
                throw ScrapeFailure("cannot resolve \(name): \(error)")
            }
            guard let addresses else { throw ScrapeFailure("cannot resolve \(name)") }
            groups.append(
                TargetGroup(
                    targets: addresses.map { isIPv6 ? "[\($0)]:\(port)" : "\($0):\(port)" },
                    labels: ["__meta_dns_name": name]))
        }
        source.groups = groups
    }
}

extension TargetGroup {
    /// - Parameter port: of hosts that records name without one.
    fileprivate init(_ record: ServiceRecord, _ kind: DNSRecordKind, of name: String, port: Int) {
        var labels = ["__meta_dns_name": name]
        let host = record.host + "."
        switch kind {
        case .service:
            labels["__meta_dns_srv_record_target"] = host
            labels["__meta_dns_srv_record_port"] = "\(record.port)"
        case .mailExchange: labels["__meta_dns_mx_record_target"] = host
        case .nameServer: labels["__meta_dns_ns_record_target"] = host
        }
        let port = kind == .service ? Int(record.port) : port
        self.init(targets: ["\(record.host):\(port)"], labels: labels)
    }

    fileprivate func adding(_ name: String, _ value: String) -> TargetGroup {
        var group = self
        group.labels[name] = value
        return group
    }
}

/// The system's resolver. Blocks.
private enum AddressLookup {
    /// Numeric addresses of a host, sorted; `nil` if it has none or cannot be asked for.
    static func addresses(of host: String, isIPv6: Bool) -> [String]? {
        var hints = addrinfo()
        hints.ai_family = isIPv6 ? AF_INET6 : AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var addresses: Set<String> = []
        var entry = list
        while let info = entry?.pointee {
            var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = getnameinfo(
                info.ai_addr, info.ai_addrlen, &name, socklen_t(name.count), nil, 0,
                NI_NUMERICHOST)
            if status == 0 {
                let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                addresses.insert(String(decoding: bytes, as: UTF8.self))
            }
            entry = info.ai_next
        }
        return addresses.isEmpty ? nil : addresses.sorted()
    }
}
