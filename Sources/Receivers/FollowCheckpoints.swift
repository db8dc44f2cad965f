import Platform

/// How far each followed file has been stored, kept in a small file that is replaced as a whole: a line
/// `DEVICE INODE OFFSET PENDING-END =COUNT:MARK PATH` for each; programs of before wrote no mark.
struct FollowCheckpoints {
    private(set) var positions: [String: FileTail.Position] = [:]
    private let path: String
    private let files: any FileSystem

    /// Reads what there is. Lines that cannot be read are passed over: their files are read from the
    /// beginning.
    init(path: String, files: any FileSystem) throws(FileError) {
        self.path = path
        self.files = files
        let text: [UInt8]
        do { text = try files.readAll(path) } catch {
            guard error.isMissing else { throw error }
            return
        }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 4)
            guard words.count == 5, let device = UInt64(words[0]), let inode = UInt64(words[1]),
                let offset = Int64(words[2]), let end = Int64(words[3]), offset >= 0
            else { continue }
            let (mark, path) = Self.marked(words[4])
            positions[String(path)] = FileTail.Position(
                identity: FileIdentity(device: device, inode: inode), offset: offset,
                pendingEnd: end > offset ? end : nil, mark: mark)
        }
    }

    /// `=COUNT:HASH PATH` or `PATH`.
    private static func marked(_ text: Substring) -> (mark: FileTail.Mark?, path: Substring) {
        guard text.first == "=", let space = text.firstIndex(of: " "),
            let colon = text[..<space].firstIndex(of: ":"),
            let count = Int(text[text.index(after: text.startIndex)..<colon]), count >= 0,
            let hash = UInt64(text[text.index(after: colon)..<space], radix: 16)
        else { return (nil, text) }
        return (FileTail.Mark(count: count, hash: hash), text[text.index(after: space)...])
    }

    /// Remembers that `followed` is a file that was read under another name.
    mutating func saveAsRead(_ identity: FileIdentity, of followed: String) throws(FileError) {
        try save(FileTail.Position(identity: identity, offset: .max), of: followed)
    }

    /// Whether the file that `followed` names now was read under another name.
    func isRead(_ identity: FileIdentity, of followed: String) -> Bool {
        guard let position = positions[followed] else { return false }
        return position.identity == identity && position.offset == .max
    }

    mutating func save(_ position: FileTail.Position?, of followed: String) throws(FileError) {
        guard positions[followed] != position else { return }
        positions[followed] = position
        var text = ""
        for (followed, position) in positions.sorted(by: { $0.key < $1.key }) {
            let identity = position.identity
            text += "\(identity.device) \(identity.inode) \(position.offset)"
            text += " \(position.pendingEnd ?? 0) "
            if let mark = position.mark {
                text += "=\(mark.count):\(String(mark.hash, radix: 16)) "
            }
            text += "\(followed)\n"
        }
        let new = path + ".new"
        do { try files.remove(new) } catch { if !error.isMissing { throw error } }
        let file = try files.openForAppending(new)
        try file.append(Array(text.utf8))
        try file.close()
        try files.rename(new, to: path)
    }
}
