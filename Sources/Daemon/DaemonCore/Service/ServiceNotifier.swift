internal import CLinux
import Foundation

/// Tells systemd how the service fares (sd_notify(3)); does nothing where no one listens.
struct ServiceNotifier: Sendable {
    private let socket: String?
    /// Seconds between two signs of life that the watchdog asks for; nil without one.
    let watchdog: Double?

    init(environment: [String: String]) {
        socket = environment["NOTIFY_SOCKET"]
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        watchdog = isOurs ? environment["WATCHDOG_USEC"].flatMap { Double($0) }.map { $0 / 1e6 / 2 } : nil
    }

    /// Sends one message, such as `READY=1`.
    func send(_ message: String) {
        guard let socket else { return }
        _ = cl_notify(socket, message)
    }
}
