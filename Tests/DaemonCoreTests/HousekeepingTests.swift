import DurableFiles
import Foundation
import ServiceConfiguration
import Testing

@testable import DaemonCore

/// Retention and the orphan timer, with the test's clock.
@Suite struct HousekeepingTests {
    private let files = PosixFileSystem()

    @Test func `retention removes only the daemon's own files, and only after their time`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
            .path(percentEncoded: false)
        defer { try? files.removeTree(folder) }
        let mine = [
            "out/cat/trajectory.json", "in/failed/dog/error.json", "in/archive/a.png", "in/archive/a.yaml",
        ]
        let others = ["out/theirs/x.txt", "in/failed/notes/x.txt", "in/archive/notes.txt", "in/b.png"]
        for path in mine + others {
            try files.createDirectory(parent("\(folder)/\(path)"))
            try files.create("\(folder)/\(path)", [], mode: 0o644)
        }
        var configuration = Configuration()
        (configuration.inboxes, configuration.outbox) = ([.init(path: "\(folder)/in")], "\(folder)/out")
        let now = Date().timeIntervalSince1970
        func left() throws -> [String] {
            try (mine + others).filter { try files.status("\(folder)/\($0)") != nil }
        }
        func time(_ passed: Double) -> TrustedTime {
            var time = TrustedTime(.init(wall: now - 60, uptime: 0, boot: "a"))
            _ = time.advance(to: .init(wall: now + passed, uptime: 60 + passed, boot: "a"))
            return time
        }
        var retention = Retention()
        // By default all is kept for ever.
        #expect(retention.expire(configuration, files, now + 1e9, time(1e9)).isEmpty)
        configuration.retention.archive = 1000
        configuration.retention.failed = 1000
        configuration.retention.outbox = 1000
        // A clock that is set ahead removes nothing.
        var ahead = TrustedTime(.init(wall: now - 60, uptime: 0, boot: "a"))
        _ = ahead.advance(to: .init(wall: now + 1e9, uptime: 61, boot: "a"))
        #expect(retention.expire(configuration, files, now + 900, ahead).isEmpty)
        #expect(retention.expire(configuration, files, now + 900, time(900)).isEmpty)
        #expect(try left() == mine + others)
        #expect(retention.expire(configuration, files, now + 1100, time(1100)).count == 4)
        #expect(try left() == others)
        #expect(!retention.isDue(now + 1200) && retention.isDue(now + 1100 + 3600))
    }

    @Test func `an orphan is overdue once, after the time since its arrival`() {
        var timer = OrphanTimer()
        let orphan = Orphan(inbox: "/in", file: "a.yaml", since: 1)  // an old file, moved in
        #expect(timer.update([orphan], now: 1000, after: 60).isEmpty)
        #expect(timer.next == 1060)
        #expect(timer.update([orphan], now: 1060, after: 60).map(\.file) == ["a.yaml"])
        #expect(timer.orphans.map(\.isOverdue) == [true] && timer.next == nil)
        #expect(timer.update([orphan], now: 1100, after: 60).isEmpty)
        // Gone and come back: a new wait.
        #expect(timer.update([], now: 1200, after: 60).isEmpty)
        #expect(timer.update([orphan], now: 1300, after: 60).isEmpty)
        #expect(timer.update([orphan], now: 1360, after: 60).count == 1)
    }
}
