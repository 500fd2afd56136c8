import DaemonCore
import DurableFiles
import Failures
import Foundation
import JSON
import Processes

/// `clipdragd status --watch`: a screen that follows the daemon, or a line for each change where there is no terminal.
struct StatusWatch {
    /// The ended jobs that the screen may name.
    private static let shownEnds = 8
    private static let interval = 1.0

    let stateFolder: String
    let json: Bool
    /// The status as one line of JSON.
    let line: (DaemonStatus, StateReader) -> String

    /// Follows the daemon until it is interrupted, or nobody can read what it prints any more.
    ///
    /// - Throws: `status.none` where no daemon has run.
    func run() throws(Failure) -> Never {
        let isTerminal = isatty(STDOUT_FILENO) == 1 && !json
        let isColoured = isTerminal && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
        var log = LiveLog(ended: Set(StateReader(stateFolder).ended))
        var (last, lastStatus, recent) = ("", DaemonStatus?.none, [EndedJob]())
        while true {
            let daemon = StateReader(stateFolder)
            guard let status = daemon.status else { throw StatusWatch.none(stateFolder) }
            // A folder of thousands of records is listed only when something has changed.
            if status != lastStatus || isTerminal && recent.isEmpty {
                recent = daemon.ended.suffix(100).compactMap { daemon.record($0) }
            }
            lastStatus = status
            let now = Date().timeIntervalSince1970
            if json {
                let text = line(status, daemon)
                if text != last { print(text) }
                last = text
            } else if isTerminal {
                let lines = LiveView(
                    status, ended: recent.suffix(Self.shownEnds), isAlive: daemon.isAlive, now: now
                ).lines(width: Self.columns, isColoured: isColoured)
                // Each line replaces the old one, and what is below goes: the screen does not flicker.
                StandardStream.output.write(
                    "\u{1B}[H" + lines.map { "\($0)\u{1B}[K\n" }.joined() + "\u{1B}[J")
            } else {
                for line in log.lines(status, isAlive: daemon.isAlive, news: recent, now: now) { print(line) }
            }
            fflush(nil)
            // A terminal that was closed, or a reader that has gone, ends the watch even where signals are blocked.
            if Self.isOutputGone { exit(0) }
            Thread.sleep(forTimeInterval: Self.interval)
        }
    }

    /// No daemon has run with a state folder.
    static func none(_ stateFolder: String) -> Failure {
        Failure(
            .tryLater, code: "status.none", message: "no daemon has written to \(stateFolder)",
            hint: "Start it with `clipdragd run`, or give its --state.")
    }

    /// Whether nobody can read the standard output any more.
    private static var isOutputGone: Bool {
        var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
        return poll(&output, 1, 0) > 0 && output.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0
    }

    /// The terminal's width.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }
}
