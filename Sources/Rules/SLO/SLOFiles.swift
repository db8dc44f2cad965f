import Platform
import Yams

/// Reads specifications of objectives: Sloth's in both forms, OpenSLO v1 and Pyrra's, any number of
/// documents a file, mixed as they come.
package struct SLOFiles: Sendable {
    package private(set) var objectives: [ServiceLevelObjective] = []
    /// Everything that is wrong, in the order of files and documents.
    package private(set) var mistakes: [RuleFileError] = []

    /// Larger files are not specifications.
    private static let bytesMax = 16 << 20

    /// - Parameters:
    ///   - paths: also patterns and folders (`FilePatterns`).
    ///   - period: milliseconds; for specifications that do not name a period themselves.
    package static func load(
        _ paths: [String], period: Int64, from files: some FileSystem = PosixFileSystem()
    ) -> SLOFiles {
        var texts: [(path: String, text: String)] = []
        var mistakes: [RuleFileError] = []
        for path in FilePatterns.files(paths) {
            do throws(RuleFileError) {
                texts.append((path, try read(path, from: files)))
            } catch {
                mistakes.append(error)
            }
        }
        var result = parse(texts, period: period)
        result.mistakes = mistakes + result.mistakes
        return result
    }

    private static func read(
        _ path: String, from files: some FileSystem
    ) throws(RuleFileError) -> String {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.readAll(path)
        } catch {
            throw RuleFileError(path: path, reason: "cannot read the specification: \(error)")
        }
        guard bytes.count <= bytesMax else {
            throw RuleFileError(
                path: path,
                reason: "a specification may have \(bytesMax) bytes, not \(bytes.count)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RuleFileError(path: path, reason: "the specification is not UTF-8 text")
        }
        return text
    }

    /// Reads texts as the content of files.
    package static func parse(_ texts: [(path: String, text: String)], period: Int64) -> SLOFiles {
        var result = SLOFiles()
        var documents: [SpecificationDocument] = []
        for (path, text) in texts {
            do throws(RuleFileError) {
                for node in try RuleFile.composeAll(text, path) {
                    do throws(RuleFileError) {
                        documents.append(try SpecificationDocument(node))
                    } catch {
                        result.mistakes.append(error)
                    }
                }
            } catch {
                result.mistakes.append(error)
            }
        }
        result.read(documents, period: period)
        return result
    }

    private mutating func read(_ documents: [SpecificationDocument], period: Int64) {
        var catalog = AlertWindowCatalog()
        for document in documents where document.kind == .alertWindows {
            noteMistake { () throws(RuleFileError) in try catalog.read(document.node) }
        }
        var openSLO = OpenSLOObjects()
        for document in documents where document.kind == .openSLO {
            noteMistake { () throws(RuleFileError) in try openSLO.collect(document) }
        }
        var found: [ServiceLevelObjective] = []
        for document in documents {
            noteMistake { () throws(RuleFileError) in
                switch document.kind {
                case .alertWindows: return
                case .sloth(let form):
                    let reader = SlothReader(form: form, catalog: catalog, period: period)
                    found += try reader.objectives(of: document.node)
                case .pyrra: found.append(try PyrraReader().objective(of: document.node))
                case .openSLO:
                    let reader = OpenSLOReader(objects: openSLO, catalog: catalog, period: period)
                    found += try reader.objectives(of: document)
                }
            }
        }
        objectives = found
        judge()
    }

    private mutating func noteMistake(_ body: () throws(RuleFileError) -> Void) {
        do throws(RuleFileError) {
            try body()
        } catch {
            mistakes.append(error)
        }
    }

    /// What can be said of the objectives only once they are all read.
    private mutating func judge() {
        var seen: [String: ServiceLevelObjective.Origin] = [:]
        for objective in objectives {
            let origin = objective.origin
            if let first = seen[objective.id] {
                mistakes.append(
                    RuleFileError(
                        path: origin.path, line: origin.line,
                        reason:
                            "a second objective has the id \(objective.id); the first stands in "
                            + "\(first.path):\(first.line)"))
            }
            seen[objective.id] = origin
            mistakes += objective.unreachableAlerts
        }
    }
}

/// A YAML document and what it says it is.
struct SpecificationDocument {
    enum Kind: Equatable {
        case sloth(SlothReader.Form)
        case alertWindows
        case openSLO
        case pyrra
    }

    let kind: Kind
    /// The value of `kind`, where there is one.
    let name: String
    let node: YAMLNode

    init(_ node: YAMLNode) throws(RuleFileError) {
        self.node = node
        var texts: [String: YAMLNode] = [:]
        for (key, value) in try node.entries() { texts[try key.text()] = value }
        if let version = texts.given("version") {
            guard try version.text() == "prometheus/v1" else {
                throw version.failure("version must be prometheus/v1 (Sloth)")
            }
            kind = .sloth(.plain)
            name = ""
            return
        }
        let apiVersion = try texts.text("apiVersion")
        name = try texts.text("kind")
        switch (apiVersion, name) {
        case ("sloth.slok.dev/v1", "PrometheusServiceLevel"): kind = .sloth(.kubernetes)
        case ("sloth.slok.dev/v1", "AlertWindows"): kind = .alertWindows
        case ("openslo/v1", _): kind = .openSLO
        case ("pyrra.dev/v1alpha1", "ServiceLevelObjective"): kind = .pyrra
        case ("", ""):
            throw node.failure(
                "this is no specification of objectives: it has neither version: prometheus/v1 "
                    + "(Sloth) nor apiVersion and kind")
        default:
            throw (texts["apiVersion"] ?? texts["kind"] ?? node).failure(
                "apiVersion \"\(apiVersion)\" with kind \"\(name)\" is not supported; there are "
                    + "sloth.slok.dev/v1 PrometheusServiceLevel and AlertWindows, openslo/v1, "
                    + "pyrra.dev/v1alpha1 ServiceLevelObjective")
        }
    }
}

extension RuleFile {
    /// The documents of a file, without empty ones.
    static func composeAll(_ text: String, _ path: String) throws(RuleFileError) -> [YAMLNode] {
        do {
            var nodes: [YAMLNode] = []
            var documents = try Yams.compose_all(yaml: text)
            while let node = documents.next() {
                let document = YAMLNode(path: path, what: "the document", node: node)
                if !document.isNull { nodes.append(document) }
            }
            // A sequence of documents ends at a mistake as if there were no more.
            if let error = documents.error { throw error }
            return nodes
        } catch let error as YamlError {
            throw RuleFileError(path: path, line: error.line, reason: error.problem)
        } catch {
            throw RuleFileError(path: path, reason: "not readable as YAML")
        }
    }
}
