import DurableFiles
import Foundation
import Testing

@testable import DaemonCore

/// Retention's time, with the test's clocks.
@Suite struct TrustedTimeTests {
    private let day = 86400.0
    private let tenYears = 3652 * 86400.0
    private let start = TrustedTime.Reading(wall: 1_700_000_000, uptime: 500, boot: "a")

    private func reading(_ wall: Double, _ uptime: Double, _ boot: String? = "a") -> TrustedTime.Reading {
        TrustedTime.Reading(wall: start.wall + wall, uptime: start.uptime + uptime, boot: boot)
    }

    @Test func `a file's age is the time that has passed`() {
        var time = TrustedTime(start)
        #expect(time.advance(to: reading(40 * day, 40 * day)) == nil)
        #expect(time.age(ofFileAt: start.wall + 10 * day) == 30 * day)
        #expect(time.age(ofFileAt: start.wall + 40 * day) == 0)
    }

    @Test func `a clock that is set ahead ages no file, and later files age as they should`() {
        var time = TrustedTime(start)
        #expect(time.advance(to: reading(10, 10)) == nil)
        #expect(time.advance(to: reading(tenYears + 20, 20)) == tenYears)
        #expect(time.age(ofFileAt: start.wall + 5) == 15)
        #expect(time.advance(to: reading(tenYears + 20 + day, 20 + day)) == nil)
        #expect(time.age(ofFileAt: start.wall + 5) == 15 + day)
        #expect(time.age(ofFileAt: start.wall + tenYears + 30) == day - 10)
        // Dated by a clock that showed that at no time: as young as it may be.
        #expect(time.age(ofFileAt: start.wall + 1000 * day) == day)
    }

    @Test func `a clock that is set back keeps the ages too`() {
        var time = TrustedTime(start)
        #expect(time.advance(to: reading(100, 100)) == nil)
        #expect(time.advance(to: reading(-50 * day + 200, 200)) == -50 * day)
        #expect(time.age(ofFileAt: start.wall + 50) == 150)
        #expect(time.age(ofFileAt: start.wall - 50 * day + 200) == 0)
    }

    @Test func `a wrong clock after a restart ages no file either`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
            .path(percentEncoded: false)
        let files = PosixFileSystem()
        defer { try? files.removeTree(folder) }
        try files.createDirectory(folder)
        #expect(TrustedTime(stateFolder: folder, files) == nil)
        TrustedTime(start).save(stateFolder: folder, files)
        func restarted(_ reading: TrustedTime.Reading) throws -> Double {
            var time = try #require(TrustedTime(stateFolder: folder, files))
            _ = time.advance(to: reading)
            return time.age(ofFileAt: start.wall)
        }
        // The machine went on: its own count says for how long.
        #expect(try restarted(reading(tenYears, 3600)) == 3600)
        // It was off: the system's clock counts, for a day at most.
        #expect(try restarted(reading(14 * 3600, -400, "b")) == 14 * 3600)
        #expect(try restarted(reading(tenYears, -400, "b")) == day)
        #expect(try restarted(reading(-tenYears, -400, "b")) == 0)
        #expect(try restarted(reading(tenYears, 100, nil)) == day)
    }

    @Test func `a file from before the first reading counts from that`() {
        var time = TrustedTime(start)
        _ = time.advance(to: reading(100, 100))
        #expect(time.age(ofFileAt: start.wall - 1000 * day) == 100)
    }
}
