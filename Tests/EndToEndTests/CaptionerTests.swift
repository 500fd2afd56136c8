import DurableFiles
import Foundation
import Testing

/// Captioning programs as people write them: the edit goes on, whatever they do.
@Suite struct CaptionerTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Describes a picture with a program of this text; nil: the program is not there.
    private func caption(_ script: String?, mode: Int = 0o755) throws -> (
        code: Int32, output: String, errors: String
    ) {
        let program = "\(folder.path)/captioner"
        if let script { try PosixFileSystem().create(program, Array(script.utf8), mode: mode) }
        try "captions: [{command: [\(program), \"{image}\"]}, template]\n".write(
            toFile: "\(folder.path)/config.yaml", atomically: true, encoding: .utf8)
        let image = Program.root.appending(path: "examples/rabbit-face.png").path(percentEncoded: false)
        return try Program.run(["caption", image, "--config", "\(folder.path)/config.yaml"])
    }

    private func isAlive(_ file: String) -> Bool {
        let text = (try? String(contentsOfFile: "\(folder.path)/\(file)", encoding: .utf8)) ?? ""
        guard let pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            Issue.record("the child wrote no process ID")
            return false
        }
        let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        return !stat.isEmpty && !stat.contains(") Z ")
    }

    @Test(.timeLimit(.minutes(10)), arguments: ["", "setsid "])
    func `a captioner's end is its own, not its child's, and ends the child`(_ launcher: String) throws {
        let start = ContinuousClock.now
        let child = "\(launcher)sh -c 'echo $$ > \(folder.path)/child; trap \"\" HUP TERM; exec sleep 50' &"
        let wait = "while [ ! -s \(folder.path)/child ]; do sleep 0.05; done"
        let run = try caption("#!/bin/sh\n\(child)\n\(wait)\necho a red letter\nexit 0\n")
        #expect(run.output == "a red letter\n")
        #expect(ContinuousClock.now - start < .seconds(40))
        #expect(!isAlive("child"))
    }

    @Test(.timeLimit(.minutes(10)))
    func `a captioner that prints without end is stopped, and its first line is the caption`() throws {
        let run = try caption("#!/bin/sh\nexec yes word\n")
        #expect(run.output == "word\n")
    }

    @Test func `a captioner's first line ends at any line break`() throws {
        let run = try caption("#!/bin/sh\nprintf 'a red letter\\r\\nconfidence 0.9\\r\\n'\n")
        #expect(run.output == "a red letter\n")
    }

    @Test
    func `a caption is what a terminal shows: no progress that was overwritten, and no byte order mark`()
        throws
    {
        let run = try caption("#!/bin/sh\nprintf '10%%\\r100%%\\r\\357\\273\\277a red letter\\r\\nmore\\n'\n")
        #expect(run.output == "a red letter\n")
    }

    @Test func `control characters are no part of a caption`() throws {
        let run = try caption("#!/bin/sh\nprintf '\\033]0;x\\007 \\033[31mred\\033[0m letter'\n")
        #expect(run.output == "red letter\n")
    }

    @Test func `binary output is no caption, and a warning says so`() throws {
        let run = try caption("#!/bin/sh\nhead -c 5000 /dev/urandom | tr -d '\\n'\n")
        #expect(run.output == "a picture\n")
        #expect(run.errors.contains("captioner: it printed no text"))
    }

    @Test func `a warning names the path of a captioner that is missing, cannot be run or fails`() throws {
        let gone = try caption(nil)
        #expect(gone.code == 0 && gone.output == "a picture\n")
        #expect(gone.errors.contains("\(folder.path)/captioner: No such file or directory"))
        let failed = try caption("#!/bin/sh\necho bad luck >&2\nexit 3\n")
        #expect(failed.output == "a picture\n")
        #expect(failed.errors.contains("\(folder.path)/captioner: it ended with status 3: bad luck"))
        try PosixFileSystem().remove("\(folder.path)/captioner")
        let closed = try caption("#!/bin/sh\nexit 0\n", mode: 0o644)
        #expect(closed.errors.contains("\(folder.path)/captioner: Permission denied"))
    }

    @Test func `check-config checks that the named programs and model exist`() throws {
        let config = "\(folder.path)/config.yaml"
        try
            "hook: \(folder.path)/tell\ncaptions: [{command: [\(folder.path)/say]}]\nmodel: \(folder.path)/none\n"
            .write(toFile: config, atomically: true, encoding: .utf8)
        let run = try Program.run(["check-config", config])
        #expect(run.code == 78)
        #expect(run.output.contains("hook       \(folder.path)/tell: No such file or directory"))
        #expect(run.output.contains("captioner  \(folder.path)/say: No such file or directory"))
        #expect(run.output.contains("model      "))
        try "hook: /bin/sh -c true\n".write(toFile: config, atomically: true, encoding: .utf8)
        let words = try Program.run(["check-config", config]).output
        #expect(words.contains("hook       /bin/sh -c true: a hook takes no arguments; name a script"))
        #expect(!run.output.contains("config.yaml: good"))
    }

    @Test func `check-config and the daemon's start name a program that cannot be executed`() throws {
        let formats = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/sys/fs/binfmt_misc")) ?? []
        guard formats.allSatisfy({ ["register", "status"].contains($0) }) else { return }
        let place = try Place()
        let program = "\(place.folder.path)/program"
        let text = try String(contentsOfFile: place.config, encoding: .utf8)
        func check(_ content: String?, mode: Int = 0o755, as key: String) throws -> String {
            try PosixFileSystem().removeTree(program)
            if let content {
                try PosixFileSystem().create(program, Array(content.utf8), mode: mode)
            } else {
                try PosixFileSystem().createDirectory(program)
            }
            try (text + key).write(toFile: place.config, atomically: true, encoding: .utf8)
            let run = try Program.run(["check-config", place.config])
            let daemon = try Program.run(place.arguments + ["--once"])
            guard run.code == 78 else { return run.output + daemon.errors }
            let why = run.output.split(separator: "\n").first { $0.contains(program) }?.split(
                separator: "\(program): "
            ).last
            let words = try #require(why.map(String.init))
            let what = key.hasPrefix("hook") ? "hook" : "captioner"
            #expect(daemon.errors.contains("the \(what) cannot be used: \(program): \(words)"))
            return words
        }
        let (hook, captioner) = ("hook: \(program)\n", "captions: [{command: [\(program)]}]\n")
        for key in [hook, captioner] {
            #expect(try check("#!/bin/sh\n", mode: 0o644, as: key) == "Permission denied")
            #expect(try check(nil, as: key) == "Is a directory")
            #expect(
                try check("echo hi\n", as: key)
                    == "it has no first line `#!INTERPRETER`, and is no program of this machine")
            let good = try check("#!/bin/sh\n", as: key)
            #expect(good.contains(": good\n") && !good.contains("cannot be used"))
        }
    }
}
