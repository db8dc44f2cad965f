import Testing

/// Each check finds what it looks for, and nothing else.
@Suite("checks of the house style")
struct CheckTests {
    /// Lines of the findings in a file of that path and text.
    private func lines(
        _ check: Check, _ text: String, path: String = "Sources/Store/Sample.swift"
    ) -> [Int] {
        check.findings(in: [SourceFile(path: path, text: text)]).map(\.line)
    }

    @Test("text without comments and strings keeps its lines and its code")
    func blanking() {
        let text = SwiftText(
            """
            let a = "try! \\(b("x") + c) // no" // try!
            /* outer /* inner */ still */ d()
            let e = #"raw " \\(f) \\#(g)"# + h
            #if DEBUG
            let i = \"\"\"
                try! "quoted"
                \"\"\" + j
            """)
        #expect(text.lines.count == 7)
        #expect(
            text.lines.map { $0.split(separator: " ").joined(separator: " ") } == [
                "let a = b( ) + c)", "d()", "let e = g) + h", "#if DEBUG", "let i =", "", "+ j",
            ])
    }

    @Test("a long file is found, in tests only a longer one")
    func fileLength() {
        let text = String(repeating: "x\n", count: 600)
        #expect(lines(.fileLength, text).isEmpty)
        #expect(lines(.fileLength, text + "x\n") == [601])
        let long = String(repeating: "x\n", count: 900)
        #expect(lines(.fileLength, long, path: "Tests/StoreTests/A.swift").isEmpty)
        #expect(lines(.fileLength, long + "x", path: "Tests/StoreTests/A.swift") == [901])
    }

    @Test("a long function is found by its declaration, whatever its head looks like")
    func functionLength() {
        let body = String(repeating: "    work()\n", count: 89)
        for head in [
            "func f() {", "    private static func f<T>(_ x: T) throws -> [Int] where T: P {",
            "init?(a: Int) {",
            "func f(\n    a: Int,\n    b: () -> Void = {}\n) -> Int {",
            "func f() throws(E)\n    -> Int\n{",
        ] {
            #expect(lines(.functionLength, "\(head)\n\(body)}\n") == [1], "\(head)")
        }
        #expect(lines(.functionLength, "func f() {\n\(body.dropFirst(11))}\n").isEmpty)
        #expect(lines(.functionLength, "    self.init(a) {\n\(body)}\n").isEmpty)
        let requirements = "protocol P {\n    func f()\n    func g() -> Int\n\n\(body)}\n"
        #expect(lines(.functionLength, requirements).isEmpty)
        #expect(
            lines(.functionLength, "func a() { b() }\nstruct S {\n\(body)}\nfunc c() {\n\(body)}\n")
                == [93])
    }

    @Test("calls that crash, lose errors, print or read the clock are found in code alone")
    func bannedCalls() {
        for bad in [
            "try! f()", "let a = try? f()", "fatalError(\"\")", "x as! Int", "Date()",
            "Thread.sleep(1)",
            "print(1)", "if a { print(b) }", "let s = \"\\(try! f())\"",
        ] {
            #expect(lines(.bannedCalls, "let a = 1\n\(bad)\n") == [2], "\(bad)")
        }
        for good in [
            "// try! f()", "let a = \"try! print(\"", "try f()", "prettyprint(1)", "x as? Int",
            "MyDate()",
            "/// as! Date()", "a.isPrint(1)", "nonfatalError(1)", "has!",
        ] {
            #expect(lines(.bannedCalls, good).isEmpty, "\(good)")
        }
        #expect(lines(.bannedCalls, "print(1)", path: "Sources/sidelight/Main.swift").isEmpty)
        #expect(lines(.bannedCalls, "try! f()", path: "Tests/StoreTests/A.swift").isEmpty)
    }

    @Test("a forced unwrap is found, an inequality is not one")
    func forceUnwraps() {
        for bad in ["let b = a!", "a!.b()", "f(a[0]!)", "f()! + 1", "var a: Int!", "a! != b"] {
            #expect(lines(.forceUnwraps, bad) == [1], "\(bad)")
        }
        for good in ["a != b", "a!=b", "!a", "f(!a)", "#if !DEBUG", "// a!", "let a = \"b!\""] {
            #expect(lines(.forceUnwraps, good).isEmpty, "\(good)")
        }
    }

    @Test("a catch that does nothing is found, with a comment in it too")
    func emptyCatch() {
        for bad in [
            "do { try f() } catch {}", "} catch { }", "} catch is E {\n}",
            "} catch {\n    // fine\n}",
            "} catch let e as E\n{\n\n}",
        ] {
            #expect(lines(.emptyCatch, bad) == [1], "\(bad)")
        }
        for good in ["} catch { log(error) }", "} catch {\n    return nil\n}", "let catcher = {}"] {
            #expect(lines(.emptyCatch, good).isEmpty, "\(good)")
        }
    }

    @Test("leftovers are found in comments as well")
    func leftovers() {
        #expect(lines(.leftovers, "a\n// TO" + "DO: later\n") == [2])
        #expect(lines(.leftovers, "// FIX" + "ME", path: "Sources/CRE2/a.cc") == [1])
        #expect(lines(.leftovers, "let mas" + "TO" + "DON = 1").isEmpty)
    }

    @Test("an unchecked Sendable needs a proof, not just a doc comment")
    func uncheckedSendable() {
        let bad = "final class A: @unchecked Sendable {"
        #expect(lines(.uncheckedSendable, bad) == [1])
        #expect(lines(.uncheckedSendable, "/// An A.\n\(bad)") == [2])
        #expect(lines(.uncheckedSendable, "// Proof.\nlet b = 1\n\(bad)") == [3])
        #expect(lines(.uncheckedSendable, "\(bad)  // Proof: immutable.").isEmpty)
        #expect(lines(.uncheckedSendable, "/// An A.\n// Proof: immutable.\n\(bad)").isEmpty)
        #expect(
            lines(.uncheckedSendable, "/// Sendable, for it is immutable.\n@frozen\n\(bad)").isEmpty
        )
        #expect(lines(.uncheckedSendable, "// @unchecked Sendable").isEmpty)
    }

    @Test("imports against the table are found, of whatever form")
    func importDirections() {
        for bad in [
            "import SQLiteStore", "import Receivers", "@preconcurrency import PromQL",
            "package import struct Rules.Rule", "import CZlib", "import sidelight",
        ] {
            #expect(lines(.importDirections, "import Telemetry\n\(bad)\n") == [2], "\(bad)")
        }
        #expect(
            lines(.importDirections, "import Telemetry\nimport Foundation\n// import PromQL")
                .isEmpty)
        #expect(
            lines(.importDirections, "import CZlib", path: "Sources/Compression/A.swift").isEmpty)
        #expect(
            lines(.importDirections, "import CZlib", path: "Sources/ColumnEncoding/A.swift") == [1])
        #expect(
            lines(.importDirections, "import Telemetry", path: "Sources/PromQL/A.swift").isEmpty)
        #expect(lines(.importDirections, "import Store", path: "Sources/Telemetry/A.swift") == [1])
        #expect(lines(.importDirections, "import Rules", path: "Sources/sidelight/A.swift").isEmpty)
        #expect(lines(.importDirections, "", path: "Sources/Unheard/A.swift") == [1])
    }

    @Test("public is found outside the library for strangers")
    func publicAccess() {
        #expect(lines(.publicAccess, "a\npublic struct A {}") == [2])
        #expect(lines(.publicAccess, "// public\nlet publicKey = \"public\"").isEmpty)
        #expect(
            lines(.publicAccess, "public struct A {}", path: "Sources/SidelightTracing/A.swift")
                .isEmpty)
    }

    @Test("a shared type without a doc comment is found")
    func documentation() {
        for declaration in [
            "package struct A {", "package final class A {", "package indirect enum A {",
            "package protocol A {",
            "package actor A {", "package typealias A = Int",
        ] {
            #expect(lines(.documentation, "\n\(declaration)") == [2], "\(declaration)")
            #expect(lines(.documentation, "// A.\n\(declaration)") == [2], "\(declaration)")
            #expect(lines(.documentation, "/// A.\n@frozen\n\(declaration)").isEmpty)
            #expect(lines(.documentation, "    \(declaration)").isEmpty)
        }
        #expect(lines(.documentation, "package func a() {}\nstruct B {}").isEmpty)
    }

    @Test("places of work and registries are found in any text")
    func workplaces() {
        for bad in ["/wo" + "rk/main", "https://pypi" + ".org/simple", "deb.debian" + ".org"] {
            #expect(lines(.workplaces, "a\n\(bad)", path: "scripts/test") == [2], "\(bad)")
        }
        #expect(lines(.workplaces, "workspace/work", path: "README.md").isEmpty)
    }
}
