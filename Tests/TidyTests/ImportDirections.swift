extension Check {
    /// Which of our targets a target builds on. It may also import what those build on.
    private static let directions: [String: [String]] = [
        "Telemetry": [],
        "Platform": [],
        "Compression": [],
        "RegularExpressions": [],
        "ColumnEncoding": ["Telemetry", "Compression"],
        "WireFormats": ["Telemetry"],
        "OTLPExport": ["WireFormats", "Compression", "Platform"],
        "Store": ["Telemetry", "Platform"],
        "Journal": ["Telemetry", "Platform"],
        "SQLiteStore": ["Store", "Journal", "ColumnEncoding", "RegularExpressions"],
        "QueryCore": ["Store"],
        "PromQL": ["QueryCore", "RegularExpressions"],
        "TraceQL": ["QueryCore", "RegularExpressions"],
        "LogQL": ["QueryCore", "RegularExpressions"],
        "Pipeline": ["Store", "RegularExpressions"],
        "Rules": ["PromQL", "LogQL", "TraceQL", "Store"],
        "Notifier": ["Store", "Platform", "Rules", "RegularExpressions"],
        "HTTPServer": ["Platform", "Compression"],
        "Receivers": [
            "HTTPServer", "WireFormats", "Pipeline", "Compression", "RegularExpressions",
        ],
        "QueryAPI": [
            "HTTPServer", "Store", "PromQL", "TraceQL", "LogQL", "Rules", "Notifier",
            "WireFormats",
        ],
        "WebUI": ["HTTPServer"],
        "Proxy": ["Telemetry", "Platform", "OTLPExport"],
        "FunctionWrapper": ["Telemetry", "Platform", "OTLPExport"],
        "SidelightTracing": ["OTLPExport"],
        "Demo": ["HTTPServer", "Platform"],
    ]

    /// C targets, and who binds them. Nobody else sees them.
    private static let bindings: [String: Set<String>] = [
        "CZlib": ["Compression"],
        "CZstd": ["Compression"],
        "CSnappy": ["Compression"],
        "CRE2": ["RegularExpressions"],
        "CSQLite": ["SQLiteStore", "CSQLiteVFS"],
        "CSQLiteVFS": ["SQLiteStore"],
        "CProcess": ["FunctionWrapper", "Demo"],
    ]

    private static let executable = "sidelight"

    static let importDirections = Check(name: "import directions") { file in
        guard file.isSource, file.isSwift, file.target != executable else { return [] }
        guard directions[file.target] != nil else {
            return [
                Finding(
                    path: file.path, line: 1,
                    message: "target \(file.target) has no place in the table of import directions")
            ]
        }
        let allowed = reachable(from: file.target)
        return file.code.enumerated().compactMap { index, line in
            guard let module = importedModule(line) else { return nil }
            let isOurs = directions[module] != nil || module == executable
            let isAllowed =
                bindings[module].map { $0.contains(file.target) }
                ?? (!isOurs || allowed.contains(module))
            guard !isAllowed else { return nil }
            return Finding(
                path: file.path, line: index + 1,
                message: "\(file.target) may not import \(module)")
        }
    }

    private static func reachable(from target: String) -> Set<String> {
        var seen: Set<String> = []
        var open = directions[target] ?? []
        while let next = open.popLast() {
            if seen.insert(next).inserted { open += directions[next] ?? [] }
        }
        return seen
    }

    /// `X` of `import X`, `@preconcurrency import X`, `package import struct X.Y`.
    static func importedModule(_ line: String) -> String? {
        let words = line.split(separator: " ")
        guard let keyword = words.firstIndex(of: "import"),
            words[..<keyword].allSatisfy({
                $0.hasPrefix("@") || ["package", "internal", "private", "fileprivate"].contains($0)
            })
        else { return nil }
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        let names = words[(keyword + 1)...].drop { kinds.contains($0) }
        return names.first.map { String($0.prefix { $0 != "." }) }
    }
}
