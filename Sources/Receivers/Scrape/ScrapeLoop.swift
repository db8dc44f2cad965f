import Platform
import Store
import Synchronization
import Telemetry
import WireFormats

/// Scrapes one target again and again, each time at the same place of its interval, until its task is
/// cancelled. Errors are samples (`up` is 0) and a line on the board, never the end of the loop.
package struct ScrapeLoop: Sendable {
    /// Times that miss their place in the grid by less are taken for it: constant intervals cost nothing
    /// in storage.
    private static let toleranceMilliseconds: Int64 = 2

    let target: ScrapeTarget
    let job: ScrapeJob
    let fetcher: any ScrapeFetcher
    let ingest: Ingest
    let board: ScrapeBoard

    package init(
        target: ScrapeTarget, job: ScrapeJob, fetcher: any ScrapeFetcher, ingest: Ingest,
        board: ScrapeBoard
    ) {
        self.target = target
        self.job = job
        self.fetcher = fetcher
        self.ingest = ingest
        self.board = board
    }

    /// - Returns: the state to go on with after a reload.
    func run(_ series: ScrapeSeries) async -> ScrapeSeries {
        var series = series
        while let time = await nextTime() { await scrape(&series, at: time) }
        return series
    }

    /// Waits for the target's next turn; `nil` when cancelled.
    private func nextTime() async -> Int64? {
        let now = ingest.now.milliseconds
        let offset = Int64(bitPattern: target.id.hash.low >> 1) % target.interval
        let start = now - offset
        let next = start - start % target.interval + target.interval + offset
        do {
            try await Task.sleep(for: .milliseconds(next - now))
        } catch {
            return nil
        }
        let woken = ingest.now.milliseconds
        return abs(woken - next) <= Self.toleranceMilliseconds ? next : woken
    }

    /// One scrape, stamped `time` (milliseconds).
    package func scrape(_ series: inout ScrapeSeries, at time: Int64) async {
        let begun = ingest.clock.monotonicNanoseconds
        let answer: Result<ScrapeAnswer, ScrapeFailure>
        do throws(ScrapeFailure) {
            answer = .success(try await fetcher.fetch(target, for: job))
        } catch {
            answer = .failure(error)
        }
        if Task.isCancelled { return }
        var report = ScrapeReport()
        report.seconds = Double(ingest.clock.monotonicNanoseconds - begun) / 1e9
        var batch: MetricBatch
        var problem = ""
        var metadata: [MetricMetadata] = []
        switch answer.flatMap({ decoded($0, time) }) {
        case .success(let decoded):
            let result = series.accept(decoded.batch, at: time)
            batch = result.batch
            metadata = decoded.batch.batch.metadata
            report.isUp = true
            report.scraped = result.scraped
            report.afterRules = result.kept + result.cut
            report.added = result.added
            problem = remarks(answer, decoded, result)
        case .failure(let failure):
            batch = series.end(at: time)
            problem = failure.description
            ingest.events.emit(ScrapeFailed(job: job.name, url: target.url, reason: problem))
        }
        if job.reportsExtra { report.extra = extra(answer) }
        series.report(report, at: time, to: &batch)
        if let remark = await store(batch) {
            problem = problem.isEmpty ? remark : "\(problem); \(remark)"
        }
        board.note(
            target, isUp: report.isUp, problem: problem, time: time, report.seconds,
            metadata: metadata)
    }

    private func extra(_ answer: Result<ScrapeAnswer, ScrapeFailure>) -> ScrapeReport.Extra {
        var extra = ScrapeReport.Extra(
            timeoutSeconds: Double(target.timeout) / 1_000, sampleLimit: job.limits.samples)
        if case .success(let answer) = answer {
            extra.bodyBytes = answer.isTruncated ? -1 : answer.body.count
        }
        return extra
    }

    /// The target is gone: its series end.
    package func end(_ series: ScrapeSeries) async {
        var series = series
        let time = ingest.now.milliseconds
        var batch = series.end(at: time)
        series.endReport(at: time, to: &batch)
        _ = await store(batch)
    }

    private func decoded(
        _ answer: ScrapeAnswer, _ time: Int64
    ) -> Result<Decoded<ExposedMetrics>, ScrapeFailure> {
        var options = ExpositionOptions(receivedAt: time)
        options.honorsTimestamps = job.honorsTimestamps
        options.keepsClassicHistograms = job.keepsClassicHistograms
        options.isTruncated = answer.isTruncated
        do throws(DecodeError) {
            let decoded = try Exposition.decode(
                answer.body, format: answer.format, options: options)
            // Of garbage without end nothing is kept.
            guard !answer.isTruncated || decoded.batch.batch.seriesCount > 0 else {
                return .failure(
                    ScrapeFailure("the body exceeds its limit before its first sample ends"))
            }
            return .success(decoded)
        } catch {
            return .failure(ScrapeFailure("\(error)"))
        }
    }

    /// What a successful scrape left out; "" if nothing.
    private func remarks(
        _ answer: Result<ScrapeAnswer, ScrapeFailure>, _ decoded: Decoded<ExposedMetrics>,
        _ result: ScrapeResult
    ) -> String {
        var remarks: [String] = []
        if case .success(let answer) = answer, answer.isTruncated {
            remarks.append("the body exceeds its limit; only its beginning was kept")
        }
        if result.cut > 0 {
            remarks.append("sample_limit \(job.limits.samples) left out \(result.cut) samples")
        }
        if result.refused > 0 {
            remarks.append("\(result.refused) samples left out, first: \(result.refusal)")
        }
        if result.repeated > 0 {
            remarks.append(
                "\(result.repeated) samples came after one of the same series and time, first:"
                    + " \(result.repetition)")
        }
        if !decoded.rejections.isEmpty { remarks.append(decoded.rejectionMessage) }
        let text = remarks.joined(separator: "; ")
        if !text.isEmpty {
            ingest.events.emit(
                ScrapeIncomplete(
                    job: job.name, url: target.url, reason: text,
                    increment: UInt64(max(1, result.cut + result.refused + result.repeated))))
        }
        return text
    }

    /// - Returns: why nothing was stored, or what was left out.
    private func store(_ batch: MetricBatch) async -> String? {
        guard !batch.isEmpty else { return nil }
        do throws(StoreError) {
            let receipt = try await ingest.store(
                Decoded(batch: batch), digest: nil, by: .scrape)
            return receipt.rejected == 0 ? nil : "left out: \(receipt.message)"
        } catch {
            ingest.events.emit(ScrapeFailed(job: job.name, url: target.url, reason: "\(error)"))
            return "scraped, but not stored: \(error)"
        }
    }
}
