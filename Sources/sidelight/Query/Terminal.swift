import Foundation
import Glibc

/// Where output goes.
struct Terminal {
    /// Characters in a line.
    var width: Int
    var hasColours: Bool

    /// The standard output: its width, or that of `COLUMNS`, or 80.
    static var current: Terminal {
        let environment = ProcessInfo.processInfo.environment
        let isTerminal = isatty(STDOUT_FILENO) == 1
        var width = environment["COLUMNS"].flatMap { Int($0) } ?? 80
        var size = winsize()
        if isTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
            width = Int(size.ws_col)
        }
        let isPlain = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        return Terminal(
            width: min(400, max(40, width)), hasColours: isTerminal && !isPlain)
    }
}
