import Foundation
import Glibc

/// Where the demo writes: the user's folder, or one of its own that it removes.
package final class DemoFolder: Sendable {
    package let path: String
    /// Whether an earlier demo has left its data here.
    package let hasData: Bool
    private let isTemporary: Bool
    private let lock: Int32

    private static let marker = ".sidelight-demo"
    private static let prefix = "sidelight-demo-"
    /// A younger folder may belong to a demo that is just starting.
    private static let abandonedAfter: time_t = 60

    /// - Parameter given: an empty folder, one of an earlier demo, or one to be made; `nil` for a
    ///   temporary one.
    package init(_ given: String?) throws(DemoFailure) {
        isTemporary = given == nil
        if let given {
            path = URL(fileURLWithPath: given).path
            try DemoFolder.prepare(path)
        } else {
            DemoFolder.removeAbandoned()
            path = try DemoFolder.temporary()
        }
        let file = "\(path)/\(DemoFolder.marker)"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw DemoFailure("cannot write \(file): \(errorText())") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw DemoFailure("another demo runs in \(path)")
        }
        hasData = FileManager.default.fileExists(atPath: "\(path)/data")
    }

    deinit { close(lock) }

    /// Removes a temporary folder.
    /// - Returns: what could not be removed, with the reason.
    package func remove() -> String? {
        guard isTemporary else { return nil }
        do {
            try FileManager.default.removeItem(atPath: path)
            return nil
        } catch {
            return "cannot remove \(path): \(error.localizedDescription)"
        }
    }

    private static func prepare(_ path: String) throws(DemoFailure) {
        let names: [String]
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw DemoFailure("cannot use --data \(path): \(error.localizedDescription)")
        }
        guard names.isEmpty || names.contains(marker) else {
            throw DemoFailure(
                "--data \(path) holds files that are not a demo's: give an empty folder")
        }
    }

    private static func temporary() throws(DemoFailure) -> String {
        let parent = NSTemporaryDirectory()
        let pattern = (parent.hasSuffix("/") ? parent : parent + "/") + prefix + "XXXXXX"
        var template = Array(pattern.utf8CString)
        guard mkdtemp(&template) != nil else {
            throw DemoFailure("cannot make a folder in \(parent): \(errorText())")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the temporary folders of demos that were killed: nobody holds their locks.
    private static func removeAbandoned() {
        let parent = NSTemporaryDirectory()
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: parent)
        } catch {
            // What cannot be listed cannot be tidied up; making a folder there says why.
            return
        }
        for name in names where name.hasPrefix(prefix) {
            let folder = (parent.hasSuffix("/") ? parent : parent + "/") + name
            let file = open("\(folder)/\(marker)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard file >= 0 else { continue }
            defer { close(file) }
            var facts = stat()
            guard fstat(file, &facts) == 0, facts.st_uid == getuid(),
                facts.st_mtim.tv_sec + abandonedAfter < time(nil),
                flock(file, LOCK_EX | LOCK_NB) == 0
            else { continue }
            do {
                try FileManager.default.removeItem(atPath: folder)
            } catch {
                // It is in nobody's way: the next demo tries again.
                continue
            }
        }
    }
}

private func errorText() -> String { String(cString: strerror(errno)) }
