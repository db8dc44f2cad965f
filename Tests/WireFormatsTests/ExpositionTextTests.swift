import Telemetry
import Testing
import WireFormats

@Suite("The text format and OpenMetrics")
struct ExpositionTextTests {
    private func decode(
        _ text: String, _ format: Exposition.Format = .text,
        _ change: (inout ExpositionOptions) -> Void = { _ in }
    ) throws -> Decoded<ExposedMetrics> {
        var options = ExpositionOptions(receivedAt: 1_000)
        change(&options)
        return try Exposition.decode(Array(text.utf8), format: format, options: options)
    }

    /// Series with value and time, a line each.
    private func lines(_ decoded: Decoded<ExposedMetrics>) -> [String] {
        let batch = decoded.batch.batch
        return batch.sampleTimes.indices.map {
            "\(batch.labels(Int(batch.sampleSeries[$0]))) \(batch.sampleValues[$0])"
                + " @\(batch.sampleTimes[$0])"
        }
    }

    @Test("names, labels, values and times are read; labels come out sorted and canonical")
    func reads() throws {
        let decoded = try decode(
            """
            # HELP http_requests_total The total \\\\ number\\nof requests.
            # TYPE http_requests_total counter
            http_requests_total{method="post",code="200"} 1027 1395066363000
            http_requests_total{ code = "400" , method="post", } 3
            # A comment
            \t
            msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find:\\n\\"F\\""} 1.458255915e9
            metric_without_labels 12.47
            odd{problem="division by zero"} +Inf -3982045
            rpc_duration_seconds_sum 1.7560473e+07
            no_newline_at_the_end 1
            """)
        #expect(
            lines(decoded) == [
                "http_requests_total{code=\"200\", method=\"post\"} 1027.0 @1395066363000",
                "http_requests_total{code=\"400\", method=\"post\"} 3.0 @1000",
                "msdos_file_access_time_seconds{error=\"Cannot find:\\n\\\"F\\\"\", "
                    + "path=\"C:\\\\DIR\\\\FILE.TXT\"} 1458255915.0 @1000",
                "metric_without_labels 12.47 @1000",
                "odd{problem=\"division by zero\"} inf @-3982045",
                "rpc_duration_seconds_sum 17560473.0 @1000", "no_newline_at_the_end 1.0 @1000",
            ])
        #expect(
            decoded.batch.hasOwnTime == [true, false, false, false, true, false, false])
        #expect(
            decoded.batch.batch.metadata == [
                MetricMetadata(
                    family: "http_requests_total", type: .counter,
                    help: "The total \\ number\nof requests.")
            ])
        let batch = decoded.batch.batch
        for series in 0..<batch.seriesCount {
            let labels = batch.labels(series)
            #expect(labels == Labels(labels.pairs))
            #expect(batch.seriesIDs[series] == labels.seriesID)
        }
    }

    @Test(
        "numbers are those of Go's ParseFloat",
        arguments: [
            ("1", 1.0), ("-1.5", -1.5), ("+2", 2), (".5", 0.5), ("7.", 7), ("007", 7),
            ("1e3", 1_000), ("1E-3", 0.001), ("Inf", .infinity), ("-inf", -.infinity),
            ("+Infinity", .infinity), ("123456789012345678901234567890", 1.2345678901234568e29),
            ("4.9406564584124654e-324", .leastNonzeroMagnitude),
        ] as [(String, Double)])
    func numbers(text: String, value: Double) throws {
        #expect(try decode("a \(text)\n").batch.batch.sampleValues == [value])
    }

    @Test("NaN is the plain one, never a stale marker")
    func notANumber() throws {
        let value = try #require(try decode("a NaN\n").batch.batch.sampleValues.first)
        #expect(value.bitPattern == 0x7FF8_0000_0000_0001)
    }

    @Test(
        "what is no exposition is refused with line and reason",
        arguments: [
            "a", "a b", "a 1 b", "a 1 2 3", "a{ 1", "a{b} 1", "a{b=c} 1", "a{b=\"c} 1",
            "a{b=\"c\" d=\"e\"} 1", "a{b=\"c\",,d=\"e\"} 1", "a{b=\"1\",b=\"2\"} 1", "1a 1",
            "{b=\"c\"} 1", "a{\"b\"} 1", "# TYPE a thing", "# TYPE", "<html>", "a 0x1", "a 1_0",
            "a 1 1.5", "a{__name__=\"b\"} 1", "a 1 # {} 1", "\u{0}",
        ])
    func malformed(line: String) {
        let failure = #expect(throws: DecodeError.self) { try decode("good 1\n\(line)\n") }
        #expect(failure.map { "\($0)".contains("line 2") } ?? false, "\(line)")
    }

    @Test("bytes that are not UTF-8 fail in a label")
    func invalidText() {
        let body = Array("a{b=\"".utf8) + [0xC3] + Array("\"} 1\n".utf8)
        #expect(throws: DecodeError.self) {
            try Exposition.decode(
                body, format: .text, options: ExpositionOptions(receivedAt: 0))
        }
    }

    @Test("bad lines can be skipped; they are counted and the first is shown")
    func skips() throws {
        let decoded = try decode("a 1\nb x\nc 3\nd\n") { $0.skipsBadLines = true }
        #expect(lines(decoded) == ["a 1.0 @1000", "c 3.0 @1000"])
        #expect(decoded.rejectedCount == 2)
        #expect(decoded.rejectionMessage.contains("line 2"))
    }

    @Test("names with any characters stand quoted in the braces")
    func quotedNames() throws {
        let decoded = try decode(
            """
            # TYPE "my.metric" gauge
            {"my.metric","label.one"="1",two="2"} 3
            plain{"ein label"="ü"} 4
            """)
        let batch = decoded.batch.batch
        #expect(
            (0..<2).map { batch.labels($0) } == [
                Labels(["__name__": "my.metric", "label.one": "1", "two": "2"]),
                Labels(["__name__": "plain", "ein label": "ü"]),
            ])
        #expect(batch.metadata == [MetricMetadata(family: "my.metric", type: .gauge)])
    }

    @Test("bounds are written one way, whatever the target prints")
    func bounds() throws {
        let decoded = try decode(
            """
            # TYPE h histogram
            h_bucket{le="1"} 1
            h_bucket{le="0.50"} 1
            h_bucket{le="1e6"} 1
            h_bucket{le="0.00001"} 1
            h_bucket{le="+Inf"} 2
            # TYPE s summary
            s{quantile="1"} 2
            # TYPE g gauge
            g{le="1"} 2
            """)
        let batch = decoded.batch.batch
        #expect(
            (0..<batch.seriesCount).map {
                batch.labels($0)["le"] ?? batch.labels($0)["quantile"]
            } == ["1.0", "0.5", "1000000.0", "1e-05", "+Inf", "1.0", "1"])
    }

    @Test("OpenMetrics has exemplars, units, times in seconds and an end")
    func openMetrics() throws {
        let decoded = try decode(
            """
            # TYPE foo_seconds counter
            # UNIT foo_seconds seconds
            # HELP foo_seconds Time of \\"foo\\".
            foo_seconds_total{a="b"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67
            foo_seconds_created{a="b"} 1520430000.123
            # TYPE h histogram
            h_bucket{le="1"} 5 # {} 0.5 1.25
            h_bucket{le="+Inf"} 6 # {trace_id="\(String(repeating: "x", count: 200))"} 1
            # EOF

            """, .openMetrics)
        #expect(
            lines(decoded).prefix(2) == [
                "foo_seconds_total{a=\"b\"} 17.0 @1520879607789",
                "foo_seconds_created{a=\"b\"} 1520430000.123 @1000",
            ])
        #expect(
            decoded.batch.batch.exemplars == [
                Exemplar(
                    series: 0, time: 1_520_879_607_789, value: 0.67,
                    labels: Labels(["trace_id": "KOO5S4vxi0o"])),
                Exemplar(series: 2, time: 1_250, value: 0.5, labels: .empty),
            ])
        #expect(decoded.ignoredFields == 1)
        #expect(
            decoded.batch.batch.metadata.first
                == MetricMetadata(
                    family: "foo_seconds", type: .counter, help: "Time of \"foo\".",
                    unit: "seconds"))
    }

    @Test(
        "lines that say when a metric was created give its series their starts, before them or behind"
    )
    func created() throws {
        let decoded = try decode(
            """
            # TYPE c counter
            c_total{a="1"} 17 50
            c_created{a="1"} 40.5
            c_created{a="2"} 41
            c_total{a="2"} 18 52
            c_total{a="3"} 19 53
            # TYPE h histogram
            h_bucket{le="1"} 5 60
            h_bucket{le="+Inf"} 6 60
            h_count 6 60
            h_created 42
            # TYPE late counter
            late_total 1 60
            late_created 61
            # TYPE g gauge
            g_created 3 60
            # EOF

            """, .openMetrics)
        let batch = decoded.batch.batch
        #expect(
            batch.starts.map {
                "\(batch.labels(Int($0.series))) \($0.time) \($0.firstSampleTime)"
            } == [
                #"c_total{a="1"} 40500 50000"#, #"c_total{a="2"} 41000 52000"#,
                #"h_bucket{le="1.0"} 42000 60000"#, #"h_bucket{le="+Inf"} 42000 60000"#,
                "h_count 42000 60000",
            ])
        #expect(batch.sampleTimes.count == 12)
    }

    @Test("OpenMetrics without its end, or with text behind it, is refused")
    func openMetricsEnd() throws {
        #expect(throws: DecodeError.self) { try decode("a 1\n", .openMetrics) }
        #expect(throws: DecodeError.self) { try decode("a 1\n# EOF\nb 1\n", .openMetrics) }
        let cut = try decode("a 1\nb 12", .openMetrics) { $0.isTruncated = true }
        #expect(lines(cut) == ["a 1.0 @1000"])
    }

    @Test("the target's times are not taken where the job says so")
    func ownTimes() throws {
        let decoded = try decode("a 1 5\n") { $0.honorsTimestamps = false }
        #expect(lines(decoded) == ["a 1.0 @1000"])
        #expect(decoded.batch.hasOwnTime == [false])
    }

    @Test("no cut-off or flipped input crashes")
    func robust() throws {
        let text = Array(
            """
            # HELP a b\\n
            # TYPE a histogram
            a_bucket{le="1",x="\\"y\\\\"} 1.5e3 12 # {t="1"} 1 2
            {"q r",s="t"} NaN
            # EOF

            """.utf8)
        for format in [Exposition.Format.text, .openMetrics] {
            for end in text.indices {
                var options = ExpositionOptions(receivedAt: 0)
                options.skipsBadLines = true
                _ = try Exposition.decode(
                    Array(text[..<end]), format: format, options: options)
                for byte in [UInt8(0), 0x22, 0x5C, 0x7B, 0xFF] {
                    var flipped = text
                    flipped[end] = byte
                    _ = try Exposition.decode(flipped, format: format, options: options)
                }
            }
        }
    }
}
