import Foundation
import Testing

/// `status --watch` as a person and as a program sees it.
@Suite(.serialized) struct StatusWatchTests {
    /// Starts a command and reads what it prints until something is in it.
    private func output(of words: [String], until isThere: (String) -> Bool, then: () throws -> Void = {})
        throws
        -> String
    {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            // A test's thread may block signals, and its children inherit that.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        var (text, isBegun) = ("", false)
        while !isThere(text) {
            let data = pipe.fileHandleForReading.availableData
            guard !data.isEmpty else { break }
            text += String(decoding: data, as: UTF8.self)
            // What happens before the command looks for the first time is no change.
            if !isBegun { try then() }
            isBegun = true
        }
        return text
    }

    @Test(.timeLimit(.minutes(10))) func `without a terminal each change is a line`() throws {
        let place = try Place()
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        let text = try output(
            of: [Program.path, "status", "--watch", "--state", place.state],
            until: { $0.contains("x: published as x") }
        ) {
            try place.drop(picture: "x.png")
            try place.drop(spec: "x.yaml", "prompt: STEADY\n")
        }
        let lines = text.split(separator: "\n").map { String($0.dropFirst(9)) }
        #expect(
            lines.first?.hasPrefix("clipdragd runs, process \(daemon.processIdentifier)") == true, "\(text)")
        #expect(lines.contains { $0.hasPrefix("x: drag") }, "\(text)")
        #expect(!text.contains("\u{1B}"))
    }

    @Test(.timeLimit(.minutes(10))) func `a reader that goes ends it`() throws {
        let place = try Place()
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        let pipe = Pipe()
        let watch = try Program.start(["status", "--watch", "--state", place.state], output: pipe)
        _ = pipe.fileHandleForReading.availableData
        try pipe.fileHandleForReading.close()
        watch.waitUntilExit()
        #expect(watch.terminationStatus == 0)
    }

    @Test(.timeLimit(.minutes(10))) func `on a terminal one screen follows the daemon`() throws {
        let place = try Place()
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        place.wait("the result") { place.names(place.outbox) == ["x"] }
        // script(1) gives the program a terminal.
        let text = try output(
            of: [
                "/usr/bin/script", "-qec", "\(Program.path) status --watch --state \(place.state)",
                "/dev/null",
            ],
            until: {
                $0.contains("drag moved") && $0.contains("0 running, 0 waiting; today 1 published, 0 failed")
            })
        #expect(text.contains("\u{1B}[H") && text.contains("clipdragd runs, process"), "\(text)")
        #expect(text.contains("drag moved"), "\(text)")
    }
}
