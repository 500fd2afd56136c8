import Foundation

/// The daemon's clock: the system's time at the program's start plus the time that has passed since. A change of the system's
/// clock does not move it, and it goes on while the machine is suspended.
enum ServiceClock {
    private static let start = (time: Date().timeIntervalSince1970, instant: ContinuousClock.now)

    /// Seconds since 1970.
    static var now: Double { start.time + (ContinuousClock.now - start.instant) / .seconds(1) }

    /// Seconds by which someone has set the system's clock ahead since the program's start; negative: back.
    static var jump: Double { Date().timeIntervalSince1970 - now }
}
