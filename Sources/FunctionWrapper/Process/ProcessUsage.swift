import Glibc

/// What a process has used (proc(5)).
struct ProcessUsage: Sendable, Equatable {
    /// User and system time since its start, with its ended children.
    var cpuSeconds: Double
    /// The most memory it had at a time.
    var memoryBytesPeak: Int64

    static func read(process id: Int32) -> ProcessUsage? {
        guard let stat = text("/proc/\(id)/stat"), let status = text("/proc/\(id)/status") else {
            return nil
        }
        return parse(
            stat: stat, status: status, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// - Parameter stat: its second field is a name in parentheses and may hold anything.
    static func parse(stat: String, status: String, ticksPerSecond: Double) -> ProcessUsage? {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        // Fields 14 to 17; the slice starts with field 3.
        guard fields.count > 14 else { return nil }
        let ticks = fields[11...14].compactMap { Double($0) }
        let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = peak?.split(separator: " ").compactMap { Int64($0) }.first
        guard ticks.count == 4, ticksPerSecond > 0, let kilobytes else { return nil }
        return ProcessUsage(
            cpuSeconds: ticks.reduce(0, +) / ticksPerSecond,
            memoryBytesPeak: kilobytes.multipliedReportingOverflow(by: 1_024).partialValue)
    }

    /// The start of a small file.
    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 8_192)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
