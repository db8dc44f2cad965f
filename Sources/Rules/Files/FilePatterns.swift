import Glibc
import Platform

/// Files by path, by a shell's pattern, or all in a folder.
package enum FilePatterns {
    /// Rules and specifications of objectives are files with these endings.
    private static let endings = [".yml", ".yaml"]

    /// What each of `names` stands for now, each file once: a name of a file stays as it is, whether there is
    /// one or not; a pattern may stand for none.
    package static func files(_ names: [String]) -> [String] {
        var files: [String] = []
        var seen: Set<String> = []
        for name in names {
            if let found = expanded(name) {
                for file in found where seen.insert(file).inserted { files.append(file) }
            } else {
                // A file that is named twice is a mistake of whoever names it, for the reader to tell.
                seen.insert(name)
                files.append(name)
            }
        }
        return files
    }

    /// `nil` for the name of a file.
    private static func expanded(_ name: String) -> [String]? {
        if isFolder(name) {
            let folder = name.hasSuffix("/") ? String(name.dropLast()) : name
            // What is special in a pattern is meant as it is written in the name of a folder.
            let escaped = folder.map { "*?[\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
            return endings.flatMap { PathPattern.paths("\(escaped)/*\($0)") }.filter {
                !isFolder($0)
            }
            .sorted()
        }
        guard name.contains(where: { "*?[".contains($0) }), !exists(name) else { return nil }
        return PathPattern.paths(name).filter { !isFolder($0) }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
