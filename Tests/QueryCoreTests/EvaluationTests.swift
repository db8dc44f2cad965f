import QueryCore
import Store
import Synchronization
import Telemetry
import Testing

@Suite("what the query languages share")
struct EvaluationTests {
    @Test("steps go from the start to at most the end")
    func steps() throws {
        let steps = try EvaluationSteps(start: 100, end: 399, step: 100, countMax: 11_000)
        #expect((0..<steps.count).map(steps.time) == [100, 200, 300])
        #expect(steps.end == 300)
        #expect(EvaluationSteps(at: 7).count == 1)
    }

    @Test(
        "impossible steps are refused, at the ends of time too",
        arguments: [
            (0, -1, 1), (0, 10, 0), (0, 10, -5), (0, 11_001, 1), (Int64.min, Int64.max, 1),
            (0, Int64.max, 1),
        ] as [(Int64, Int64, Int64)])
    func badSteps(_ start: Int64, _ end: Int64, _ step: Int64) {
        #expect(throws: QueryError.self) {
            try EvaluationSteps(start: start, end: end, step: step, countMax: 11_000)
        }
    }

    @Test("only the staleness marker means absent; other NaNs are values")
    func presence() {
        #expect(!StepValue.isPresent(StepValue.absent))
        #expect(!StepValue.isPresent(Sample.staleMarker))
        #expect(StepValue.isPresent(.nan))
        #expect(StepValue.isPresent(.signalingNaN))
        #expect(StepValue.isPresent(0))
        let series = StepSeries(labels: .empty, values: [StepValue.absent, .nan, 1])
        #expect(series.presentCount == 2)
        #expect(!series.isEmpty)
        #expect(StepSeries(labels: .empty, values: [StepValue.absent]).isEmpty)
    }

    @Test("labels are ordered by names and values, not by their encoding")
    func labelOrder() {
        let ordered = [
            Labels([:]), Labels(["a": "1"]), Labels(["a": "1", "b": "2"]), Labels(["a": "10"]),
            Labels(["a": "2"]), Labels(["aa": "1"]), Labels(["b": ""]).setting("b", "0"),
        ]
        for (i, a) in ordered.enumerated() {
            for (j, b) in ordered.enumerated() { #expect(a.comesBefore(b) == (i < j)) }
        }
    }

    @Test("a place in a query has a line, a column and an excerpt")
    func places() {
        let source = "ab\ncdé\n"
        #expect(SourceRange(0, 1).position(in: source) == "1:1")
        #expect(SourceRange(4, 6).position(in: source) == "2:2")
        #expect(SourceRange(99, 99).position(in: source) == "3:1")
        #expect(SourceRange(0, 0).position(in: "") == "unknown position")
        #expect(SourceRange(4, 5).excerpt(of: source) == "cdé\n ^")
        #expect(SourceRange(1, 99).excerpt(of: source) == "ab\n ^")
        #expect(SourceRange(99, 120).excerpt(of: source) == "\n^")
    }

    @Test("a context counts what is held and what was most")
    func samples() throws {
        var limits = QueryLimits()
        limits.samplesMax = 10
        let context = QueryContext(limits: limits)
        try context.hold(samples: 6)
        context.release(samples: 4)
        try context.hold(samples: 8)
        #expect(context.heldSampleCount == 10)
        #expect(context.peakSamples == 10)
        #expect(throws: QueryError.self) { try context.hold(samples: 1) }
    }

    @Test("a deadline counts from the start of the query")
    func deadline() throws {
        let now = Mutex<Int64>(5)
        var limits = QueryLimits()
        limits.duration = .milliseconds(1)
        let context = QueryContext(limits: limits) { now.withLock { $0 } }
        now.withLock { $0 = 1_000_005 }
        try context.check()
        now.withLock { $0 = 1_000_006 }
        #expect(throws: QueryError(.timeout, "query timed out in expression evaluation")) {
            try context.check()
        }
    }

    @Test("failures of the store keep their meaning")
    func storeErrors() {
        #expect(QueryError(StoreError.closed).kind == .unavailable)
        #expect(QueryError(StoreError.overloaded(retryAfterMilliseconds: 5)).kind == .unavailable)
        #expect(QueryError(StoreError.limitExceeded(limit: "x", value: 1)).kind == .execution)
        #expect(QueryError(StoreError.damaged(path: "p", reason: "r")).kind == .internal)
        #expect(QueryError(StoreError.invalidPattern(pattern: "(", reason: "r")).kind == .badData)
    }

    @Test("notes are kept once, sorted, and at most ten of each")
    func notes() {
        let notes = QueryNotes()
        for text in ["b", "a", "b"] { notes.warn(text) }
        for index in 0..<100 { notes.inform("\(index)") }
        #expect(notes.warnings == ["a", "b"])
        #expect(notes.infos.count == 11)
        #expect(notes.infos.last == "90 more info annotations omitted")
    }
}
