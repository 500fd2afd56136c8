import Foundation
import Testing

/// A part of `make torture`: the real daemon, with kills and errors injected by strace.
@Suite struct TortureTests {
    @Test func `every promise holds after every fault of the quick share`() throws {
        let folder = try TemporaryFolder()
        let log = "\(folder.path)/log"
        try Data().write(to: URL(filePath: log))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "python3", Program.root.appending(path: "Tests/Torture/torture.py").path(percentEncoded: false),
            "--quick", "--program", Program.path,
        ]
        let output = try FileHandle(forWritingTo: URL(filePath: log))
        process.standardOutput = output
        process.standardError = output
        try process.run()
        process.waitUntilExit()
        let said = try String(contentsOfFile: log, encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(said)")
    }
}
