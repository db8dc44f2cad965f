import Glibc

/// What files are called once they have been rotated.
enum RotatedNames {
    /// The paths of what lies in the directory of `path`.
    static func directory(of path: String) -> [String] {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { String(path[..<$0]) } ?? "."
        guard let handle = opendir(directory.isEmpty ? "/" : directory) else { return [] }
        defer { closedir(handle) }
        var paths: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { paths.append("\(directory)/\(name)") }
        }
        return paths
    }

    /// The paths of the directory that are `path` with a number or a date behind it, as `.1` or `-20261122`.
    static func of(_ path: String) -> [String] {
        let prefix = path.contains("/") ? path : "./" + path
        return directory(of: path).filter { other in
            guard other.hasPrefix(prefix) else { return false }
            let suffix = other.dropFirst(prefix.count)
            return suffix.contains { $0.isASCII && $0.isNumber }
                && suffix.allSatisfy {
                    $0.isASCII && ($0.isNumber || ".-_:T".contains($0))
                }
        }
    }

    /// Whether one of these paths and patterns of the shell names `path`.
    static func isOf(_ patterns: [String], _ path: String) -> Bool {
        patterns.contains { fnmatch($0, path, FNM_PATHNAME | FNM_PERIOD) == 0 }
    }
}
