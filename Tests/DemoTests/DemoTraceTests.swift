import Demo
import Testing

@Suite("a trace of the demo")
struct DemoTraceTests {
    private let services: Set<String> = ["storefront", "checkout", "pricing"]

    /// A chain of spans, one of each service, each the child of the one before.
    private func chain(_ services: [String], without missing: Int? = nil) -> DemoTrace {
        var trace = DemoTrace(traceID: "t", spans: [], processes: [:])
        for (index, service) in services.enumerated() {
            trace.processes["p\(index)"] = .init(serviceName: service)
            guard index != missing else { continue }
            let parent = DemoTrace.Reference(refType: "CHILD_OF", spanID: "s\(index - 1)")
            trace.spans.append(
                .init(
                    spanID: "s\(index)",
                    operationName: index + 1 == services.count ? "init" : "GET",
                    references: index == 0 ? [] : [parent], processID: "p\(index)"))
        }
        return trace
    }

    private let whole = ["client", "gateway", "storefront", "checkout", "pricing", "discount"]

    @Test("joins client, gateway, three services and a function")
    func joined() {
        #expect(chain(whole).joinedPath(functions: ["discount"], through: services) == whole)
        #expect(chain(whole).hasColdStart(of: "discount"))
    }

    @Test("is not joined when any of its spans is missing", arguments: 0..<5)
    func missing(span: Int) {
        let trace = chain(whole, without: span)
        #expect(trace.orphans.map(\.spanID) == ["s\(span + 1)"])
        #expect(trace.joinedPath(functions: ["discount"], through: services) == nil)
        #expect(!trace.hasColdStart(of: "discount"))
    }

    @Test("is not joined when it ends before the function, or began elsewhere, or is too short")
    func others() {
        let functions: Set<String> = ["discount"]
        for path in [
            Array(whole.dropLast()), Array(whole.dropFirst()),
            whole.filter { $0 != "pricing" }, whole.filter { $0 != "gateway" },
        ] {
            #expect(chain(path).joinedPath(functions: functions, through: services) == nil)
        }
        #expect(!chain(Array(whole.dropFirst())).hasColdStart(of: "discount"))
    }

    @Test("with parents in a circle is still walked to an end")
    func circle() {
        var trace = chain(["a", "b"])
        trace.spans[0].references = [.init(refType: "CHILD_OF", spanID: "s1")]
        #expect(trace.path(to: trace.spans[1]) == ["a", "b"])
    }
}
