import ArgumentParser
import DaemonCore
import DurableFiles
import Foundation
import JSON
import Verdicts

/// `clipdragd list`
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List published, failed, running and waiting jobs.")
    @Flag(
        help:
            "List every job that has ended, not only the last \(JobTable.shownEnds). --json does so always.")
    var all = false
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        // A job that was requeued has a record of its failure, and waits under a new id.
        let daemon = StateReader(places.stateFolder)
        let ended = daemon.ended
        let running = daemon.status?.running ?? []
        let waiting = daemon.status?.waiting ?? []
        if output.json {
            for record in ended.lazy.compactMap({ daemon.record($0) }) { print(record.json.shown.line) }
            for job in running { print(job.json.shown.line) }
            for job in waiting { print(job.json.shown.line) }
            return
        }
        let shown = all ? ended[...] : ended.suffix(JobTable.shownEnds)
        var table = JobTable()
        for record in shown.compactMap({ daemon.record($0) }) { table.add(record) }
        for job in running { table.add(job) }
        for job in waiting { table.add(job) }
        for line in table.lines { print(line) }
        let left = ended.count - shown.count
        if left > 0 { print("\(left) earlier jobs are not shown: `clipdragd list --all`") }
    }
}

/// The table of `list`: one job a line.
struct JobTable {
    /// The ended jobs that are listed unless all are asked for.
    static let shownEnds = 100

    private var rows = [["STATE", "JOB", "RESULT", "TIME", "ID"]]

    /// A job that has ended: when, and its verdict or its error's code.
    mutating func add(_ job: EndedJob) {
        add(
            job.state.rawValue, job.publishedAs ?? job.name, job.verdict?.words ?? job.code, job.end, job.id)
    }

    /// A job that runs: since when, and its stage.
    mutating func add(_ job: DaemonStatus.RunningJob) {
        add(job.state, job.name, job.progress, job.started.map { Date(timeIntervalSince1970: $0) }, job.id)
    }

    /// A job that waits: since when its spec lay in the inbox.
    mutating func add(_ job: DaemonStatus.WaitingJob) {
        add(
            job.state.rawValue, job.name,
            job.crashes > 0 ? "\(job.crashes) crashed" : nil, Date(timeIntervalSince1970: job.dropped), job.id
        )
    }

    private mutating func add(_ state: String, _ name: String, _ result: String?, _ time: Date?, _ id: String)
    {
        rows.append(
            [state, name, result ?? "-", time?.localMinute ?? "-", id].map { PathCoding.onOneLine($0) })
    }

    /// The headings and the rows, in columns; without rows a sentence.
    var lines: [String] {
        guard rows.count > 1 else { return ["no jobs"] }
        let widths = rows[0].indices.map { column in min(40, rows.map { $0[column].count }.max() ?? 0) }
        return rows.map { row in
            zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: max(0, width - cell.count))
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        String(reversed().drop { $0 == " " }.reversed())
    }
}
