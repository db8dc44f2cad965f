import Foundation
import HTTPServer
import Testing
import WebUI

/// The pages in a real browser against a server with fixed answers.
@Suite(
    "Pages in a browser", .serialized,
    .enabled(
        if: Browser.named != nil, "SIDELIGHT_CHROMIUM names no Chromium (Debian: chromium)"))
struct BrowserTests {
    @Test("the waterfall shows all spans, orphans and errors, and never takes data for markup")
    func waterfall() async throws {
        let page = try await open("/ui/trace/\(Answers.traceID)")
        #expect(page.problems.isEmpty, "\(page.problems)")
        #expect(page.dom.contains("5 spans"))
        #expect(count(of: "role=\"treeitem\"", in: page.dom) == 5)
        for name in ["POST /checkout", "Charge", "Reserve", "SELECT ünïcode ✓"] {
            #expect(page.dom.contains(name), "\(name)")
        }
        #expect(page.dom.contains("no parent"))
        #expect(page.dom.contains("1 span stands at the top"))
        #expect(count(of: "title=\"The error began here\"", in: page.dom) == 1)
        #expect(count(of: "title=\"Failed because of a span below\"", in: page.dom) == 1)
        #expect(!page.dom.contains("<b id=\"injected\">"))
        #expect(page.dom.contains("&lt;b id="))
    }

    @Test("the detail of a span shows attributes, events, links and cuts a huge value")
    func detail() async throws {
        let page = try await open("/ui/trace/\(Answers.traceID)?span=00000000000000b2")
        #expect(page.problems.isEmpty, "\(page.problems)")
        for text in ["card.issuer", "exception.message", "follows from", "service.version"] {
            #expect(page.dom.contains(text), "\(text)")
        }
        #expect(page.dom.contains("show all (977 KiB)"))
        #expect(page.dom.utf8.count < 200_000)
    }

    @Test("the search lists what the API answers, with durations and errors")
    func search() async throws {
        let page = try await open("/ui/traces?service=shop&tags=a%3Db")
        #expect(page.problems.isEmpty, "\(page.problems)")
        #expect(page.dom.contains("/ui/trace/\(Answers.traceID)"))
        #expect(page.dom.contains("120 ms") && page.dom.contains("2 errors"))
    }

    @Test("metrics, logs and alerts show what their APIs answer")
    func otherPages() async throws {
        for (path, texts) in [
            ("/ui/metrics?expr=up", ["job=\"api\"", "1 series"]),
            ("/ui/metrics?expr=bad", ["The query failed.", "1:2: parse error", "▲"]),
            ("/ui/logs?query=%7Ba%3D%22b%22%7D", ["payment declined", "logline error", "trace"]),
            ("/ui/alerts", ["BudgetBurn", "firing", "burns too fast", "History"]),
            ("/ui/nowhere", []),
        ] {
            let page = try await open(path)
            // A failed request is what two of these are about; the browser reports it by itself.
            let problems = page.problems.filter { !$0.contains("Failed to load resource") }
            #expect(problems.isEmpty, "\(path): \(problems)")
            for text in texts { #expect(page.dom.contains(text), "\(path): \(text)") }
        }
    }

    @Test("keys move, fold and close in the waterfall, and going back finds the page again")
    func keys() async throws {
        let page = try await open(
            "/driver",
            driver: Answers.driver(
                opening: "/ui/trace/\(Answers.traceID)",
                script: """
                    const rows = () => document.querySelectorAll('.row').length;
                    const selected = () => document.querySelector('.row.selected .text')?.textContent;
                    see(`${rows()} rows`);
                    key('ArrowDown');
                    key('ArrowDown');
                    see(`selected ${selected()}`);
                    key('ArrowLeft');
                    see(`${rows()} rows when folded`);
                    key('ArrowRight');
                    key('End');
                    see(`last ${selected()}`);
                    await settle();
                    see(`address ${location.search}`);
                    key('Escape');
                    see(`detail ${document.querySelector('.detail').hidden ? 'closed' : 'open'}`);
                    await settle();
                    document.querySelector('#nav a[href*=alerts]').click();
                    await settle();
                    see(`page ${location.pathname}`);
                    history.back();
                    await settle();
                    see(`back ${rows()} rows`);
                    """))
        #expect(page.problems.isEmpty, "\(page.problems)")
        for text in [
            "5 rows", "selected payment Charge", "4 rows when folded", "last payment Late work",
            "address ?span=00000000000000e5", "detail closed", "page /ui/alerts", "back 5 rows",
        ] {
            #expect(page.dom.contains("<li>saw \(text)</li>"), "\(text)")
        }
    }

    @Test("a call through proxies is one row, its spans are a click away, and clocks are bounded")
    func hops() async throws {
        let page = try await open(
            "/driver",
            driver: Answers.driver(
                opening: "/ui/trace/\(Answers.meshTraceID)",
                script: """
                    const rows = () => document.querySelectorAll('.row').length;
                    see(`${rows()} rows folded`);
                    const hop = () => document.querySelector('.badge.hop');
                    see(`hop ${hop().textContent}: ${hop().title}`);
                    hop().click();
                    see(`${rows()} rows opened`);
                    hop().click();
                    document.querySelector('button.hops').click();
                    see(`${rows()} rows raw`);
                    see(`skew ${document.querySelector('.note').textContent}`);
                    """))
        #expect(page.problems.isEmpty, "\(page.problems)")
        for text in [
            "3 rows folded", "hop 4 spans: network 16 ms, proxies 9 ms, cart 75 ms",
            "6 rows opened", "6 rows raw",
        ] {
            #expect(page.dom.contains("<li>saw \(text)</li>"), "\(text)")
        }
        #expect(page.dom.contains("the clock of cart is 41 ms to 57 ms ahead of that of web."))
    }

    private func count(of needle: String, in text: String) -> Int {
        text.components(separatedBy: needle).count - 1
    }

    private func open(_ path: String, driver: String = "") async throws -> Browser.Page {
        let browser = try #require(Browser.named)
        return try await withServer(routes: { router in
            WebUI.register(on: &router)
            Answers.register(on: &router)
            router.on(.get, "/driver") { _ in
                HTTPResponse(status: 200, contentType: "text/html", body: Array(driver.utf8))
            }
        }) { server in
            try await browser.open("http://127.0.0.1:\(server.address.port)\(path)")
        }
    }
}
