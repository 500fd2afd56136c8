import ArgumentParser
import DaemonCore
import DurableFiles
import Failures
import JobFiles

/// `clipdragd tell-hook`: delivers standard input to the hook behind a socket. The daemon starts it like a hook that is a
/// program.
struct TellHookCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tell-hook",
        abstract: "Deliver an event to the hook behind a socket (started by the daemon).",
        shouldDisplay: false)

    @Argument var socket: String

    func run() throws {
        let json = try PosixFileSystem().read("/dev/stdin")
        if !CompletionHook.deliver(json, socket) { throw ExitCode(ExitStatus.tryLater.rawValue) }
    }
}
