import DurableFiles
import Foundation
import JobFiles
import JSON

#if canImport(Glibc)
    import Glibc
#endif

/// Time that nobody can set: it goes on by what the kernel counts since the machine's start, and by at most a day while the
/// machine is off. Retention's ages are of this time. STATE/clock.json keeps it over restarts.
///
/// Files' times are the system clock's. `TrustedTime` remembers what that clock showed when, so that it can tell the age of
/// a file from before the clock was set. Where it cannot tell, the file is as young as it may be.
struct TrustedTime: Sendable {
    /// What the clocks of a machine show.
    struct Reading: Sendable, Equatable {
        /// The system's clock, seconds since 1970.
        var wall: Double
        /// Seconds since the machine's start, its sleep included.
        var uptime: Double
        /// This start of the machine; nil: unknown.
        var boot: String?

        /// What this machine's clocks show now.
        static var now: Reading {
            var uptime = timespec()
            clock_gettime(CLOCK_BOOTTIME, &uptime)
            let boot = (try? PosixFileSystem().read("/proc/sys/kernel/random/boot_id")).map {
                String(decoding: $0, as: UTF8.self)
            }
            return Reading(
                wall: Date().timeIntervalSince1970,
                uptime: Double(uptime.tv_sec) + Double(uptime.tv_nsec) / 1e9, boot: boot)
        }
    }

    /// The longest time that counts while the machine is off, and the least change of the clock that counts as setting it.
    private static let (longestOff, leastJump) = (86400.0, 60.0)
    /// Times at which the clock was set that are remembered.
    private static let mostPeriods = 50

    private var record: ClockRecord

    /// The time of a state folder that has kept none: it begins now.
    init(_ reading: Reading) {
        record = ClockRecord(
            trusted: reading.wall, wall: reading.wall, uptime: reading.uptime, boot: reading.boot,
            periods: [.init(from: reading.wall, to: reading.wall, ahead: 0)])
    }

    /// The time that a state folder has kept; nil: none that can be read.
    init?(stateFolder: String, _ files: any FileSystem) {
        guard let bytes = try? files.read(StateLayout(stateFolder).clock),
            let record = try? ClockRecord(reading: bytes), !record.periods.isEmpty
        else { return nil }
        self.record = record
    }

    /// Keeps the time in a state folder. Where that fails, the next daemon goes on from what was kept before.
    func save(stateFolder: String, _ files: any FileSystem) {
        try? files.replace(StateLayout(stateFolder).clock, record.bytes, mode: 0o644)
    }

    /// Goes on to what the clocks show.
    ///
    /// - Returns: by how many seconds the system's clock was set since the last reading; nil: it was not.
    mutating func advance(to reading: Reading) -> Double? {
        let isSameBoot = reading.boot != nil && reading.boot == record.boot && reading.uptime >= record.uptime
        let passed =
            isSameBoot
            ? reading.uptime - record.uptime : min(Self.longestOff, max(0, reading.wall - record.wall))
        record.trusted += passed
        (record.wall, record.uptime, record.boot) = (reading.wall, reading.uptime, reading.boot)
        let ahead = reading.wall - record.trusted
        let last = record.periods.count - 1
        let jump = ahead - record.periods[last].ahead
        record.periods[last].to = max(
            record.periods[last].to, record.trusted + record.periods[last].ahead)
        guard abs(jump) >= Self.leastJump else { return nil }
        record.periods.append(.init(from: reading.wall, to: reading.wall, ahead: ahead))
        if record.periods.count > Self.mostPeriods { record.periods.removeFirst() }
        return jump
    }

    /// The age of a file that the system's clock has dated, seconds. A file from before the first reading counts from that.
    func age(ofFileAt time: Double) -> Double {
        let within = record.periods.filter { $0.from <= time && time <= $0.to }.map { time - $0.ahead }
        let born =
            within.max()
            // Between two periods, or after all: as late as it may have been.
            ?? record.periods.first { $0.from >= time }.map { $0.from - $0.ahead }
            ?? record.trusted
        return max(0, record.trusted - born)
    }
}

/// STATE/clock.json: what `TrustedTime` remembers.
private struct ClockRecord: Record, Equatable {
    static let schema = "clipdrag-clock/1"

    /// A time in which nobody set the system's clock.
    struct Period: Codable, Sendable, Equatable {
        /// What the system's clock showed at its begin and its end.
        var from, to: Double
        /// Seconds by which the system's clock was ahead of the trusted time.
        var ahead: Double
    }

    /// The trusted time of the last reading, seconds since 1970.
    var trusted: Double
    /// What the clocks showed then.
    var wall, uptime: Double
    var boot: String?
    /// From the oldest to the present one.
    var periods: [Period]
}
