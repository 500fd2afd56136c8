import DragEditing
import EditJobs
import Foundation
import JSON
import Processes

/// The line of `edit --json` at the beginning of a stage.
private struct StageLine: Record {
    static let schema = "clipdrag-stage/1"
    let stage: EditProgress.Stage
    /// Steps of the stage.
    let total: Int
    /// Whether it comes from the cache of an earlier edit.
    let restored: Bool
}

/// The line of `edit --json` before the edit.
private struct ForecastLine: Record {
    static let schema = "clipdrag-forecast/1"
    let forecast: ForecastRecord
}

/// Progress of an edit on standard error: a bar with the time left on a terminal, else a line per stage.
final class ProgressPrinter {
    private let json: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var stage: EditProgress.Stage?
    private var timeLeft: TimeLeft?

    init(json: Bool) { self.json = json }

    /// Reports one step.
    func report(_ progress: EditProgress) {
        let left = timeLeft?.update(progress, now: ProcessInfo.processInfo.systemUptime)
        if json {
            if progress.stage != stage {
                let line = StageLine(
                    stage: progress.stage, total: progress.total, restored: progress.isRestored)
                print(line.oneLine)
            }
        } else if isTerminal {
            write("\r\(Self.bar(progress, left: left))\u{1B}[K")
        } else if progress.stage != stage {
            let how = progress.isRestored ? "restored from the cache" : "\(progress.total) steps"
            let rest = left.map { ", about \(TimeLeft.text($0)) left" } ?? ""
            write("\(progress.stage.rawValue): \(how)\(rest)\n")
        }
        stage = progress.stage
    }

    /// A bar of one line: `drag      ███████·······  80/160, about 26 s left`.
    static func bar(_ progress: EditProgress, left: Double?) -> String {
        let width = 30
        let filled =
            progress.total > 0 ? width * min(progress.step, progress.total) / progress.total : 0
        let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
        let name = progress.stage.rawValue
        let rest = left.map { ", about \(TimeLeft.text($0)) left" } ?? ""
        return
            "\(name)\(String(repeating: " ", count: max(0, 10 - name.count)))\(bar) \(progress.step)/\(progress.total)\(rest)"
    }

    /// Reports the forecast.
    func announce(_ forecast: EditPace.Forecast) {
        timeLeft = TimeLeft(forecast.stages)
        if json {
            print(ForecastLine(forecast: ForecastRecord(forecast)).oneLine)
        } else {
            write("forecast: \(forecast.text)\n")
        }
    }

    /// Ends the bar's line.
    func finish() { if isTerminal && !json { write("\n") } }

    private func write(_ text: String) { StandardStream.errors.write(text) }
}
