import Foundation

/// The time by which the daemon waits: the system's time when the program started, and what has passed since. Who sets the
/// system's clock moves it by nothing; it goes on while the machine is suspended.
enum ServiceClock {
    private static let start = (time: Date().timeIntervalSince1970, instant: ContinuousClock.now)

    /// Seconds since 1970.
    static var now: Double { start.time + (ContinuousClock.now - start.instant) / .seconds(1) }

    /// Seconds by which the system's clock was set ahead since the program started; negative: back.
    static var jump: Double { Date().timeIntervalSince1970 - now }
}
