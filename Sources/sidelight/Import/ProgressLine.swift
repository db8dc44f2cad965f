import Foundation
import Glibc
import Platform

/// Tells on standard error how far long work is: a bar that is drawn over itself on a terminal, plain
/// lines from time to time elsewhere.
struct ProgressLine {
    private let isTerminal: Bool
    private let clock: any Clock
    private let verb: String
    private var lastShown: Int64
    private var isDrawn = false

    /// Often enough to look alive, seldom enough to cost nothing.
    private static let barInterval: Int64 = 100_000_000
    private static let lineInterval: Int64 = 5_000_000_000
    private static let barCells = 24

    /// - Parameter verb: what is being done: `importing`.
    init(_ verb: String, clock: any Clock) {
        self.verb = verb
        self.clock = clock
        isTerminal = isatty(STDERR_FILENO) == 1
        // Work that is done before the first line is due needs none.
        lastShown = clock.monotonicNanoseconds
    }

    /// - Parameters:
    ///   - fraction: 0 to 1, or `nil` if the end is not known.
    ///   - detail: what the work is at.
    mutating func show(_ fraction: Double?, _ detail: String) {
        let now = clock.monotonicNanoseconds
        guard now - lastShown >= (isTerminal ? Self.barInterval : Self.lineInterval) else { return }
        lastShown = now
        let percent = fraction.map { "\(Int(min(max($0, 0), 1) * 100))%" } ?? ""
        guard isTerminal else {
            return write("\(verb) \(percent.isEmpty ? "" : percent + " ")\(detail)\n")
        }
        isDrawn = true
        write("\r\u{1B}[K" + Self.clipped(bar(fraction) + percent + " " + detail))
    }

    /// Takes the bar away, so that other lines can be written.
    mutating func clear() {
        guard isDrawn else { return }
        isDrawn = false
        write("\r\u{1B}[K")
    }

    private func bar(_ fraction: Double?) -> String {
        guard let fraction else { return "" }
        let filled = Int(min(max(fraction, 0), 1) * Double(Self.barCells))
        return "[" + String(repeating: "#", count: filled)
            + String(repeating: "-", count: Self.barCells - filled) + "] "
    }

    /// A line that wraps cannot be drawn over.
    private static func clipped(_ text: String) -> String {
        var size = winsize()
        let columns = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 ? Int(size.ws_col) : 80
        return columns > 1 && text.count >= columns ? text.prefix(columns - 2) + "…" : text
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
