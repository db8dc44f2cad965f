/// Reads everything again that may change while the server runs, once at a time: on a hang-up, and on request
/// where `--enable-lifecycle` allows it.
actor ServeReload {
    /// Reads one kind of file again and gives the reasons why its old content stays.
    typealias Part = @Sendable () async -> [String]

    private let parts: [Part]
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ parts: [Part]) { self.parts = parts }

    /// - Returns: every mistake; what is without one is in force.
    func run() async -> [String] {
        while isBusy { await withCheckedContinuation { waiting.append($0) } }
        isBusy = true
        var mistakes: [String] = []
        for part in parts { mistakes += await part() }
        isBusy = false
        for one in waiting { one.resume() }
        waiting = []
        return mistakes
    }
}
