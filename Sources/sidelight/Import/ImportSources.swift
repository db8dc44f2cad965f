import Foundation

/// The files that an import was asked to load.
struct ImportSources {
    /// In order; files of a folder sorted by name.
    var files: [String] = []
    /// Files in named folders whose names promise no telemetry.
    var skipped: [String] = []
    /// Bytes of all files as they lie on disk; 0 when standard input is among them.
    var byteCount = 0

    /// - Throws: `ConfigurationError` for a path where nothing is.
    init(_ paths: [String]) throws {
        for path in paths {
            if path == "-" {
                files.append(path)
                continue
            }
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw ConfigurationError(description: "there is no file or folder \(path)")
            }
            if isFolder.boolValue { try addFolder(path) } else { files.append(path) }
        }
        guard !files.contains("-") else { return }
        byteCount = files.reduce(0) { $0 + Self.size(of: $1) }
    }

    /// Hidden entries and links to folders (which may lead round in circles) are left out.
    private mutating func addFolder(_ path: String) throws {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw ConfigurationError(
                description: "cannot read the folder \(path): \(error.localizedDescription)")
        }
        for name in names.sorted() where !name.hasPrefix(".") {
            let entry = (path as NSString).appendingPathComponent(name)
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: entry, isDirectory: &isFolder) else {
                continue
            }
            if isFolder.boolValue {
                if !Self.isLink(entry) { try addFolder(entry) }
            } else if FormatDetection.isTelemetryName(name) {
                files.append(entry)
            } else {
                skipped.append(entry)
            }
        }
    }

    private static func isLink(_ path: String) -> Bool {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            != URL(fileURLWithPath: (path as NSString).deletingLastPathComponent)
            .resolvingSymlinksInPath().appendingPathComponent((path as NSString).lastPathComponent)
            .path
    }

    private static func size(of path: String) -> Int {
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            return (attributes[.size] as? NSNumber)?.intValue ?? 0
        } catch {
            // Opening it will tell why.
            return 0
        }
    }
}
