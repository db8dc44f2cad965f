import Glibc

/// A shell's pattern of paths (glob(7)).
package enum PathPattern {
    /// What it names, sorted; nothing if none is found or may be looked for.
    package static func paths(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in
            found.gl_pathv[index].map { String(cString: $0) }
        }
    }
}
