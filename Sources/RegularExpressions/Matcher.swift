import Glibc

/// The cheapest way to answer one kind of question about a text.
enum Matcher {
    case everything
    case nonEmpty
    case literals(LiteralSet)
    case globs([Glob])
    /// RE2.
    case program

    /// Beyond a few, one walk through RE2's automaton is cheaper than a search for each.
    private static let globsMax = 4

    /// For texts that a simple pattern matches from end to end.
    init(whole simple: SimplePattern) {
        self.init(simple.alternatives.map(\.glob))
    }

    /// For texts that a simple pattern matches somewhere: a gap goes before and after whatever is not
    /// anchored.
    init(somewhere simple: SimplePattern) {
        var globs: [Glob] = []
        for alternative in simple.alternatives {
            var glob = Glob()
            guard alternative.isAnchoredAtStart || glob.appendGap(isFilled: false),
                glob.append(alternative.glob),
                alternative.isAnchoredAtEnd || glob.appendGap(isFilled: false)
            else {
                self = .program
                return
            }
            globs.append(glob)
        }
        self.init(globs)
    }

    private init(_ globs: [Glob]) {
        let anything = Glob(pieces: [Glob.Piece(isFilled: false, literal: [])])
        let something = Glob(pieces: [Glob.Piece(isFilled: true, literal: [])])
        if globs.contains(anything) {
            self = .everything
        } else if globs.allSatisfy(\.isLiteral) {
            self = .literals(LiteralSet(globs.map(\.head)))
        } else if globs == [something] {
            self = .nonEmpty
        } else {
            self = globs.count <= Matcher.globsMax ? .globs(globs) : .program
        }
    }

    /// `nil` leaves the question to RE2.
    @inline(__always)
    func answer(_ text: UnsafeRawBufferPointer, gapsHoldNewlines: Bool) -> Bool? {
        switch self {
        case .literals(let set): return set.contains(text)
        case .program: return nil
        case .everything, .nonEmpty, .globs:
            if !gapsHoldNewlines, Matcher.hasNewline(text) { return nil }
        }
        switch self {
        case .everything: return true
        case .nonEmpty: return !text.isEmpty
        case .globs(let globs): return globs.contains { $0.matches(text) }
        case .literals, .program: return nil
        }
    }

    private static func hasNewline(_ text: UnsafeRawBufferPointer) -> Bool {
        text.baseAddress.map { memchr($0, 0x0A, text.count) != nil } ?? false
    }
}
