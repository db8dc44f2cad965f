import AsyncHTTPClient
import HTTPServer
import NIOCore
import NIOHTTP1
import Platform
import Receivers
import Telemetry
import Testing

@Suite struct SamplingTests {
    private static let file = #"""
        {"service_strategies":[
           {"service":"cart","type":"probabilistic","param":0.5,
            "operation_strategies":[{"operation":"GET /","type":"probabilistic","param":0.25}]},
           {"service":"batch","type":"ratelimiting","param":5}],
         "default_strategy":{"type":"probabilistic","param":0.1,
            "operation_strategies":[{"operation":"/health","type":"probabilistic","param":0},
                                    {"operation":"GET /","type":"probabilistic","param":1}]}}
        """#

    private func strategies() throws -> SamplingStrategies {
        try SamplingStrategies(json: Array(Self.file.utf8))
    }

    private func get(_ server: HTTPListener, _ path: String) async throws -> (Int, String) {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(server.address.port)\(path)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let body = try await response.body.collect(upTo: 1 << 20)
        return (Int(response.status.code), String(buffer: body))
    }

    @Test("each service is told its own strategy, others the default")
    func answers() async throws {
        let bed = TestBed()
        try await bed.withHTTP(strategies: try strategies()) { server in
            let operations =
                #","perOperationStrategies":[{"operation":"/health","probabilisticSampling":{"samplingRate":0.0}},"#
                + #"{"operation":"GET /","probabilisticSampling":{"samplingRate":"#
            let cart = try await get(server, "/sampling?service=cart")
            #expect(
                cart.1
                    == #"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},"#
                    + #""operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0.0"#
                    + operations + "0.25}}]}}")
            let batch = try await get(server, "/api/sampling?service=batch")
            #expect(
                batch.1.hasPrefix(
                    #"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5},"#
                ))
            // Operations that are not named have the default strategy's probability, as in Jaeger.
            #expect(batch.1.contains(#""operationSampling":{"defaultSamplingProbability":0.1,"#))
            let other = try await get(server, "/sampling?service=other")
            #expect(other.1.contains(#""samplingRate":0.1}"#))
            for path in ["/sampling", "/sampling?service=a&service=b"] {
                let bad = try await get(server, path)
                #expect(bad.0 == 400 && bad.1.contains("'service' parameter"))
            }
        }
    }

    @Test("without a file one request of a thousand is traced")
    func standard() async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { try await get($0, "/sampling?service=a") }
        #expect(
            answer.1
                == #"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.001}}"#
        )
    }

    @Test(
        "mistakes in the file are named",
        arguments: [
            ("", "expected"), ("[]", "an object"), (#"{"x":1}"#, "x at"),
            (#"{"default_strategy":{"type":"maybe"}}"#, "maybe"),
            (#"{"default_strategy":{"type":"probabilistic"}}"#, "probability"),
            (#"{"default_strategy":{"type":"probabilistic","param":1.5}}"#, "probability"),
            (#"{"default_strategy":{"type":"ratelimiting","param":0.5}}"#, "whole number"),
            (#"{"service_strategies":[{"type":"probabilistic","param":1}]}"#, "names no service"),
            (
                #"{"service_strategies":[{"service":"a","type":"ratelimiting","param":1},{"service":"a","type":"ratelimiting","param":1}]}"#,
                "twice"
            ),
            (
                #"{"default_strategy":{"type":"probabilistic","param":1,"operation_strategies":[{"operation":"o","type":"adaptive","param":1}]}}"#,
                "o: an operation needs"
            ),
        ])
    func mistakes(text: String, part: String) {
        let mistake = #expect(throws: SamplingStrategies.Mistake.self) {
            try SamplingStrategies(json: Array(text.utf8))
        }
        #expect(mistake?.description.contains(part) == true, "\(mistake?.description ?? "")")
    }

    @Test("X-Ray's SDKs get the same strategies as rules and targets")
    func xray() async throws {
        let bed = TestBed()
        try await bed.withHTTP(strategies: try strategies()) { server in
            let rules = try await server.post("/GetSamplingRules", Array("{}".utf8))
            #expect(rules.status == 200)
            #expect(rules.text.contains(#""RuleName":"batch","ResourceARN":"*","Priority":1,"#))
            #expect(rules.text.contains(#""ReservoirSize":5,"ServiceName":"batch""#))
            #expect(
                rules.text.contains(
                    #""RuleName":"Default","ResourceARN":"*","Priority":10000,"FixedRate":0.1"#))
            let targets = try await server.post(
                "/SamplingTargets",
                Array(
                    #"{"SamplingStatisticsDocuments":[{"RuleName":"cart","ClientID":"a","RequestCount":3},{"RuleName":"nope"}]}"#
                        .utf8))
            #expect(
                targets.text.contains(#"{"RuleName":"cart","FixedRate":0.5,"ReservoirQuota":0,"#))
            #expect(targets.text.contains(#""UnprocessedStatistics":[{"RuleName":"nope","#))
            let bad = try await server.post("/SamplingTargets", Array("[".utf8))
            #expect(bad.status == 400)
        }
    }
}

@Suite("Adaptive sampling")
struct AdaptiveSamplingTests {
    private static let minute: Int64 = 60_000_000_000

    /// A sampler that sees what clients with `perSecond` requests a second send at its probabilities.
    private func run(_ sampler: inout AdaptiveSampler, perSecond: Double, minutes: Int) -> Double {
        for _ in 0..<minutes {
            let probability =
                sampler.probabilities(of: "s")["o"] ?? AdaptiveSampler.initialProbability
            let seen = (perSecond * 60 * probability).rounded()
            sampler.count(Int(seen), service: "s", operation: "o")
            sampler.update(elapsedNanoseconds: Self.minute) { _ in 2 }
        }
        return sampler.probabilities(of: "s")["o"] ?? 0
    }

    @Test(
        "the probability settles where as many traces begin as are wanted",
        arguments: [1_000, 50_000.0])
    func settles(perSecond: Double) {
        var sampler = AdaptiveSampler()
        let probability = run(&sampler, perSecond: perSecond, minutes: 40)
        #expect((1.4...2.6).contains(probability * perSecond))
    }

    @Test("it never leaves its bounds, and grows by half at most")
    func bounds() {
        var sampler = AdaptiveSampler()
        #expect(run(&sampler, perSecond: 1e9, minutes: 60) >= 0.00001)
        var quiet = AdaptiveSampler()
        #expect(abs(run(&quiet, perSecond: 1_000, minutes: 1) - 0.0015) < 1e-12)
        #expect(run(&quiet, perSecond: 0.5, minutes: 40) == 1)
    }

    @Test("operations that fall silent are forgotten, and so are services of another strategy")
    func forgets() {
        var sampler = AdaptiveSampler()
        sampler.count(service: "s", operation: "o")
        for _ in 0..<60 { sampler.update(elapsedNanoseconds: Self.minute) { _ in 1 } }
        #expect(sampler.probabilities(of: "s").count == 1)
        sampler.update(elapsedNanoseconds: Self.minute) { _ in 1 }
        #expect(sampler.probabilities(of: "s").isEmpty)
        sampler.count(service: "t", operation: "o")
        sampler.update(elapsedNanoseconds: Self.minute) { _ in nil }
        #expect(sampler.probabilities(of: "t").isEmpty)
    }

    @Test("clients are told what the stored traces say")
    func answers() throws {
        let clock = ManualClock(wallNanoseconds: TestBed.now.nanoseconds)
        let strategies = try SamplingStrategies(
            json: Array(#"{"default_strategy":{"type":"adaptive","param":1}}"#.utf8))
        let advice = SamplingAdvice(strategies: strategies, clock: clock)
        func told() -> String { String(decoding: advice.json(of: "cart"), as: UTF8.self) }
        #expect(told().contains(#""defaultSamplingProbability":0.001,"#))
        // 600 traces a minute where 60 are wanted.
        advice.observe(Samples.spans(600))
        clock.advance(byNanoseconds: Self.minute)
        #expect(
            told().contains(
                #"{"operation":"GET /cart","probabilisticSampling":{"samplingRate":0.0001}}"#),
            "\(told())")
    }

    @Test("what was learnt holds after a restart, and is not taken where it is none")
    func remembered() throws {
        let clock = ManualClock(wallNanoseconds: TestBed.now.nanoseconds)
        let strategies = try SamplingStrategies(
            json: Array(#"{"default_strategy":{"type":"adaptive","param":1}}"#.utf8))
        let first = SamplingAdvice(strategies: strategies, clock: clock)
        first.observe(Samples.spans(600))
        clock.advance(byNanoseconds: Self.minute)
        #expect(first.learnt == ["cart": ["GET /cart": 0.0001]])
        var learnt = first.learnt
        learnt["cart"]?["bad"] = .nan
        learnt["empty"] = [:]
        let second = SamplingAdvice(strategies: strategies, clock: clock, learnt: learnt)
        #expect(second.learnt == first.learnt)
        #expect(second.json(of: "cart") == first.json(of: "cart"))
    }

    @Test("a rate limit of an operation is left out with a warning, all else holds")
    func operationRates() throws {
        let strategies = try SamplingStrategies(
            json: Array(
                #"{"service_strategies":[{"service":"a","type":"probabilistic","param":0.5,"operation_strategies":[{"operation":"o","type":"ratelimiting","param":1},{"operation":"p","type":"probabilistic","param":1}]}]}"#
                    .utf8))
        #expect(strategies.services["a"]?.operations == ["p": 1])
        #expect(strategies.warnings.count == 1)
        #expect(strategies.warnings.first?.hasPrefix("operation o of a: ratelimiting") == true)
    }

    @Test("new strategies take the place of the old ones at once")
    func replaced() {
        let advice = SamplingAdvice(
            strategies: SamplingStrategies(), clock: ManualClock(wallNanoseconds: 0))
        advice.replace(
            SamplingStrategies(standard: .init(strategy: .rateLimiting(perSecond: 3))))
        #expect(String(decoding: advice.json(of: "a"), as: UTF8.self).contains("RATE_LIMITING"))
        #expect(advice.strategies.standard.strategy == .rateLimiting(perSecond: 3))
    }
}
