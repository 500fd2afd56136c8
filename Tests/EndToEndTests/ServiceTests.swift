import Foundation
import Glibc
import Testing

/// The messages to systemd, read from a socket like systemd's.
@Suite(.serialized) struct ServiceTests {
    @Test
    func `systemd gets READY after the first scan, then status, watchdog, reload and stop messages`()
        throws
    {
        let place = try Place()
        let socket = try NotifySocket(place)
        #expect(try Program.run(["pause", "--state", place.state]).code == 0)
        for i in 0..<40 {
            try place.drop(picture: "p\(i).png")
            try place.drop(spec: "p\(i).yaml")
        }
        Thread.sleep(forTimeInterval: 0.5)  // more than the quiet time
        let daemon = try Program.start(
            place.arguments,
            environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "400000"])
        #expect(try socket.messages(until: "READY=1").contains { $0.hasPrefix("EXTEND_TIMEOUT_USEC=") })
        #expect(!place.names(place.inbox).contains { $0.hasSuffix(".yaml") })
        for _ in 0..<3 { _ = try socket.messages(until: "WATCHDOG=1") }
        kill(daemon.processIdentifier, SIGHUP)
        let reloading = try socket.messages(until: "RELOADING=1")
        #expect(reloading.last?.contains("\nMONOTONIC_USEC=") == true)
        #expect(
            reloading.contains("STATUS=0 running, 40 waiting, 0 failed; paused")
                || socket.seen.contains(
                    "STATUS=0 running, 40 waiting, 0 failed; paused")
        )
        _ = try socket.messages(until: "READY=1")
        daemon.terminate()
        _ = try socket.messages(until: "STOPPING=1")
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0 && daemon.terminationReason == .exit)
    }

    @Test func `a daemon that hangs sends no watchdog message`() throws {
        let place = try Place()
        let socket = try NotifySocket(place)
        let daemon = try Program.start(
            place.arguments,
            environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "400000"])
        _ = try socket.messages(until: "WATCHDOG=1")
        kill(daemon.processIdentifier, SIGSTOP)
        while socket.next(seconds: 1) != nil {}  // what was on its way
        #expect(socket.next(seconds: 2) == nil)
        kill(daemon.processIdentifier, SIGCONT)
        _ = try socket.messages(until: "WATCHDOG=1")
        daemon.terminate()
        daemon.waitUntilExit()
    }

    @Test func `a daemon whose poll fails triggers the watchdog and ends`() throws {
        let place = try Place()
        let socket = try NotifySocket(place)
        let (code, _, errors) = try Program.run(
            place.arguments, environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "400000"],
            launcher: [
                "strace", "-qq", "-o", "/dev/null", "-e", "trace=poll", "-e",
                "inject=poll:error=EINVAL:when=2+",
            ])
        #expect(code == 70 && errors.contains("poll failed"))
        #expect(try socket.messages(until: "WATCHDOG=trigger").contains("READY=1"))
    }

    @Test func `the template unit has the service's hardening`() throws {
        func hardening(_ name: String) throws -> [Substring] {
            let file = Program.root.appending(path: "systemd/\(name)")
            let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            return lines.filter { $0.contains("=") && !$0.hasPrefix("#") }.filter { line in
                !["Description=", "ExecStart=", "StateDirectory="].contains { line.hasPrefix($0) }
            }
        }
        let service = try hardening("clipdragd.service")
        #expect(service.contains("NoNewPrivileges=yes"))
        #expect(try hardening("clipdragd@.service") == service)
    }

    @Test func `the man page describes every command`() throws {
        let page = try String(contentsOf: Program.root.appending(path: "man/clipdragd.1.md"), encoding: .utf8)
        let help = try Program.run(["--help"]).output
        let commands = help.components(separatedBy: "SUBCOMMANDS:\n").last?.split(separator: "\n") ?? []
        let names = commands.prefix { $0.hasPrefix("  ") }.filter {
            !$0.hasPrefix("   ") && !$0.contains("See ")
        }
        .compactMap { $0.split(separator: " ").first }
        #expect(names.count >= 17)
        for name in names { #expect(page.contains("**\(name)"), "\(name)") }
    }
}

/// A datagram socket in place of systemd's.
private final class NotifySocket {
    let path: String
    private let descriptor: Int32
    /// All messages so far.
    private(set) var seen: [String] = []

    init(_ place: Place) throws {
        path = "@clipdragd-test-\(UUID().uuidString)"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = [0] + path.utf8.dropFirst()  // an abstract one
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = MemoryLayout<sa_family_t>.size + name.count
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(length))
            }
        }
        try #require(bound == 0)
    }

    deinit { close(descriptor) }

    /// The next message; nil after the timeout.
    func next(seconds: Int) -> String? {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, Int32(seconds * 1000)) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        let message = String(decoding: bytes[..<max(0, count)], as: UTF8.self)
        seen.append(message)
        return message
    }

    /// The messages up to one with this beginning, within twenty seconds.
    func messages(until beginning: String) throws -> [String] {
        var messages: [String] = []
        while messages.last?.hasPrefix(beginning) != true {
            messages.append(try #require(next(seconds: 20), "no \(beginning)"))
        }
        return messages
    }
}
