import Foundation
import PromQL
import QueryCore
import Testing

@Suite("Dashboards")
struct DashboardTests {
    private struct Dashboard: Decodable {
        struct Source: Decodable {
            var type: String
            var uid: String
        }
        struct Target: Decodable {
            var expr: String
            var datasource: Source
        }
        struct Grid: Decodable {
            var x: Int
            var y: Int
            var w: Int
            var h: Int
        }
        struct Panel: Decodable {
            var id: Int
            var title: String
            var type: String
            var gridPos: Grid
            var targets: [Target]?
        }
        struct Variable: Decodable {
            var name: String
            var type: String
        }
        struct Templating: Decodable { var list: [Variable] }

        var schemaVersion: Int
        var uid: String
        var title: String
        var templating: Templating
        var panels: [Panel]
    }

    /// What Grafana puts in place of its own variables.
    private let builtIn = ["__rate_interval": "5m", "__range": "1h", "__interval": "30s"]

    @Test("every dashboard can be imported: schema, data source, panels that do not overlap")
    func structure() throws {
        let dashboards = try load()
        #expect(dashboards.count == 3)
        #expect(Set(dashboards.map(\.value.uid)).count == dashboards.count)
        for (file, dashboard) in dashboards {
            #expect(dashboard.schemaVersion == 39, "\(file)")
            let sources = dashboard.templating.list.filter { $0.type == "datasource" }
            #expect(sources.map(\.name) == ["datasource"], "\(file)")
            #expect(Set(dashboard.panels.map(\.id)).count == dashboard.panels.count, "\(file)")
            var cells: Set<[Int]> = []
            for panel in dashboard.panels {
                let grid = panel.gridPos
                #expect(grid.x >= 0 && grid.x + grid.w <= 24, "\(file): \(panel.title)")
                for x in grid.x..<grid.x + grid.w {
                    for y in grid.y..<grid.y + grid.h {
                        let isFree = cells.insert([x, y]).inserted
                        #expect(isFree, "\(file): \(panel.title) overlaps")
                    }
                }
                for target in panel.targets ?? [] {
                    #expect(target.datasource.uid == "${datasource}", "\(file): \(panel.title)")
                    #expect(target.datasource.type == "prometheus")
                }
            }
        }
    }

    @Test("the server can evaluate every expression")
    func expressions() throws {
        for (file, dashboard) in try load() {
            let variables = Set(dashboard.templating.list.map(\.name))
            let expressions = dashboard.panels.flatMap { $0.targets ?? [] }.map(\.expr)
            #expect(expressions.count > 8, "\(file)")
            for text in expressions {
                let (query, unknown) = substitute(text, variables)
                #expect(unknown.isEmpty, "\(file): \(text)")
                do throws(QueryError) {
                    _ = try PromQLEngine.parseForEvaluation(query)
                } catch {
                    Issue.record("\(file): \(query): \(error)")
                }
            }
        }
    }

    /// The expression as Grafana would send it, and the variables that nothing declares.
    private func substitute(
        _ text: String, _ variables: Set<String>
    ) -> (query: String, unknown: [String]) {
        var query = ""
        var unknown: [String] = []
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            query += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            let name = String(rest.prefix { $0.isLetter || $0 == "_" })
            rest = rest.dropFirst(name.count)
            if let value = builtIn[name] {
                query += value
            } else if variables.contains(name) {
                query += name == "objective" ? "99.9" : "a"
            } else {
                unknown.append(name)
            }
        }
        return (query + rest, unknown)
    }

    private func load() throws -> [(file: String, value: Dashboard)] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let folder = root.appendingPathComponent("dashboards")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        return try names.filter { $0.hasSuffix(".json") }.sorted().map { name in
            let data = try Data(contentsOf: folder.appendingPathComponent(name))
            return (name, try JSONDecoder().decode(Dashboard.self, from: data))
        }
    }
}
