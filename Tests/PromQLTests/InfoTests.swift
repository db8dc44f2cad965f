import PromQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("info() adds the labels of info series")
struct InfoTests {
    private let store = TestStore(
        """
        up{instance=a,job=1} 1 2 3
        up{instance=b,job=1} 4 5 6
        up{x=none} 7 8 9
        target_info{instance=a,job=1,data=info,cloud=x} 1 1 1
        build_info{instance=a,job=1,version=v1} 1 1 1
        build_info{instance=b,job=1,version=v2} 1 1 1
        """)

    @Test("target_info is taken unless told otherwise; series without one stay as they are")
    func standard() throws {
        #expect(
            try store.instant("info(up)", at: 60) == [
                "up{cloud=\"x\", data=\"info\", instance=\"a\", job=\"1\"} 2",
                "up{instance=\"b\", job=\"1\"} 5", "up{x=\"none\"} 8",
            ])
        #expect(
            try store.range("info(rate(up{instance=\"a\"}[2m]))", 60, 120, step: 60).map {
                $0.prefix(52)
            } == [#"{cloud="x", data="info", instance="a", job="1"} 0.01"#])
    }

    @Test("a selector says which labels, and drops what has none that fits")
    func selector() throws {
        #expect(
            try store.instant("info(up, {data=~\".+\"})", at: 60) == [
                "up{data=\"info\", instance=\"a\", job=\"1\"} 2"
            ])
        // What may be empty drops nothing.
        #expect(
            try store.instant("info(up, {data=~\".*\"})", at: 60) == [
                "up{data=\"info\", instance=\"a\", job=\"1\"} 2",
                "up{instance=\"b\", job=\"1\"} 5", "up{x=\"none\"} 8",
            ])
        #expect(try store.instant("count(info(up, {}))", at: 60) == ["{} 3"])
    }

    @Test("a selector says which metric; several add up; an info series itself stays")
    func metrics() throws {
        #expect(
            try store.instant("info(up{job=\"1\"}, {__name__=\"build_info\"})", at: 60) == [
                "up{instance=\"a\", job=\"1\", version=\"v1\"} 2",
                "up{instance=\"b\", job=\"1\", version=\"v2\"} 5",
            ])
        #expect(
            try store.instant(
                "info(up{instance=\"a\"}, {__name__=~\".+_info\"})", at: 60)
                == [
                    "up{cloud=\"x\", data=\"info\", instance=\"a\", job=\"1\", version=\"v1\"} 2"
                ])
        #expect(
            try store.instant(
                "info(up{instance=\"a\"}, {__name__!=\"target_info\"})", at: 60)
                == ["up{instance=\"a\", job=\"1\", version=\"v1\"} 2"])
        #expect(
            try store.instant("info(build_info{version=\"v1\"}, {__name__=\"build_info\"})")
                == ["build_info{instance=\"a\", job=\"1\", version=\"v1\"} 1"])
    }

    @Test("of info series that follow each other, the one with the latest sample counts")
    func succession() throws {
        let store = TestStore(
            """
            up{instance=a,job=1} 1 2 3 4
            target_info{instance=a,job=1,data=old} 1 1
            target_info{instance=a,job=1,data=new} _ _ 1 1
            """)
        #expect(
            try store.range("info(up)", 0, 180, step: 60) == [
                "up{data=\"new\", instance=\"a\", job=\"1\"} _ _ 3 4",
                "up{data=\"old\", instance=\"a\", job=\"1\"} 1 2 _ _",
            ])
        // The argument's time is the info series' time.
        #expect(
            try store.instant("info(up @ 60)", at: 180) == [
                "up{data=\"old\", instance=\"a\", job=\"1\"} 2"
            ])
        #expect(
            try store.instant("info(up offset 2m)", at: 180) == [
                "up{data=\"old\", instance=\"a\", job=\"1\"} 2"
            ])
    }

    @Test("two at the same time, or two values for a label, are errors")
    func conflicts() throws {
        let store = TestStore(
            """
            up{instance=a,job=1} 1
            target_info{instance=a,job=1,data=1} 1
            target_info{instance=a,job=1,data=2} 1
            other_info{instance=a,job=1,data=3} 1
            third_info{instance=a,job=1,data=4} 1
            """)
        #expect(
            failure { _ = try store.instant("info(up)") }?.message
                == "found duplicate series for info metric: existing target_info{data=\"1\", "
                + "instance=\"a\", job=\"1\"} @ 0, new target_info{data=\"2\", instance=\"a\", "
                + "job=\"1\"} @ 0")
        #expect(
            failure {
                _ = try store.instant("info(up, {__name__=~\"other_info|third_info\"})")
            }?.message == "conflicting label: data")
    }

    @Test("its second argument must be a selector of labels")
    func arguments() {
        for (text, message) in [
            ("info(up, target_info)", "label selectors only, got vector selector instead"),
            ("info(up, sum(up))", "1:10: parse error: expected label selectors only"),
            ("info(up, 1)", "expected type instant vector in call to function \"info\", got"),
            ("info()", "expected at least 1 argument(s) in call to \"info\", got 0"),
        ] {
            let said = failure { _ = try store.instant(text) }?.message ?? ""
            #expect(said.contains(message), "\(said)")
        }
    }

    @Test("start timestamps are those of the samples that a selector finds, 0 where nobody told")
    func startTimestamps() throws {
        let store = TestStore()
        var batch = MetricBatch()
        let told = batch.append(Labels(["__name__": "c_total", "pod": "a"]))
        let untold = batch.append(Labels(["__name__": "c_total", "pod": "b"]))
        for time in stride(from: Int64(60_000), through: 600_000, by: 60_000) {
            batch.append(series: told, time: time, value: Double(time))
            batch.append(series: untold, time: time, value: 1)
        }
        batch.starts = [
            SeriesStart(series: told, time: 50_500, firstSampleTime: 60_000),
            SeriesStart(series: told, time: 290_000, firstSampleTime: 300_000),
        ]
        store.add(batch)
        func lines(_ query: String, at seconds: Double) throws -> [String] {
            TestStore.lines(try store.result(query, at: seconds).value)
        }
        #expect(
            try lines("start_timestamp(c_total)", at: 299)
                == [#"{pod="a"} 50.5"#, #"{pod="b"} 0"#])
        #expect(try lines(#"start_timestamp(c_total{pod="a"})"#, at: 300) == [#"{pod="a"} 290"#])
        #expect(
            try lines(#"start_timestamp(c_total{pod="a"} offset 5m)"#, at: 420)
                == [#"{pod="a"} 50.5"#])
        #expect(try lines("start_timestamp(c_total + 0)", at: 300) == [])
        #expect(try store.result("start_timestamp(c_total)", at: 300).warnings == [])
    }
}

@Suite("the hash that limit_ratio chooses by")
struct LabelHashTests {
    @Test(
        "has the published values of XXH64",
        arguments: [
            ("", 0xEF46_DB37_51D8_E999 as UInt64), ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ])
    func vectors(text: String, hash: UInt64) {
        #expect(Array(text.utf8).withUnsafeBytes { XXH64.hash($0) } == hash)
    }

    @Test("is taken over names and values behind their lengths")
    func layout() {
        let long = String(repeating: "v", count: 300)
        let bytes = [1] + Array("a".utf8) + [255, 44, 1, 0] + Array(long.utf8)
        #expect(
            LabelHash.hash(Labels(["a": long])) == bytes.withUnsafeBytes { XXH64.hash($0) })
    }
}
