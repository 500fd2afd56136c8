import DurableFiles
import Foundation
import Testing

/// Hooks as people write them: what they print is bounded, and none outlives the daemon.
@Suite struct HookTests {
    private let folder: TemporaryFolder
    private var program: String { "\(folder.path)/hook" }
    private var log: String { "\(folder.path)/log" }

    init() throws { folder = try TemporaryFolder() }

    private func place(_ hook: String, mode: Int = 0o755) throws -> Place {
        try PosixFileSystem().create(program, Array(hook.utf8), mode: mode)
        let place = try Place(extra: "hook: \(program)\n")
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        return place
    }

    private func run(_ place: Place, once: Bool) throws -> Process {
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        return try place.start(once: once, errors: try FileHandle(forWritingTo: URL(filePath: log)))
    }

    private var logged: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    @Test(.timeLimit(.minutes(10)))
    func `the log has a limited part of a hook's output, and the hook goes on`()
        throws
    {
        let place = try place(
            "#!/bin/sh\necho first >&2\nhead -c 5000000 /dev/zero | tr '\\0' x\ntouch \(folder.path)/done\n")
        let daemon = try run(place, once: true)
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0)
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/done"))
        #expect(logged.utf8.count < 20_000)
        #expect(logged.contains("the hook says: first") && logged.contains("bytes more"))
    }

    @Test(.timeLimit(.minutes(10))) func `a hook that ignores signals does not outlive the daemon`() throws {
        let place = try place(
            "#!/bin/bash\ntrap '' TERM INT HUP\necho $$ > \(folder.path)/pid\nwhile :; do sleep 1; done\n")
        let daemon = try run(place, once: false)
        var pid: Int32?
        place.wait("the hook") {
            let text = (try? String(contentsOfFile: "\(folder.path)/pid", encoding: .utf8)) ?? ""
            pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
            return pid != nil
        }
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(kill(try #require(pid), 0) != 0 && errno == ESRCH)
        if let pid { kill(pid, SIGKILL) }
    }

    @Test(.timeLimit(.minutes(10)))
    func `the log of a hook that fails or cannot be started names its file, the job and the reason`() throws {
        let closed = try place("#!/bin/sh\n", mode: 0o644)
        try run(closed, once: true).waitUntilExit()
        let lines = logged.split(separator: "\n").filter { $0.contains("the hook failed") }
        #expect(lines.count == 5)
        #expect(
            lines.allSatisfy {
                $0.contains("Permission denied") && $0.contains("file=\(program)") && $0.contains("job=")
            })
        #expect(lines.last?.contains("code=hook.failed") == true)
        try PosixFileSystem().remove(program)
        let failing = try place("#!/bin/sh\nexit 3\n")
        let daemon = try run(failing, once: false)
        failing.wait("the first failure") { logged.contains("it ended with status 3") }
        daemon.terminate()
        daemon.waitUntilExit()
    }
}
