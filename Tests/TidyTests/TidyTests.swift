import Testing

@Suite("the repository")
struct TidyTests {
    private func expectClean(
        _ check: Check, _ files: [SourceFile], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let findings = check.findings(in: files)
        let list = findings.map(\.description).joined(separator: "\n")
        #expect(findings.isEmpty, "\(check.name):\n\(list)", sourceLocation: sourceLocation)
    }

    @Test("is found from here, with its targets")
    func tree() {
        #expect(SourceTree.sources.count > 20)
        #expect(SourceTree.files.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
        #expect(SourceTree.texts.contains { $0.path == "scripts/test" })
        #expect(Set(SourceTree.sources.map(\.target)).isSuperset(of: ["Telemetry", "sidelight"]))
    }

    @Test("has files of readable length")
    func fileLength() { expectClean(.fileLength, SourceTree.files) }

    @Test("has functions of readable length")
    func functionLength() { expectClean(.functionLength, SourceTree.sources) }

    @Test("lists no exception for a function that has become short or is gone")
    func staleExceptions() {
        let long = SourceTree.sources.flatMap { file in
            Check.functions(of: file).filter { $0.lineCount > Check.functionLinesMax }.map {
                "\(file.path) \($0.name)"
            }
        }
        #expect(Set(Check.functionExceptions.keys).subtracting(long).isEmpty)
    }

    @Test("calls nothing that crashes, loses errors, prints or reads the clock by itself")
    func bannedCalls() { expectClean(.bannedCalls, SourceTree.sources) }

    @Test("unwraps nothing by force")
    func forceUnwraps() { expectClean(.forceUnwraps, SourceTree.sources) }

    @Test("swallows no error")
    func emptyCatch() { expectClean(.emptyCatch, SourceTree.sources) }

    @Test("leaves nothing for later")
    func leftovers() { expectClean(.leftovers, SourceTree.sources) }

    @Test("proves each unchecked Sendable")
    func uncheckedSendable() { expectClean(.uncheckedSendable, SourceTree.sources) }

    @Test("imports downwards only")
    func importDirections() { expectClean(.importDirections, SourceTree.sources) }

    @Test("is public only where strangers link it")
    func publicAccess() { expectClean(.publicAccess, SourceTree.sources) }

    @Test("says what each shared type is for")
    func documentation() { expectClean(.documentation, SourceTree.sources) }

    @Test("names no place of work and no registry")
    func workplaces() { expectClean(.workplaces, SourceTree.texts) }
}
