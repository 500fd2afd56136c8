import DurableFiles
import Verdicts

/// `status --watch` where no terminal shows it: a line for each change.
public struct LiveLog {
    private var daemon: String?
    private var stages: [String: String] = [:]
    private var ended: Set<String>

    /// - Parameter ended: IDs of the jobs that had ended before.
    public init(ended: Set<String>) { self.ended = ended }

    /// The lines for what has changed since the last call.
    ///
    /// - Parameters:
    ///   - news: the jobs that may have ended since then.
    ///   - now: seconds since 1970.
    public mutating func lines(
        _ status: DaemonStatus, isAlive: Bool, news: [EndedJob], now: Double
    ) -> [String] {
        var lines: [String] = []
        let state =
            (isAlive ? "clipdragd runs, process \(status.pid)" : "clipdragd does not run")
            + (status.why.map { " (\($0))" } ?? "")
        if state != daemon { lines.append("\(state): \(status.waiting.count) waiting") }
        daemon = state
        for job in news where ended.insert(job.id).inserted {
            stages[job.id] = nil
            lines.append(
                job.state == .failed
                    ? "\(job.name): failed, \(job.code ?? "")"
                    : "\(job.name): published as \(job.publishedAs ?? job.name)"
                        + (job.verdict.map { ", \($0.words)" } ?? ""))
        }
        let running = Set(status.running.map(\.id))
        stages = stages.filter { running.contains($0.key) }
        for job in status.running {
            let stage = job.stage ?? "started"
            guard stages[job.id] != stage else { continue }
            stages[job.id] = stage
            let left = job.started.flatMap { started in job.forecast.map { max(0, $0 - (now - started)) } }
            lines.append(
                "\(job.name): \(stage)" + (left.map { ", at most about \(LiveView.span($0)) left" } ?? ""))
        }
        return lines.map { "\(LiveView.clock(now)) \(PathCoding.onOneLine($0))" }
    }
}
