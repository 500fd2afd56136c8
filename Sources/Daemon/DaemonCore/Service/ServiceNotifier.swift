import DurableFiles
import Foundation
internal import CLinux

/// Reports the service's state to systemd (sd_notify(3)); does nothing without its socket.
final class ServiceNotifier {
    /// How much longer systemd is to wait, and how often the daemon asks for that, seconds.
    private static let (extensionSeconds, extensionInterval) = (30.0, 1.0)

    private let socket: String?
    /// Seconds between two signs of life, half of the watchdog's time; nil without a watchdog.
    let watchdog: Double?
    private var lastStatus = ""
    private var lastBeat: ContinuousClock.Instant?
    private var lastExtension: ContinuousClock.Instant?

    init(environment: [String: String]) {
        socket = environment["NOTIFY_SOCKET"]
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        watchdog = isOurs ? environment["WATCHDOG_USEC"].flatMap { Double($0) }.map { $0 / 1e6 / 2 } : nil
    }

    /// The service is ready, at the start or after `reloading`.
    func ready() { send("READY=1") }

    /// The configuration is being read again.
    func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        send("RELOADING=1\nMONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1000)")
    }

    /// The service ends.
    func stopping() { send("STOPPING=1") }

    /// The daemon cannot go on: systemd treats it as one that hangs.
    func reportBroken() { send("WATCHDOG=trigger") }

    /// One line for people; sent when it has changed.
    func status(_ line: String) {
        guard line != lastStatus else { return }
        lastStatus = line
        send("STATUS=\(PathCoding.onOneLine(line))")
    }

    /// Gives a sign of life, if one is due. A loop that hangs does not call this.
    func giveSignOfLife() {
        guard let watchdog, markIfDue(&lastBeat, every: watchdog) else { return }
        send("WATCHDOG=1")
    }

    /// Asks for more time while starting or stopping takes long.
    func extendTimeout() {
        giveSignOfLife()
        guard markIfDue(&lastExtension, every: Self.extensionInterval) else { return }
        send("EXTEND_TIMEOUT_USEC=\(Int(Self.extensionSeconds * 1e6))")
    }

    /// - Returns: whether it is due; if so, marks it as done now.
    private func markIfDue(_ last: inout ContinuousClock.Instant?, every seconds: Double) -> Bool {
        let now = ContinuousClock.now
        if let last, now - last < .seconds(seconds * 0.9) { return false }
        last = now
        return true
    }

    private func send(_ message: String) {
        guard let socket else { return }
        _ = cl_notify(socket, message)
    }
}
