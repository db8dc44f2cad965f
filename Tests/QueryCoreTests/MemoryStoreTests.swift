import QueryCore
import Store
import Telemetry
import Testing

@Suite("the store in memory")
struct MemoryStoreTests {
    private let store = MemoryStore { pattern, value throws(StoreError) in
        guard pattern != "(" else { throw .invalidPattern(pattern: pattern, reason: "open") }
        return value.contains(pattern)
    }

    private func outcome(
        _ append: (@escaping AppendCompletion) -> Void
    ) -> Result<AppendOutcome, StoreError>? {
        let box = Box()
        append { box.set($0) }
        return box.value
    }

    // MARK: Metrics

    @Test("of samples with equal series and time the last written wins")
    func lastWins() throws {
        for value in [1.0, 2.0] {
            var batch = MetricBatch()
            let series = batch.append(Labels(["__name__": "x"]))
            batch.append(series: series, time: 20, value: value * 10)
            batch.append(series: series, time: 10, value: value)
            store.append(metrics: batch, digest: nil) { _ in }
        }
        let selection = try store.selectSeries([], in: 0...15)
        var columns = SampleColumns()
        try selection.samples(0, into: &columns)
        #expect(columns.times == [10])
        #expect(columns.values == [2])
        #expect(try store.selectSeries([], in: 11...19).count == 0)
    }

    @Test("names, values and metadata are distinct and sorted")
    func names() throws {
        var batch = MetricBatch()
        for (name, job) in [("b", "1"), ("a", "2"), ("a", "1")] {
            let series = batch.append(Labels(["__name__": name, "job": job]))
            batch.append(series: series, time: 0, value: 0)
        }
        batch.metadata = [MetricMetadata(family: "a", type: .gauge)]
        store.append(metrics: batch, digest: nil) { _ in }
        #expect(try store.labelNames(matching: [], in: 0...0) == ["__name__", "job"])
        #expect(try store.labelValues(of: "__name__", matching: [], in: 0...0) == ["a", "b"])
        let matcher = LabelMatcher("__name__", .matches, "b")
        #expect(try store.labelValues(of: "job", matching: [matcher], in: 0...0) == ["1"])
        #expect(try store.metricMetadata().map(\.family) == ["a"])
        #expect(throws: StoreError.invalidPattern(pattern: "(", reason: "open")) {
            try store.selectSeries([LabelMatcher("job", .doesNotMatch, "(")], in: 0...0)
        }
    }

    @Test("a batch with a known digest is acknowledged and dropped")
    func digests() throws {
        var batch = MetricBatch()
        let series = batch.append(Labels(["__name__": "x"]))
        batch.append(series: series, time: 0, value: 1)
        let digest = ContentHash([1, 2, 3])
        #expect(
            outcome { store.append(metrics: batch, digest: digest, completion: $0) }
                == .success(.stored))
        #expect(
            outcome { store.append(metrics: batch, digest: digest, completion: $0) }
                == .success(.duplicate))
    }

    // MARK: Spans

    private func span(
        _ id: UInt64, start: Int64, name: String = "op", attributes: [Attribute] = [],
        kind: SpanKind = .server
    ) -> SpanRecord {
        var span = SpanRecord(
            traceID: TraceID(high: 0, low: 1), spanID: SpanID(id), name: name,
            start: Timestamp(nanoseconds: start), duration: 5)
        span.kind = kind
        span.attributes = attributes
        return span
    }

    private func append(_ spans: [SpanRecord], service: String = "shop") {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute("service.name", .string(service))]))
        let scope = batch.append(Scope(name: "lib"))
        for span in spans { batch.append(span, resource: resource, scope: scope) }
        store.append(spans: batch, digest: nil) { _ in }
    }

    @Test("spans with equal trace, span and kind collapse to the fullest and latest")
    func collapse() throws {
        append([span(1, start: 30, attributes: [Attribute("k", .int(1))])])
        append([span(1, start: 31), span(2, start: 10)])
        append([span(1, start: 32, attributes: [Attribute("k", .int(2))])])
        append([span(1, start: 40, kind: .client)])
        let trace = try store.trace(TraceID(high: 0, low: 1))
        #expect(trace.starts.map(\.nanoseconds) == [10, 32, 40])
        #expect(try store.trace(TraceID(high: 0, low: 9)).isEmpty)
    }

    @Test("a scan visits matches from new to old and stops when told")
    func scan() throws {
        append((1...200).map { span(UInt64($0), start: Int64($0)) })
        append([span(500, start: 7)], service: "other")
        var seen: [Int64] = []
        try store.scanSpans(
            SpanPredicate([.service("shop"), .root, .kind(.server)]),
            in: TimeRange(start: Timestamp(nanoseconds: 50), end: Timestamp(nanoseconds: 190))
        ) { matches, bound in
            #expect(matches.starts.allSatisfy { $0 >= bound })
            seen += matches.starts.map(\.nanoseconds)
            return seen.count < 100
        }
        #expect(seen == (62...189).reversed().map { $0 })
        #expect(
            try store.spanValues(
                of: .service, matching: SpanPredicate(), in: .all, limit: 10) == ["other", "shop"])
    }

    @Test("attribute conditions look where they are told, by value or by text")
    func attributes() throws {
        append([span(1, start: 1, attributes: [Attribute("code", .int(500))])])
        func count(_ condition: SpanCondition) throws -> Int {
            var count = 0
            try store.scanSpans(SpanPredicate([condition]), in: .all) { matches, _ in
                count += matches.count
                return true
            }
            return count
        }
        #expect(try count(.attribute(.any, key: "code", .text("500"))) == 1)
        #expect(try count(.attribute(.span, key: "code", .equals(.int(500)))) == 1)
        #expect(try count(.attribute(.span, key: "code", .equals(.string("500")))) == 0)
        #expect(try count(.attribute(.resource, key: "code", .exists)) == 0)
        #expect(try count(.attribute(.resource, key: "service.name", .exists)) == 1)
        #expect(try count(.durationAtLeast(6)) == 0)
        #expect(try count(.durationAtMost(5)) == 1)
    }

    // MARK: Logs

    @Test("log records come in either direction, filtered by stream, trace and time")
    func logs() throws {
        for (service, times) in [("a", [1, 3, 5]), ("b", [2, 4, 3])] {
            var batch = LogBatch()
            let resource = batch.append(
                Resource(attributes: [Attribute("service.name", .string(service))]))
            let scope = batch.append(Scope())
            for time in times {
                let instant = Timestamp(nanoseconds: Int64(time))
                batch.append(
                    LogRecord(
                        time: instant, observedTime: instant, body: .string("\(service)\(time)")),
                    resource: resource, scope: scope)
            }
            store.append(logs: batch, digest: nil) { _ in }
        }
        func lines(_ predicate: LogPredicate, _ direction: ScanDirection) throws -> [String] {
            var lines: [String] = []
            let range = TimeRange(start: Timestamp(nanoseconds: 2), end: Timestamp(nanoseconds: 5))
            try store.scanLogs(predicate, in: range, direction: direction) { matches, _ in
                lines += (0..<matches.count).map { matches.body($0).text }
                return true
            }
            return lines
        }
        #expect(try lines(LogPredicate(), .oldestFirst) == ["b2", "a3", "b3", "b4"])
        #expect(try lines(LogPredicate(), .newestFirst) == ["b4", "b3", "a3", "b2"])
        let streamA = LogPredicate(stream: { $0["service_name"] == "a" })
        #expect(try lines(streamA, .oldestFirst) == ["a3"])
        #expect(try lines(LogPredicate(traceID: TraceID(high: 1, low: 1)), .oldestFirst).isEmpty)
        #expect(
            try store.logStreams(LogPredicate(), in: .all)
                == [Labels(["service_name": "a"]), Labels(["service_name": "b"])])
    }

    // MARK: Catalog

    @Test("deliveries are due until they are settled")
    func deliveries() throws {
        var change = CatalogChange()
        for created in [2, 1] {
            change.deliveries.append(
                Delivery(
                    receiver: "web", body: [UInt8(created)],
                    createdAt: Timestamp(seconds: Int64(created)),
                    nextAttemptAt: Timestamp(seconds: 10)))
        }
        try store.commit(change)
        let now = Timestamp(seconds: 10)
        #expect(try store.dueDeliveries(at: Timestamp(seconds: 9), limit: 10).isEmpty)
        let due = try store.dueDeliveries(at: now, limit: 10)
        #expect(due.map(\.body) == [[1], [2]])
        try store.settle(due[0].id, .retry(at: Timestamp(seconds: 20), error: "503"))
        try store.settle(due[1].id, .delivered)
        #expect(try store.dueDeliveries(at: now, limit: 10).isEmpty)
        let later = try store.dueDeliveries(at: Timestamp(seconds: 20), limit: 10)
        #expect(later.map(\.attempts) == [1])
        #expect(later.map(\.lastError) == ["503"])
        try store.settle(due[0].id, .failed(error: "gone"))
        #expect(try store.dueDeliveries(at: Timestamp(seconds: 99), limit: 10).isEmpty)
    }

    @Test("alerts are replaced by identity and forgotten on removal; history is newest first")
    func alerts() throws {
        let group = RuleGroupKey(file: "f", name: "g")
        func alert(_ state: AlertState) -> AlertRecord {
            AlertRecord(
                group: group, rule: "r", labels: Labels(["alertname": "r"]), annotations: [],
                state: state, value: 1)
        }
        var change = CatalogChange()
        change.upserts = [alert(.pending(since: .zero))]
        for second in [1, 2] {
            change.transitions.append(
                AlertTransition(
                    at: Timestamp(seconds: Int64(second)), group: group, rule: "r", labels: .empty,
                    from: "inactive", to: "pending", value: 1))
        }
        try store.commit(change)
        change = CatalogChange()
        change.upserts = [alert(.firing(since: .zero, firedAt: .zero))]
        try store.commit(change)
        #expect(try store.alerts(group: group).map(\.state.name) == ["firing"])
        #expect(try store.alerts(group: RuleGroupKey(file: "f", name: "h")).isEmpty)
        #expect(try store.alertHistory(limit: 1).map(\.at) == [Timestamp(seconds: 2)])
        change = CatalogChange()
        change.removals = [alert(.pending(since: .zero))]
        try store.commit(change)
        #expect(try store.alerts(group: group).isEmpty)
    }
}
