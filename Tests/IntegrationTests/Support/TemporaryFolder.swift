import Foundation

/// A folder that is removed with it.
final class TemporaryFolder: Sendable {
    let path: String

    /// The name has a space: paths must survive it.
    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/sidelight test " + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            print("cannot remove \(path): \(error)")
        }
    }

    /// Writes a file and returns its path.
    func file(_ name: String, _ text: String) throws -> String {
        let path = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }
}
