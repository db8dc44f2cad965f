import Telemetry
import Testing
import WireFormats

@Suite("Remote write of series that came before")
struct KnownSeriesTests {
    private typealias Pair = (name: String, value: String)

    /// A `TimeSeries`; `samplesAt` says before which label its sample stands.
    private func series(
        _ labels: [Pair], time: Int64, samplesAt: Int = .max
    ) -> (inout ProtobufWriter) -> Void {
        { writer in
            func sample() {
                writer.message(2) {
                    $0.double(1, Double(time))
                    $0.varint(2, UInt64(time))
                }
            }
            for (index, label) in labels.enumerated() {
                if index == samplesAt { sample() }
                writer.message(1) {
                    $0.string(1, label.name)
                    $0.string(2, label.value)
                }
            }
            if samplesAt >= labels.count { sample() }
        }
    }

    private func body(_ series: [(inout ProtobufWriter) -> Void]) -> [UInt8] {
        var writer = ProtobufWriter()
        for message in series { writer.message(1, message) }
        return writer.bytes
    }

    /// What a decoded batch says.
    private func lines(_ decoded: Decoded<MetricBatch>) -> [String] {
        let batch = decoded.batch
        return batch.sampleTimes.indices.map { index in
            let series = Int(batch.sampleSeries[index])
            let labels = batch.labels(series)
            #expect(batch.seriesIDs[series] == labels.seriesID)
            return "\(labels) \(batch.sampleValues[index]) \(batch.sampleTimes[index])"
        } + NeutralDump.rejections(decoded.rejections)
    }

    private static let long = String(repeating: "länger ", count: 3_000)
    private static let labelSets: [[Pair]] = [
        [("__name__", "up"), ("job", "a")],
        [("__name__", "up"), ("job", "b"), ("pod", String(repeating: "p", count: 130))],
        [("__name__", "up"), ("job", long)], [("job", "unsorted"), ("__name__", "up")],
        [("__name__", "up"), ("empty", ""), ("job", "c")], [("__name__", "up")],
        [("__name__", "up"), ("job", "twice"), ("job", "twice")], [("job", "nameless")], [],
    ]

    @Test("a batch says the same whether its series are known or not")
    func saysTheSame() throws {
        let known = KnownSeries()
        for time in 1...4 as ClosedRange<Int64> {
            let whole = body(
                Self.labelSets.map { series($0, time: time) }
                    // The labels of these do not all stand at the beginning.
                    + Self.labelSets.map { series($0, time: time + 100, samplesAt: 1) })
            let (decoded, new) = try RemoteWrite.decode(protobuf: whole, known: known)
            #expect(lines(decoded) == lines(try RemoteWrite.decode(protobuf: whole)))
            #expect(decoded.batch.unread == nil ? time == 1 : time > 1)
            // Four simple sets, one of them twice; those out of order are read every time.
            #expect(new.count == (time == 1 ? 5 : 0))
            known.learn(new)
        }
    }

    @Test("a broken body is refused, or read in part, as without known series")
    func brokenBodies() throws {
        let whole = body(Self.labelSets.prefix(2).map { series($0, time: 7) })
        let known = KnownSeries()
        known.learn(try RemoteWrite.decode(protobuf: whole, known: known).new)
        func outcome(_ body: [UInt8], _ known: KnownSeries?) -> [String] {
            do throws(DecodeError) {
                guard let known else { return lines(try RemoteWrite.decode(protobuf: body)) }
                return lines(try RemoteWrite.decode(protobuf: body, known: known).decoded)
            } catch {
                return ["refused"]
            }
        }
        for length in whole.indices {
            let part = Array(whole[..<length])
            #expect(outcome(part, known) == outcome(part, nil), "\(length) bytes")
        }
        for index in whole.indices {
            for change in [1, 2, 0x08, 0x80, 0xFF] as [UInt8] {
                var changed = whole
                changed[index] ^= change
                #expect(outcome(changed, known) == outcome(changed, nil), "\(index) \(change)")
            }
        }
    }

    @Test("series that do not come any more are forgotten, those that do stay known")
    func forgets() throws {
        let known = KnownSeries(generationMax: 3)
        func decode(_ jobs: [Int]) throws -> Int {
            let whole = body(jobs.map { series([("__name__", "up"), ("job", "\($0)")], time: 1) })
            let new = try RemoteWrite.decode(protobuf: whole, known: known).new
            known.learn(new)
            return new.count
        }
        #expect(try decode([0, 1, 2]) == 3)
        #expect(try decode([0, 3]) == 1)
        #expect(try decode([0, 4, 5, 6]) == 3)
        #expect(try decode([0]) == 0)
        #expect(try decode([1, 2]) == 2)
    }
}
