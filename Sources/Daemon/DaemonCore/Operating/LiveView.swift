import DurableFiles
import Foundation
import Verdicts

#if canImport(Glibc)
    import Glibc
#endif

/// `status --watch` on a terminal: what the daemon does now, on one screen. File names come from outside, so every text goes through
/// `PathCoding.onOneLine`, and no line is wider than the terminal.
public struct LiveView {
    /// Columns of a name, of a bar, and the jobs that each list names.
    private static let (nameWidth, barWidth, shownWaiting, shownEnds) = (26, 20, 6, 8)

    private let status: DaemonStatus
    private let ended: [EndedJob]
    private let isAlive: Bool
    private let now: Double

    /// - Parameters:
    ///   - ended: the last jobs that ended, oldest first.
    ///   - now: seconds since 1970.
    public init(_ status: DaemonStatus, ended: [EndedJob], isAlive: Bool, now: Double) {
        (self.status, self.ended, self.isAlive, self.now) = (status, ended, isAlive, now)
    }

    /// The screen's lines.
    ///
    /// - Parameters:
    ///   - width: the terminal's columns.
    ///   - isColoured: whether lines may hold colours.
    public func lines(width: Int, isColoured: Bool) -> [String] {
        let paint = Paint(width: width, isColoured: isColoured)
        return [
            paint.line([(title, .bold), ("  " + Self.clock(now), .quiet)]), paint.line([(counts, .plain)]),
        ]
            + section("", status.running.map { paint.line(running($0)) })
            + section("Waiting", waiting.map { paint.line([($0, .plain)]) }, paint)
            + section(
                "Last", ended.suffix(Self.shownEnds).reversed().map { paint.line(end($0)) }, paint)
    }

    private func section(_ title: String, _ lines: [String], _ paint: Paint? = nil) -> [String] {
        guard !lines.isEmpty else { return [] }
        return [""] + (paint.map { [$0.line([(title, .quiet)])] } ?? []) + lines
    }

    private var title: String {
        guard isAlive else { return "clipdragd does not run" }
        return "clipdragd runs, process \(status.pid)"
            + (status.why.map { " (\(PathCoding.onOneLine($0)))" } ?? "")
    }

    private var counts: String {
        let held = status.waiting.count { $0.state == .held }
        let all = status.forecast.map { ", all done in at most about \(Self.span($0))" } ?? ""
        return
            "\(status.running.count) running, \(status.waiting.count) waiting\(held > 0 ? " (\(held) held)" : "")"
            + "; today \(status.today.published) published, \(status.today.failed) failed\(isAlive ? all : "")"
    }

    private func running(_ job: DaemonStatus.RunningJob) -> [(String, Paint.Style)] {
        let (step, total) = (job.step ?? 0, job.total ?? 0)
        let filled = total > 0 ? Self.barWidth * min(max(step, 0), total) / total : 0
        let bar =
            String(repeating: "█", count: filled) + String(repeating: "·", count: Self.barWidth - filled)
        return [
            (Self.fitted(job.name, Self.nameWidth), .bold),
            ("  \(Self.fitted(job.stage ?? "starting", 10))", .plain), (bar, .accent),
            (total > 0 ? " \(step)/\(total)" : "", .plain), (timeLeft(of: job), .quiet),
        ]
    }

    /// `  2 min left of at most 3 min`
    private func timeLeft(of job: DaemonStatus.RunningJob) -> String {
        guard isAlive, let started = job.started else { return "" }
        let elapsed = max(0, now - started)
        guard let forecast = job.forecast else { return "  for \(Self.span(elapsed))" }
        guard elapsed <= forecast else {
            return "  \(Self.span(elapsed - forecast)) longer than forecast (\(Self.span(forecast)))"
        }
        return "  \(Self.span(forecast - elapsed)) left of at most \(Self.span(forecast))"
    }

    private var waiting: [String] {
        let more = status.waiting.count - Self.shownWaiting
        return status.waiting.prefix(Self.shownWaiting).map {
            Self.fitted($0.name, Self.nameWidth) + ($0.state == .held ? "  held" : "")
                + ($0.crashes > 0 ? "  crashed \($0.crashes)×" : "")
        } + (more > 0 ? ["and \(more) more"] : [])
    }

    private func end(_ job: EndedJob) -> [(String, Paint.Style)] {
        let result = job.state == .failed ? job.code ?? "failed" : job.verdict?.words ?? "published"
        return [
            (Self.fitted(job.publishedAs ?? job.name, Self.nameWidth), .plain),
            ("  \(Self.localTime(job.finished))  ", .quiet), (PathCoding.onOneLine(result), style(of: job)),
        ]
    }

    private func style(of job: EndedJob) -> Paint.Style {
        guard job.state == .published else { return .bad }
        guard let verdict = job.verdict else { return .plain }
        if verdict.damage == .severe || verdict.summary == .unchanged { return .bad }
        return verdict.damage == .none && verdict.summary == .moved ? .good : .middling
    }

    // MARK: - Words

    /// A text of exactly so many characters.
    static func fitted(_ text: String, _ width: Int) -> String {
        let shown = PathCoding.onOneLine(text)
        guard shown.count > width else { return shown + String(repeating: " ", count: width - shown.count) }
        return shown.prefix(width - 1) + "…"
    }

    /// Seconds for people: `40 s`, `3 min`, `2 h 5 min`.
    static func span(_ seconds: Double) -> String {
        if seconds < 90 { return "\(Int(seconds.rounded(.up))) s" }
        let minutes = Int((seconds / 60).rounded(.up))
        return minutes < 90 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }

    /// The local time of a moment, `21:14:05`.
    static func clock(_ seconds: Double) -> String {
        var (moment, parts) = (time_t(seconds), tm())
        localtime_r(&moment, &parts)
        return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { ($0 < 10 ? "0" : "") + String($0) }
            .joined(separator: ":")
    }

    private static func localTime(_ text: String) -> String {
        (try? Date(text, strategy: .iso8601)).map { clock($0.timeIntervalSince1970) } ?? ""
    }
}

/// Lines of a terminal: cut to its width, and perhaps in colour.
private struct Paint {
    enum Style: String {
        case plain = ""
        case bold = "1"
        case quiet = "2"
        case accent = "36"
        case good = "32"
        case middling = "33"
        case bad = "31"
    }

    let width: Int
    let isColoured: Bool

    func line(_ parts: [(text: String, style: Style)]) -> String {
        var (left, line) = (width, "")
        for (text, style) in parts where left > 0 {
            let cut = String(text.prefix(left))
            left -= cut.count
            line += isColoured && style != .plain ? "\u{1B}[\(style.rawValue)m\(cut)\u{1B}[0m" : cut
        }
        return line
    }
}
