import Logging
import Receivers

/// The scrape jobs of `--scrape-config`: started with the server, stopped before its store.
struct ServeScraping: Sendable {
    private let service: ScrapeService
    private let path: String

    /// - Throws: `ScrapeFileError` that names file and line.
    static func start(
        _ path: String, ingest: Ingest, logger: Logger
    ) throws(ScrapeFileError) -> ServeScraping {
        let file = try load(path, logger)
        let service = ScrapeService(
            ingest: ingest, fetcher: HTTPScrapeFetcher(version: ProgramVersion.current))
        service.start(file.jobs)
        return ServeScraping(service: service, path: path)
    }

    /// How the targets are.
    var board: ScrapeBoard { service.board }

    /// Reads the file again; a mistake, which is returned, leaves the old jobs in force.
    func reload(_ logger: Logger) async -> String? {
        do throws(ScrapeFileError) {
            let file = try Self.load(path, logger)
            await service.reload(file.jobs)
            logger.info("read \(file.jobs.count) scrape jobs again")
            return nil
        } catch {
            logger.error("the old scrape jobs stay: \(error)")
            return error.description
        }
    }

    func stop() async { await service.stop() }

    private static func load(
        _ path: String, _ logger: Logger
    ) throws(ScrapeFileError) -> ScrapeFile {
        let file = try ScrapeFile.load(path)
        if !file.ignored.isEmpty {
            let others = file.ignored.joined(separator: ", ")
            logger.warning("of \(path) only global and scrape_configs are used, not \(others)")
        }
        return file
    }
}
