import Testing
import Verdicts

@testable import DaemonCore

/// `status --watch`: the screen, and the lines where there is none.
@Suite struct LiveViewTests {
    private func running(_ name: String, stage: String? = "drag", step: Int? = 40, forecast: Double? = 180)
        -> DaemonStatus.RunningJob
    {
        DaemonStatus.RunningJob(
            id: "id-\(name)", name: name, executor: "local", run: nil, stage: stage, step: step, total: 160,
            started: 1000, forecast: forecast)
    }

    private func status(_ running: [DaemonStatus.RunningJob], waiting: Int = 0) -> DaemonStatus {
        DaemonStatus(
            pid: 7, paused: false, why: nil, running: running,
            waiting: (0..<waiting).map {
                DaemonStatus.WaitingJob(
                    id: "w\($0)", name: "w\($0)", state: .waiting, priority: 0, crashes: 0, dropped: 0)
            }, orphans: [], orphanCount: 0, overdueCount: 0,
            today: DaemonStatus.Day(day: "2026-11-27", published: 3, failed: 1), forecast: 600, outbox: "/o",
            inboxes: [])
    }

    private static let moved = EditVerdict(drag: .moved, text: nil, damage: .none)

    private func ended(_ name: String, verdict: EditVerdict? = nil, code: String? = nil) -> EndedJob {
        EndedJob(
            id: "e-\(name)", name: name, inbox: "/i", spec: "\(name).yaml", image: nil, digest: "",
            crashes: 0, finished: "2026-11-27T10:00:00Z", state: code == nil ? .published : .failed,
            publishedAs: code == nil ? name : nil, verdict: verdict, kind: nil, code: code, folder: nil)
    }

    @Test func `the screen has bar, time left against the forecast, waiting jobs and the last verdicts`() {
        let lines = LiveView(
            status([running("cat")], waiting: 9),
            ended: [ended("old", verdict: Self.moved), ended("bad", code: "spec.type")],
            isAlive: true, now: 1060
        ).lines(width: 200, isColoured: false)
        #expect(lines[0].hasPrefix("clipdragd runs, process 7"))
        #expect(
            lines[1]
                == "1 running, 9 waiting; today 3 published, 1 failed, all done in at most about 10 min")
        let job = lines.first { $0.hasPrefix("cat ") } ?? ""
        #expect(job.contains("  drag      █████··············· 40/160"))
        #expect(job.hasSuffix("2 min left of at most 3 min"))
        #expect(lines.contains("and 3 more"))
        #expect(lines.contains { $0.hasPrefix("bad ") && $0.contains("spec.type") })
        // The newest first.
        let last = lines.firstIndex(of: "Last") ?? 0
        #expect(lines[last + 1].hasPrefix("bad ") && lines[last + 2].hasPrefix("old "))
    }

    @Test func `a job that takes longer than forecast, has no forecast or an ended daemon is told as such`() {
        func line(_ job: DaemonStatus.RunningJob, isAlive: Bool = true) -> String {
            LiveView(status([job]), ended: [], isAlive: isAlive, now: 1300).lines(
                width: 200, isColoured: false
            )
            .first { $0.hasPrefix("cat ") } ?? ""
        }
        #expect(line(running("cat")).hasSuffix("2 min longer than forecast (3 min)"))
        #expect(line(running("cat", forecast: nil)).hasSuffix("for 5 min"))
        #expect(line(running("cat"), isAlive: false).hasSuffix("40/160"))
    }

    @Test func `no line is wider than the terminal, and no name moves its cursor`() {
        let evil = "\u{1b}[2J\u{202e}" + String(repeating: "x", count: 300)
        for isColoured in [false, true] {
            let lines = LiveView(
                status([running(evil)], waiting: 1), ended: [ended(evil, verdict: Self.moved)], isAlive: true,
                now: 1060
            ).lines(width: 60, isColoured: isColoured)
            for line in lines {
                let plain = line.replacing(/\u{1B}\[[0-9]+m/, with: "")
                #expect(plain.count <= 60 && plain.unicodeScalars.allSatisfy { $0.value >= 32 })
                #expect(isColoured || plain == line)
            }
        }
    }

    @Test func `without a terminal each change is one line, once`() {
        var log = LiveLog(ended: ["e-before"])
        func lines(_ status: DaemonStatus, _ news: [EndedJob] = []) -> [String] {
            log.lines(status, isAlive: true, news: news, now: 1060).map { String($0.dropFirst(9)) }
        }
        #expect(
            lines(status([]), [ended("before", verdict: Self.moved)]) == [
                "clipdragd runs, process 7: 0 waiting"
            ])
        #expect(lines(status([running("cat", step: 0)])) == ["cat: drag, at most about 2 min left"])
        #expect(lines(status([running("cat", step: 9)])) == [])
        #expect(lines(status([running("cat", stage: "sample")])) == ["cat: sample, at most about 2 min left"])
        #expect(
            lines(status([]), [ended("cat", verdict: Self.moved)]) == [
                "cat: published as cat, drag moved, damage none"
            ])
        #expect(lines(status([]), [ended("cat", verdict: Self.moved)]) == [])
        #expect(
            lines(status([]), [ended("dog\n", code: "spec.type")])
                == ["dog\\x0A: failed, spec.type"])
    }
}
