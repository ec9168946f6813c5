import Domain
import KafkaClient

extension DeadLetterDesk {
    /// Sends dead letters to the consumer that failed, and only to it, byte for byte, as first attempts of the original messages.
    ///
    /// Only open ones are redriven, each once, however many do this at the same time. After a kill the same job id goes on at once, any other job once
    /// the claims are a minute old.
    /// - Parameter progress: called with each portion.
    /// - Throws: `.invalidRequest`, and what the stores give; what is done until then is marked.
    public func redrive(
        _ filter: DeadLetterFilter, _ options: RedriveOptions, progress: @escaping @Sendable (RedriveProgress) -> Void = { _ in }
    ) async throws(DeadLettersError) -> RedriveReport {
        do {
            if let fault = Self.fault(filter, options) { throw DeadLettersError(.invalidRequest, "redrive", fault) }
            _ = try await catchUp()
            var open = filter
            open.status = .open
            // What is redriven and fails again meanwhile is news, not part of the same wish.
            let now = Timestamp(ms: WallClock.nowMs())
            open.until = min(filter.until ?? now, now)
            var report = RedriveReport(jobID: options.jobID, isDryRun: options.isDryRun, reasons: try await groups(open))
            report.matched = report.reasons.reduce(0) { $0 + $1.count }
            var often = Condition(open)
            often.and("redrives >= \(often.bind(.int(Int64(options.maxRedrives))))::int")
            report.stayed = try await count(often)
            report.busy = try await busy(open, options.jobID)
            if options.isDryRun { return report }
            let asked = Asked(filter: open, maxRedrives: options.maxRedrives, rate: options.rate, isEdit: options.edit != nil)
            let begun = report
            return try await audited("dlq.redrive", id: options.jobID, actor: options.actor, asked: asked) {
                try await work(open, options, begun, progress)
            }
        } catch {
            throw DeadLettersError(error, "redrive")
        }
    }

    /// What the audit keeps of a redrive's wish.
    private struct Asked: Encodable {
        let filter: DeadLetterFilter
        let maxRedrives: Int
        let rate: Int?
        let isEdit: Bool
    }

    private static func fault(_ filter: DeadLetterFilter, _ options: RedriveOptions) -> String? {
        if !(1...100).contains(options.maxRedrives) { return "a message may be redriven 1 to 100 times, not \(options.maxRedrives)" }
        if let rate = options.rate, !(1...100_000).contains(rate) { return "the rate must be from 1 to 100,000 a second, not \(rate)" }
        if let status = filter.status, status != .open { return "only open dead letters can be redriven, not those that are \(status.rawValue)" }
        guard let edit = options.edit else { return nil }
        if filter.places.isEmpty { return "only dead letters that are named one by one can be changed" }
        do throws(JSONError) { _ = try MergePatch.apply(edit, to: Array("{}".utf8)) } catch { return "the patch is no JSON: \(error)" }
        return nil
    }

    private func work(
        _ filter: DeadLetterFilter, _ options: RedriveOptions, _ begun: RedriveReport, _ progress: @Sendable (RedriveProgress) -> Void
    ) async throws -> RedriveReport {
        let start = ContinuousClock.now
        let total = begun.matched - begun.stayed - begun.busy
        let report = try await withAdmin { admin in
            try await withProducer { producer in
                let redrive = Redrive(desk: self, filter: filter, options: options, admin: admin, producer: producer)
                var report = begun
                for group in Set(begun.reasons.map(\.group)).sorted() {
                    try await redrive.run(group) { marked, found, failed in
                        report.redriven += marked
                        report.foundSent += found
                        report.failed += failed
                        let done = report.redriven + report.failed.count
                        let seconds = max(0.001, (ContinuousClock.now - start) / .seconds(1))
                        let speed = Double(done) / seconds
                        progress(
                            RedriveProgress(
                                jobID: options.jobID, done: done, total: max(total, done), perSecond: speed,
                                secondsLeft: speed > 0 ? Double(max(0, total - done)) / speed : nil))
                        if let rate = options.rate { try await Task.sleep(until: start + .milliseconds(done * 1000 / rate), clock: .continuous) }
                    }
                }
                return report
            }
        }
        var ended = report
        ended.busy = try await busy(filter, options.jobID)
        ended.seconds = (ContinuousClock.now - start) / .seconds(1)
        return ended
    }

    /// Those in the hands of other jobs.
    private func busy(_ filter: DeadLetterFilter, _ job: String) async throws -> Int {
        var condition = Condition(filter)
        condition.and("claim <> \(condition.bind(.text(job))) AND claimed_until >= now()")
        return try await count(condition)
    }
}
