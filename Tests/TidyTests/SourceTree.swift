import Foundation

/// The files of the repository, read once.
enum SourceTree {
    /// The folder with `Package.swift`, above this file.
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        repeat {
            folder.deleteLastPathComponent()
        } while folder.path != "/"
            && !FileManager.default.fileExists(
                atPath: folder.appendingPathComponent("Package.swift").path)
        return folder
    }()

    static let files: [SourceFile] = read(["Sources", "Tests"]) { path in
        [".swift", ".c", ".cc", ".h"].contains { path.hasSuffix($0) }
    }

    static let sources = files.filter(\.isSource)

    /// Everything that ships, of whatever kind it is.
    static let texts: [SourceFile] = read(
        ["Sources", "Tests", "scripts", ".ci", "README.md", "Package.swift"]
    ) { _ in true }

    private static func read(_ places: [String], where isWanted: (String) -> Bool) -> [SourceFile] {
        var files: [SourceFile] = []
        for place in places {
            let url = root.appendingPathComponent(place)
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
                continue
            }
            let inside = isFolder.boolValue ? FileManager.default.enumerator(atPath: url.path) : nil
            let paths = inside?.compactMap { ($0 as? String).map { "\(place)/\($0)" } } ?? [place]
            for path in paths where isWanted(path) {
                let file = root.appendingPathComponent(path)
                guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
                files.append(SourceFile(path: path, text: text))
            }
        }
        return files.sorted { $0.path < $1.path }
    }
}
